/** Interrupts that our machine takes when native did, whatever its own interrupt controllers would have it do. */
import { testBit, setBit } from '../../../src/lib/emulator/hw/intc/apic_common.ts';
import type { Machine } from '../../../src/lib/emulator/machine.ts';
import { CPU_INTERRUPT, FLAG, HF, R_ESP, R_SS } from '../../../src/lib/emulator/target/i386/env.ts';

const HARD = CPU_INTERRUPT.HARD | CPU_INTERRUPT.POLL;

/** Keeps the controllers' interrupts from the CPU; those that the CPU is given otherwise (SMI, INIT) go through. */
export function holdBack({ cpu }: Machine): void {
  const interrupt = cpu.interrupt.bind(cpu);
  cpu.resetInterrupt(HARD);
  cpu.interrupt = (mask) => {
    if (mask & ~HARD) interrupt(mask & ~HARD);
  };
}

/** Whether a vector would come from the two 8259s: one of theirs, not masked. */
function lineOf({ board }: Machine, vector: number): number | undefined {
  const { apic, pic } = board.pc;
  if (!apic.acceptsPic || testBit(apic.irr, vector)) return undefined;
  const at = [pic.master, pic.slave].findIndex((chip) => chip.irq_base === (vector & ~7));
  if (at < 0) return undefined;
  const chip = at === 0 ? pic.master : pic.slave;
  return (chip.imr >> (vector & 7)) & 1 ? undefined : at * 8 + (vector & 7);
}

/** Has the CPU take a vector now, acknowledged at its controller as if nothing else were requested. */
export function take(machine: Machine, vector: number): void {
  const { apic, pic } = machine.board.pc;
  const { master, slave } = pic;
  const line = lineOf(machine, vector);
  const others = { irr: apic.irr, master: master.irr, slave: slave.irr };
  apic.irr = apic.irr.map(() => 0);
  master.irr = slave.irr = 0;
  if (line === undefined) setBit(apic.irr, vector);
  else if (line < 8) master.irr = 1 << line;
  else {
    slave.irr = 1 << (line - 8);
    master.irr = 1 << 2;
  }
  const { env } = machine.cpu;
  env.set('interrupt_request', env.get('interrupt_request') | CPU_INTERRUPT.HARD);
  machine.cpu.run(0);
  const kept = (vector >> 5) | 0;
  apic.irr = apic.irr.map((word, i) => {
    const other = others.irr[i]! & ~(line === undefined && i === kept ? 1 << (vector & 31) : 0);
    return (word | other) >>> 0;
  });
  master.irr |= others.master & ~(line !== undefined && line < 8 ? 1 << line : 0);
  slave.irr |= others.slave & ~(line !== undefined && line >= 8 ? 1 << (line - 8) : 0);
}

/** Exceptions that push a code: SDM 3A table 6-1. */
const WITH_CODE: ReadonlySet<number> = new Set([8, 10, 11, 12, 13, 14, 17]);

/** Writes RF into the flags that lie on the stack of the handler just entered, of a 32-bit or 64-bit gate. */
export function putSavedRf({ cpu: { env, mmu } }: Machine, vector: number, rf: boolean): void {
  const word = env.get('hflags') & HF.LMA ? 8 : 4;
  const above = word * (WITH_CODE.has(vector) ? 3 : 2);
  const at = env.get64('seg_base', R_SS) + env.get64('regs', R_ESP) + BigInt(above);
  const flags = mmu.load32(at, 'kernel');
  mmu.store32(at, rf ? flags | FLAG.RF : flags & ~FLAG.RF, 'kernel');
}

/** Where a vector's handler is in real mode: its segment in the upper half. */
export function realModeHandler({ cpu }: Machine, vector: number): number {
  const { env, mmu } = cpu;
  return mmu.load32(env.get64('idt_base') + BigInt(vector * 4), 'kernel') >>> 0;
}

/** Vectors of the two 8259s that have this handler in real mode, what is requested here before what is not. */
export function realModeVectors(machine: Machine, handler: number): number[] {
  const { master, slave } = machine.board.pc.pic;
  const found: number[] = [];
  for (const chip of [master, slave]) {
    for (let n = 0; n < 8; n++) {
      const vector = chip.irq_base + n;
      if (realModeHandler(machine, vector) !== handler || (chip.imr >> n) & 1) continue;
      if ((chip.irr >> n) & 1) found.unshift(vector);
      else found.push(vector);
    }
  }
  return found;
}
