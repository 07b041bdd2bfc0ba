import { describe, expect, test } from 'vitest';
import { drawMap, fit, marksOf, type MapDrawing } from '../../../../src/lib/viz/ram/draw-map.ts';
import { place } from '../../../../src/lib/viz/ram/placement.ts';
import { keyOf, type TileName } from '../../../../src/lib/viz/ram/tiles.ts';
import { CanvasLog } from '../../../support/canvas-log.ts';

const parts = [{ title: 'pc.ram', cells: 2 ** 18, runs: [{ cell: 0, page: 0, pages: 2 ** 18 }] }];
const placement = place(parts, 'hilbert');
const size = { width: 400, height: 400 };
const colours = {
  ...{ background: 'bg', border: 'border', text: 'text', accent: 'accent', inkDark: 'dark', inkLight: 'light' },
  font: ''
};
const image = (name: TileName) => keyOf(name) as unknown as HTMLCanvasElement;

function drawn(more: Partial<MapDrawing>) {
  const log = new CanvasLog();
  drawMap(log.context, size, {
    ...{ placement, titles: ['pc.ram'], tops: [9], view: fit(placement, size), ratio: 1, colours },
    ...{ tile: image, peek: image, cell: () => undefined, marks: [] },
    ...more
  });
  return log;
}

describe('the map', () => {
  test('as a whole is few coarse tiles, edge to edge', () => {
    const tiles = drawn({}).of('drawImage');
    expect(tiles.map((t) => t.image)).toEqual(['0 1 0 0']);
    expect(tiles[0]).toMatchObject({ x: 6, y: 6, width: 388, height: 388 });
  });

  test('shows coarser tiles under those that are not made yet', () => {
    const view = { x: 0, y: 0, scale: 1 };
    const log = drawn({
      view,
      tile: (n) => (n.tx === 0 ? image(n) : undefined),
      peek: (n) => (n.level === 3 ? image(n) : undefined)
    });
    expect(log.of('drawImage').map((t) => t.image)).toEqual(['0 3 0 0', '0 0 0 0', '0 0 0 1']);
  });

  test('neighbouring tiles meet at whole pixels', () => {
    const tiles = drawn({ view: { x: 3.3, y: 7.7, scale: 1.37 } }).of('drawImage');
    expect(tiles.length).toBeGreaterThan(1);
    for (const t of tiles) {
      for (const edge of [t.x, t.y, t.x + t.width, t.y + t.height]) expect(edge).toBe(Math.round(edge));
    }
    const right = tiles.find((t) => t.image === '0 0 1 0');
    const left = tiles.find((t) => t.image === '0 0 0 0');
    expect(left!.x + left!.width).toBe(right!.x);
  });

  test('close up has a line between pages and text in each, pale on dark', () => {
    const cell = ({ cell: at }: { cell: number }) => ({ lines: [`page ${at}`, 'zero'], dark: at === 0 });
    const log = drawn({ view: { x: 0, y: 0, scale: 100 }, cell });
    expect(log.texts.filter((t) => t === 'zero')).toHaveLength(16);
    const text = (wanted: string) => log.of('fillText').find((t) => t.text === wanted)?.style;
    expect([text('page 0'), text('page 1')]).toEqual(['light', 'dark']);
  });

  test('frames what is selected so that a page of less than a pixel is seen', () => {
    const log = drawn({ marks: [{ part: 0, first: 5, end: 6, look: 'selected' }] });
    const frame = log.of('strokeRect').find((r) => r.style === 'accent');
    expect(frame!.width).toBeGreaterThanOrEqual(7);
  });

  test('names a part only where the name hides little of it', () => {
    expect(drawn({}).texts).toContain('pc.ram');
    expect(drawn({ view: fit(placement, { width: 90, height: 90 }) }).texts).toEqual([]);
  });
});

test('a brush marks every part between its ends, in either direction', () => {
  const two = [parts[0]!, { title: 'b', cells: 10, runs: [] }];
  const none = { selectedSpot: undefined, hoveredSpot: undefined, activeItem: undefined };
  const [a, b] = [
    { part: 0, cell: 2 ** 18 - 4 },
    { part: 1, cell: 2 }
  ];
  const wanted = [
    { part: 0, first: 2 ** 18 - 4, end: 2 ** 18, look: 'brushed' },
    { part: 1, first: 0, end: 3, look: 'brushed' }
  ];
  expect(marksOf(two, { ...none, brush: [a, b] })).toEqual(wanted);
  expect(marksOf(two, { ...none, brush: [b, a] })).toEqual(wanted);
});
