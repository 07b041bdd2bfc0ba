/** FPREM, FPREM1 and FSCALE: what the x87 does with exponents. QEMU helper_fprem_common, helper_fscale. */
import {
  DE,
  FINITE,
  FLOAT80,
  INFINITY,
  ZERO,
  bitLength,
  infinity,
  invalid,
  nanOf,
  round,
  zero,
  type Float,
  type FloatStatus
} from './float.ts';

export interface Remainder {
  readonly bits: bigint;
  /** The quotient's low bits; of a partial remainder, which is to be taken again; there is none. */
  readonly quotient: bigint | 'partial' | 'none';
}

const topOf = (a: Float): number => a.exponent + bitLength(a.significand) - 1;

/** a − b × quotient, the quotient truncated (FPREM) or to the nearest even (FPREM1). Exact always. */
export function remainder(s: FloatStatus, a: Float, b: Float, nearest: boolean): Remainder {
  const nan = nanOf(FLOAT80, s, a, b);
  if (nan !== undefined) return { bits: nan, quotient: 'none' };
  if (a.kind === INFINITY || b.kind === ZERO) return { bits: invalid(FLOAT80, s), quotient: 'none' };
  if (a.denormal || b.denormal) s.flags |= DE;
  if (a.kind === ZERO) return { bits: zero(FLOAT80, a.sign), quotient: 0n };
  if (b.kind === INFINITY) return { bits: round(FLOAT80, s, a.sign, a.exponent, a.significand), quotient: 0n };

  const gap = topOf(a) - topOf(b);
  const partial = gap >= 64;
  // How much of a partial quotient is worked off is AMD's manual's rule, which Intel's CPUs follow.
  const shift = partial ? gap - (32 + (gap % 32)) : 0;
  const exponent = Math.min(a.exponent, b.exponent + shift);
  const dividend = a.significand << BigInt(a.exponent - exponent);
  const divisor = b.significand << BigInt(b.exponent + shift - exponent);
  let quotient = dividend / divisor;
  let rest = dividend - quotient * divisor;
  if (nearest && !partial) {
    const twice = 2n * rest - divisor;
    if (twice > 0n || (twice === 0n && (quotient & 1n) === 1n)) {
      quotient += 1n;
      rest -= divisor;
    }
  }
  const sign = rest < 0n ? a.sign ^ 1 : a.sign;
  const magnitude = rest < 0n ? -rest : rest;
  const bits = magnitude === 0n ? zero(FLOAT80, a.sign) : round(FLOAT80, s, sign, exponent, magnitude);
  return { bits, quotient: partial ? 'partial' : quotient };
}

/** Powers of 2 beyond these overflow or underflow whatever they scale. */
const FAR = 0x1_0000;

/** a × 2^(b truncated). */
export function scale(s: FloatStatus, a: Float, b: Float): bigint {
  const nan = nanOf(FLOAT80, s, a, b);
  if (nan !== undefined) return nan;
  if (b.kind === INFINITY) {
    if (b.sign ? a.kind === INFINITY : a.kind === ZERO) return invalid(FLOAT80, s);
    if (a.denormal) s.flags |= DE;
    return b.sign ? zero(FLOAT80, a.sign) : infinity(FLOAT80, a.sign);
  }
  if (a.denormal || b.denormal) s.flags |= DE;
  if (a.kind !== FINITE) return a.kind === ZERO ? zero(FLOAT80, a.sign) : infinity(FLOAT80, a.sign);
  const power = topOf(b) > 16 ? FAR : Number(b.significand >> BigInt(Math.min(-b.exponent, 64)));
  return round(FLOAT80, s, a.sign, a.exponent + (b.sign ? -power : power), a.significand);
}
