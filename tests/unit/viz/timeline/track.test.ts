import { describe, expect, test } from 'vitest';
import type { StreamView } from '../../../../src/lib/viz/timeline/stream-view.ts';
import { eachInView, itemAt, itemsInView, neighbour, type TrackItem } from '../../../../src/lib/viz/timeline/track.ts';

const item = (start: number, end: number): TrackItem => ({
  ...{ start, end, text: `${start}`, token: '--text' },
  selection: { kind: 'range', start, end }
});
const items = [item(0, 100), item(100, 101), item(500, 700), item(900, 900)];
/** A pixel a byte. */
const view: StreamView = { start: 0, span: 1000, width: 1000 };

describe('what is under a pixel', () => {
  test('is the item that holds the offset', () => {
    expect(itemAt(items, view, 50)).toBe(items[0]);
    expect(itemAt(items, view, 699)).toBe(items[2]);
    expect(itemAt(items, view, 300)).toBeUndefined();
  });
  test('is the nearest one when what is there is too small to hit', () => {
    expect(itemAt(items, view, 902)).toBe(items[3]);
    expect(itemAt(items, view, 898)).toBe(items[3]);
    expect(itemAt(items, view, 100.5)).toBe(items[1]);
    expect(itemAt([], view, 10)).toBeUndefined();
  });
});

test('the next item is the one that begins behind an offset, the one before begins ahead of it', () => {
  expect(neighbour(items, 0, 1)).toBe(items[1]);
  expect(neighbour(items, 100, 1)).toBe(items[2]);
  expect(neighbour(items, 900, 1)).toBeUndefined();
  expect(neighbour(items, 500, -1)).toBe(items[1]);
  expect(neighbour(items, -1, 1)).toBe(items[0]);
  expect(neighbour(items, 0, -1)).toBeUndefined();
});

test('only items in view are looked at', () => {
  expect(itemsInView(items, { start: 600, span: 100, width: 10 })).toEqual([2, 3]);
  expect(itemsInView(items, { start: 200, span: 100, width: 10 })).toEqual([2, 2]);
});

describe('drawing many items', () => {
  const many = Array.from({ length: 100_000 }, (_, i) => item(i * 10, i * 10 + 10));

  test('costs no more than the pixels there are', () => {
    const all: StreamView = { start: 0, span: 1_000_000, width: 500 };
    let visits = 0;
    const seen = new Set<number>();
    eachInView(many, all, (_, left) => {
      visits++;
      seen.add(Math.floor(left));
    });
    expect(visits).toBeLessThanOrEqual(1002);
    for (let x = 0; x < 500; x++) expect(seen.has(x)).toBe(true);
  });

  test('leaves none out when each has room', () => {
    const near: StreamView = { start: 1000, span: 100, width: 500 };
    const found: number[] = [];
    eachInView(many, near, (i, left, right) => {
      found.push(i.start);
      expect(right - left).toBeGreaterThan(0);
    });
    expect(found.filter((s) => s >= 1000 && s < 1100)).toEqual([...Array(10)].map((_, i) => 1000 + i * 10));
  });
});
