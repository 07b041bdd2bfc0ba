/** Panning and zooming over a RAM map. */
import { Gliding } from '../canvas/gliding.svelte.ts';
import type { Frame } from '../canvas/glide.ts';
import { fit, fitRect } from './draw-map.ts';
import type { MapItem } from './map-items.ts';
import { coverOf, type Placement, type Rect } from './placement.ts';
import type { MapView } from './tiles.ts';

/** CSS pixels a page: room for its address. */
const MOST_SCALE = 110;

export interface KeptView {
  frame: Frame;
  /** What it is a view of. */
  of: string;
  /** The whole is shown, and shall be when the panel changes its size. */
  fitted: boolean;
}

const viewOf = ([x, y, step]: Frame): MapView => ({ x: x!, y: y!, scale: 1 / step! });
const frameOf = ({ x, y, scale }: MapView): Frame => [x, y, 1 / scale];

/** Make it while a component initialises. */
export class MapNavigation {
  readonly #gliding: Gliding;
  readonly #kept: KeptView;
  readonly #placement: () => Placement;
  readonly #size: () => { readonly width: number; readonly height: number } | undefined;
  readonly #whole = $derived.by(() => {
    const size = this.#size();
    return size && size.width > 0 && size.height > 0 ? fit(this.#placement(), size) : undefined;
  });

  /** @param of names what is shown: something else is shown as a whole at first */
  constructor(
    kept: KeptView,
    of: () => string,
    placement: () => Placement,
    size: () => { readonly width: number; readonly height: number } | undefined
  ) {
    this.#gliding = new Gliding(kept.frame);
    this.#kept = kept;
    this.#placement = placement;
    this.#size = size;
    $effect(() => {
      const { width, height } = placement();
      const name = `${of()} ${width} ${height}`;
      if (!this.#whole || (name === kept.of && !kept.fitted)) return;
      kept.of = name;
      kept.fitted = true;
      this.#gliding.jump(frameOf(this.#whole));
    });
    $effect(() => {
      kept.frame = this.#gliding.aim;
    });
  }

  /** What is seen in this frame. */
  get now(): MapView {
    return viewOf(this.#gliding.now);
  }
  /** What will be seen when nothing moves any more. */
  get aim(): MapView {
    return viewOf(this.#gliding.aim);
  }
  /** The same as a rectangle of cells. */
  get seen(): Rect {
    const { x, y, scale } = this.aim;
    const { width = 0, height = 0 } = this.#size() ?? {};
    return { x, y, width: width / scale, height: height / scale };
  }

  /** Keeps the map from being lost off the edge, and the scale in bounds. */
  #bounded({ x, y, scale }: MapView): MapView {
    const size = this.#size();
    const whole = this.#whole;
    if (!size || !whole) return { x, y, scale };
    const placement = this.#placement();
    const bound = Math.min(Math.max(scale, whole.scale * 0.7), Math.max(MOST_SCALE, whole.scale));
    const clamp = (at: number, seen: number, all: number) => Math.min(Math.max(at, -seen * 0.6), all - seen * 0.4);
    return {
      x: clamp(x, size.width / bound, placement.width),
      y: clamp(y, size.height / bound, placement.height),
      scale: bound
    };
  }

  move(to: MapView, smooth: boolean): void {
    this.#kept.fitted = false;
    const frame = frameOf(this.#bounded(to));
    if (smooth) this.#gliding.go(frame);
    else this.#gliding.jump(frame);
  }

  /** Zooms so that what is under a point of the canvas stays there; the middle when none is given. */
  zoom(factor: number, point: { readonly x: number; readonly y: number } | undefined, smooth: boolean): void {
    const from = this.aim;
    const { width = 0, height = 0 } = this.#size() ?? {};
    const { x, y } = point ?? { x: width / 2, y: height / 2 };
    const { scale } = this.#bounded({ ...from, scale: from.scale * factor });
    const by = 1 / from.scale - 1 / scale;
    this.move({ x: from.x + x * by, y: from.y + y * by, scale }, smooth);
  }

  /** By pixels. */
  pan(x: number, y: number, smooth: boolean): void {
    const from = this.aim;
    this.move({ ...from, x: from.x + x / from.scale, y: from.y + y / from.scale }, smooth);
  }

  all(): void {
    if (!this.#whole) return;
    this.#kept.fitted = true;
    this.#gliding.go(frameOf(this.#whole));
  }

  /** Fills the view with some cells, `room` pixels being left around. Says whether that changed anything. */
  focus(item: MapItem, room: number): boolean {
    const size = this.#size();
    const part = this.#placement().parts[item.part];
    if (!size || !part) return false;
    const to = this.#bounded(fitRect(boundsOf(coverOf(part, item.first, item.end)), size, room));
    const { x, y, scale } = this.aim;
    const moved = Math.abs(to.x - x) + Math.abs(to.y - y) > 1e-6 || Math.abs(to.scale / scale - 1) > 1e-6;
    if (moved) this.move(to, true);
    return moved;
  }

  /** Brings a point of the map into view, if it is not, without zooming. */
  show(x: number, y: number): void {
    const seen = this.seen;
    if (x >= seen.x && y >= seen.y && x < seen.x + seen.width && y < seen.y + seen.height) return;
    this.move({ ...this.aim, x: x - seen.width / 2, y: y - seen.height / 2 }, true);
  }
}

/** The rectangle around others. */
function boundsOf(rects: readonly Rect[]): Rect {
  const x = Math.min(...rects.map((r) => r.x));
  const y = Math.min(...rects.map((r) => r.y));
  return {
    ...{ x, y },
    width: Math.max(...rects.map((r) => r.x + r.width)) - x,
    height: Math.max(...rects.map((r) => r.y + r.height)) - y
  };
}
