/** Addresses, sizes, counts: one way each. What a value means is `vmstate/meaning.ts`. */
export { messageOf } from '../vmstate/problem.ts';

/** `0x1f_0000`: digits in fours, so that they can be read; `digits` pads. */
export function hex(value: number | bigint, digits = 1): string {
  const negative = value < 0;
  const text = (negative ? -value : value).toString(16).padStart(digits, '0');
  return `${negative ? '-' : ''}0x${text.replace(/\B(?=(?:[0-9a-f]{4})+$)/g, '_')}`;
}

/** `0x1f0000`, as a monitor or gdb takes it. */
export const plainHex = (value: number | bigint, digits = 1): string => {
  const text = (value < 0 ? -value : value).toString(16).padStart(digits, '0');
  return `${value < 0 ? '-' : ''}0x${text}`;
};

const byteUnits = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB', 'EiB'];
/** `1.5 MiB`; three digits that matter. */
export function bytesText(bytes: number): string {
  let unit = 0;
  let value = bytes;
  while (value >= 1024 && unit < byteUnits.length - 1) {
    value /= 1024;
    unit++;
  }
  if (unit === 0) return `${bytes} B`;
  return `${value < 10 ? value.toFixed(2) : value < 100 ? value.toFixed(1) : Math.round(value)} ${byteUnits[unit]}`;
}

/** `1,204`. */
export const count = (n: number | bigint): string => n.toString().replace(/\B(?=(\d{3})+$)/g, ',');
/** `1 page`, `1,204 pages`. */
export const counted = (n: number, one: string, many = `${one}s`): string => `${count(n)} ${n === 1 ? one : many}`;
export const percent = (part: number, whole: number): string =>
  whole === 0 ? '0%' : `${((100 * part) / whole).toFixed(part / whole < 0.1 ? 1 : 0)}%`;

/** A byte as the text column shows it. */
export const printable = (byte: number): string => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '·');
