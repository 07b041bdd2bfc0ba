/** A RAM map as tiles of pixels, made once a zoom level: panning and zooming only copies them. */
import { hilbertIndex } from './hilbert.ts';
import type { Placement, PlacedPart } from './placement.ts';
import { HOLE, type Pyramid } from './pyramid.ts';

/** Pixels a side. A tile takes a few milliseconds to make. */
export const TILE = 256;

export interface TileName {
  readonly part: number;
  readonly level: number;
  /** Position among the tiles of that level. */
  readonly tx: number;
  readonly ty: number;
}

export const keyOf = ({ part, level, tx, ty }: TileName): string => `${part} ${level} ${tx} ${ty}`;

/** What of the map is seen: `x`, `y` in cells at the canvas's corner, `scale` in CSS pixels a cell. */
export interface MapView {
  readonly x: number;
  readonly y: number;
  readonly scale: number;
}

/** The level at which a cell of the level is at least one device pixel. */
export const levelFor = (scale: number, ratio: number, top: number): number =>
  Math.min(top, Math.max(0, Math.ceil(-Math.log2(scale * ratio) - 1e-9)));

/** Size of a part in the cells of a level. */
export const levelSize = (part: PlacedPart, level: number): { readonly width: number; readonly height: number } => ({
  width: Math.ceil(part.width / 2 ** level),
  height: Math.ceil(part.height / 2 ** level)
});

/** Fills a tile: pixels as RGBA words of `palette`, which has a colour for each value. */
export function paintTile(
  pixels: Uint32Array,
  part: PlacedPart,
  pyramid: Pyramid,
  { level, tx, ty }: TileName,
  palette: Uint32Array
): void {
  const cells = pyramid.level(level);
  const order = part.order - level;
  const side = 2 ** order;
  const { width, height } = levelSize(part, level);
  const right = Math.min(width, (tx + 1) * TILE);
  const bottom = Math.min(height, (ty + 1) * TILE);
  pixels.fill(0);
  for (let y = ty * TILE; y < bottom; y++) {
    let at = (y - ty * TILE) * TILE;
    for (let x = tx * TILE; x < right; x++) {
      const cell =
        part.layout === 'linear' ? y * side + x : (x >>> order) * side * side + hilbertIndex(order, x & (side - 1), y);
      const value = cell < cells.length ? cells[cell]! : HOLE;
      // Behind the end there is nothing; a hole in between has its colour.
      pixels[at++] = cell < cells.length ? palette[value]! : 0;
    }
  }
}

/** The tiles that a view needs, nearest to its middle first. */
export function visibleTiles(
  placement: Placement,
  tops: readonly number[],
  view: MapView,
  size: { readonly width: number; readonly height: number },
  ratio: number
): TileName[] {
  const out: (TileName & { far: number })[] = [];
  const right = view.x + size.width / view.scale;
  const bottom = view.y + size.height / view.scale;
  placement.parts.forEach((part, index) => {
    if (part.x >= right || part.y >= bottom || part.x + part.width <= view.x || part.y + part.height <= view.y) return;
    const level = levelFor(view.scale, ratio, tops[index] ?? 0);
    const cells = TILE * 2 ** level;
    const from = (edge: number, start: number) => Math.max(0, Math.floor((edge - start) / cells));
    const to = (edge: number, start: number, length: number) =>
      Math.min(Math.ceil(length / cells), Math.ceil((edge - start) / cells));
    for (let ty = from(view.y, part.y); ty < to(bottom, part.y, part.height); ty++) {
      for (let tx = from(view.x, part.x); tx < to(right, part.x, part.width); tx++) {
        const middleX = part.x + (tx + 0.5) * cells - (view.x + right) / 2;
        const middleY = part.y + (ty + 0.5) * cells - (view.y + bottom) / 2;
        out.push({ part: index, level, tx, ty, far: Math.hypot(middleX, middleY) });
      }
    }
  });
  return out.sort((a, b) => a.far - b.far).map(({ part, level, tx, ty }) => ({ part, level, tx, ty }));
}

/** Keeps what was used last. */
export class Cache<T> {
  readonly #kept = new Map<string, T>();
  readonly #room: number;
  constructor(room: number) {
    this.#room = room;
  }
  get(key: string): T | undefined {
    const value = this.#kept.get(key);
    if (value !== undefined) {
      this.#kept.delete(key);
      this.#kept.set(key, value);
    }
    return value;
  }
  set(key: string, value: T): void {
    this.#kept.set(key, value);
    if (this.#kept.size > this.#room) this.#kept.delete(this.#kept.keys().next().value!);
  }
  clear(): void {
    this.#kept.clear();
  }
}
