/** Addresses, sizes, counts, times: one way each. */
import type { Leaf, Meaning } from '../vmstate/vmstate.ts';

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

/** Nanoseconds in the largest unit that keeps them readable: `1.204 s`. */
export function nanoseconds(ns: number | bigint): string {
  const value = Number(ns);
  const size = Math.abs(value);
  if (size < 1e3) return `${value} ns`;
  if (size < 1e6) return `${+(value / 1e3).toFixed(3)} µs`;
  if (size < 1e9) return `${+(value / 1e6).toFixed(3)} ms`;
  if (size < 3600e9) return `${+(value / 1e9).toFixed(3)} s`;
  return `${+(value / 3600e9).toFixed(2)} h`;
}

const perNanosecond = { ns: 1, ms: 1e6, s: 1e9 } as const;

/** `de ad be ef`, at most `most` bytes of it. */
export function bytesHex(bytes: Uint8Array, most = 16): string {
  const text = Array.from(bytes.subarray(0, most), (b) => b.toString(16).padStart(2, '0')).join(' ');
  return bytes.length > most ? `${text} … (${bytesText(bytes.length)})` : text;
}

/** Name of an enumerated value. */
const named = (value: Leaf, about: Meaning | undefined): string | undefined =>
  typeof value === 'number' || typeof value === 'bigint' ? about?.values?.[Number(value)] : undefined;

/** Wire types whose values are shown in hex when nothing says otherwise: wide and without a sign. */
const isHex = (type: string, about: Meaning | undefined): boolean =>
  about?.radix === 16 ||
  about?.pointer !== undefined ||
  about?.bits !== undefined ||
  (about?.radix === undefined && /^uint(32|64)/.test(type) && about?.unit === undefined);

/** A value as one line: number with its name or unit, bytes in hex, text quoted. */
export function leafText(value: Leaf, type: string, about?: Meaning): string {
  if (value === undefined) return '';
  if (typeof value === 'boolean') return value ? 'true' : 'false';
  if (typeof value === 'string') return quoted(value);
  if (value instanceof Uint8Array) return bytesHex(value);
  const name = named(value, about);
  const number = isHex(type, about) && (value > 9 || value < 0) ? plainHex(value) : value.toString();
  if (name !== undefined) return `${name} (${number})`;
  const unit = about?.unit;
  if (unit === undefined) return number;
  if (unit === 'bytes') return `${number} (${bytesText(Number(value))})`;
  if (unit === 'ns' || unit === 'ms' || unit === 's') {
    const text = nanoseconds(Number(value) * perNanosecond[unit]);
    return text === `${number} ${unit}` ? text : `${number} ${unit} (${text})`;
  }
  return `${number} ${unit}`;
}

/** Text from the file, with what cannot be printed escaped. */
export const quoted = (text: string): string => JSON.stringify(text);

/** A byte as the text column shows it. */
export const printable = (byte: number): string => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '·');

export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
