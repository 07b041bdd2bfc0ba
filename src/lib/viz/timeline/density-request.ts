/** Which stretch of page records to ask for, so that panning rarely asks again: three widths, on a fixed grid. */
import type { StreamView } from './stream-view.ts';

export interface DensityRequest {
  readonly start: number;
  readonly end: number;
  readonly buckets: number;
}

/** Pixels a bucket, about. */
const PIXELS = 2;
/** Buckets a request begins and ends with a multiple of. */
const GRID = 256;

/** Bytes a bucket are a power of two: zooming asks again only when they double. */
export function densityRequest(view: StreamView, end: number): DensityRequest {
  const wanted = (view.span / view.width) * PIXELS;
  const bytes = 2 ** Math.max(0, Math.ceil(Math.log2(Math.max(1, wanted))));
  const grid = bytes * GRID;
  const first = Math.max(0, Math.floor((view.start - view.span) / grid));
  const last = Math.max(first + 1, Math.min(Math.ceil(end / grid), Math.ceil((view.start + 2 * view.span) / grid)));
  return { start: first * grid, end: last * grid, buckets: (last - first) * GRID };
}
