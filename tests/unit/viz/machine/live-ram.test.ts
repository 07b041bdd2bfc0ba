import { expect, test } from 'vitest';
import { cellsOf, liveMap, pageAt, paintPart, paletteOf } from '../../../../src/lib/viz/machine/live-ram.ts';

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

test('each page has its pixel, and is found again at its place', () => {
  const map = liveMap(view(DATA, DATA | WRITTEN));
  const cells = [cellsOf(map.placement, 0)];
  expect(new Set(cells[0]).size).toBe(64);
  const part = map.placement.parts[0]!;
  const words = new Uint32Array(part.width * part.height);
  paintPart(
    map.values[0]!,
    cells[0]!,
    Uint32Array.from({ length: 52 }, (_, n) => n + 1),
    words
  );
  expect(words[cells[0]![1]!]).toBe(2 * 13 + 12 + 1);
  const next = liveMap(view(DATA, DATA), map);
  words.fill(0);
  const cell = cells[0]![1]!;
  const palette = Uint32Array.from({ length: 52 }, (_, n) => n + 1);
  expect(paintPart(next.values[0]!, cells[0]!, palette, words, map.values[0])).toEqual([cell, cell]);
  expect(words.filter((word) => word !== 0)).toEqual(Uint32Array.of(2 * 13 + 11 + 1));
  const [x, y] = [cells[0]![1]! % part.width, Math.floor(cells[0]![1]! / part.width)];
  expect(pageAt(map, part.x + x + 0.5, part.y + y + 0.5, cells)).toBe('pc.ram +0x1000: data, written lately');
  expect(pageAt(map, -1, -1, cells)).toBeUndefined();
});

test('the palette mixes what a page holds with the glow', () => {
  const palette = paletteOf((token) => (token === '--kind-mapped' ? '#ff0000' : '#0000ff'));
  expect([palette[0], palette[12], palette.length]).toEqual([0xffff0000, 0xff0000ff, 52]);
});
