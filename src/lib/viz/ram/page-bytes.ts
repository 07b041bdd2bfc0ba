/** The bytes of a page as rows, with what changed since the send before. */
import { hexByte } from '../../vmstate/hex.ts';
import { printable } from '../format.ts';

export interface ByteCell {
  readonly text: string;
  readonly char: string;
  readonly look: string;
}

/** Bytes [start, start + width) of a page; `before`: the page as it was sent before. */
export function byteRow(
  bytes: Uint8Array,
  before: Uint8Array | undefined,
  start: number,
  width: number,
  selected: number | undefined
): ByteCell[] {
  return Array.from(bytes.subarray(start, start + width), (byte, i) => {
    const looks = [
      byte === 0 && 'zero',
      before && before[start + i] !== byte && 'changed',
      selected === start + i && 'selected'
    ];
    return {
      text: hexByte(byte),
      char: printable(byte),
      look: looks.filter((l) => l !== false && l !== undefined).join(' ')
    };
  });
}

/** Runs of bytes that differ, as [start, end). */
export function changedRuns(bytes: Uint8Array, before: Uint8Array): (readonly [number, number])[] {
  const runs: [number, number][] = [];
  for (let i = 0; i < bytes.length; i++) {
    if (bytes[i] === before[i]) continue;
    const last = runs.at(-1);
    if (last && last[1] === i) last[1]++;
    else runs.push([i, i + 1]);
  }
  return runs;
}
