import { describe, expect, test } from 'vitest';
import { place, pointOf } from '../../../../src/lib/viz/ram/placement.ts';
import { HOLE, Pyramid, VALUES } from '../../../../src/lib/viz/ram/pyramid.ts';
import { Cache, levelFor, levelSize, paintTile, TILE, visibleTiles } from '../../../../src/lib/viz/ram/tiles.ts';

const palette = Uint32Array.from({ length: VALUES }, (_, value) => (value === HOLE ? 0 : 0xff000000 + value));

describe.each(['hilbert', 'linear'] as const)('tiles of a %s part', (layout) => {
  const cells = 200_000;
  const { parts } = place([{ title: '', cells, runs: [] }], layout);
  const part = parts[0]!;
  const values = Uint16Array.from({ length: cells }, (_, i) => i % 251);
  const pyramid = new Pyramid(part, values, 'max');

  test('show every cell at its point', () => {
    const pixels = new Uint32Array(TILE * TILE);
    const { width, height } = levelSize(part, 0);
    let shown = 0;
    for (let ty = 0; ty * TILE < height; ty++) {
      for (let tx = 0; tx * TILE < width; tx++) {
        paintTile(pixels, part, pyramid, { part: 0, level: 0, tx, ty }, palette);
        shown += pixels.reduce((n, p) => n + (p === 0 ? 0 : 1), 0);
        for (const cell of [0, 1, 65_535, 65_536, 131_071, 199_999]) {
          const { x, y } = pointOf(part, cell);
          if (Math.floor(x / TILE) !== tx || Math.floor(y / TILE) !== ty) continue;
          expect(pixels[(y % TILE) * TILE + (x % TILE)]).toBe(palette[cell % 251]);
        }
      }
    }
    expect(shown).toBe(cells);
  });

  test('of a coarser level show what the cells under a pixel became', () => {
    const pixels = new Uint32Array(TILE * TILE);
    paintTile(pixels, part, pyramid, { part: 0, level: 2, tx: 0, ty: 0 }, palette);
    // The pixel at the corner stands for 4 × 4 cells: on the curve the first 16, in rows those at the left of four.
    const side = 2 ** part.order;
    const under =
      layout === 'hilbert'
        ? values.subarray(0, 16)
        : [0, 1, 2, 3].flatMap((row) => [...values.subarray(row * side, row * side + 4)]);
    expect(pixels[0]).toBe(palette[Math.max(...under)]);
  });
});

test('the level is the finest whose cells are no smaller than a pixel of the display', () => {
  expect(levelFor(4, 1, 9)).toBe(0);
  expect(levelFor(1, 1, 9)).toBe(0);
  expect(levelFor(0.5, 1, 9)).toBe(1);
  expect(levelFor(0.5, 2, 9)).toBe(0);
  expect(levelFor(0.3, 1, 9)).toBe(2);
  expect(levelFor(1e-6, 1, 9)).toBe(9);
});

test('only tiles in view are asked for, those in the middle first', () => {
  const placement = place([{ title: '', cells: 2 ** 22, runs: [] }], 'hilbert');
  const all = visibleTiles(placement, [11], { x: 0, y: 0, scale: 1 }, { width: 2048, height: 2048 }, 1);
  expect(all.length).toBe(64);
  const some = visibleTiles(placement, [11], { x: 600, y: 300, scale: 2 }, { width: 800, height: 600 }, 1);
  expect(new Set(some.map((t) => `${t.tx},${t.ty}`))).toEqual(new Set(['2,1', '3,1', '2,2', '3,2']));
  const whole = visibleTiles(placement, [11], { x: 0, y: 0, scale: 0.1 }, { width: 300, height: 300 }, 1);
  expect(whole).toEqual([{ part: 0, level: 4, tx: 0, ty: 0 }]);
  expect(visibleTiles(placement, [11], { x: 5000, y: 0, scale: 1 }, { width: 99, height: 99 }, 1)).toEqual([]);
});

test('a cache forgets what was not used for longest', () => {
  const cache = new Cache<number>(2);
  cache.set('a', 1);
  cache.set('b', 2);
  cache.get('a');
  cache.set('c', 3);
  expect([cache.get('a'), cache.get('b'), cache.get('c')]).toEqual([1, undefined, 3]);
});
