/** x87 instructions beyond arithmetic: remainders, exponents, transcendental functions. SDM 1, 8.3.5 to 8.3.10. */
import { remainder, scale } from '../../../fpu/remainder.ts';
import {
  DE,
  FINITE,
  FLOAT80,
  INFINITY,
  PE,
  QUIET,
  UE,
  ZE,
  ZERO,
  exactly,
  infinity,
  invalid,
  nanOf,
  round,
  zero,
  bitLength,
  type Float,
  type FloatStatus
} from '../../../fpu/float.ts';
import { fromInteger, mul, order } from '../../../fpu/softfloat.ts';
import {
  arctangent2,
  exp2m1,
  fractionOfPi,
  powerOfTwo,
  sinCos,
  tangent,
  yLog2x,
  yLog2xPlus1,
  type Unrounded
} from '../../../fpu/transcendental.ts';
import { FPUS, INDEFINITE, type FpuStack } from './fpu-stack.ts';
import { finish, unary, underflow } from './fpu_helper.ts';

const ONE = exactly(1n);
const rounded = (s: FloatStatus, { sign, exponent, significand }: Unrounded): bigint =>
  round(FLOAT80, s, sign, exponent, significand);
const denormals = (s: FloatStatus, a: Float, b: Float = a): void => {
  if (a.denormal || b.denormal) s.flags |= DE;
};

/** FPREM, FPREM1 (nearest): C2 says that it is not done, else C0 C3 C1 are bits 2, 1 and 0 of the quotient. */
export function fprem(x: FpuStack, nearest: boolean): void {
  x.setFlags(0, FPUS.C1 | FPUS.C2);
  if (x.empty(0) || x.empty(1)) return underflow(x, 0);
  const s = x.status();
  const { bits, quotient } = remainder(s, x.operand(0), x.operand(1), nearest);
  if (x.raise(s)) return;
  x.setSt(0, bits);
  if (quotient === 'none') return;
  if (quotient === 'partial') return x.setCodes(FPUS.C2);
  const bit = (n: bigint, code: number): number => (quotient & n ? code : 0);
  x.setCodes(bit(4n, FPUS.C0) | bit(2n, FPUS.C3) | bit(1n, FPUS.C1));
}

/** FSCALE. */
export function fscale(x: FpuStack): void {
  if (x.empty(0) || x.empty(1)) return underflow(x, 0);
  const s = x.status();
  finish(x, s, 0, scale(s, x.operand(0), x.operand(1)));
}

/** A result into ST(0) and another pushed, for FXTRACT, FSINCOS and FPTAN. */
function finishTwo(x: FpuStack, s: FloatStatus, first: bigint, second: bigint): void {
  if (x.raise(s)) return;
  x.setSt(0, first);
  x.push(second);
}
/** Whether ST(0) is there and a register is free; otherwise the stack fault is dealt with. */
function roomForTwo(x: FpuStack): boolean {
  const overflow = !x.empty(0);
  if (overflow && x.empty(7)) return true;
  if (x.stackFault(overflow)) {
    x.setSt(0, INDEFINITE);
    x.push(INDEFINITE);
  }
  return false;
}

/** FXTRACT: exponent into ST(0), significand pushed. */
export function fxtract(x: FpuStack): void {
  if (!roomForTwo(x)) return;
  const s = x.status();
  const a = x.operand(0);
  const nan = nanOf(FLOAT80, s, a);
  if (nan !== undefined) return finishTwo(x, s, nan, nan);
  denormals(s, a);
  if (a.kind === INFINITY) return finishTwo(x, s, infinity(FLOAT80, 0), x.st(0));
  if (a.kind === ZERO) {
    s.flags |= ZE;
    return finishTwo(x, s, infinity(FLOAT80, 1), x.st(0));
  }
  const bits = bitLength(a.significand);
  const significand = round(FLOAT80, s, a.sign, 1 - bits, a.significand);
  finishTwo(x, s, fromInteger(FLOAT80, s, BigInt(a.exponent + bits - 1)), significand);
}

/** F2XM1. */
export function f2xm1(x: FpuStack): void {
  unary(x, (s, a) => {
    const nan = nanOf(FLOAT80, s, a);
    if (nan !== undefined) return nan;
    denormals(s, a);
    if (a.kind === ZERO) return zero(FLOAT80, a.sign);
    if (a.kind === INFINITY) return a.sign ? round(FLOAT80, s, 1, 0, 1n) : infinity(FLOAT80, 0);
    const top = a.exponent + bitLength(a.significand) - 1;
    if (top < 0) return rounded(s, exp2m1(a));
    // ±1 are the ends of what is defined; beyond, the operand stays.
    s.flags |= PE;
    return a.sign && powerOfTwo(a) === 0
      ? round(FLOAT80, s, 1, -1, 1n)
      : round(FLOAT80, s, a.sign, a.exponent, a.significand);
  });
}

/** FYL2X, FYL2XP1, FPATAN: of ST(0) and ST(1), into ST(1), ST(0) popped. */
function binary(x: FpuStack, run: (s: FloatStatus, a: Float, b: Float) => bigint): void {
  if (x.empty(0) || x.empty(1)) return underflow(x, 1, 1);
  const s = x.status();
  const [a, b] = [x.operand(0), x.operand(1)];
  finish(x, s, 1, nanOf(FLOAT80, s, a, b) ?? run(s, a, b), 1);
}

/** FYL2X: ST(1) · log2 ST(0). */
export function fyl2x(x: FpuStack): void {
  binary(x, (s, a, b) => {
    if (a.sign && a.kind !== ZERO) return invalid(FLOAT80, s);
    const against = order(a, ONE);
    const sign = (b.sign ^ (against < 0 ? 1 : 0)) as 0 | 1;
    if (a.kind === ZERO) {
      if (b.kind === ZERO) return invalid(FLOAT80, s);
      if (b.kind === FINITE) s.flags |= ZE;
      return infinity(FLOAT80, sign);
    }
    if ((a.kind === INFINITY && b.kind === ZERO) || (b.kind === INFINITY && against === 0)) return invalid(FLOAT80, s);
    denormals(s, a, b);
    if (a.kind === INFINITY || b.kind === INFINITY) return infinity(FLOAT80, sign);
    if (b.kind === ZERO || against === 0) return zero(FLOAT80, sign);
    const power = powerOfTwo(a);
    if (power === undefined) return rounded(s, yLog2x(a, b));
    const exact = round(FLOAT80, s, sign, b.exponent, b.significand * BigInt(Math.abs(power)));
    // Exact, but CPUs take logarithms for inexact.
    s.flags |= PE | (((exact >> 64n) & 0x7fffn) === 0n ? UE : 0);
    return exact;
  });
}

/** FYL2XP1: ST(1) · log2(ST(0) + 1). */
export function fyl2xp1(x: FpuStack): void {
  binary(x, (s, a, b) => {
    if (a.kind === ZERO || b.kind !== FINITE || a.kind === INFINITY) {
      if (a.kind === INFINITY && a.sign) return invalid(FLOAT80, s);
      return mul(FLOAT80, s, a, b);
    }
    if (a.sign && order(a, exactly(-1n)) <= 0) return invalid(FLOAT80, s);
    denormals(s, a, b);
    return rounded(s, yLog2xPlus1(a, b));
  });
}

/** FPATAN: the angle of (ST(0), ST(1)). SDM 2, table 3-30. */
export function fpatan(x: FpuStack): void {
  binary(x, (s, a, b) => {
    denormals(s, a, b);
    const large = b.kind > a.kind || (b.kind === a.kind && b.kind !== FINITE);
    if (a.kind === FINITE && b.kind === FINITE) return rounded(s, arctangent2(b, a));
    if (a.kind === INFINITY && b.kind === INFINITY) return rounded(s, fractionOfPi(b.sign, a.sign ? 3n : 1n, 4n));
    if (large && b.kind !== ZERO) return rounded(s, fractionOfPi(b.sign, 1n, 2n));
    return a.sign ? rounded(s, fractionOfPi(b.sign, 1n, 1n)) : zero(FLOAT80, b.sign);
  });
}

/** Whether ST(0) is an argument of trigonometric functions; from 2^63 on it is left alone, and C2 says so. */
function inRange(x: FpuStack): boolean {
  const a = x.operand(0);
  const beyond = !x.empty(0) && a.kind === FINITE && a.exponent + bitLength(a.significand) - 1 >= 63;
  x.setFlags(beyond ? FPUS.C2 : 0, FPUS.C1 | FPUS.C2);
  return !beyond;
}

/** FSIN, FCOS. */
export function fsin(x: FpuStack): void {
  trigonometric(x, (s, a) => (a.kind === ZERO ? zero(FLOAT80, a.sign) : rounded(s, sinCos(a).sine)));
}
export function fcos(x: FpuStack): void {
  trigonometric(x, (s, a) => (a.kind === ZERO ? round(FLOAT80, s, 0, 0, 1n) : rounded(s, sinCos(a).cosine)));
}
function trigonometric(x: FpuStack, run: (s: FloatStatus, a: Float) => bigint): void {
  if (!inRange(x)) return;
  unary(x, (s, a) => {
    const nan = nanOf(FLOAT80, s, a);
    if (nan !== undefined) return nan;
    if (a.kind === INFINITY) return invalid(FLOAT80, s);
    denormals(s, a);
    return run(s, a);
  });
}

/** FSINCOS, FPTAN: `run` gives what ST(0) becomes and what is pushed. */
function trigonometricTwo(x: FpuStack, run: (s: FloatStatus, a: Float) => readonly [bigint, bigint]): void {
  x.setFlags(0, FPUS.C2);
  if (!roomForTwo(x) || !inRange(x)) return;
  const s = x.status();
  const a = x.operand(0);
  if (a.kind >= INFINITY) {
    const nan = a.kind < QUIET ? invalid(FLOAT80, s) : nanOf(FLOAT80, s, a)!;
    return finishTwo(x, s, nan, nan);
  }
  denormals(s, a);
  const [first, second] = run(s, a);
  finishTwo(x, s, first, second);
}
export function fsincos(x: FpuStack): void {
  trigonometricTwo(x, (s, a) => {
    if (a.kind === ZERO) return [zero(FLOAT80, a.sign), round(FLOAT80, s, 0, 0, 1n)];
    const { sine, cosine } = sinCos(a);
    return [rounded(s, sine), rounded(s, cosine)];
  });
}
export function fptan(x: FpuStack): void {
  const one = 0x3fff_8000_0000_0000_0000n;
  trigonometricTwo(x, (s, a) => [a.kind === ZERO ? zero(FLOAT80, a.sign) : rounded(s, tangent(a)), one]);
}
