import { describe, expect, test } from 'vitest';
import {
  bounded,
  focused,
  offsetAt,
  snapped,
  ticks,
  whole,
  xOf,
  zoomed,
  type StreamView
} from '../../../../src/lib/viz/timeline/stream-view.ts';

const MiB = 2 ** 20;
const view: StreamView = { start: 4 * MiB, span: 8 * MiB, width: 800 };

test('pixels and offsets are each other’s inverse', () => {
  expect(xOf(view, 4 * MiB)).toBe(0);
  expect(xOf(view, 12 * MiB)).toBe(800);
  expect(offsetAt(view, 400)).toBe(8 * MiB);
  expect(offsetAt(view, xOf(view, 5_000_001))).toBeCloseTo(5_000_001, 6);
});

describe('zooming', () => {
  test('leaves what is under the pointer there', () => {
    const under = offsetAt(view, 300);
    const nearer = zoomed(view, 2, 300, 16 * MiB);
    expect(nearer.span).toBe(4 * MiB);
    expect(offsetAt(nearer, 300)).toBeCloseTo(under, 3);
  });

  test('ends at the whole stream and at some bytes', () => {
    expect(zoomed(view, 1e-9, 0, 16 * MiB)).toEqual(whole(16 * MiB, 800));
    expect(zoomed(view, 1e12, 400, 16 * MiB).span).toBe(64);
  });
});

test('panning ends a little beyond the edges', () => {
  const { start } = bounded({ ...view, start: -100 * MiB }, 16 * MiB);
  expect(start).toBeLessThan(0);
  expect(start).toBeGreaterThan(-MiB);
  const far = bounded({ ...view, start: 100 * MiB }, 16 * MiB);
  expect(far.start + far.span).toBeLessThan(17 * MiB);
});

test('a span is focused with room on both sides, a single byte too', () => {
  const at = focused(5 * MiB, 6 * MiB, 800, 16 * MiB);
  expect(at.start).toBeLessThan(5 * MiB);
  expect(at.start + at.span).toBeGreaterThan(6 * MiB);
  expect(focused(100, 101, 800, 16 * MiB).span).toBe(64);
});

test('an empty stream has a view', () => {
  expect(whole(0, 100).span).toBeGreaterThan(0);
  expect(ticks(whole(0, 100), 0).map((t) => t.label)).toEqual(['0x0']);
});

describe('ticks', () => {
  test('are powers of two apart, with room for their labels', () => {
    const found = ticks(view, 16 * MiB);
    expect(found.map((t) => t.label)).toEqual([
      '4 MiB',
      '5 MiB',
      '6 MiB',
      '7 MiB',
      '8 MiB',
      '9 MiB',
      '10 MiB',
      '11 MiB',
      '12 MiB'
    ]);
    expect(xOf(view, found[1]!.offset) - xOf(view, found[0]!.offset)).toBeGreaterThanOrEqual(90);
  });

  test('are offsets in hex when bytes can be told apart', () => {
    const labels = ticks({ start: 0x1000, span: 128, width: 800 }, MiB).map((t) => t.label);
    expect(labels.slice(0, 3)).toEqual(['0x1000', '0x1010', '0x1020']);
  });

  test('end where the stream does', () => {
    expect(ticks(view, 6 * MiB).at(-1)?.label).toBe('6 MiB');
  });
});

test('an offset snaps to an edge a few pixels away and to none farther off', () => {
  const edges = [0, MiB, 5 * MiB, 5 * MiB + 100];
  const pixel = view.span / view.width;
  expect(snapped(5 * MiB - 5 * pixel, edges, view)).toBe(5 * MiB);
  expect(snapped(5 * MiB + 90, edges, view)).toBe(5 * MiB + 100);
  expect(snapped(6 * MiB, edges, view)).toBe(6 * MiB);
  expect(snapped(7, [], view)).toBe(7);
});
