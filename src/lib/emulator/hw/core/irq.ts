/** Interrupt lines: a function that is told the level. Source: QEMU hw/core/irq.c, split-irq.c, or-irq.c. */

/** Sets the level of a line: 0 or 1. Edge or level is the business of who listens. */
export type Irq = (level: number) => void;

/** A line that goes nowhere. */
export const noIrq: Irq = () => {};

/** One line into several, in this order. Source: hw/core/split-irq.c. */
export const splitIrq =
  (...outs: readonly Irq[]): Irq =>
  (level) => {
    for (const out of outs) out(level);
  };

/** Source: hw/core/irq.c qemu_irq_invert. */
export const invertIrq =
  (out: Irq): Irq =>
  (level) =>
    out(level ? 0 : 1);

/** Source: include/hw/irq.h qemu_irq_pulse. */
export function pulseIrq(irq: Irq): void {
  irq(1);
  irq(0);
}

/** Several lines into one, which is high as long as one of them is. Source: hw/core/or-irq.c. */
export function orIrq(lines: number, out: Irq): Irq[] {
  const levels = new Uint8Array(lines);
  return Array.from({ length: lines }, (_, line) => (level: number) => {
    levels[line] = level ? 1 : 0;
    out(levels.includes(1) ? 1 : 0);
  });
}
