import { expect, test } from 'vitest';
import { mostOf, pixelPoints, seriesOf, valueAt } from '../../../../src/lib/viz/migration/series.ts';

const view = { start: 0, span: 100, width: 100 };

test('few points stay as they are, with one beyond each edge', () => {
  const series = seriesOf([
    [-50, 1],
    [-10, 2],
    [10, 3],
    [90, 4],
    [150, 5],
    [200, 6]
  ]);
  expect(pixelPoints(series, view)).toEqual([-10, 2, 10, 3, 90, 4, 150, 5]);
});

test('of those that share a pixel the first, least, greatest and last stay, in their order', () => {
  const series = seriesOf([5, 9, 1, 4, 3].map((value, i) => [50 + i / 10, value] as const));
  expect(pixelPoints(series, view)).toEqual([50, 5, 50.1, 9, 50.2, 1, 50.4, 3]);
});

test('ten thousand points cost no more than four a pixel', () => {
  const series = seriesOf(Array.from({ length: 10_000 }, (_, i) => [i / 100, (i * 7919) % 101] as const));
  const drawn = pixelPoints(series, view);
  expect(drawn.length / 2).toBeLessThanOrEqual(4 * 101);
  expect(Math.max(...drawn.filter((_, i) => i % 2 === 1))).toBe(100);
  expect(mostOf(series)).toBe(100);
});

test('a value holds until the next', () => {
  const series = seriesOf([
    [10, 1],
    [20, 2]
  ]);
  expect([5, 10, 19, 20, 99].map((at) => valueAt(series, at))).toEqual([undefined, 1, 1, 2, 2]);
  expect(mostOf(seriesOf([]))).toBe(0);
});
