/** A pointer on what lies along an axis: dragging pans, or picks a stretch whose ends snap to edges; the wheel zooms. */
import type { Span } from '../selection.svelte.ts';
import type { StreamNavigation } from './stream-navigation.svelte.ts';
import { offsetAt, snapped, xOf, type StreamView } from './stream-view.ts';

interface Axis {
  readonly navigation: Pick<StreamNavigation, 'now' | 'aim' | 'move' | 'pan' | 'zoom'>;
  readonly end: () => number;
  /** Rising: where ends of a stretch snap to. */
  readonly edges: () => ArrayLike<number>;
  /** The stretch that is picked; its ends can be dragged. */
  readonly area: () => Span | undefined;
  /** CSS pixels of the canvas before the axis begins. */
  readonly gutter?: number;
}

/** CSS pixels: a shorter way is a click, and so near is an end of the stretch taken. */
const NEAR = 4;
/** CSS pixels of a line that a wheel turns by. */
const LINE = 16;

type Place = Pick<PointerEvent, 'offsetX' | 'altKey'>;

export class AxisPointer {
  readonly #axis: Axis;
  readonly #gutter: number;
  #drag:
    | {
        readonly x: number;
        readonly from: StreamView;
        /** The end of the stretch that stays, when one is picked. */
        readonly anchor: number | undefined;
        moved: boolean;
      }
    | undefined;

  constructor(axis: Axis) {
    this.#axis = axis;
    this.#gutter = axis.gutter ?? 0;
  }

  /** A button is held. */
  get held(): boolean {
    return this.#drag !== undefined;
  }
  /** What is at a pixel of the canvas. */
  at(x: number): number {
    return Math.max(0, Math.min(this.#axis.end(), offsetAt(this.#axis.navigation.now, x - this.#gutter)));
  }
  /** At an edge, if one is near and Alt is not held. */
  #snapped({ offsetX, altKey }: Place): number {
    const at = this.at(offsetX);
    return altKey ? at : snapped(at, this.#axis.edges(), this.#axis.navigation.now);
  }
  /** The other end of the stretch whose end is under the pointer. */
  handleUnder(x: number): number | undefined {
    const area = this.#axis.area();
    const near = (at: number): boolean => Math.abs(xOf(this.#axis.navigation.now, at) + this.#gutter - x) <= NEAR;
    if (area && near(area.end)) return area.start;
    return area && near(area.start) ? area.end : undefined;
  }

  /** @param picks dragging picks a stretch; it does, too, from one of the ends of that which is there */
  down(event: Place, picks: boolean): void {
    const anchor = this.handleUnder(event.offsetX) ?? (picks ? this.#snapped(event) : undefined);
    this.#drag = { x: event.offsetX, from: this.#axis.navigation.aim, anchor, moved: false };
  }
  /** While a button is held. Returns the stretch that would be picked now. */
  move(event: Place): Span | undefined {
    const drag = this.#drag;
    if (!drag) return undefined;
    const by = event.offsetX - drag.x;
    drag.moved ||= Math.abs(by) >= NEAR;
    if (!drag.moved) return undefined;
    const { from, anchor } = drag;
    if (anchor === undefined) {
      this.#axis.navigation.move({ ...from, start: from.start - (by / from.width) * from.span }, false);
      return undefined;
    }
    const to = this.#snapped(event);
    return anchor === to ? undefined : { start: Math.min(anchor, to), end: Math.max(anchor, to) };
  }
  /** Says whether it was a click. */
  up(): boolean {
    const clicked = this.#drag?.moved === false;
    this.#drag = undefined;
    return clicked;
  }

  wheel(event: WheelEvent): void {
    event.preventDefault();
    const { navigation } = this.#axis;
    const unit = event.deltaMode === WheelEvent.DOM_DELTA_PIXEL ? 1 : LINE;
    if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
      return navigation.pan((event.deltaX || event.deltaY) * unit, false);
    }
    const factor = Math.exp(-event.deltaY * unit * (event.ctrlKey ? 0.01 : 0.0022));
    navigation.zoom(factor, event.offsetX - this.#gutter, false);
  }
}
