import { describe, expect, test } from 'vitest';
import type { Part } from '../../../../src/lib/viz/ram/arrangement.ts';
import { coverOf, place, pointOf, spotAt, type Layout } from '../../../../src/lib/viz/ram/placement.ts';

const part = (cells: number): Part => ({ title: '', cells, runs: [{ cell: 0, page: 0, pages: cells }] });
const layouts: readonly Layout[] = ['hilbert', 'linear'];

describe.each(layouts)('a %s placement', (layout) => {
  const placement = place([part(4096), part(64), part(33), part(1), part(700)], layout);

  test('has room for every cell, each at a place of its own, and finds it there', () => {
    const taken = new Set<string>();
    for (const [index, { cells }] of placement.parts.entries()) {
      for (let cell = 0; cell < cells; cell++) {
        const { x, y } = pointOf(placement.parts[index]!, cell);
        expect(spotAt(placement, x + 0.5, y + 0.5)).toEqual({ part: index, cell });
        expect(x < placement.width && y < placement.height).toBe(true);
        taken.add(`${x},${y}`);
      }
    }
    expect(taken.size).toBe(4096 + 64 + 33 + 1 + 700);
  });

  test('has nothing between the parts and behind their ends', () => {
    const { x, y, width } = placement.parts[0]!;
    expect(spotAt(placement, x + width + 0.5, y + 0.5)).toBeUndefined();
    expect(spotAt(placement, -1, -1)).toBeUndefined();
    expect(spotAt(place([part(5)], layout), 100, 0)).toBeUndefined();
  });

  test.each([
    [0, 4096],
    [1, 4095],
    [64, 320],
    [100, 101],
    [17, 1900]
  ])('covers cells %i to %i with rectangles that hold them and nothing else', (first, end) => {
    const big = placement.parts[0]!;
    const rects = coverOf(big, first, end);
    const inside = new Set<string>();
    for (const r of rects) {
      for (let y = r.y; y < r.y + r.height; y++) for (let x = r.x; x < r.x + r.width; x++) inside.add(`${x},${y}`);
    }
    const wanted = new Set<string>();
    for (let cell = first; cell < end; cell++) {
      const { x, y } = pointOf(big, cell);
      wanted.add(`${x},${y}`);
    }
    expect(inside).toEqual(wanted);
    expect(rects.reduce((sum, r) => sum + r.width * r.height, 0)).toBe(end - first);
  });

  test('of nothing is empty, not broken', () => {
    expect(place([], layout)).toEqual({ parts: [], width: 1, height: 1 });
  });
});

test('a part that is a little more than a square becomes two squares in a row, not one four times as large', () => {
  const { width, height } = place([part(4097)], 'hilbert');
  expect([width, height]).toEqual([128, 64]);
});
