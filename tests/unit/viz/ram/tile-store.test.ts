import { expect, test } from 'vitest';
import { place } from '../../../../src/lib/viz/ram/placement.ts';
import { Pyramid, VALUES } from '../../../../src/lib/viz/ram/pyramid.ts';
import { TileStore } from '../../../../src/lib/viz/ram/tile-store.ts';

const placement = place([{ title: '', cells: 2 ** 20, runs: [] }], 'hilbert');
const pyramid = new Pyramid(placement.parts[0]!, new Uint16Array(2 ** 20).fill(3), 'max');

test('tiles are made once, while there is time, and what is missing is counted', () => {
  let now = 0;
  let made = 0;
  const palette = Uint32Array.from({ length: VALUES }, (_, i) => i + 100);
  const make = () => {
    const canvas = { id: ++made, pixel: 0 };
    return { canvas, put: (pixels: Uint32Array) => (canvas.pixel = pixels[0]!) };
  };
  const store = new TileStore(placement, [pyramid], palette, make, () => now);
  const name = (tx: number) => ({ part: 0, level: 0, tx, ty: 0 });

  store.begin(5);
  expect(store.get(name(0))).toEqual({ id: 1, pixel: 103 });
  expect(store.get(name(0))?.id).toBe(1);
  now = 6;
  expect(store.get(name(1))).toBeUndefined();
  expect(store.get(name(0))?.id).toBe(1);
  expect(store.missing).toBe(1);
  expect(store.peek(name(1))).toBeUndefined();

  store.begin(5);
  expect(store.get(name(1))?.id).toBe(2);
  expect(store.missing).toBe(0);
  expect(store.get({ ...name(0), part: 7 })).toBeUndefined();
});
