/** Where the cells of a RAM map lie: every part a strip of Hilbert squares, or rows as in a book. Units are cells. */
import { hilbertCell, hilbertIndex } from './hilbert.ts';
import type { Part, Spot } from './arrangement.ts';

export type Layout = 'hilbert' | 'linear';

export interface PlacedPart {
  readonly layout: Layout;
  readonly cells: number;
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
  /** Hilbert: squares of 2^order cells a side in a row. Linear: rows of 2^order cells. */
  readonly order: number;
}

export interface Placement {
  readonly parts: readonly PlacedPart[];
  readonly width: number;
  readonly height: number;
}

/** A strip of squares wastes less than one big square does; more than three make it too long. */
const MOST_SQUARES = 3;

function hilbertShape(cells: number): Pick<PlacedPart, 'layout' | 'width' | 'height' | 'order'> {
  let order = 0;
  while (MOST_SQUARES * 4 ** order < cells) order++;
  const side = 2 ** order;
  return { layout: 'hilbert', order, width: side * Math.ceil(cells / 4 ** order), height: side };
}

function linearShape(cells: number, order: number): Pick<PlacedPart, 'layout' | 'width' | 'height' | 'order'> {
  const width = 2 ** order;
  return { layout: 'linear', order, width: Math.min(width, cells), height: Math.ceil(cells / width) };
}

/** Lays the parts out: Hilbert ones packed beside the largest, linear ones below each other. */
export function place(parts: readonly Part[], layout: Layout): Placement {
  return layout === 'linear' ? placeLinear(parts) : placeHilbert(parts);
}

function placeLinear(parts: readonly Part[]): Placement {
  const total = parts.reduce((sum, p) => sum + p.cells, 0);
  const order = Math.max(0, Math.round(Math.log2(Math.sqrt(2 * Math.max(1, total)))));
  const gap = 1 + Math.floor(2 ** order / 64);
  let y = 0;
  let width = 0;
  const placed = parts.map(({ cells }) => {
    const part = { ...linearShape(cells, order), cells, x: 0, y };
    y += part.height + gap;
    width = Math.max(width, part.width);
    return part;
  });
  return { parts: placed, width: Math.max(1, width), height: Math.max(1, y - gap) };
}

function placeHilbert(parts: readonly Part[]): Placement {
  const shapes = parts.map((p) => ({ ...hilbertShape(p.cells), cells: p.cells }));
  const height = Math.max(1, ...shapes.map((s) => s.height));
  const gap = 1 + Math.floor(height / 32);
  const placed = new Array<PlacedPart>(parts.length);
  // Tallest first, each column filled from the top; equal ones stay in order.
  const order = shapes.map((_, i) => i).sort((a, b) => shapes[b]!.height - shapes[a]!.height || a - b);
  let x = 0;
  let y = 0;
  let column = 0;
  for (const i of order) {
    const shape = shapes[i]!;
    if (y > 0 && y + shape.height > height) {
      x += column + gap;
      y = column = 0;
    }
    placed[i] = { ...shape, x, y };
    y += shape.height + gap;
    column = Math.max(column, shape.width);
  }
  return { parts: placed, width: Math.max(1, x + column), height };
}

/** The cell at a point inside a part, relative to the part's corner; may lie behind its last cell. */
export function cellAt(part: PlacedPart, x: number, y: number): number {
  const side = 2 ** part.order;
  if (part.layout === 'linear') return y * side + x;
  return Math.floor(x / side) * side * side + hilbertIndex(part.order, x % side, y);
}

/** Corner of a cell, in the units of the whole map. */
export function pointOf(part: PlacedPart, cell: number): { readonly x: number; readonly y: number } {
  const side = 2 ** part.order;
  if (part.layout === 'linear') return { x: part.x + (cell % side), y: part.y + Math.floor(cell / side) };
  const square = Math.floor(cell / (side * side));
  const inside = hilbertCell(part.order, cell % (side * side));
  return { x: part.x + square * side + (inside % side), y: part.y + Math.floor(inside / side) };
}

/** Middle of a cell, in the units of the whole map. */
export function middleOf(part: PlacedPart, cell: number): { readonly x: number; readonly y: number } {
  const { x, y } = pointOf(part, cell);
  return { x: x + 0.5, y: y + 0.5 };
}

export interface Rect {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** The rectangles that cells [first, end) of a part fill, without overlap. */
export function coverOf(part: PlacedPart, first: number, end: number): Rect[] {
  const out: Rect[] = [];
  const side = 2 ** part.order;
  for (let cell = first; cell < end;) {
    const { x, y } = pointOf(part, cell);
    let width = 1;
    let height = 1;
    if (part.layout === 'hilbert') {
      while (width < side && cell % (4 * width * width) === 0 && cell + 4 * width * width <= end) width *= 2;
      height = width;
    } else {
      const rows = x === part.x ? Math.floor((end - cell) / side) : 0;
      width = rows > 0 ? side : Math.min(end - cell, side - (cell % side));
      height = Math.max(1, rows);
    }
    // The curve enters an aligned square at one of its corners.
    const corner = (at: number, start: number) => start + Math.floor((at - start) / width) * width;
    out.push(
      part.layout === 'hilbert'
        ? { x: corner(x, part.x), y: corner(y, part.y), width, height }
        : { x, y, width, height }
    );
    cell += width * height;
  }
  return out;
}

/** The cell under a point of the map; undefined between parts and behind their ends. */
export function spotAt(placement: Placement, x: number, y: number): Spot | undefined {
  for (const [index, part] of placement.parts.entries()) {
    const [inX, inY] = [Math.floor(x) - part.x, Math.floor(y) - part.y];
    if (inX < 0 || inY < 0 || inX >= part.width || inY >= part.height) continue;
    const cell = cellAt(part, inX, inY);
    return cell < part.cells ? { part: index, cell } : undefined;
  }
  return undefined;
}
