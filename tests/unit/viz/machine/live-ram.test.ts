import { expect, test } from 'vitest';
import { liveMap, pageAt, paletteOf } from '../../../../src/lib/viz/machine/live-ram.ts';
import { cellsOf } from '../../../../src/lib/viz/ram/page-pictures.ts';

const ZERO = 1;
const DATA = 2;
const WRITTEN = 4;
const view = (...pages: readonly number[]) => [
  { idstr: 'pc.ram', pages: Uint8Array.from({ length: 64 }, (_, n) => pages[n] ?? ZERO) },
  { idstr: 'small.rom', pages: new Uint8Array(4) }
];

test('what was written glows, and cools down look by look', () => {
  const first = liveMap(view(DATA | WRITTEN, DATA));
  expect(first.parts.map((p) => p.title)).toEqual(['pc.ram']);
  expect(first.unknown).toBe(0);
  expect([first.written, first.values[0]![0], first.values[0]![1], first.values[0]![2]]).toEqual([
    1,
    2 * 13 + 12,
    26,
    13
  ]);
  const second = liveMap(view(DATA, DATA | WRITTEN), first);
  expect([second.values[0]![0], second.values[0]![1]]).toEqual([2 * 13 + 11, 2 * 13 + 12]);
  expect(second.placement).toBe(first.placement);
  let map = second;
  for (let n = 0; n < 20; n++) map = liveMap(view(DATA, DATA), map);
  expect(map.values[0]![0]).toBe(26);
  const views = view(DATA, DATA);
  const settled = liveMap(views, map);
  expect(settled.values[0]).toBe(map.values[0]);
  expect(liveMap(views, settled)).toBe(settled);
});

test('a page is found again at its place', () => {
  const map = liveMap(view(DATA, DATA | WRITTEN));
  const part = map.placement.parts[0]!;
  const cell = cellsOf(part)[1]!;
  const [x, y] = [cell % part.width, Math.floor(cell / part.width)];
  expect(pageAt(map, part.x + x + 0.5, part.y + y + 0.5)).toBe('pc.ram +0x1000: data, written lately');
  expect(pageAt(map, -1, -1)).toBeUndefined();
});

test('the palette mixes what a page holds with the glow', () => {
  const palette = paletteOf((token) => (token === '--kind-mapped' ? '#ff0000' : '#0000ff'));
  expect([palette[0], palette[12], palette.length]).toEqual([0xffff0000, 0xff0000ff, 52]);
});
