/**
 * Float formats, operands taken apart, and the rounding that puts results together: what the operations of `softfloat.ts`
 * are written on. An operand is sign × significand × 2^exponent with the significand a bigint.
 * Sources: SDM 1, chapters 4.8, 4.9, 8 and 11.5; IEEE 754-2019.
 */

export interface Format {
  readonly width: number;
  readonly exponentBits: number;
  /** Bits of the significand, with the integer bit. */
  readonly precision: number;
  /** The integer bit is stored: x87 only. */
  readonly explicit: boolean;
  /** Exponent of the leading bit of the largest and the smallest normal number. */
  readonly emax: number;
  readonly emin: number;
}

function format(width: number, exponentBits: number, precision: number): Format {
  const emax = 2 ** (exponentBits - 1) - 1;
  return { width, exponentBits, precision, explicit: width !== exponentBits + precision, emax, emin: 1 - emax };
}
export const FLOAT16 = format(16, 5, 11);
export const FLOAT32 = format(32, 8, 24);
export const FLOAT64 = format(64, 11, 53);
export const FLOAT80 = format(80, 15, 64);

/** Exceptions: bits of the status word and of MXCSR alike; their masks are the same bits of the control word. */
export const IE = 1;
export const DE = 2;
export const ZE = 4;
export const OE = 8;
export const UE = 16;
export const PE = 32;
/** Status word: the last rounding was upwards. */
const C1 = 0x200;
/** Found before computing: when unmasked, there is no result. */
export const PRE_COMPUTATION = IE | DE | ZE;

/** The RC field of both control words. */
export type Rounding = 0 | 1 | 2 | 3;
export const NEAREST = 0;
export const DOWN = 1;
export const UP = 2;
export const TRUNCATE = 3;

/** What arithmetic depends on, and the exceptions that it met. */
export class FloatStatus {
  rounding: Rounding = NEAREST;
  /** Significand bits to which the x87 rounds sums, products, quotients and roots: 24, 53 or 64. */
  precision = 64;
  /** Masked exceptions. */
  masked = IE | DE | ZE | OE | UE | PE;
  /** Which NaN survives; what an unmasked overflow or underflow leaves. */
  unit: 'x87' | 'sse' = 'sse';
  /** MXCSR.DAZ and MXCSR.FTZ. */
  denormalsAreZero = false;
  flushToZero = false;
  /** Met since last cleared. */
  flags = 0;
  /** The last rounding made the magnitude larger: C1. */
  roundedUp = false;

  /** No result: an exception of the operands is not masked. Then those of computing were not met either. */
  get refused(): boolean {
    return (this.flags & ~this.masked & PRE_COMPUTATION) !== 0;
  }
  /** Exceptions to report, and C1 in its place in the status word. */
  get raised(): number {
    return this.refused ? this.flags & PRE_COMPUTATION : this.flags | (this.roundedUp ? C1 : 0);
  }
}

/** Kinds, in the order in which `kind >= QUIET` means "no number". */
export const ZERO = 0;
export const FINITE = 1;
export const INFINITY = 2;
export const QUIET = 3;
export const SIGNALLING = 4;
/** Pseudo-NaN, pseudo-infinity, unnormal: encodings that the 80387 gave up. */
export const UNSUPPORTED = 5;

/** An operand. Value: (−1)^sign × significand × 2^exponent; of a NaN, the significand is that of FLOAT80. */
export interface Float {
  readonly kind: number;
  readonly sign: 0 | 1;
  readonly exponent: number;
  readonly significand: bigint;
  readonly denormal: boolean;
}

const INTEGER_BIT = 1n << 63n;
const QUIET_BIT = 1n << 62n;
const mask = (bits: number): bigint => (1n << BigInt(bits)) - 1n;

/** Operand of the given encoding. */
export function unpack(f: Format, bits: bigint): Float {
  const stored = f.explicit ? f.precision : f.precision - 1;
  const sign = Number((bits >> BigInt(f.width - 1)) & 1n) as 0 | 1;
  const biased = Number(bits >> BigInt(stored)) & (2 ** f.exponentBits - 1);
  const fraction = bits & mask(stored);
  const special = biased === 2 ** f.exponentBits - 1;
  const exponent = Math.max(biased, 1) - f.emax - (f.precision - 1);

  if (f.explicit && biased !== 0 && (fraction & INTEGER_BIT) === 0n)
    return { kind: UNSUPPORTED, sign, exponent, significand: fraction, denormal: false };
  if (special) {
    const significand = (fraction << BigInt(64 - f.precision)) | INTEGER_BIT;
    const kind = significand === INTEGER_BIT ? INFINITY : significand & QUIET_BIT ? QUIET : SIGNALLING;
    return { kind, sign, exponent, significand, denormal: false };
  }
  if (fraction === 0n && biased === 0) return { kind: ZERO, sign, exponent, significand: 0n, denormal: false };
  const significand = biased === 0 || f.explicit ? fraction : fraction | (1n << BigInt(stored));
  return { kind: FINITE, sign, exponent, significand, denormal: biased === 0 };
}

/** Operand of an SSE instruction: MXCSR.DAZ makes a zero of a denormal. */
export function unpackSse(f: Format, bits: bigint, s: FloatStatus): Float {
  const a = unpack(f, bits);
  return a.denormal && s.denormalsAreZero ? { ...a, kind: ZERO, significand: 0n, denormal: false } : a;
}

/** Exact value as an operand. */
export function exactly(value: bigint, exponent = 0): Float {
  const sign = value < 0n ? 1 : 0;
  return {
    kind: value === 0n ? ZERO : FINITE,
    sign,
    exponent,
    significand: sign ? -value : value,
    denormal: false
  };
}

function pack(f: Format, sign: number, biased: number, significand: bigint): bigint {
  const stored = f.explicit ? f.precision : f.precision - 1;
  const head = BigInt(sign * 2 ** f.exponentBits + biased);
  return (head << BigInt(stored)) | (significand & mask(stored));
}
export const zero = (f: Format, sign: number): bigint => pack(f, sign, 0, 0n);
export const infinity = (f: Format, sign: number): bigint =>
  pack(f, sign, 2 ** f.exponentBits - 1, 1n << BigInt(f.precision - 1));
/** "Real indefinite". */
export const defaultNaN = (f: Format): bigint => pack(f, 1, 2 ** f.exponentBits - 1, 3n << BigInt(f.precision - 2));

/** Invalid operation: its masked response. */
export function invalid(f: Format, s: FloatStatus): bigint {
  s.flags |= IE;
  return defaultNaN(f);
}

/** A NaN made quiet, in another format if need be: the payload keeps its upper bits. */
function quieted(f: Format, a: Float): bigint {
  return pack(f, a.sign, 2 ** f.exponentBits - 1, (a.significand | QUIET_BIT) >> BigInt(64 - f.precision));
}

/**
 * What an operation on these gives if one is a NaN or unsupported, undefined otherwise; raises IE for signalling ones.
 * SDM 1, table 4-7.
 */
export function nanOf(f: Format, s: FloatStatus, a: Float, b: Float = a): bigint | undefined {
  if (a.kind < QUIET && b.kind < QUIET) return undefined;
  if (a.kind === UNSUPPORTED || b.kind === UNSUPPORTED) return invalid(f, s);
  if (a.kind === SIGNALLING || b.kind === SIGNALLING) s.flags |= IE;
  if (b.kind < QUIET) return quieted(f, a);
  if (a.kind < QUIET) return quieted(f, b);
  if (s.unit === 'sse') return quieted(f, a);
  if (a.kind !== b.kind) return quieted(f, a.kind === QUIET ? a : b);
  if (a.significand !== b.significand) return quieted(f, a.significand > b.significand ? a : b);
  return quieted(f, a.sign ? b : a);
}

/** Bits up to the highest set one. */
export function bitLength(value: bigint): number {
  let bits = 0;
  while (value >= 0x1_0000_0000n) {
    value >>= 32n;
    bits += 32;
  }
  return bits + 32 - Math.clz32(Number(value));
}

/** value / 2^shift as an integer, and how far that is from the exact quotient. */
export function shiftRounding(
  value: bigint,
  shift: number,
  sign: number,
  rounding: Rounding
): { value: bigint; inexact: boolean; up: boolean } {
  if (shift <= 0) return { value: value << BigInt(-shift), inexact: false, up: false };
  const count = BigInt(shift);
  const floor = value >> count;
  const rest = value - (floor << count);
  if (rest === 0n) return { value: floor, inexact: false, up: false };
  const half = 1n << (count - 1n);
  const up =
    rounding === NEAREST ? rest > half || (rest === half && (floor & 1n) === 1n) : rounding === (sign ? DOWN : UP);
  return { value: up ? floor + 1n : floor, inexact: true, up };
}

/** By how much an unmasked overflow or underflow of the x87 moves the exponent. SDM 1, 8.5.4. */
const WRAP = 24576;

/**
 * significand × 2^exponent (significand > 0) in a format: rounded, denormal, infinite or flushed, exceptions raised.
 * Where the value is not exact, the significand has at least two bits more than the format and its lowest bit is set.
 * Tininess is detected after rounding. SDM 1, 4.9.1.
 */
export function round(
  f: Format,
  s: FloatStatus,
  sign: number,
  exponent: number,
  significand: bigint,
  precision = f.precision
): bigint {
  const top = exponent + bitLength(significand) - 1;
  const unbounded = shiftRounding(significand, top - (precision - 1) - exponent, sign, s.rounding);
  const carried = unbounded.value >> BigInt(precision) ? 1 : 0;
  const overflow = top + carried > f.emax;
  const tiny = top + carried < f.emin;

  if ((overflow && !(s.masked & OE)) || (tiny && !(s.masked & UE))) {
    s.flags |= (overflow ? OE : UE) | (unbounded.inexact ? PE : 0);
    s.roundedUp = unbounded.up;
    const biased = top + carried + (overflow ? -WRAP : WRAP) + f.emax;
    if (f === FLOAT80 && (biased <= 0 || biased > 2 * f.emax)) {
      // Scaled too far even for that (FSCALE). SDM 1, 8.5.4 and 8.5.5.
      s.flags |= PE;
      s.roundedUp = overflow;
      return overflow ? infinity(f, sign) : zero(f, sign);
    }
    return pack(f, sign, biased, (unbounded.value >> BigInt(carried)) << BigInt(f.precision - precision));
  }
  if (overflow) {
    s.flags |= OE | PE;
    s.roundedUp = s.rounding === NEAREST || s.rounding === (sign ? DOWN : UP);
    if (s.roundedUp) return infinity(f, sign);
    return pack(f, sign, f.emax * 2, mask(precision) << BigInt(f.precision - precision));
  }
  if (tiny && s.flushToZero) {
    s.flags |= UE | PE;
    return zero(f, sign);
  }
  if (top >= f.emin) {
    if (unbounded.inexact) s.flags |= PE;
    s.roundedUp = unbounded.up;
    const value = (unbounded.value >> BigInt(carried)) << BigInt(f.precision - precision);
    return pack(f, sign, top + carried + f.emax, value);
  }
  const denormal = shiftRounding(significand, f.emin - (precision - 1) - exponent, sign, s.rounding);
  if (denormal.inexact) s.flags |= PE | (tiny ? UE : 0);
  s.roundedUp = denormal.up;
  const value = denormal.value << BigInt(f.precision - precision);
  return pack(f, sign, value >> BigInt(f.precision - 1) ? 1 : 0, value);
}

/** `round` for results that may be zero. */
export function result(
  f: Format,
  s: FloatStatus,
  sign: number,
  exponent: number,
  significand: bigint,
  precision = f.precision
): bigint {
  return significand === 0n ? zero(f, sign) : round(f, s, sign, exponent, significand, precision);
}

/** Precision of sums, products, quotients and roots: the x87's control word has its say. */
export const working = (f: Format, s: FloatStatus): number => (f === FLOAT80 ? s.precision : f.precision);
