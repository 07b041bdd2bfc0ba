import { expect, test } from 'vitest';
import { densityRequest } from '../../../../src/lib/viz/timeline/density-request.ts';

const GiB = 2 ** 30;
const view = { start: GiB, span: 64 << 20, width: 1000 };

test('a request holds the view with as much again on both sides, in buckets of about two pixels', () => {
  const { start, end, buckets } = densityRequest(view, 4 * GiB);
  expect(start).toBeLessThanOrEqual(view.start - view.span);
  expect(end).toBeGreaterThanOrEqual(view.start + 2 * view.span);
  const pixels = ((end - start) / buckets / view.span) * view.width;
  expect(pixels).toBeGreaterThanOrEqual(2);
  expect(pixels).toBeLessThan(4);
});

test('panning a little asks for the same', () => {
  const asked = new Set<string>();
  for (let by = 0; by < 100; by++)
    asked.add(JSON.stringify(densityRequest({ ...view, start: GiB + by * 65536 }, 4 * GiB)));
  expect(asked.size).toBeLessThanOrEqual(2);
});

test('the stream is not asked for what it does not have', () => {
  const { start, end } = densityRequest({ start: -100, span: 1000, width: 100 }, 900);
  expect(start).toBe(0);
  expect(end).toBeGreaterThanOrEqual(900);
  expect(densityRequest({ start: 0, span: 64, width: 1 }, 0).buckets).toBeGreaterThan(0);
});
