/** The RAM map as a list: the pages in view, or when they are many, stretches of them. */
import type { Part } from './arrangement.ts';
import { coverOf, type Placement, type Rect } from './placement.ts';

/** Cells [first, end) of a part. */
export interface MapItem {
  readonly part: number;
  readonly first: number;
  readonly end: number;
}

/** More than this many items nobody walks through. */
const MOST_ITEMS = 1024;

/** What is in view, in the order of the cells; stretches are powers of four long, as the curve's squares are. */
export function itemsInView(parts: readonly Part[], placement: Placement, seen: Rect): MapItem[] {
  const inView = placement.parts.map(
    (part) => (overlap(part.x, part.width, seen.x, seen.width) * overlap(part.y, part.height, seen.y, seen.height)) | 0
  );
  const cells = inView.reduce((a, b) => a + b, 0);
  let length = 1;
  while (cells / length > MOST_ITEMS) length *= 4;
  const items: MapItem[] = [];
  for (const [index, { cells: all }] of parts.entries()) {
    const part = placement.parts[index]!;
    if (!inView[index]) continue;
    // Stretches that are not in view are not looked into.
    const visit = (first: number, size: number): void => {
      const end = Math.min(all, first + size);
      if (first >= end || !coverOf(part, first, end).some((r) => intersects(r, seen))) return;
      if (size === length) items.push({ part: index, first, end });
      else for (let i = 0; i < 4; i++) visit(first + (i * size) / 4, size / 4);
    };
    let size = length;
    while (size < all) size *= 4;
    visit(0, size);
  }
  return items;
}

const overlap = (a: number, aLength: number, b: number, bLength: number): number =>
  Math.max(0, Math.min(a + aLength, b + bLength) - Math.max(a, b));

const intersects = (a: Rect, b: Rect): boolean =>
  overlap(a.x, a.width, b.x, b.width) > 0 && overlap(a.y, a.height, b.y, b.height) > 0;

/** How many of the cells [first, end) have each value, the commonest first; holes are left out. */
export function commonest(
  part: Part,
  column: Uint8Array,
  first: number,
  end: number
): { readonly value: number; readonly pages: number }[] {
  const counts = new Map<number, number>();
  for (const run of part.runs) {
    const from = Math.max(first, run.cell);
    const to = Math.min(end, run.cell + run.pages);
    for (let cell = from; cell < to; cell++) {
      const value = column[run.page + cell - run.cell]!;
      counts.set(value, (counts.get(value) ?? 0) + 1);
    }
  }
  return [...counts].map(([value, pages]) => ({ value, pages })).sort((a, b) => b.pages - a.pages);
}
