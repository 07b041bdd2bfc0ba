/** What wide registers hold, as numbers: floating point is what they are mostly used for. */

const EXTENDED_BIAS = 16383;
const shown = (value: number): string =>
  Number.isInteger(value) && Math.abs(value) < 1e15 ? String(value) : value.toPrecision(7).replace(/\.?0+(?=e|$)/, '');

/** An x87 register: 80 bits, sign and exponent above a mantissa with its leading one. SDM 1, 4.2.2. */
export function extendedText(value: bigint): string {
  const exponent = Number((value >> 64n) & 0x7fffn);
  const mantissa = BigInt.asUintN(64, value);
  const sign = value >> 79n ? -1 : 1;
  if (exponent === 0x7fff) return mantissa << 1n === 1n << 64n ? (sign < 0 ? '-∞' : '∞') : 'NaN';
  if (mantissa === 0n) return sign < 0 ? '-0' : '0';
  const result = sign * Number(mantissa) * 2 ** -63 * 2 ** (exponent - EXTENDED_BIAS);
  return Number.isFinite(result) && result !== 0 ? shown(result) : 'beyond a double';
}

/** A vector register: its doubles, and where they say nothing, its single-precision numbers. Zero says nothing. */
export function vectorText(value: bigint, bytes: number): string {
  if (value === 0n) return '';
  const view = new DataView(new ArrayBuffer(bytes));
  for (let at = 0; at < bytes; at += 8) view.setBigUint64(at, BigInt.asUintN(64, value >> BigInt(8 * at)), true);
  const lanes = (size: 4 | 8): number[] =>
    Array.from({ length: bytes / size }, (_, n) =>
      size === 8 ? view.getFloat64(8 * n, true) : view.getFloat32(4 * n, true)
    );
  for (const size of [8, 4] as const) {
    const numbers = lanes(size);
    if (numbers.every(likely)) return `f${size * 8}: ${numbers.map(shown).join(', ')}`;
  }
  return '';
}

/** Bits of text, addresses and integers look like numbers that nobody computes with. */
const likely = (value: number): boolean => value === 0 || (Math.abs(value) > 1e-12 && Math.abs(value) < 1e15);
