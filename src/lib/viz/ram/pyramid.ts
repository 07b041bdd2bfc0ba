/**
 * The values of a part's cells, and coarser ones for zooming out: one cell of level n stands for 2^n × 2^n cells. On a
 * Hilbert curve those are neighbours, so that every level is made from the one below in a single pass.
 */
import type { Part } from './arrangement.ts';
import type { PlacedPart } from './placement.ts';

/** No page: a hole in guest-physical memory, or behind the last cell. */
export const HOLE = 256;
/** Added to the value of pages that a filter leaves out. */
export const DIM = 512;
/** Values are below this. */
export const VALUES = 1024;

/** How four cells become one: the commonest value, the mean, or the greatest. */
export type Reduction = 'most' | 'mean' | 'max';

/** Values in the order of the cells. `lit`: non-zero for the pages that a filter lets through. */
export function cellValues(part: Part, column: Uint8Array, lit?: Uint8Array): Uint16Array {
  const cells = new Uint16Array(part.cells).fill(HOLE);
  for (const { cell, page, pages } of part.runs) {
    cells.set(column.subarray(page, page + pages), cell);
    if (!lit) continue;
    for (let i = 0; i < pages; i++) if (lit[page + i] === 0) cells[cell + i]! |= DIM;
  }
  return cells;
}

export class Pyramid {
  readonly #levels: Uint16Array[];
  readonly #part: PlacedPart;
  readonly #reduction: Reduction;

  constructor(part: PlacedPart, cells: Uint16Array, reduction: Reduction) {
    this.#part = part;
    this.#levels = [cells];
    this.#reduction = reduction;
  }

  /** The coarsest level: a cell a square or a row. */
  get top(): number {
    return this.#part.order;
  }

  level(n: number): Uint16Array {
    for (let have = this.#levels.length; have <= n; have++) {
      const below = this.#levels[have - 1]!;
      const linear = this.#part.layout === 'linear' ? 2 ** (this.#part.order - have + 1) : undefined;
      this.#levels.push(
        linear === undefined ? coarserCurve(below, this.#reduction) : coarserRows(below, linear, this.#reduction)
      );
    }
    return this.#levels[n]!;
  }
}

/** Four in a row become one. */
export function coarserCurve(below: Uint16Array, reduction: Reduction): Uint16Array {
  const out = new Uint16Array(Math.ceil(below.length / 4));
  const whole = below.length >>> 2;
  for (let i = 0, at = 0; i < whole; i++, at += 4) {
    const a = below[at]!;
    // Most of memory is of one kind.
    if (a === below[at + 1] && a === below[at + 2] && a === below[at + 3]) out[i] = a;
    else out[i] = reduce(a, below[at + 1]!, below[at + 2]!, below[at + 3]!, reduction);
  }
  if (whole < out.length) {
    const at = whole * 4;
    out[whole] = reduce(below[at]!, below[at + 1] ?? HOLE, below[at + 2] ?? HOLE, HOLE, reduction);
  }
  return out;
}

/** Two by two become one; rows are `width` cells long, a power of two of at least two. */
export function coarserRows(below: Uint16Array, width: number, reduction: Reduction): Uint16Array {
  const half = width / 2;
  const rows = Math.ceil(below.length / width / 2);
  // A single row that is left over may be shorter.
  const last = Math.min(half, Math.ceil((below.length - (rows - 1) * 2 * width) / 2));
  const out = new Uint16Array((rows - 1) * half + last);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < (row < rows - 1 ? half : last); column++) {
      const at = row * 2 * width + column * 2;
      out[row * half + column] = reduce(
        below[at] ?? HOLE,
        below[at + 1] ?? HOLE,
        below[at + width] ?? HOLE,
        below[at + width + 1] ?? HOLE,
        reduction
      );
    }
  }
  return out;
}

const four = new Uint16Array(4);

/** One value for four. Holes do not count, and dim ones only among themselves: what is lit stays to be seen. */
export function reduce(a: number, b: number, c: number, d: number, reduction: Reduction): number {
  let n = 0;
  let dim = DIM;
  for (let pass = 0; pass < 2 && n === 0; pass++) {
    dim = pass === 0 ? 0 : DIM;
    if ((a & DIM) === dim && (a & HOLE) === 0) four[n++] = a;
    if ((b & DIM) === dim && (b & HOLE) === 0) four[n++] = b;
    if ((c & DIM) === dim && (c & HOLE) === 0) four[n++] = c;
    if ((d & DIM) === dim && (d & HOLE) === 0) four[n++] = d;
  }
  if (n === 0) return HOLE;
  if (reduction === 'max') {
    let most = 0;
    for (let i = 0; i < n; i++) most = Math.max(most, four[i]!);
    return most;
  }
  if (reduction === 'mean') {
    let sum = 0;
    for (let i = 0; i < n; i++) sum += four[i]! & 0xff;
    return dim | Math.round(sum / n);
  }
  // The commonest; of two equally common ones the greater, so that what was sent wins over what was not.
  let best = 0;
  let bestCount = 0;
  for (let i = 0; i < n; i++) {
    let count = 0;
    for (let j = 0; j < n; j++) if (four[j] === four[i]) count++;
    if (count > bestCount || (count === bestCount && four[i]! > best)) {
      best = four[i]!;
      bestCount = count;
    }
  }
  return best;
}
