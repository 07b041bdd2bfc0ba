import { describe, expect, test } from 'vitest';
import { drawHex, hexPictureSize } from '../../../../src/lib/viz/hex/hex-picture.ts';
import { hexRows, lookOf } from '../../../../src/lib/viz/hex/hex-rows.ts';
import { SvgContext } from '../../../../src/lib/viz/export/svg-context.ts';
import { Paint } from '../../../../src/lib/viz/hex/leaf-spans.ts';

const bytes = [0x51, 0x45, 0x56, 0x4d, 0, 0, 0, 3, 7, 0];
const colours = Uint8Array.of(0, 0, 0, 0, 1, 1, 1, 1, Paint.framing, Paint.none);
const rows = hexRows(0, 10, 8, colours, (at) => (at === 9 ? undefined : bytes[at]), {
  selected: { start: 4, end: 6 },
  hovered: { start: 5, end: 9 },
  cursor: 4
});

describe('the rows of the hex view', () => {
  test('show digits, text, and dots for what is fetched', () => {
    expect(rows.map((r) => r.offset)).toEqual([0, 8]);
    expect(rows[0]!.cells.map((c) => c.text).join(' ')).toBe('51 45 56 4d 00 00 00 03');
    expect(rows[0]!.cells.map((c) => c.char).join('')).toBe('QEVM····');
    expect(rows[1]!.cells.map((c) => c.text)).toEqual(['07', '··']);
  });

  test('look as their field, selection and hover say', () => {
    expect(rows.flatMap((r) => r.cells.map(lookOf))).toEqual([
      'b f0',
      'b f0',
      'b f0',
      'b f0',
      'b f1 selected cursor zero',
      'b f1 selected hovered zero',
      'b f1 hovered zero',
      'b f1 hovered',
      'b framing hovered',
      'b'
    ]);
  });

  test('can be drawn', () => {
    const { width, height } = hexPictureSize(rows.length, 8, 8);
    const ctx = new SvgContext(width, height);
    drawHex(ctx, rows, 8, 8, (name) => name);
    const svg = ctx.toString();
    expect(svg.match(/fill="--chosen"/g)).toHaveLength(4);
    expect(svg).toContain('>00000008</text>');
    expect(svg).toContain('>4d</text>');
    const right = Math.max(...[...svg.matchAll(/ x="([\d.]+)"/g)].map((m) => Number(m[1])));
    expect(right).toBeLessThan(width);
  });
});
