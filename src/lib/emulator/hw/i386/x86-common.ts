/** Global system interrupts of a PC. Source: QEMU hw/i386/x86-common.c gsi_handler. */
import type { Irq } from '../core/irq.ts';

/**
 * The machine's interrupt lines: each goes to the I/O APIC, the first 16 to the 8259s before.
 * @param pic ISA interrupts of the 8259s
 * @param ioapic pins of the I/O APIC
 */
export const gsiLines = (pic: readonly Irq[], ioapic: readonly Irq[]): Irq[] =>
  ioapic.map((pin, n) => (level) => {
    pic[n]?.(level);
    pin(level);
  });
