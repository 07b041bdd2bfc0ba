import { expect, test } from 'vitest';
import { cellsOf, paintPart } from '../../../../src/lib/viz/ram/page-pictures.ts';
import { place } from '../../../../src/lib/viz/ram/placement.ts';

const PAGES = 64;
const part = place([{ title: 'pc.ram', cells: PAGES, runs: [{ cell: 0, page: 0, pages: PAGES }] }], 'hilbert')
  .parts[0]!;
const palette = Uint32Array.from({ length: 256 }, (_, n) => n + 1);

test('each page has its pixel', () => {
  const cells = cellsOf(part);
  expect(new Set(cells).size).toBe(PAGES);
  const words = new Uint32Array(part.width * part.height);
  paintPart(Uint8Array.from(cells), cells, palette, words);
  expect(words.every((word, cell) => word === 0 || word === cell + 1)).toBe(true);
  expect(words.filter((word) => word !== 0)).toHaveLength(PAGES);
});

// What is part of a larger array may begin where no word does.
test.each([0, 1])('only pages whose value changed are painted again, %i bytes behind a word', (offset) => {
  const cells = cellsOf(part);
  const all = new Uint8Array(offset + PAGES).fill(7);
  const next = all.slice();
  next[offset + 5] = 9;
  next[offset + 63] = 8;
  const words = new Uint32Array(part.width * part.height);
  const [first, last] = paintPart(next.subarray(offset), cells, palette, words, all.subarray(offset));
  expect([first, last]).toEqual([cells[5]!, cells[63]!].toSorted((a, b) => a - b));
  expect(words.filter((word) => word !== 0)).toHaveLength(2);
  expect([words[cells[5]!], words[cells[63]!]]).toEqual([10, 9]);
  expect(paintPart(next, cells, palette, words, next)).toEqual([-1, -1]);
});
