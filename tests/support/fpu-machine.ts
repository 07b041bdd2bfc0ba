/** Runs an FpuBatch on our CPU: decoder, semantics, engine and exceptions, in 64-bit mode. */
import { HF } from '../../src/lib/emulator/target/i386/env.ts';
import { loadRecord, storeRecord } from './fpu-state.ts';
import { FpuBatch, FpuRecord } from './native-fpu.ts';
import { TcgMachine } from './tcg-machine.ts';

// Guest-physical and linear addresses.
const GDT = 0x1000;
const IDT = 0x2000;
const HANDLERS = 0x3000;
const STACK = 0x8000;
const MEMORY = 0x9000;
const CODE = 0x20_0000;

const VECTORS = 32;
const [SIGILL, SIGFPE, SIGSEGV] = [4, 8, 11];
/** Signals that Linux makes of exceptions. */
const SIGNALS: Readonly<Record<number, number>> = { 6: SIGILL, 13: SIGSEGV, 16: SIGFPE, 19: SIGFPE };
const [RDI, RSP] = [7, 4];
const GPR = [0, 1, 2, 3];

export class FpuMachine {
  readonly #machine = new TcgMachine();
  /** Where each instruction lies that was met. */
  readonly #codes = new Map<string, number>();

  constructor() {
    const machine = this.#machine;
    const { env } = machine.cpu;
    machine.longMode(BigInt(CODE));
    env.set64('cr', 0x4_0620n, 4);
    env.set64('xcr0', 7n);
    env.set('hflags', env.get('hflags') | HF.AVX_EN);
    machine.write64(GDT + 8, 0x00af_9b00_0000_ffffn);
    env.set64('gdt_base', BigInt(GDT));
    env.set('gdt_limit', 0xff);
    env.set64('idt_base', BigInt(IDT));
    env.set('idt_limit', 16 * VECTORS - 1);
    for (let vector = 0; vector < VECTORS; vector++) {
      const handler = BigInt(HANDLERS + vector * 16);
      machine.write64(
        IDT + 16 * vector,
        (handler & 0xffffn) | 0x8_0000n | (0x8e00n << 32n) | ((handler >> 16n) << 48n)
      );
    }
  }

  #codeAt(record: FpuRecord): number {
    const key = Buffer.from(record.code).toString('hex');
    let at = this.#codes.get(key);
    if (at === undefined) {
      at = CODE + 16 * this.#codes.size;
      this.#machine.dma(at, ...record.code);
      this.#codes.set(key, at);
    }
    return at;
  }

  /** As `FpuBatch.run`. */
  run(batch: FpuBatch): FpuBatch {
    const after = new FpuBatch(batch.count);
    for (let i = 0; i < batch.count; i++) this.#step(batch.at(i), after.at(i));
    return after;
  }

  #step(before: FpuRecord, after: FpuRecord): void {
    const machine = this.#machine;
    const { cpu } = machine;
    const { env } = cpu;
    const code = this.#codeAt(before);
    env.set64('eip', BigInt(code));
    loadRecord(env, before);
    GPR.forEach((index) => machine.setReg(index, before.gpr(index)));
    machine.setReg(RDI, BigInt(MEMORY));
    machine.setReg(RSP, BigInt(STACK));
    env.set('cc_op', 0);
    env.set64('cc_src', BigInt(before.rflags & 0x8d5));
    machine.bytes(MEMORY, 128).set(before.memory);

    cpu.run(1);

    storeRecord(env, after);
    GPR.forEach((index) => after.setGpr(index, machine.reg(index)));
    after.rflags = machine.flags;
    after.memory.set(machine.bytes(MEMORY, 128));
    const eip = Number(machine.eip);
    const vector = eip >= HANDLERS && eip < HANDLERS + 16 * VECTORS ? (eip - HANDLERS) / 16 : undefined;
    after.signal = vector === undefined ? 0 : (SIGNALS[vector] ?? -vector);
  }
}
