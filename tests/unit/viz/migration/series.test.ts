import { expect, test } from 'vitest';
import { inView, mostOf, pixelColumns, seriesOf, valueAt } from '../../../../src/lib/viz/migration/series.ts';

const view = { start: 0, span: 100, width: 100 };

test('what is in view has one point beyond each edge', () => {
  const series = seriesOf([-50, -10, 10, 90, 150, 200].map((at) => [at, 1] as const));
  expect(inView(series, view)).toEqual([1, 5]);
  expect(inView(seriesOf([]), view)).toEqual([0, 0]);
});

test('points that share a pixel become the span of their values, joined to the value before', () => {
  const series = seriesOf([
    [48, 2] as const,
    ...[5, 9, 3, 4].map((value, i) => [50 + i / 10, value] as const),
    [51, 6]
  ]);
  expect(pixelColumns(series, view)).toEqual([48, 2, 2, 49, 2, 2, 50, 2, 9, 51, 4, 6]);
});

test('ten thousand points cost no more than a bar a pixel', () => {
  const series = seriesOf(Array.from({ length: 10_000 }, (_, i) => [i / 100, (i * 7919) % 101] as const));
  const drawn = pixelColumns(series, view);
  expect(drawn.length / 3).toBe(100);
  expect(Math.max(...drawn.filter((_, i) => i % 3 === 2))).toBe(100);
  expect(mostOf(series)).toBe(100);
  // From far beyond the left to far beyond the right.
  expect(
    pixelColumns(series, { start: 40, span: 1, width: 100 }).every(
      (_, i, all) => i % 3 > 0 || (all[i]! >= 0 && all[i]! < 100)
    )
  ).toBe(true);
});

test('a value holds until the next', () => {
  const series = seriesOf([
    [10, 1],
    [20, 2]
  ]);
  expect([5, 10, 19, 20, 99].map((at) => valueAt(series, at))).toEqual([undefined, 1, 1, 2, 2]);
  expect(mostOf(seriesOf([]))).toBe(0);
});
