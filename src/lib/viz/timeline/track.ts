/** The contract of a track: what lies where in the stream, how it is drawn, what a click on it means. */
import { bisector } from 'd3';
import type { Density, SnapshotInfo } from '../../emulator/api.ts';
import type { TokenReader } from '../canvas/tokens.ts';
import type { DrawingContext } from '../pictures.ts';
import type { Selection } from '../selection.svelte.ts';
import { xOf, type StreamView } from './stream-view.ts';

/** What tracks draw from. */
export interface TrackData {
  readonly info: SnapshotInfo;
  /** Page records in and around the view. */
  readonly density: Density | undefined;
  /** The same of the pages that are looked for, if any are. */
  readonly wanted: Density | undefined;
  readonly notes: readonly PlacedNote[];
}
export interface PlacedNote {
  readonly start: number;
  readonly end: number;
  readonly title: string;
  readonly text: string;
  readonly place: Selection;
}

/** Something on a track. */
export interface TrackItem {
  readonly start: number;
  readonly end: number;
  /** One line, complete: it is all that a screen reader says. */
  readonly text: string;
  /** What is written on it when there is room. */
  readonly label?: string;
  readonly selection: Selection;
  /** Token of its colour. */
  readonly token: string;
}

export interface Track {
  readonly id: string;
  readonly title: string;
  /** How its drawing is read, where that is not plain. */
  readonly about?: string;
  /** CSS pixels, at least. */
  readonly height: number;
  /** How high it becomes where there is room; as it is, when absent. */
  readonly most?: number;
  /** By rising start; ends rise too, so that a place is found by halving. Made once a state of the snapshot. */
  items(data: Pick<TrackData, 'info' | 'notes'>): readonly TrackItem[];
  /** Draws into (0, 0) to (view.width, height). */
  draw(ctx: DrawingContext, paint: TrackPaint): void;
}

export interface TrackPaint {
  readonly view: StreamView;
  readonly items: readonly TrackItem[];
  readonly data: TrackData;
  readonly read: TokenReader;
  readonly height: number;
}

/** A stretch of the axis. */
interface Stretch {
  readonly start: number;
  readonly end: number;
}
/** Room around what is smaller than a pointer's aim. */
const REACH = 3;
const byEnd = bisector<Stretch, number>((item) => item.end);
const byStart = bisector<Stretch, number>((item) => item.start);

/** The item under a pixel, or the nearest one a few pixels away. */
export function itemAt<T extends Stretch>(items: readonly T[], view: StreamView, x: number): T | undefined {
  const offset = view.start + (x / view.width) * view.span;
  const reach = (REACH * view.span) / view.width;
  let best: T | undefined;
  let bestFar = Infinity;
  // Ends at or behind the left of the reach; a marker has no length.
  for (let i = byEnd.left(items, offset - reach); i < items.length; i++) {
    const item = items[i]!;
    if (item.start > offset + reach) break;
    const far = Math.max(item.start - offset, offset - item.end, 0);
    if (far < bestFar) [best, bestFar] = [item, far];
    if (far === 0 && offset < item.end) break;
  }
  return best;
}

/** First and behind the last of the items in view. */
export const itemsInView = (items: readonly Stretch[], view: StreamView): readonly [first: number, end: number] => [
  byEnd.left(items, view.start),
  byStart.right(items, view.start + view.span)
];

/** The item that begins next behind an offset, or last before it. */
export function neighbour<T extends Stretch>(items: readonly T[], offset: number, by: 1 | -1): T | undefined {
  return by === 1 ? items[byStart.right(items, offset)] : items[byStart.left(items, offset) - 1];
}

/**
 * Visits the items in view with their pixels. Where many share a pixel only one of them is visited, so that ten
 * thousand cost no more than the width.
 */
export function eachInView<T extends Stretch>(
  items: readonly T[],
  view: StreamView,
  visit: (item: T, left: number, right: number) => void
): void {
  const [first, end] = itemsInView(items, view);
  for (let i = first; i < end;) {
    const item = items[i]!;
    const left = Math.max(-2, xOf(view, item.start));
    const right = Math.min(view.width + 2, xOf(view, item.end));
    visit(item, left, Math.max(right, left + 1));
    i++;
    // Skip what would be drawn onto the same pixel.
    if (right - left < 1) {
      const next = view.start + ((Math.floor(left) + 1) / view.width) * view.span;
      if (i < end && items[i]!.end < next) i = Math.max(i, byEnd.left(items, next, i, end));
    }
  }
}
