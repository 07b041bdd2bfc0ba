/**
 * IEEE 754 arithmetic as x86 does it, exact in every bit and flag, for the formats of `float.ts`: an operation computes
 * exactly, or to enough bits with the lowest one telling that something lies beyond, and `round` does the rest.
 * QEMU fpu/softfloat.c offers the same to its helpers. Sources: SDM 1, chapters 4.8, 4.9, 8 and 11.5.
 */
import {
  DE,
  DOWN,
  FINITE,
  FloatStatus,
  IE,
  INFINITY,
  OE,
  PE,
  QUIET,
  SIGNALLING,
  UE,
  ZE,
  ZERO,
  bitLength,
  infinity,
  invalid,
  nanOf,
  result,
  round,
  shiftRounding,
  working,
  zero,
  type Float,
  type Format,
  type Rounding
} from './float.ts';

const signOf = (value: bigint): 0 | 1 => (value < 0n ? 1 : 0);
const magnitude = (value: bigint): bigint => (value < 0n ? -value : value);

/** Beyond this many bits between two operands the smaller one only tells on which side of the larger the sum lies. */
const FAR = 140;

/** Sum of two finite values, not both zero. */
function sum(f: Format, s: FloatStatus, a: Float, b: Float): bigint {
  const x = a.sign ? -a.significand : a.significand;
  const y = b.sign ? -b.significand : b.significand;
  const gap = a.exponent + bitLength(a.significand) - (b.exponent + bitLength(b.significand));
  let value: bigint;
  let exponent: number;
  if (y === 0n || (x !== 0n && gap > FAR)) {
    value = (x << BigInt(FAR)) + BigInt(y > 0n) - BigInt(y < 0n);
    exponent = a.exponent - FAR;
  } else if (x === 0n || gap < -FAR) {
    value = (y << BigInt(FAR)) + BigInt(x > 0n) - BigInt(x < 0n);
    exponent = b.exponent - FAR;
  } else {
    exponent = Math.min(a.exponent, b.exponent);
    value = (x << BigInt(a.exponent - exponent)) + (y << BigInt(b.exponent - exponent));
  }
  if (value === 0n) return zero(f, s.rounding === DOWN ? 1 : 0);
  return round(f, s, signOf(value), exponent, magnitude(value), working(f, s));
}

const denormals = (s: FloatStatus, a: Float, b: Float = a): void => {
  if (a.denormal || b.denormal) s.flags |= DE;
};
const negated = (a: Float): Float => ({ ...a, sign: a.sign ? 0 : 1 });

/** a + b. */
export function add(f: Format, s: FloatStatus, a: Float, b: Float): bigint {
  return nanOf(f, s, a, b) ?? addNumbers(f, s, a, b);
}
/** a − b. */
export function sub(f: Format, s: FloatStatus, a: Float, b: Float): bigint {
  return nanOf(f, s, a, b) ?? addNumbers(f, s, a, negated(b));
}
function addNumbers(f: Format, s: FloatStatus, a: Float, b: Float): bigint {
  if (a.kind === INFINITY && b.kind === INFINITY && a.sign !== b.sign) return invalid(f, s);
  denormals(s, a, b);
  if (a.kind === INFINITY) return infinity(f, a.sign);
  if (b.kind === INFINITY) return infinity(f, b.sign);
  if (a.kind === ZERO && b.kind === ZERO) return zero(f, a.sign === b.sign ? a.sign : s.rounding === DOWN ? 1 : 0);
  return sum(f, s, a, b);
}

/** a × b. */
export function mul(f: Format, s: FloatStatus, a: Float, b: Float): bigint {
  const nan = nanOf(f, s, a, b);
  if (nan !== undefined) return nan;
  const sign = a.sign ^ b.sign;
  if (a.kind === INFINITY || b.kind === INFINITY) {
    if (a.kind === ZERO || b.kind === ZERO) return invalid(f, s);
    denormals(s, a, b);
    return infinity(f, sign);
  }
  denormals(s, a, b);
  return result(f, s, sign, a.exponent + b.exponent, a.significand * b.significand, working(f, s));
}

/** a × b + c, rounded once. NaNs: a before b before c. */
export function fma(f: Format, s: FloatStatus, a: Float, b: Float, c: Float): bigint {
  const inf = a.kind === INFINITY || b.kind === INFINITY;
  if (a.kind >= QUIET || b.kind >= QUIET) {
    if (c.kind === SIGNALLING) s.flags |= IE;
    return nanOf(f, s, a, b)!;
  }
  const nan = nanOf(f, s, c);
  if (nan !== undefined) return nan;
  if (inf && (a.kind === ZERO || b.kind === ZERO)) return invalid(f, s);
  const sign = (a.sign ^ b.sign) as 0 | 1;
  const kind = inf ? INFINITY : a.kind === ZERO || b.kind === ZERO ? ZERO : FINITE;
  const product: Float = {
    kind,
    sign,
    exponent: a.exponent + b.exponent,
    significand: a.significand * b.significand,
    denormal: false
  };
  if (kind === INFINITY && c.kind === INFINITY && sign !== c.sign) return invalid(f, s);
  denormals(s, a, b);
  return addNumbers(f, s, product, c);
}

/** a ÷ b. */
export function div(f: Format, s: FloatStatus, a: Float, b: Float): bigint {
  const nan = nanOf(f, s, a, b);
  if (nan !== undefined) return nan;
  const sign = a.sign ^ b.sign;
  if (a.kind === b.kind && a.kind !== FINITE) return invalid(f, s);
  if (b.kind === ZERO && a.kind === FINITE) {
    s.flags |= ZE;
    return infinity(f, sign);
  }
  denormals(s, a, b);
  if (a.kind === INFINITY) return infinity(f, sign);
  if (a.kind === ZERO || b.kind === INFINITY) return zero(f, sign);
  const shift = BigInt(Math.max(0, f.precision + 3 + bitLength(b.significand) - bitLength(a.significand)));
  const dividend = a.significand << shift;
  const quotient = dividend / b.significand;
  const jam = quotient * b.significand === dividend ? 0n : 1n;
  return round(f, s, sign, a.exponent - b.exponent - Number(shift), quotient | jam, working(f, s));
}

/** Largest integer whose square is not above `value`. */
export function integerSqrt(value: bigint): bigint {
  if (value === 0n) return 0n;
  let root = 1n << BigInt((bitLength(value) + 1) >> 1);
  while (true) {
    const next = (root + value / root) >> 1n;
    if (next >= root) return root;
    root = next;
  }
}

/** √a. */
export function sqrt(f: Format, s: FloatStatus, a: Float): bigint {
  const nan = nanOf(f, s, a);
  if (nan !== undefined) return nan;
  if (a.kind === ZERO) return zero(f, a.sign);
  if (a.sign) return invalid(f, s);
  denormals(s, a);
  if (a.kind === INFINITY) return infinity(f, 0);
  let shift = Math.max(0, 2 * (f.precision + 3) - bitLength(a.significand));
  if ((a.exponent - shift) & 1) shift++;
  const radicand = a.significand << BigInt(shift);
  const root = integerSqrt(radicand);
  const jam = root * root === radicand ? 0n : 1n;
  return round(f, s, 0, (a.exponent - shift) / 2, root | jam, working(f, s));
}

/** a rounded to an integer in the same format; `quiet` leaves PE alone. */
export function roundToInteger(f: Format, s: FloatStatus, a: Float, rounding: Rounding, quiet = false): bigint {
  const nan = nanOf(f, s, a);
  if (nan !== undefined) return nan;
  denormals(s, a);
  if (a.kind === INFINITY) return infinity(f, a.sign);
  if (a.kind === ZERO) return zero(f, a.sign);
  if (a.exponent >= 0) return result(f, s, a.sign, a.exponent, a.significand);
  const { value, inexact, up } = shiftRounding(a.significand, Math.min(-a.exponent, 200), a.sign, rounding);
  const bits = result(f, s, a.sign, 0, value);
  if (inexact && !quiet) s.flags |= PE;
  s.roundedUp = up;
  return bits;
}

/**
 * a as an integer of `bits` bits, two's complement if signed. Undefined, and IE, if it is none or does not fit: the
 * instruction then has its own "integer indefinite". Denormals are not told of.
 */
export function toInteger(
  s: FloatStatus,
  a: Float,
  bits: number,
  rounding: Rounding,
  signed = true
): bigint | undefined {
  if (a.kind === ZERO) return 0n;
  if (a.kind === FINITE && a.exponent <= bits) {
    const { value, inexact, up } = shiftRounding(a.significand, Math.min(-a.exponent, 200), a.sign, rounding);
    const integer = a.sign ? -value : value;
    const limit = 1n << BigInt(signed ? bits - 1 : bits);
    if (integer < limit && integer >= (signed ? -limit : 0n)) {
      if (inexact) s.flags |= PE;
      s.roundedUp = up;
      return integer;
    }
  }
  s.flags |= IE;
  return undefined;
}

/** An integer in a format. */
export function fromInteger(f: Format, s: FloatStatus, value: bigint): bigint {
  return result(f, s, signOf(value), 0, magnitude(value));
}

/** a in another format. */
export function convert(f: Format, s: FloatStatus, a: Float): bigint {
  if (a.kind < QUIET) denormals(s, a);
  return inFormat(f, s, a);
}
function inFormat(f: Format, s: FloatStatus, a: Float): bigint {
  if (a.kind === INFINITY) return infinity(f, a.sign);
  return nanOf(f, s, a) ?? result(f, s, a.sign, a.exponent, a.significand);
}

/** What FST and FSTP write to a 32- or 64-bit operand, undefined where an unmasked exception keeps them from it. */
export function store(f: Format, s: FloatStatus, a: Float): bigint | undefined {
  const bits = inFormat(f, s, a);
  const prevented = s.flags & ~s.masked & (IE | OE | UE);
  if (!prevented) return bits;
  s.flags &= ~PE;
  s.roundedUp = false;
  return undefined;
}

/** How two operands compare: −1, 0, 1, or undefined when unordered. A quiet comparison raises IE for signalling NaNs only. */
export function compare(s: FloatStatus, a: Float, b: Float, quiet: boolean): -1 | 0 | 1 | undefined {
  if (a.kind >= QUIET || b.kind >= QUIET) {
    if (!quiet || a.kind > QUIET || b.kind > QUIET) s.flags |= IE;
    return undefined;
  }
  denormals(s, a, b);
  return order(a, b);
}

/** How two numbers compare; no flags. */
export function order(a: Float, b: Float): -1 | 0 | 1 {
  if (a.kind === ZERO && b.kind === ZERO) return 0;
  if (a.kind === ZERO) return b.sign ? 1 : -1;
  if (b.kind === ZERO || a.sign !== b.sign) return a.sign ? -1 : 1;
  const larger = compareMagnitudes(a, b);
  return a.sign ? (-larger as -1 | 0 | 1) : larger;
}
function compareMagnitudes(a: Float, b: Float): -1 | 0 | 1 {
  if (a.kind !== b.kind) return a.kind === INFINITY ? 1 : -1;
  if (a.kind === INFINITY) return 0;
  const gap = a.exponent + bitLength(a.significand) - (b.exponent + bitLength(b.significand));
  if (gap !== 0) return gap > 0 ? 1 : -1;
  const shift = a.exponent - b.exponent;
  const x = shift > 0 ? a.significand << BigInt(shift) : a.significand;
  const y = shift < 0 ? b.significand << BigInt(-shift) : b.significand;
  return x === y ? 0 : x > y ? 1 : -1;
}
