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

/**
 * Points in view and one beyond each edge, as x and value in turn; x in pixels. Where several share a pixel, the first,
 * the least, the greatest and the last of them stay: lines through them look as lines through all.
 */
export function pixelPoints({ at, value }: Series, view: StreamView): number[] {
  const first = Math.max(0, bisectLeft(at, view.start) - 1);
  const end = Math.min(at.length, bisectRight(at, view.start + view.span) + 1);
  const out: number[] = [];
  for (let i = first; i < end;) {
    const column = Math.floor(xOf(view, at[i]!));
    let last = i;
    let [least, most] = [i, i];
    for (let j = i + 1; j < end && Math.floor(xOf(view, at[j]!)) === column; j++) {
      if (value[j]! < value[least]!) least = j;
      if (value[j]! > value[most]!) most = j;
      last = j;
    }
    const kept = [...new Set([i, Math.min(least, most), Math.max(least, most), last])].sort((a, b) => a - b);
    for (const k of kept) out.push(xOf(view, at[k]!), value[k]!);
    i = last + 1;
  }
  return out;
}
