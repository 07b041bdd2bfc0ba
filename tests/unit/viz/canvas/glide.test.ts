import { describe, expect, test } from 'vitest';
import { between, ease } from '../../../../src/lib/viz/canvas/glide.ts';

describe('a frame between two others', () => {
  test('begins and ends with them', () => {
    expect(between([1, 2, 10], [5, 6, 40], 0)).toEqual([1, 2, 10]);
    expect(between([1, 2, 10], [5, 6, 40], 1)).toEqual([5, 6, 40]);
  });
  test('moves evenly while only panning', () => {
    expect(between([0, 10], [100, 10], 0.25)).toEqual([25, 10]);
  });
  test('keeps the point that does not move where it is while zooming', () => {
    // 30 units a pixel become 3; the unit at pixel 7 stays.
    const from = [100, 30];
    const to = [100 + 7 * 30 - 7 * 3, 3];
    for (const e of [0.1, 0.5, 0.9]) {
      const [start, step] = between(from, to, e) as [number, number];
      expect(start + 7 * step).toBeCloseTo(100 + 7 * 30, 9);
    }
  });
});

test('easing goes from 0 to 1, fast at first, and never beyond', () => {
  expect([ease(0), ease(1), ease(2), ease(-1)]).toEqual([0, 1, 1, 0]);
  expect(ease(0.5)).toBeGreaterThan(0.8);
});
