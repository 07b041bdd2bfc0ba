/**
 * x87 instructions, each after the checks that all share (`FpuStack.wait` and #NM). Operands in memory come as their bits,
 * results for memory go back as bits, undefined where nothing is to be stored; whoever calls stores first and pops then.
 * QEMU target/i386/tcg/fpu_helper.c; SDM 1, chapter 8, and the instructions' pages.
 */
import {
  FLOAT32,
  FLOAT64,
  FLOAT80,
  IE,
  OE,
  TRUNCATE,
  UE,
  exactly,
  unpack,
  type Float,
  type FloatStatus,
  type Format
} from '../../../fpu/float.ts';
import {
  add,
  compare,
  convert,
  div,
  fromInteger,
  mul,
  roundToInteger,
  sqrt,
  store,
  sub,
  toInteger
} from '../../../fpu/softfloat.ts';
import { FLAG } from '../env.ts';
import { FPUS, INDEFINITE, type FpuStack } from './fpu-stack.ts';

/** ModRM.reg of the arithmetic opcodes. */
export type Arithmetic = 'add' | 'mul' | 'sub' | 'subr' | 'div' | 'divr';
type Binary = (f: Format, s: FloatStatus, a: Float, b: Float) => bigint;
const ARITHMETIC: Readonly<Record<Arithmetic, Binary>> = {
  add,
  mul,
  sub,
  subr: (f, s, a, b) => sub(f, s, b, a),
  div,
  divr: (f, s, a, b) => div(f, s, b, a)
};

const SIGN = 1n << 79n;

/** Where a memory operand comes from. */
export type MemoryFormat = 'm32' | 'm64' | 'm16int' | 'm32int' | 'm64int';
const FLOATS = { m32: FLOAT32, m64: FLOAT64 } as const;
const INTEGERS = { m16int: 16, m32int: 32, m64int: 64 } as const;

function memoryOperand(format: MemoryFormat, bits: bigint): Float {
  if (format === 'm32' || format === 'm64') return unpack(FLOATS[format], bits);
  return exactly(BigInt.asIntN(INTEGERS[format], bits));
}

/** A result into ST(dst) unless an operand's exception prevents it, then pops. */
export function finish(x: FpuStack, s: FloatStatus, dst: number, bits: bigint, pops = 0): void {
  if (x.raise(s)) return;
  x.setSt(dst, bits);
  x.pop(pops);
}
/** As `finish`, for an operand that is missing. */
export function underflow(x: FpuStack, dst: number, pops = 0): void {
  if (!x.stackFault(false)) return;
  x.setSt(dst, INDEFINITE);
  x.pop(pops);
}

/** FADD and its like with registers: ST(dst) := ST(dst) op ST(src). */
export function arithmetic(x: FpuStack, operation: Arithmetic, dst: number, src: number, pops = 0): void {
  if (x.empty(dst) || x.empty(src)) return underflow(x, dst, pops);
  const s = x.status();
  finish(x, s, dst, ARITHMETIC[operation](FLOAT80, s, x.operand(dst), x.operand(src)), pops);
}
/** FADD m32, FIADD m16 and their like: ST(0) := ST(0) op memory. */
export function arithmeticMemory(x: FpuStack, operation: Arithmetic, format: MemoryFormat, bits: bigint): void {
  if (x.empty(0)) return underflow(x, 0);
  const s = x.status();
  finish(x, s, 0, ARITHMETIC[operation](FLOAT80, s, x.operand(0), memoryOperand(format, bits)));
}

const UNORDERED = FPUS.C0 | FPUS.C2 | FPUS.C3;
const UNORDERED_FLAGS = FLAG.CF | FLAG.PF | FLAG.ZF;
/** Status word of an order: FCOM. */
const codesOf = (order: -1 | 0 | 1 | undefined): number =>
  order === undefined ? UNORDERED : order < 0 ? FPUS.C0 : order === 0 ? FPUS.C3 : 0;

function compareWith(x: FpuStack, other: Float | undefined, quiet: boolean, pops: number): void {
  if (x.empty(0) || !other) {
    const masked = x.stackFault(false);
    x.setCodes(UNORDERED);
    if (masked) x.pop(pops);
    return;
  }
  const s = x.status();
  const order = compare(s, x.operand(0), other, quiet);
  const refused = x.raise(s);
  x.setCodes(codesOf(order));
  if (!refused) x.pop(pops);
}
/** FCOM, FUCOM (quiet) with ST(i). */
export function fcom(x: FpuStack, i: number, quiet: boolean, pops: number): void {
  compareWith(x, x.empty(i) ? undefined : x.operand(i), quiet, pops);
}
/** FCOM m32, FICOM m16 and their like. */
export function fcomMemory(x: FpuStack, format: MemoryFormat, bits: bigint, pops: number): void {
  compareWith(x, memoryOperand(format, bits), false, pops);
}
export function ftst(x: FpuStack): void {
  compareWith(x, exactly(0n), false, 0);
}
/** FCOMI, FUCOMI: the flags ZF 0x40, PF 4, CF 1 as they are to be. */
export function fcomi(x: FpuStack, i: number, quiet: boolean, pops: number): number {
  if (x.empty(0) || x.empty(i)) {
    if (x.stackFault(false)) x.pop(pops);
    return UNORDERED_FLAGS;
  }
  const s = x.status();
  const order = compare(s, x.operand(0), x.operand(i), quiet);
  // C1 stays: as in QEMU and AMD's CPUs, where Intel's manual clears it.
  x.setFlags(s.raised, 0);
  if (!s.refused) x.pop(pops);
  return order === undefined ? UNORDERED_FLAGS : order < 0 ? FLAG.CF : order === 0 ? FLAG.ZF : 0;
}

/** FXAM. */
export function fxam(x: FpuStack): void {
  const { kind, sign, denormal } = x.operand(0);
  const codes = [FPUS.C3, FPUS.C2, FPUS.C2 | FPUS.C0, FPUS.C0, FPUS.C0, 0][kind]!;
  const seen = x.empty(0) ? FPUS.C3 | FPUS.C0 : denormal ? FPUS.C3 | FPUS.C2 : codes;
  x.setCodes(seen | (sign ? FPUS.C1 : 0));
}

/** Pushes what needs no rounding, or the indefinite where a register is in the way. */
function pushOr(x: FpuStack, bits: () => bigint): void {
  if (!x.empty(7)) {
    if (x.stackFault(true)) x.push(INDEFINITE);
    return;
  }
  x.setFlags(0, FPUS.C1);
  x.push(bits());
}
/** FLD m80, and the constants: they raise nothing. */
export function fld80(x: FpuStack, bits: bigint): void {
  pushOr(x, () => bits);
}
/** FLD ST(i). */
export function fldSt(x: FpuStack, i: number): void {
  if (!x.empty(i)) return pushOr(x, () => x.st(i));
  if (x.stackFault(false)) x.push(INDEFINITE);
}
/** FLD m32, FLD m64, FILD. */
export function fldMemory(x: FpuStack, format: MemoryFormat, bits: bigint): void {
  if (!x.empty(7)) {
    if (x.stackFault(true)) x.push(INDEFINITE);
    return;
  }
  const s = x.status();
  const value = convert(FLOAT80, s, memoryOperand(format, bits));
  x.raise(s);
  // A denormal is loaded even where that is not masked.
  if (!(s.raised & ~s.masked & IE)) x.push(value);
}

/** Constants as rounded down, and by how much nearest and up are above: units of the last place. SDM 1, table 8-10. */
const CONSTANTS = {
  fld1: [0x3fff_8000_0000_0000_0000n, 0n, 0n],
  fldl2t: [0x4000_d49a_784b_cd1b_8afen, 0n, 1n],
  fldl2e: [0x3fff_b8aa_3b29_5c17_f0bbn, 1n, 1n],
  fldpi: [0x4000_c90f_daa2_2168_c234n, 1n, 1n],
  fldlg2: [0x3ffd_9a20_9a84_fbcf_f798n, 1n, 1n],
  fldln2: [0x3ffe_b172_17f7_d1cf_79abn, 1n, 1n],
  fldz: [0n, 0n, 0n]
} as const;
export type Constant = keyof typeof CONSTANTS;
export const CONSTANT_NAMES = Object.keys(CONSTANTS) as readonly Constant[];
/** FLD1, FLDPI and their like: the constant rounded by the control word's RC. */
export function fldConstant(x: FpuStack, name: Constant): void {
  const [down, nearest, up] = CONSTANTS[name];
  fld80(x, down + ([nearest, 0n, up, 0n][(x.fpuc >> 10) & 3] ?? 0n));
}

/** Bits that a store writes, given what it makes of ST(0); undefined: nothing. */
function storing(
  x: FpuStack,
  indefinite: bigint,
  run: (s: FloatStatus, a: Float) => bigint | undefined
): { bits: bigint | undefined; commit: () => void } {
  if (x.empty(0)) {
    const masked = (x.fpuc & IE) !== 0;
    return { bits: masked ? indefinite : undefined, commit: () => void x.stackFault(false) };
  }
  const s = x.status();
  const bits = run(s, x.operand(0)) ?? (s.masked & IE ? indefinite : undefined);
  const stored = s.raised & ~s.masked & (IE | OE | UE) ? undefined : bits;
  const raised = s.raised;
  return { bits: stored, commit: () => x.setFlags(raised, FPUS.C1) };
}

/** A store to memory: what to write, if anything, and what to do to the x87 once it is written. */
export interface Store {
  readonly bits: bigint | undefined;
  readonly commit: () => void;
}
function popping({ bits, commit }: Store, x: FpuStack, pops: number): Store {
  return {
    bits,
    commit() {
      commit();
      if (bits !== undefined) x.pop(pops);
    }
  };
}
/** FST, FSTP to m32 or m64. */
export function fstFloat(x: FpuStack, format: 'm32' | 'm64', pops: number): Store {
  const f = FLOATS[format];
  const indefinite = format === 'm32' ? 0xffc0_0000n : 0xfff8_0000_0000_0000n;
  return popping(
    storing(x, indefinite, (s, a) => store(f, s, a)),
    x,
    pops
  );
}
/** FIST, FISTP, FISTTP. */
export function fistInteger(
  x: FpuStack,
  format: 'm16int' | 'm32int' | 'm64int',
  truncate: boolean,
  pops: number
): Store {
  const width = INTEGERS[format];
  const indefinite = 1n << BigInt(width - 1);
  return popping(
    storing(x, indefinite, (s, a) => toInteger(s, a, width, truncate ? TRUNCATE : s.rounding)),
    x,
    pops
  );
}
/** FSTP m80: no exceptions but for an empty register. */
export function fstp80(x: FpuStack): Store {
  if (x.empty(0))
    return popping(
      storing(x, INDEFINITE, () => undefined),
      x,
      1
    );
  return popping({ bits: x.st(0), commit: () => x.setFlags(0, FPUS.C1) }, x, 1);
}

/** Packed decimal of FBSTP that says "indefinite". */
const BCD_INDEFINITE = 0xffff_c000_0000_0000_0000n;
/** FBSTP: 18 digits and a sign. */
export function fbstp(x: FpuStack): Store {
  return popping(
    storing(x, BCD_INDEFINITE, (s, a) => {
      const met = { flags: s.flags };
      const integer = toInteger(s, a, 64, s.rounding);
      if (integer === undefined) return undefined;
      const digits = (integer < 0n ? -integer : integer).toString();
      if (digits.length > 18) {
        s.flags = met.flags | IE;
        s.roundedUp = false;
        return undefined;
      }
      return BigInt(`0x${digits}`) | (a.sign ? 1n << 79n : 0n);
    }),
    x,
    1
  );
}
/** FBLD of 80 bits; what are no digits count as 10 to 15, as in QEMU and in CPUs. */
export function fbld(x: FpuStack, bits: bigint): void {
  pushOr(x, () => {
    let value = 0n;
    for (let shift = 68n; shift >= 0n; shift -= 4n) value = value * 10n + ((bits >> shift) & 15n);
    return fromInteger(FLOAT80, x.status(), value) | (bits & SIGN);
  });
}

/** FST, FSTP ST(i). */
export function fstSt(x: FpuStack, i: number, pops: number): void {
  if (x.empty(0)) return underflow(x, i, pops);
  x.setFlags(0, FPUS.C1);
  x.setSt(i, x.st(0));
  x.pop(pops);
}
/** FXCH. */
export function fxch(x: FpuStack, i: number): void {
  if (x.empty(0) || x.empty(i)) {
    if (!x.stackFault(false)) return;
    if (x.empty(0)) x.setSt(0, INDEFINITE);
    if (x.empty(i)) x.setSt(i, INDEFINITE);
  } else x.setFlags(0, FPUS.C1);
  const bits = x.st(i);
  x.setSt(i, x.st(0));
  x.setSt(0, bits);
}
/** FCMOVcc, its condition looked at already. */
export function fcmov(x: FpuStack, i: number, holds: boolean): void {
  if (x.empty(0) || x.empty(i)) return underflow(x, 0);
  if (holds) x.setSt(0, x.st(i));
}
/** FCHS, FABS: signs of NaNs too. */
export function fchs(x: FpuStack): void {
  signed(x, (bits) => bits ^ SIGN);
}
export function fabs(x: FpuStack): void {
  signed(x, (bits) => bits & ~SIGN);
}
function signed(x: FpuStack, run: (bits: bigint) => bigint): void {
  if (x.empty(0)) return underflow(x, 0);
  x.setFlags(0, FPUS.C1);
  x.setSt(0, run(x.st(0)));
}

/** FSQRT, FRNDINT: of ST(0), into ST(0). */
export function fsqrt(x: FpuStack): void {
  unary(x, (s, a) => sqrt(FLOAT80, s, a));
}
export function frndint(x: FpuStack): void {
  unary(x, (s, a) => roundToInteger(FLOAT80, s, a, s.rounding));
}
/** ST(0) := f(ST(0)). */
export function unary(x: FpuStack, run: (s: FloatStatus, a: Float) => bigint): void {
  if (x.empty(0)) return underflow(x, 0);
  const s = x.status();
  finish(x, s, 0, run(s, x.operand(0)));
}
