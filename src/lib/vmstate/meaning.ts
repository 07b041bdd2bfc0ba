/** Values as text with what they mean: one way for the command line, exports, differences and the page. */
import { hexOf } from './hex.ts';
import type { Bits, Leaf, Meaning, Placed } from './vmstate.ts';
import { TIMER_NOT_ARMED } from './vmstate-types.ts';

/** A bit group of a value: what is in it, and what that is called. */
export interface BitValue {
  readonly bits: Bits;
  readonly value: bigint;
  /** `PE`, `IOPL=3`, `RW=3 lobyte/hibyte`. */
  readonly text: string;
}

const maskOf = (width: number): bigint => (1n << BigInt(width)) - 1n;

/** The value as the unsigned bits on the wire. */
const unsigned = (value: number | bigint, bytes: number): bigint =>
  BigInt.asUintN(Math.max(1, bytes) * 8, BigInt(value));

/** Every named bit group of a value, lowest first, whether set or not. `bytes` is the width on the wire. */
export function bitValues(value: number | bigint, bytes: number, bits: readonly Bits[]): BitValue[] {
  const all = unsigned(value, bytes);
  return bits.map((group) => {
    const width = group.width ?? 1;
    const inside = (all >> BigInt(group.bit)) & maskOf(width);
    const named = group.values?.[Number(inside)];
    const number = inside < 10n ? inside.toString() : `0x${inside.toString(16)}`;
    const text = width === 1 && named === undefined ? group.name : `${group.name}=${named ?? number}`;
    return { bits: group, value: inside, text };
  });
}

/** Names of what is set, then the bits that have no name: `PE | IOPL=3 | 0x80`. */
function bitsText(value: number | bigint, bytes: number, bits: readonly Bits[]): string {
  let rest = unsigned(value, bytes);
  for (const { bit, width = 1 } of bits) rest &= ~(maskOf(width) << BigInt(bit));
  const names = bitValues(value, bytes, bits)
    .filter((b) => b.value !== 0n || b.bits.values?.[0] !== undefined)
    .map((b) => b.text);
  if (rest !== 0n) names.push(`0x${rest.toString(16)}`);
  return names.join(' | ');
}

const BINARY_UNITS = ['KiB', 'MiB', 'GiB', 'TiB', 'PiB', 'EiB'];

/** `512 MiB`, `1.5 KiB`; empty below 1 KiB. Exact where it has no fraction. */
function sizeText(bytes: bigint): string {
  let unit = -1;
  let size = Number(bytes);
  while (size >= 1024 && unit < BINARY_UNITS.length - 1) {
    size /= 1024;
    unit++;
  }
  return unit < 0 ? '' : `${Number.isInteger(size) ? size : size.toFixed(2)} ${BINARY_UNITS[unit]}`;
}

/** Nanoseconds as seconds with all nine digits: `1.204000000 s`. */
function secondsText(ns: bigint): string {
  const size = ns < 0n ? -ns : ns;
  const fraction = (size % 1_000_000_000n).toString().padStart(9, '0');
  return `${ns < 0n ? '-' : ''}${size / 1_000_000_000n}.${fraction} s`;
}

const NS_PER = { ns: 1n, ms: 1_000_000n, s: 1_000_000_000n } as const;

/** A number as the type and its meaning want it: decimal for counts and signed values, hex for patterns. */
function numberText(value: number | bigint, type: string, bytes: number, about: Meaning): string {
  const pattern = about.bits !== undefined || about.pointer !== undefined;
  const decimal = about.unit !== undefined || !/^(uint(32|64)|le(32|64))/.test(type);
  const radix = about.radix ?? (pattern || !decimal ? 16 : 10);
  if (radix === 10 || (value >= 0 && value < 10 && !pattern && about.radix === undefined)) return value.toString();
  return `0x${unsigned(value, bytes).toString(16)}`;
}

/** What stands behind the number in brackets, and the unit. */
function explained(value: number | bigint, bytes: number, about: Meaning, number: string): string {
  const { unit } = about;
  const name = about.values?.[Number(value)];
  if (name !== undefined) return `${number} (${name})`;
  if (about.bits) {
    const set = bitsText(value, bytes, about.bits);
    return set === '' ? number : `${number} (${set})`;
  }
  if (unit === undefined) return number;
  if (unit === 'bytes') {
    const size = sizeText(BigInt(value));
    return size === '' ? `${number} bytes` : `${number} bytes (${size})`;
  }
  if (unit === 'ns' || unit === 'ms' || unit === 's') {
    const ns = BigInt(value) * NS_PER[unit];
    return ns > -1_000_000n && ns < 1_000_000n ? `${number} ${unit}` : `${number} ${unit} (${secondsText(ns)})`;
  }
  return `${number} ${unit}`;
}

/** Bytes in hex, at most `most` of them; with their text where that is what they hold. */
export function bytesText(bytes: Uint8Array, most = 64): string {
  const shown = hexOf(bytes.subarray(0, most), ' ');
  const text = shortText(bytes);
  const hex = bytes.length > most ? `${shown} … ${bytes.length} bytes` : shown;
  return text === undefined ? hex : `${hex} (${JSON.stringify(text)})`;
}

/** The text in a buffer that holds printable characters, then nothing but NULs. */
function shortText(bytes: Uint8Array): string | undefined {
  const end = bytes.indexOf(0);
  const length = end < 0 ? bytes.length : end;
  if (length < 2 || length > 256) return undefined;
  for (let i = 0; i < bytes.length; i++) {
    if (i < length ? bytes[i]! < 0x20 || bytes[i]! > 0x7e : bytes[i] !== 0) return undefined;
  }
  return String.fromCharCode(...bytes.subarray(0, length));
}

/** A value by itself. `bytes` is its width on the wire. */
export function formatLeaf(value: Leaf, type: string, bytes: number, about: Meaning = {}, most = 64): string {
  if (value === undefined) return '';
  if (typeof value === 'string') return JSON.stringify(value);
  if (typeof value === 'boolean') {
    const name = about.values?.[Number(value)];
    return name === undefined ? String(value) : `${value} (${name})`;
  }
  if (value instanceof Uint8Array) return bytesText(value, most);
  // A struct without fields, an array without elements.
  if (typeof value === 'object') return '';
  if (type === 'timer') {
    return BigInt(value) === TIMER_NOT_ARMED ? 'not armed' : explained(value, bytes, { unit: 'ns' }, value.toString());
  }
  return explained(value, bytes, about, numberText(value, type, bytes, about));
}

/**
 * A row's value as one line: number with name, set bits, unit or size; timers in ns and seconds; bytes in hex. A row
 * of parts has no value of its own: an array tells how many elements it has, a struct is empty.
 * @param most bytes of a buffer that are shown
 */
export function formatValue(row: Placed, most = 64): string {
  if (row.children && row.value === undefined) {
    return row.children[0]?.name === '[0]' ? `[${row.children.length}]` : '';
  }
  return formatLeaf(row.value, row.type, row.end - row.start, row.about, most);
}
