/** Floats that arithmetic goes wrong at, and ordinary ones, as encodings. */
import { FLOAT80, type Format } from '../../src/lib/emulator/fpu/float.ts';
import type { Random } from '../fuzz/random.ts';

const ones = (bits: number): bigint => (1n << BigInt(bits)) - 1n;

export function randomBits(random: Random, bits: number): bigint {
  let value = 0n;
  for (let i = 0; i < bits; i += 32) value = (value << 32n) | BigInt(random.below(2 ** 32));
  return value & ones(bits);
}

/** Fractions: random, few bits at either end, long runs of ones, a bit beside a boundary. */
function fraction(random: Random, bits: number): bigint {
  const width = BigInt(bits);
  switch (random.below(6)) {
    case 0:
      return 0n;
    case 1:
      return ones(bits) ^ (BigInt(random.below(4)) << BigInt(random.below(bits - 1)));
    case 2:
      return BigInt(random.below(16));
    case 3:
      return (BigInt(random.below(16)) << (width - 4n)) | BigInt(random.below(3));
    case 4:
      return ((1n << BigInt(random.below(bits))) + BigInt(random.below(3)) - 1n) & ones(bits);
    default:
      return randomBits(random, bits);
  }
}

/**
 * An encoding in the format: of each kind often enough, exponents often near each other (so that sums cancel) or near
 * the ends (so that products overflow and underflow); in FLOAT80 also what no CPU makes by itself.
 */
export function randomFloat(random: Random, f: Format): bigint {
  const fractionBits = f.precision - 1;
  const special = 2 ** f.exponentBits - 1;
  const sign = BigInt(random.below(2));
  let exponent: number;
  let integer = 1n;
  let rest = fraction(random, fractionBits);
  switch (random.below(16)) {
    case 0:
      exponent = 0;
      integer = 0n;
      rest = 0n;
      break;
    case 1:
      exponent = 0;
      integer = random.chance(4) ? 1n : 0n;
      break;
    case 2:
      exponent = special;
      rest = random.chance(2) ? 0n : rest;
      break;
    case 3:
      exponent = random.below(special + 1);
      integer = BigInt(random.below(4) !== 0);
      break;
    case 4:
      exponent = random.pick([1, 2, special - 1, special - 2, f.emax - f.precision, f.emax / 2 + random.below(3)]) | 0;
      break;
    case 5:
      exponent = f.emax + random.below(Math.min(70, f.emax));
      break;
    case 6:
      exponent = random.below(special + 1);
      break;
    case 7:
      exponent = (f.emax >> 1) + random.below(5);
      break;
    case 8:
      exponent = f.emax + (f.emax >> 1) + random.below(5);
      break;
    default:
      exponent = f.emax - 3 + random.below(6);
  }
  const head = (sign << BigInt(f.exponentBits)) | BigInt(exponent);
  return f === FLOAT80 ? (head << 64n) | (integer << 63n) | rest : (head << BigInt(fractionBits)) | rest;
}
