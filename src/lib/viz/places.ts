/** Addresses as people write them: `0x1a2b`, `file:0x1a2b`, `+0x10`, `gpa:0x7c00`, `gva:0xffffffff81000000`. */
import type { PhysicalRange } from '../emulator/api.ts';
import type { RamBlock } from '../vmstate/ram-index.ts';
import type { Selection } from './selection.svelte.ts';

export type Place =
  | { readonly kind: 'file'; readonly offset: number }
  | { readonly kind: 'gpa'; readonly gpa: number }
  | { readonly kind: 'gva'; readonly gva: bigint };

const number = /^(0x[0-9a-f_]+|[0-9][0-9_,]*)$/i;

/** Reads `0x` hex and decimal, with `_` or `,` between digits. */
export function parseNumber(text: string): bigint | undefined {
  const trimmed = text.trim();
  if (!number.test(trimmed)) return undefined;
  try {
    return BigInt(trimmed.replace(/[_,]/g, ''));
  } catch {
    return undefined;
  }
}

/**
 * @param from what `+n` and `-n` count from
 * @param end length of the stream, to tell an offset from an address
 */
export function parsePlace(text: string, from = 0, end = Number.MAX_SAFE_INTEGER): Place | undefined {
  const [, prefix, rest] = /^\s*(?:(file|gpa|gva)\s*:)?\s*(.*?)\s*$/i.exec(text) ?? [];
  const relative = /^([+-])(.*)$/.exec(rest ?? '');
  const value = parseNumber(relative ? relative[2]! : (rest ?? ''));
  if (value === undefined || value > 0xffff_ffff_ffff_ffffn) return undefined;
  if (relative) {
    if (prefix !== undefined && prefix !== 'file') return undefined;
    const offset = relative[1] === '+' ? from + Number(value) : from - Number(value);
    return Number.isSafeInteger(offset) && offset >= 0 && offset < end ? { kind: 'file', offset } : undefined;
  }
  switch (prefix?.toLowerCase()) {
    case 'file':
      return value < BigInt(end) ? { kind: 'file', offset: Number(value) } : undefined;
    case 'gpa':
      return value <= BigInt(Number.MAX_SAFE_INTEGER) ? { kind: 'gpa', gpa: Number(value) } : undefined;
    case 'gva':
      return { kind: 'gva', gva: value };
    default:
      // Without a prefix: an offset if the stream is that long, else an address of the guest's.
      if (value < BigInt(end)) return { kind: 'file', offset: Number(value) };
      return { kind: 'gva', gva: value };
  }
}

/** The page at a guest-physical address; undefined where no RAM is. */
export function pageAtGpa(
  gpa: number,
  map: readonly PhysicalRange[],
  blocks: readonly RamBlock[]
): Selection | undefined {
  const range = map.find((r) => r.gpa <= gpa && gpa < r.gpa + r.bytes);
  const block = blocks.find((b) => b.idstr === range?.block);
  if (!range || !block) return undefined;
  const inside = range.offset + gpa - range.gpa;
  return { kind: 'page', page: block.firstPage + Math.floor(inside / 4096), offset: inside % 4096 };
}
