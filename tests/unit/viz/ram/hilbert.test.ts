import { describe, expect, test } from 'vitest';
import { hilbertCell, hilbertIndex } from '../../../../src/lib/viz/ram/hilbert.ts';

describe('the Hilbert curve', () => {
  test('of order 2 is the one in every textbook', () => {
    const rows = [0, 1, 2, 3].map((y) => [0, 1, 2, 3].map((x) => hilbertIndex(2, x, y)));
    expect(rows).toEqual([
      [0, 1, 14, 15],
      [3, 2, 13, 12],
      [4, 7, 8, 11],
      [5, 6, 9, 10]
    ]);
  });

  test.each([1, 2, 3, 4, 5, 6])('of order %i visits every cell once, stepping to a neighbour each time', (order) => {
    const side = 2 ** order;
    const seen = new Set<number>();
    let before: [number, number] | undefined;
    for (let index = 0; index < side * side; index++) {
      const cell = hilbertCell(order, index);
      const [x, y] = [cell % side, Math.floor(cell / side)];
      expect(hilbertIndex(order, x, y)).toBe(index);
      if (before) expect(Math.abs(x - before[0]) + Math.abs(y - before[1])).toBe(1);
      before = [x, y];
      seen.add(cell);
    }
    expect(seen.size).toBe(side * side);
  });

  test('is its own inverse at the greatest order, where 32 bits would not do', () => {
    for (const index of [0, 1, 2 ** 29 + 12345, 2 ** 30 - 1]) {
      const cell = hilbertCell(15, index);
      expect(hilbertIndex(15, cell % 2 ** 15, Math.floor(cell / 2 ** 15))).toBe(index);
    }
  });

  test('fills aligned squares one after another: a coarser level is a shorter curve', () => {
    for (let index = 0; index < 256; index += 16) {
      const cell = hilbertCell(4, index);
      const coarse = hilbertCell(2, index / 16);
      expect([Math.floor((cell % 16) / 4), Math.floor(cell / 16 / 4)]).toEqual([coarse % 4, Math.floor(coarse / 4)]);
    }
  });
});
