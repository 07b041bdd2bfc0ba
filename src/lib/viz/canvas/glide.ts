/** How a view gets from here to there: panning is even, zooming keeps the point that does not move where it is. */

/** What is seen: where it begins in each direction, and last the units that one pixel (or the whole width) takes. */
export type Frame = readonly number[];

/** The frame between two others; `e` from 0 to 1. */
export function between(from: Frame, to: Frame, e: number): Frame {
  if (e >= 1) return to;
  const [a, b] = [from.at(-1)!, to.at(-1)!];
  const span = a * (b / a) ** e;
  // Two frames with a common point: every edge moves as the span does.
  const share = Math.abs(b - a) > 1e-9 * a ? (span - a) / (b - a) : e;
  return from.map((start, i) => (i === from.length - 1 ? span : start + (to[i]! - start) * share));
}

/** Fast at first: what a key does is seen at once. */
export const ease = (t: number): number => 1 - (1 - Math.min(1, Math.max(0, t))) ** 3;
