import { describe, expect, test } from 'vitest';
import type { Part } from '../../../../src/lib/viz/ram/arrangement.ts';
import { place } from '../../../../src/lib/viz/ram/placement.ts';
import {
  cellValues,
  coarserCurve,
  coarserRows,
  DIM,
  HOLE,
  Pyramid,
  reduce
} from '../../../../src/lib/viz/ram/pyramid.ts';

const part: Part = {
  title: 'pc.ram',
  cells: 6,
  runs: [
    { cell: 0, page: 1, pages: 2 },
    { cell: 4, page: 8, pages: 2 }
  ]
};

test('the values of the cells are those of their pages, holes are holes, what a filter leaves out is dim', () => {
  const column = Uint8Array.of(9, 1, 2, 9, 9, 9, 9, 9, 3, 4);
  expect([...cellValues(part, column)]).toEqual([1, 2, HOLE, HOLE, 3, 4]);
  const lit = new Uint8Array(10);
  lit[8] = 1;
  expect([...cellValues(part, column, lit)]).toEqual([1 | DIM, 2 | DIM, HOLE, HOLE, 3, 4 | DIM]);
});

describe('four values become', () => {
  test('the commonest, of two equally common ones the greater', () => {
    expect(reduce(1, 2, 1, 3, 'most')).toBe(1);
    expect(reduce(0, 0, 2, 2, 'most')).toBe(2);
  });
  test('the greatest, so that what is rare stays to be seen', () => {
    expect(reduce(0, 0, 7, 0, 'max')).toBe(7);
  });
  test('their mean', () => {
    expect(reduce(0, 10, 20, 30, 'mean')).toBe(15);
  });
  test('one of those that are not holes', () => {
    expect(reduce(HOLE, HOLE, 5, HOLE, 'mean')).toBe(5);
    expect(reduce(HOLE, HOLE, HOLE, HOLE, 'most')).toBe(HOLE);
  });
  test('a lit one while there is any', () => {
    expect(reduce(1 | DIM, 1 | DIM, 1 | DIM, 2, 'most')).toBe(2);
    expect(reduce(4 | DIM, 6 | DIM, HOLE, HOLE, 'mean')).toBe(5 | DIM);
    expect(reduce(4 | DIM, 6 | DIM, HOLE, 1, 'max')).toBe(1);
  });
});

test('a level of a curve takes four in a row, the last ones too', () => {
  expect([...coarserCurve(Uint16Array.of(1, 1, 1, 1, 2, 2, 2, 3, 5), 'most')]).toEqual([1, 2, 5]);
});

test('a level of rows takes two by two, and a row that is left over', () => {
  const rows = Uint16Array.of(1, 1, 2, 2, 1, 1, 2, 2, 3, 3, 4);
  expect([...coarserRows(rows, 4, 'most')]).toEqual([1, 2, 3, 4]);
  expect([...coarserRows(rows.subarray(0, 9), 4, 'most')]).toEqual([1, 2, 3]);
});

test.each(['hilbert', 'linear'] as const)('the top of a %s pyramid is a cell a square or a row', (layout) => {
  const { parts } = place([{ title: '', cells: 300, runs: [] }], layout);
  const pyramid = new Pyramid(parts[0]!, new Uint16Array(300).fill(7), 'most');
  const top = pyramid.level(pyramid.top);
  expect(new Set(top)).toEqual(new Set([7]));
  expect(top.length).toBeLessThanOrEqual(3);
});
