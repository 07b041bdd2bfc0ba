/** Pushes and pops of far transfers: memory is touched at once, the stack pointer when all went well. Source: QEMU StackAccess. */
import { DESC } from '../descriptors.ts';
import { HF, R_ESP, R_SS, type Env } from '../env.ts';
import type { AccessMode, X86Cpu } from '../x86-cpu.ts';

const MASK16 = 0xffffn;
const MASK32 = 0xffff_ffffn;
/** Of a stack in 64-bit mode: no segment, all of RSP. */
export const MASK64 = 0xffff_ffff_ffff_ffffn;

export type Width = 2 | 4 | 8;

/** By B of the stack's descriptor. */
export const stackMask = (flags: number): bigint => (flags & DESC.B ? MASK32 : MASK16);

/** Of the stack in use. */
export const currentMask = (env: Env): bigint =>
  env.get('hflags') & HF.CS64 ? MASK64 : stackMask(env.get('seg_flags', R_SS));

export class Stack {
  readonly #cpu: X86Cpu;
  readonly #base: bigint;
  readonly #mask: bigint;
  readonly #mode: AccessMode;
  sp: bigint;

  constructor(cpu: X86Cpu, base: bigint, mask: bigint, sp: bigint, mode: AccessMode) {
    this.#cpu = cpu;
    this.#base = mask === MASK64 ? 0n : base;
    this.#mask = mask;
    this.#mode = mode;
    this.sp = sp;
  }

  /** The stack in use. */
  static current(cpu: X86Cpu): Stack {
    const { env } = cpu;
    return new Stack(cpu, env.get64('seg_base', R_SS), currentMask(env), env.get64('regs', R_ESP), 'current');
  }

  #linear(): bigint {
    return this.#mask === MASK64 ? this.sp & MASK64 : (this.#base + (this.sp & this.#mask)) & MASK32;
  }

  /** What does not fit `width` bytes is cut. */
  push(width: Width, value: number | bigint): void {
    const { mmu } = this.#cpu;
    this.sp -= BigInt(width);
    const linear = this.#linear();
    if (width === 8) mmu.store64(linear, BigInt(value), this.#mode);
    else if (width === 4) mmu.store32(linear, Number(BigInt.asUintN(32, BigInt(value))), this.#mode);
    else mmu.store16(linear, Number(BigInt.asUintN(16, BigInt(value))), this.#mode);
  }

  /** Unsigned. */
  pop(width: Width): bigint {
    const { mmu } = this.#cpu;
    const linear = this.#linear();
    this.sp += BigInt(width);
    if (width === 8) return mmu.load64(linear, this.#mode);
    return BigInt(width === 4 ? mmu.load32(linear, this.#mode) : mmu.load16(linear, this.#mode));
  }

  popSelector(width: Width): number {
    return Number(this.pop(width) & 0xffffn);
  }

  /** Makes `sp` the stack pointer, as wide as the stack is. */
  commit(): void {
    setStackPointer(this.#cpu.env, this.sp, this.#mask);
  }
}

/** QEMU SET_ESP: a 16-bit stack keeps the upper bits of RSP, a 32-bit one clears the upper half. */
export function setStackPointer(env: Env, sp: bigint, mask: bigint): void {
  env.set64('regs', mask === MASK16 ? (env.get64('regs', R_ESP) & ~MASK16) | (sp & MASK16) : sp & mask, R_ESP);
}
