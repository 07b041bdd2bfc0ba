/**
 * The one query language of search.
 *
 *   query ::= field:NAME[=VALUE] | section:NAME
 *           | hex:BYTES | text:"…" | utf16:"…" | ptr:ADDRESS
 *           | ADDRESS | gpa:ADDRESS | file:ADDRESS
 *           | word*                     each found in the name of a section or field, or in what it is about
 *
 * BYTES are hex digits with or without spaces; `?` stands for any digit. ADDRESS is hex with 0x, or decimal.
 */

/** Bytes to look for: a byte b at i fits when (b & mask[i]) === value[i]. */
export interface Pattern {
  readonly value: Uint8Array;
  readonly mask: Uint8Array;
  /** Hits in memory begin at multiples of this. */
  readonly alignment: number;
}

export type Query =
  | { readonly kind: 'words'; readonly words: readonly string[] }
  | { readonly kind: 'field'; readonly name: string; readonly value: string | undefined }
  | { readonly kind: 'section'; readonly name: string }
  | { readonly kind: 'bytes'; readonly pattern: Pattern }
  | { readonly kind: 'gva' | 'gpa' | 'file'; readonly address: bigint };

/** Longer patterns would reach over more than two pages. */
const MAX_PATTERN = 256;

/** What is wrong with a query, in words for whoever typed it. */
export class QueryError extends Error {}

/** Reads a query. Throws `QueryError`. */
export function parseQuery(text: string): Query {
  const trimmed = text.trim();
  const [, prefix, rest] = /^(field|section|hex|text|utf16|ptr|gpa|file):(.*)$/s.exec(trimmed) ?? [];
  if (prefix === undefined || rest === undefined) {
    if (/^0x[0-9a-f_]+$/i.test(trimmed)) return { kind: 'gva', address: address(trimmed) };
    const words = trimmed
      .toLowerCase()
      .split(/\s+/)
      .filter((w) => w !== '');
    if (words.length === 0) throw new QueryError('nothing to search for');
    return { kind: 'words', words };
  }
  switch (prefix) {
    case 'field': {
      const [, name = '', value] = /^([^=]*)(?:=(.*))?$/s.exec(rest) ?? [];
      if (name.trim() === '') throw new QueryError('field: wants a name, for example field:cr[3]');
      return { kind: 'field', name: name.trim().toLowerCase(), value: value?.trim().toLowerCase() };
    }
    case 'section':
      if (rest.trim() === '') throw new QueryError('section: wants a name, for example section:i8254');
      return { kind: 'section', name: rest.trim().toLowerCase() };
    case 'hex':
      return { kind: 'bytes', pattern: hexPattern(rest) };
    case 'text':
      return { kind: 'bytes', pattern: exact(new TextEncoder().encode(unquote(rest))) };
    case 'utf16':
      return { kind: 'bytes', pattern: exact(utf16(unquote(rest))) };
    case 'ptr':
      return { kind: 'bytes', pattern: pointer(address(rest.trim())) };
    default:
      return { kind: prefix === 'gpa' ? 'gpa' : 'file', address: address(rest.trim()) };
  }
}

function address(text: string): bigint {
  const digits = text.replaceAll('_', '');
  if (!/^(0x[0-9a-f]{1,16}|[0-9]{1,20})$/i.test(digits) || BigInt(digits) >= 1n << 64n) {
    throw new QueryError(`'${text}' is no address: hex with 0x, or decimal`);
  }
  return BigInt(digits);
}

/** The text between quotes, which may be left out. */
function unquote(text: string): string {
  const t = text.trim();
  const inside = t.length >= 2 && t.startsWith('"') && t.endsWith('"') ? t.slice(1, -1) : t;
  if (inside === '') throw new QueryError('no text to search for');
  return inside;
}

function utf16(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length * 2);
  for (let i = 0; i < text.length; i++) {
    bytes[2 * i] = text.charCodeAt(i) & 0xff;
    bytes[2 * i + 1] = text.charCodeAt(i) >> 8;
  }
  return bytes;
}

const exact = (value: Uint8Array, alignment = 1): Pattern =>
  checked({ value, mask: new Uint8Array(value.length).fill(0xff), alignment });

/** An address as the guest stores it: 8 bytes, or 4 when it fits. */
function pointer(value: bigint): Pattern {
  const bytes = new Uint8Array(value < 1n << 32n ? 4 : 8);
  for (let i = 0; i < bytes.length; i++) bytes[i] = Number((value >> BigInt(8 * i)) & 0xffn);
  return exact(bytes, bytes.length);
}

function hexPattern(text: string): Pattern {
  const digits = text.replace(/[\s,_]|0x/gi, '');
  if (!/^[0-9a-f?]+$/i.test(digits)) throw new QueryError('hex: wants hex digits, ? for any: hex:de ad ?? ef');
  if (digits.length % 2 !== 0) throw new QueryError('hex: wants two digits a byte');
  const value = new Uint8Array(digits.length / 2);
  const mask = new Uint8Array(digits.length / 2);
  for (let i = 0; i < digits.length; i++) {
    const shift = i % 2 === 0 ? 4 : 0;
    if (digits[i] === '?') continue;
    value[i >> 1]! |= Number.parseInt(digits[i]!, 16) << shift;
    mask[i >> 1]! |= 0xf << shift;
  }
  return checked({ value, mask, alignment: 1 });
}

function checked(pattern: Pattern): Pattern {
  if (pattern.value.length > MAX_PATTERN) throw new QueryError(`more than ${MAX_PATTERN} bytes to search for`);
  if (pattern.mask.every((m) => m === 0)) throw new QueryError('every byte may be anything: that is found everywhere');
  return pattern;
}
