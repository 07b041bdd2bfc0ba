/** Makes the tiles of one colouring of one placement when they are wanted, a few milliseconds of them a frame. */
import type { Placement } from './placement.ts';
import type { Pyramid } from './pyramid.ts';
import { Cache, keyOf, paintTile, TILE, type TileName } from './tiles.ts';

/** 128 MiB of pixels at most. */
const ROOM = 512;

export interface TileCanvas<C> {
  readonly canvas: C;
  /** Puts TILE × TILE RGBA words onto it. */
  put(pixels: Uint32Array<ArrayBuffer>): void;
}

export class TileStore<C> {
  readonly #placement: Placement;
  readonly #pyramids: readonly Pyramid[];
  readonly #palette: Uint32Array;
  readonly #make: () => TileCanvas<C>;
  readonly #clock: () => number;
  readonly #cache = new Cache<C>(ROOM);
  readonly #pixels = new Uint32Array(TILE * TILE);
  #deadline = 0;
  /** Tiles that were wanted since `begin` and not made. */
  missing = 0;

  constructor(
    placement: Placement,
    pyramids: readonly Pyramid[],
    palette: Uint32Array,
    make: () => TileCanvas<C>,
    clock: () => number = () => performance.now()
  ) {
    this.#placement = placement;
    this.#pyramids = pyramids;
    this.#palette = palette;
    this.#make = make;
    this.#clock = clock;
  }

  /** A new frame, with so many ms for making tiles. */
  begin(budget: number): void {
    this.#deadline = this.#clock() + budget;
    this.missing = 0;
  }

  /** The tile, made now if there is time. */
  get(name: TileName): C | undefined {
    const key = keyOf(name);
    const kept = this.#cache.get(key);
    if (kept !== undefined) return kept;
    const part = this.#placement.parts[name.part];
    const pyramid = this.#pyramids[name.part];
    if (!part || !pyramid) return undefined;
    if (this.#clock() > this.#deadline) {
      this.missing++;
      return undefined;
    }
    paintTile(this.#pixels, part, pyramid, name, this.#palette);
    const made = this.#make();
    made.put(this.#pixels);
    this.#cache.set(key, made.canvas);
    return made.canvas;
  }

  /** The tile if it is there. */
  peek(name: TileName): C | undefined {
    return this.#cache.get(keyOf(name));
  }
}
