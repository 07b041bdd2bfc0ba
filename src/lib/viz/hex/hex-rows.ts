/** The rows of the hex view that are on screen: what each byte shows, and how it looks. */
import { hexByte } from '../../vmstate/hex.ts';
import { printable } from '../format.ts';
import type { Span } from '../selection.svelte.ts';
import { Paint } from './leaf-spans.ts';

export interface HexCell {
  /** Two digits; dots while the byte is fetched. */
  readonly text: string;
  /** In the text column. */
  readonly char: string;
  /** As `paint` gives it. */
  readonly colour: number;
  readonly selected: boolean;
  readonly hovered: boolean;
  readonly cursor: boolean;
  readonly zero: boolean;
}
export interface HexRow {
  readonly offset: number;
  readonly cells: readonly HexCell[];
}

export interface HexMarks {
  readonly selected?: Span | undefined;
  readonly hovered?: Span | undefined;
  readonly cursor: number;
}

const inside = (span: Span | undefined, offset: number): boolean =>
  span !== undefined && span.start <= offset && offset < span.end;

/**
 * Rows of [start, end); `start` is a multiple of the width.
 * @param colours of the same bytes, from `paint`
 * @param byteAt undefined while a byte is fetched
 */
export function hexRows(
  start: number,
  end: number,
  width: number,
  colours: Uint8Array,
  byteAt: (offset: number) => number | undefined,
  { selected, hovered, cursor }: HexMarks
): HexRow[] {
  const rows: HexRow[] = [];
  for (let offset = start; offset < end; offset += width) {
    const cells: HexCell[] = [];
    for (let at = offset; at < Math.min(offset + width, end); at++) {
      const byte = byteAt(at);
      cells.push({
        text: byte === undefined ? '··' : hexByte(byte),
        char: byte === undefined ? ' ' : printable(byte),
        colour: colours[at - start] ?? Paint.none,
        selected: inside(selected, at),
        hovered: inside(hovered, at),
        cursor: at === cursor,
        zero: byte === 0
      });
    }
    rows.push({ offset, cells });
  }
  return rows;
}

/** The token of app.css that a colour stands for; none for bytes that nothing names. */
export const tokenOf = (colour: number): string | undefined =>
  colour === Paint.none ? undefined : colour === Paint.framing ? '--framing' : `--field-${colour}`;

/** The classes of a cell. */
export function lookOf({ colour, selected, hovered, cursor, zero }: HexCell): string {
  let look = colour === Paint.none ? 'b' : colour === Paint.framing ? 'b framing' : `b f${colour}`;
  if (selected) look += ' selected';
  if (hovered) look += ' hovered';
  if (cursor) look += ' cursor';
  if (zero) look += ' zero';
  return look;
}
