/** Where the lines of the convergence chart run: two plots over one axis of time. Lengths in CSS pixels. */
import { line, curveStepAfter, scaleLinear, ticks } from 'd3';
import { bytesText } from '../format.ts';
import type { Story } from './story.ts';

export const MARGIN = { left: 64, right: 44, top: 6, gap: 18, bottom: 34 };
const PAGE = 4096;
const UPPER_SHARE = 0.6;
const ROW = 28;

export interface Tick {
  readonly at: number;
  readonly text: string;
}
export interface Chart {
  readonly upper: { readonly top: number; readonly bottom: number };
  readonly lower: { readonly top: number; readonly bottom: number };
  readonly left: number;
  readonly right: number;
  readonly times: readonly Tick[];
  readonly bytes: readonly Tick[];
  readonly rates: readonly Tick[];
  readonly rounds: readonly { readonly number: number; readonly x: number; readonly width: number }[];
  readonly stops: readonly { readonly x: number; readonly width: number }[];
  /** `d` of SVG paths. */
  readonly remaining: string;
  readonly threshold: string;
  readonly bandwidth: string;
  readonly dirty: string;
  readonly throttle: string;
  x(ms: number): number;
}

type Point = readonly [number, number];

/** @param duration ms that the axis holds: the whole run's, so that a replay moves over a still picture */
export function chartOf(story: Story, width: number, height: number, duration: number): Chart {
  const left = MARGIN.left;
  const right = Math.max(left + 1, width - MARGIN.right);
  const room = Math.max(2, height - MARGIN.top - MARGIN.gap - MARGIN.bottom);
  const upper = { top: MARGIN.top, bottom: MARGIN.top + room * UPPER_SHARE };
  const lower = { top: upper.bottom + MARGIN.gap, bottom: upper.bottom + MARGIN.gap + room * (1 - UPPER_SHARE) };
  const { rounds, samples, throttle, stops, until } = story;

  const x = scaleLinear([0, Math.max(1, duration)], [left, right]);
  const left0 = rounds[0] ? [[0, rounds[0].dirty * PAGE] as Point] : [];
  const remaining: Point[] = [...left0, ...samples.map((s): Point => [s.at, s.remaining])];
  const last = rounds.at(-1);
  if (last?.phase === 'switchover') remaining.push([last.end, 0]);
  const threshold = samples.map((s): Point => [s.at, s.threshold]);
  const bandwidth = samples.map((s): Point => [s.at, (s.bytes / Math.max(1, s.duration)) * 1000]);
  const dirty = rounds.filter((r) => r.phase !== 'switchover').map((r): Point => [r.start, r.dirtyRate * PAGE]);
  const dirtyEnd = rounds.findLast((r) => r.phase !== 'switchover');
  if (dirtyEnd) dirty.push([dirtyEnd.end, dirtyEnd.dirtyRate * PAGE]);
  const most = (points: readonly Point[]): number => points.reduce((max, [, value]) => Math.max(max, value), 1);

  const y = scaleLinear(
    [0, most([...remaining, ...threshold.map(([at, v]): Point => [at, Math.min(v, most(remaining))])])],
    [upper.bottom, upper.top]
  );
  const rate = scaleLinear([0, most([...bandwidth, ...dirty])], [lower.bottom, lower.top]);
  const percent = scaleLinear([0, 100], [lower.bottom, lower.top]);
  const path = (points: readonly Point[], scale: (value: number) => number): string =>
    line<Point>(
      ([at]) => x(at),
      ([, value]) => scale(value)
    )(points as Point[]) ?? '';
  const steps = (points: readonly Point[], scale: (value: number) => number): string =>
    line<Point>(
      ([at]) => x(at),
      ([, value]) => scale(value)
    ).curve(curveStepAfter)(points as Point[]) ?? '';
  const throttled: Point[] =
    throttle.length === 0
      ? []
      : [[0, 0], ...throttle.map((t): Point => [t.at, t.percentage]), [until, throttle.at(-1)!.percentage]];
  const along = (
    scale: { ticks(n: number): number[]; (v: number): number },
    bounds: { top: number; bottom: number },
    text: (v: number) => string
  ): Tick[] =>
    scale
      .ticks(Math.max(2, Math.floor((bounds.bottom - bounds.top) / ROW)))
      .map((v) => ({ at: scale(v), text: text(v) }));

  return {
    ...{ upper, lower, left, right },
    times: ticks(0, duration / 1000, Math.max(2, Math.floor((right - left) / 80))).map((s) => ({
      at: x(s * 1000),
      text: `${s} s`
    })),
    bytes: along(y, upper, bytesText),
    rates: along(rate, lower, (v) => `${bytesText(v)}/s`),
    rounds: rounds.map((r) => ({ number: r.number, x: x(r.start), width: Math.max(0.5, x(r.end) - x(r.start)) })),
    stops: stops.map((s) => ({ x: x(s.start), width: Math.max(1, x(s.end) - x(s.start)) })),
    remaining: path(remaining, y),
    threshold: path(
      threshold.map(([at, v]): Point => [at, Math.min(v, y.domain()[1]!)]),
      y
    ),
    bandwidth: path(bandwidth, rate),
    dirty: steps(dirty, rate),
    throttle: steps(throttled, percent),
    x
  };
}
