import { describe, expect, test } from 'vitest';
import type { Part } from '../../../../src/lib/viz/ram/arrangement.ts';
import { commonest, itemsInView } from '../../../../src/lib/viz/ram/map-items.ts';
import { place } from '../../../../src/lib/viz/ram/placement.ts';

const part = (cells: number): Part => ({ title: '', cells, runs: [{ cell: 0, page: 0, pages: cells }] });
const parts = [part(2 ** 20), part(64)];

describe.each(['hilbert', 'linear'] as const)('the items of a %s map', (layout) => {
  const placement = place(parts, layout);
  const whole = { x: 0, y: 0, width: placement.width, height: placement.height };

  test('are stretches that together are everything, when everything is in view', () => {
    const items = itemsInView(parts, placement, whole);
    expect(items.length).toBeLessThanOrEqual(1100);
    expect(items.reduce((sum, i) => sum + i.end - i.first, 0)).toBe(2 ** 20 + 64);
  });

  test('are single pages when few are in view', () => {
    const items = itemsInView(parts, placement, { x: 10.2, y: 20.3, width: 4, height: 3 });
    expect(items.every((i) => i.end - i.first === 1)).toBe(true);
    expect(items).toHaveLength(5 * 4);
  });

  test('are none where nothing is', () => {
    expect(itemsInView(parts, placement, { x: -50, y: -50, width: 10, height: 10 })).toEqual([]);
  });
});

test('the values of a stretch are counted, the commonest first, holes left out', () => {
  const holed: Part = {
    title: '',
    cells: 8,
    runs: [
      { cell: 0, page: 0, pages: 3 },
      { cell: 6, page: 3, pages: 2 }
    ]
  };
  expect(commonest(holed, Uint8Array.of(2, 1, 1, 1, 2), 1, 8)).toEqual([
    { value: 1, pages: 3 },
    { value: 2, pages: 1 }
  ]);
});
