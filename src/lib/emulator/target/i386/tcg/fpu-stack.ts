/**
 * Registers, tags and status of the x87: what its instructions are written on. QEMU target/i386/tcg/fpu_helper.c keeps the
 * same state; unlike it, stack faults, C1 and unmasked exceptions are those of the manual (SDM 1, chapter 8).
 */
import { IE, FLOAT80, FloatStatus, defaultNaN, unpack, type Float, type Rounding } from '../../../fpu/float.ts';
import { CPUException, ENV, EXCP, type Env } from '../env.ts';
import type { X86Cpu } from '../x86-cpu.ts';

/** Status word. SDM 1, figure 8-4. */
export const FPUS = { SF: 0x40, ES: 0x80, C0: 0x100, C1: 0x200, C2: 0x400, C3: 0x4000, B: 0x8000 } as const;
const CONDITION = FPUS.C0 | FPUS.C1 | FPUS.C2 | FPUS.C3;
export const EXCEPTIONS = 0x3f;
/** QEMU target/i386/cpu.h: IGNNE# is asserted. */
const HF2_IGNNE = 1 << 7;
const CR0_NE = 0x20n;

/** Significand bits by the PC field; 1 is reserved and full. */
const PRECISION = [24, 64, 53, 64] as const;
const LOW64 = (1n << 64n) - 1n;
/** What an instruction leaves in a register instead of a result that cannot be. */
export const INDEFINITE = defaultNaN(FLOAT80);

export class FpuStack {
  readonly cpu: X86Cpu;
  readonly #env: Env;
  /** Reused: an instruction is done with it when it ends. */
  readonly #status = new FloatStatus();

  constructor(cpu: X86Cpu) {
    this.cpu = cpu;
    this.#env = cpu.env;
    this.#status.unit = 'x87';
  }

  get top(): number {
    return this.#env.get('fpstt');
  }
  set top(value: number) {
    this.#env.set('fpstt', value & 7);
  }
  /** Status word without TOP. */
  get fpus(): number {
    return this.#env.get('fpus');
  }
  set fpus(value: number) {
    this.#env.set('fpus', value);
  }
  get fpuc(): number {
    return this.#env.get('fpuc');
  }
  /** Status word as FNSTSW stores it. */
  get statusWord(): number {
    return this.fpus | (this.top << 11);
  }

  /** Physical register `n` as 80 bits. */
  register(n: number): bigint {
    const at = this.#env.base + ENV.fpregs + n * 16;
    return this.#env.u64[at >>> 3]! | (BigInt(this.#env.u16[(at + 8) >>> 1]!) << 64n);
  }
  setRegister(n: number, bits: bigint): void {
    const at = this.#env.base + ENV.fpregs + n * 16;
    this.#env.u64[at >>> 3] = bits & LOW64;
    this.#env.u16[(at + 8) >>> 1] = Number(bits >> 64n);
  }
  /** Physical register `n` is tagged empty. */
  emptyRegister(n: number): boolean {
    return this.#env.u8[this.#env.base + ENV.fptags + n] !== 0;
  }
  setTag(n: number, empty: boolean): void {
    this.#env.u8[this.#env.base + ENV.fptags + n] = Number(empty);
  }

  /** ST(i), as 80 bits and as an operand. */
  st(i: number): bigint {
    return this.register((this.top + i) & 7);
  }
  operand(i: number): Float {
    return unpack(FLOAT80, this.st(i));
  }
  /** Writes ST(i) and tags it valid. */
  setSt(i: number, bits: bigint): void {
    const n = (this.top + i) & 7;
    this.setRegister(n, bits);
    this.setTag(n, false);
  }
  empty(i: number): boolean {
    return this.emptyRegister((this.top + i) & 7);
  }
  free(i: number): void {
    this.setTag((this.top + i) & 7, true);
  }
  push(bits: bigint): void {
    this.top -= 1;
    this.setSt(0, bits);
  }
  pop(count = 1): void {
    for (; count > 0; count--) {
      this.free(0);
      this.top += 1;
    }
  }

  /** What the control word asks of arithmetic, no exceptions met yet. */
  status(): FloatStatus {
    const s = this.#status;
    const fpuc = this.fpuc;
    s.rounding = ((fpuc >> 10) & 3) as Rounding;
    s.precision = PRECISION[(fpuc >> 8) & 3]!;
    s.masked = fpuc & EXCEPTIONS;
    s.flags = 0;
    s.roundedUp = false;
    return s;
  }

  /** Enters exceptions and C1 into the status word; true if one of the operands' is unmasked: there is no result then. */
  raise(s: FloatStatus): boolean {
    this.setFlags(s.raised, FPUS.C1);
    return s.refused;
  }
  /** Exceptions met and condition codes: those of `codes` are replaced. */
  setFlags(flags: number, codes: number): void {
    let fpus = (this.fpus & ~codes) | flags;
    if (fpus & ~this.fpuc & EXCEPTIONS) fpus |= FPUS.ES | FPUS.B;
    this.fpus = fpus;
  }
  setCodes(codes: number): void {
    this.fpus = (this.fpus & ~CONDITION) | codes;
  }

  /** A register is empty that ought to be read (or is in the way of a push): true if masked, so that NaNs do for results. */
  stackFault(overflow: boolean): boolean {
    this.setFlags(IE | FPUS.SF | (overflow ? FPUS.C1 : 0), FPUS.C1);
    return (this.fpuc & IE) !== 0;
  }

  /** Sets the control word; reserved bit 6 reads as 1. What was pending may be masked now, or no longer. */
  setControlWord(value: number): void {
    this.#env.set('fpuc', (value & 0x1f7f) | 0x40);
    this.summarize();
  }
  /** Sets the status word, TOP with it. */
  setStatusWord(value: number): void {
    this.top = value >> 11;
    this.fpus = value & ~(7 << 11) & 0xffff;
    this.summarize();
  }
  /** FNSTENV masks all exceptions. */
  maskAll(): void {
    this.setControlWord(this.fpuc | EXCEPTIONS);
  }
  /** FNINIT: registers keep their contents. */
  reset(): void {
    for (const name of ['fpus', 'fpcs', 'fpds', 'fpop'] as const) this.#env.set(name, 0);
    this.#env.set64('fpip', 0n);
    this.#env.set64('fpdp', 0n);
    this.top = 0;
    for (let n = 0; n < 8; n++) this.setTag(n, true);
    this.setControlWord(0x37f);
  }
  /** ES and B follow from the exceptions and their masks. QEMU cpu_set_fpus: without ES, IGNNE# goes. */
  summarize(): void {
    const pending = this.fpus & ~this.fpuc & EXCEPTIONS;
    this.fpus = (this.fpus & ~(FPUS.ES | FPUS.B)) | (pending ? FPUS.ES | FPUS.B : 0);
    if (!pending) this.#env.set('hflags2', this.#env.get('hflags2') & ~HF2_IGNNE);
  }

  /**
   * Before a waiting instruction: an unmasked exception pending is raised as #MF, or, with CR0.NE clear, as the
   * interrupt behind FERR#; then, as in QEMU, the instruction goes on.
   */
  wait(): void {
    if (!(this.fpus & FPUS.ES)) return;
    if (this.#env.get64('cr') & CR0_NE) throw new CPUException(EXCP.MF);
    if (!(this.#env.get('hflags2') & HF2_IGNNE)) this.cpu.outside.ferr();
  }
}

/** The board asserts IGNNE#: an error that is pending does not ask for its interrupt again. */
export function cpu_set_ignne({ env }: X86Cpu): void {
  env.set('hflags2', env.get('hflags2') | HF2_IGNNE);
}

const stacks = new WeakMap<X86Cpu, FpuStack>();
/** The x87 of a CPU. */
export function fpuOf(cpu: X86Cpu): FpuStack {
  let stack = stacks.get(cpu);
  if (!stack) stacks.set(cpu, (stack = new FpuStack(cpu)));
  return stack;
}
