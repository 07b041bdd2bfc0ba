/**
 * Transcendental functions of the x87 on fixed-point numbers with far more bits than a result has, so that what is
 * rounded at the end is right in all but a vanishing share of cases: well within the manual's 1 ulp (SDM 1, 8.3.10).
 * Arguments are finite and not zero; each function says what else it does not take.
 */
import { bitLength, type Float } from './float.ts';
import { integerSqrt } from './softfloat.ts';

/** A result before rounding: value × 2^exponent, the lowest bit telling that more follows. */
export interface Unrounded {
  readonly sign: 0 | 1;
  readonly exponent: number;
  readonly significand: bigint;
}

/** Fraction bits of fixed-point numbers. Cancellation costs at most 128 of them. */
const BITS = 256;
const F = BigInt(BITS);
const ONE = 1n << F;

/** Below 2^-TINY the first term of a series is the function. */
const TINY = 72;

/** Σ (±1)^k x^(2k+1) / (2k+1): atanh, or atan with alternating signs; converges for |x| well below 1. */
function oddSeries(x: bigint, alternate: boolean, bits = F): bigint {
  const square = (x * x) >> bits;
  let power = x;
  let sum = x;
  for (let k = 3n; power !== 0n && power !== -1n; k += 2n) {
    power = (power * square) >> bits;
    if (alternate) power = -power;
    sum += power / k;
  }
  return sum;
}

/** Machin's formula. */
const PI = 16n * oddSeries(ONE / 5n, true) - 4n * oddSeries(ONE / 239n, true);
/** What the trigonometric instructions reduce by, with 66 fraction bits. SDM 1, 8.3.8. */
const PI66 = 0xc90f_daa2_2168_c234_cn;
/** ln 2 = 18 atanh(1/26) − 2 atanh(1/4801) + 8 atanh(1/8749). */
const LN2 = 18n * oddSeries(ONE / 26n, false) - 2n * oddSeries(ONE / 4801n, false) + 8n * oddSeries(ONE / 8749n, false);

/** Exponent of the leading bit. */
const topOf = (a: Float): number => a.exponent + bitLength(a.significand) - 1;

/** The magnitude of a as a fixed-point number; of bits further down only that they are there is of no matter. */
function fixed(a: Float): bigint {
  const shift = BITS + a.exponent;
  return shift >= 0 ? a.significand << BigInt(shift) : a.significand >> BigInt(-shift);
}

/** A fixed-point result, which is never exact. */
function inexact(value: bigint, bits = BITS): Unrounded {
  return { sign: value < 0n ? 1 : 0, exponent: -bits, significand: (value < 0n ? -value : value) | 1n };
}
/** Slightly more, or less, than sign × significand × 2^exponent. */
function beside(sign: 0 | 1, exponent: number, significand: bigint, more: boolean): Unrounded {
  const bits = 128;
  const scaled = significand << BigInt(bits);
  return { sign, exponent: exponent - bits, significand: more ? scaled + 1n : scaled - 1n };
}
const product = (a: Unrounded, b: Float): Unrounded => ({
  sign: (a.sign ^ b.sign) as 0 | 1,
  exponent: a.exponent + b.exponent,
  significand: (a.significand * b.significand) | 1n
});

/** 2^a − 1 for |a| < 1. */
export function exp2m1(a: Float): Unrounded {
  // ln 2 · a · (1 + …): the rest has the sign of a, that is, it takes away from the magnitude of a negative result.
  if (topOf(a) < -TINY) return beside(a.sign, a.exponent - BITS, a.significand * LN2, a.sign === 0);
  const magnitude = (fixed(a) * LN2) >> F;
  const halvings = 8n;
  const x = (a.sign ? -magnitude : magnitude) >> halvings;
  let term = x;
  let sum = x;
  for (let k = 2n; term !== 0n && term !== -1n; k++) {
    term = ((term * x) >> F) / k;
    sum += term;
  }
  // e^2t − 1 = (e^t − 1)² + 2 (e^t − 1)
  for (let i = 0n; i < halvings; i++) sum = ((sum * sum) >> F) + 2n * sum;
  return inexact(sum);
}

/** log2 of 2^exponent × (numerator / denominator), the quotient between √½ and √2. */
function log2(exponent: number, numerator: bigint, denominator: bigint): bigint {
  const s = ((numerator - denominator) << F) / (numerator + denominator);
  return (BigInt(exponent) << F) + ((2n * oddSeries(s, false)) << F) / LN2;
}

/** b · log2 a for positive a that is no power of 2. */
export function yLog2x(a: Float, b: Float): Unrounded {
  const bits = bitLength(a.significand);
  let exponent = a.exponent + bits - 1;
  // significand / 2^(bits − 1) is in [1, 2)
  let one = 1n << BigInt(bits - 1);
  if (a.significand * a.significand > 2n * one * one) {
    exponent++;
    one <<= 1n;
  }
  return product(inexact(log2(exponent, a.significand, one)), b);
}

/** The exponent of a where a is a power of 2, undefined elsewhere. */
export function powerOfTwo(a: Float): number | undefined {
  const bits = bitLength(a.significand);
  return a.significand === 1n << BigInt(bits - 1) ? a.exponent + bits - 1 : undefined;
}

/** b · log2(1 + a) for a > −1. */
export function yLog2xPlus1(a: Float, b: Float): Unrounded {
  if (topOf(a) < -TINY) {
    // a / ln 2 · (1 − a/2 + …)
    const quotient = (a.significand << (2n * F)) / LN2;
    return product(beside(a.sign, a.exponent - BITS, quotient, a.sign === 1), b);
  }
  const x = fixed(a);
  return yLog2x(
    { kind: a.kind, sign: 0, exponent: -BITS, significand: a.sign ? ONE - x : ONE + x, denormal: false },
    b
  );
}

/** atan of a fixed-point number from 0 to 1. */
function arctangent(z: bigint): bigint {
  const halvings = 3n;
  let x = z;
  for (let i = 0n; i < halvings; i++) x = (x << F) / (ONE + integerSqrt((ONE << F) + x * x));
  return oddSeries(x, true) << halvings;
}

/** Angle of the point (x, y): atan(y / x) in the quadrant that the signs say. */
export function arctangent2(y: Float, x: Float): Unrounded {
  const gap = topOf(y) - topOf(x);
  if (gap < -TINY && x.sign === 0) {
    // y/x · (1 − …)
    const shift = 2n * F;
    return beside(y.sign, y.exponent - x.exponent - Number(shift), (y.significand << shift) / x.significand, false);
  }
  let angle: bigint;
  const far = gap < -TINY ? 1n : gap > TINY ? -1n : 0n;
  if (far > 0n) angle = 1n;
  else if (far < 0n) angle = PI / 2n - 1n;
  else {
    const shift = y.exponent - x.exponent;
    const [p, q] =
      shift >= 0 ? [y.significand << BigInt(shift), x.significand] : [y.significand, x.significand << BigInt(-shift)];
    angle = p <= q ? arctangent((p << F) / q) : PI / 2n - arctangent((q << F) / p);
  }
  if (x.sign) angle = PI - angle;
  return inexact(y.sign ? -angle : angle);
}

/** π × numerator / denominator. */
export function fractionOfPi(sign: 0 | 1, numerator: bigint, denominator: bigint): Unrounded {
  return { ...inexact((PI * numerator) / denominator), sign };
}

/** Sine and cosine of a fixed-point number from −π/4 to π/4. */
function sineAndCosine(x: bigint): readonly [sine: bigint, cosine: bigint] {
  const square = (x * x) >> F;
  let term = x;
  let sine = x;
  for (let k = 2n; term !== 0n && term !== -1n; k += 2n) {
    term = -((term * square) >> F) / (k * (k + 1n));
    sine += term;
  }
  let cosine = ONE;
  term = ONE;
  for (let k = 1n; term !== 0n && term !== -1n; k += 2n) {
    term = -((term * square) >> F) / (k * (k + 1n));
    cosine += term;
  }
  return [sine, cosine];
}

/** Sine and cosine of a, |a| < 2^63. */
export function sinCos(a: Float): { readonly sine: Unrounded; readonly cosine: Unrounded } {
  const top = topOf(a);
  if (top < -TINY) {
    return { sine: beside(a.sign, a.exponent, a.significand, false), cosine: beside(0, 0, 1n, false) };
  }
  const angle = fixed(a);
  const quarter = PI66 << (F - 67n);
  // Nearest multiple of π/2.
  const turns = (angle + quarter / 2n) / quarter;
  const [s, c] = sineAndCosine(angle - turns * quarter);
  const [sine, cosine] = [
    [s, c],
    [c, -s],
    [-s, -c],
    [-c, s]
  ][Number(turns & 3n)] as [bigint, bigint];
  return { sine: inexact(a.sign ? -sine : sine), cosine: inexact(cosine) };
}

/** Tangent of a, |a| < 2^63. */
export function tangent(a: Float): Unrounded {
  if (topOf(a) < -TINY) return beside(a.sign, a.exponent, a.significand, true);
  const { sine, cosine } = sinCos(a);
  const quotient = (sine.significand << F) / cosine.significand;
  return { ...inexact(quotient), sign: (sine.sign ^ cosine.sign) as 0 | 1 };
}
