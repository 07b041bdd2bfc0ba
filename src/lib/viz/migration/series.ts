/** A figure over time, and the few of its points that a picture of some width needs. */
import { bisectLeft, bisectRight } from 'd3';
import { xOf, type StreamView } from '../timeline/stream-view.ts';

export type Point = readonly [at: number, value: number];

export interface Series {
  /** ms, rising. */
  readonly at: Float64Array;
  readonly value: Float64Array;
}

export const seriesOf = (points: readonly Point[]): Series => ({
  at: Float64Array.from(points, ([at]) => at),
  value: Float64Array.from(points, ([, value]) => value)
});

export const mostOf = ({ value }: Series): number => value.reduce((most, v) => Math.max(most, v), 0);

/** The last value at or before a moment. */
export function valueAt({ at, value }: Series, ms: number): number | undefined {
  return value[bisectRight(at, ms) - 1];
}

/** Points in view and one beyond each edge: the first and behind the last. */
export function inView({ at }: Series, view: StreamView): readonly [first: number, end: number] {
  const end = Math.min(at.length, bisectRight(at, view.start + view.span) + 1);
  return [Math.max(0, bisectLeft(at, view.start) - 1), end];
}

/**
 * The span of values in each column of pixels, as column, least and greatest in turn, each joined to the value before it:
 * bars of them look as a line through all points, and cost no more than the picture is wide.
 */
export function pixelColumns(series: Series, view: StreamView): number[] {
  const { at, value } = series;
  const [first, end] = inView(series, view);
  const out: number[] = [];
  let before = value[first] ?? 0;
  let next = 0;
  for (let i = first; i < end;) {
    const column = Math.floor(xOf(view, at[i]!));
    let [least, most] = [Math.min(before, value[i]!), Math.max(before, value[i]!)];
    // Where a column has no point, the value before holds.
    for (let gap = Math.max(0, next); i > first && gap < Math.min(column, view.width); gap++)
      out.push(gap, before, before);
    for (; i < end && Math.floor(xOf(view, at[i]!)) === column; i++) {
      least = Math.min(least, value[i]!);
      most = Math.max(most, value[i]!);
      before = value[i]!;
    }
    next = column + 1;
    if (column >= 0 && column < view.width) out.push(column, least, most);
  }
  return out;
}
