/** Pixels ↔ stream bytes. */

/** `start` at the left edge, `span` bytes over `width` pixels. */
export interface StreamView {
  readonly start: number;
  readonly span: number;
  readonly width: number;
}

/** Fewer bytes than this over the whole width show nothing more. */
const LEAST_SPAN = 64;

export const xOf = (view: StreamView, offset: number): number => ((offset - view.start) / view.span) * view.width;
export const offsetAt = (view: StreamView, x: number): number => view.start + (x / view.width) * view.span;

/** Within a stream of so many bytes, with a little room at both ends. */
export function bounded({ start, span, width }: StreamView, end: number): StreamView {
  const most = Math.max(LEAST_SPAN, end) * 1.02;
  const bound = Math.min(Math.max(span, Math.min(LEAST_SPAN, most)), most);
  const room = bound * 0.01;
  return { start: Math.max(-room, Math.min(start, end + room - bound)), span: bound, width };
}

export const whole = (end: number, width: number): StreamView =>
  bounded({ start: 0, span: Math.max(LEAST_SPAN, end) * 1.02, width }, end);

/** Zooms so that the offset under `x` stays there. */
export function zoomed(view: StreamView, factor: number, x: number, end: number): StreamView {
  const span = bounded({ ...view, span: view.span / factor }, end).span;
  return bounded({ ...view, span, start: view.start + (x / view.width) * (view.span - span) }, end);
}

/** Fills the view with [from, to) and some room around it. */
export function focused(from: number, to: number, width: number, end: number): StreamView {
  const room = Math.max(8, (to - from) * 0.08);
  return bounded({ start: from - room, span: to - from + 2 * room, width }, end);
}

export interface Tick {
  readonly offset: number;
  readonly label: string;
}

const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];

/** Round places at least `apart` pixels from each other: steps are powers of two, as sizes and pages are. */
export function ticks(view: StreamView, end: number, apart = 90): Tick[] {
  const step = 2 ** Math.max(0, Math.ceil(Math.log2((view.span / view.width) * apart)));
  const out: Tick[] = [];
  const first = Math.max(0, Math.ceil(view.start / step));
  for (let i = first; i * step <= Math.min(end, view.start + view.span); i++) out.push(tick(i * step, step));
  return out;
}

function tick(offset: number, step: number): Tick {
  if (step < 1024) return { offset, label: `0x${offset.toString(16)}` };
  const unit = Math.min(units.length - 1, Math.floor(Math.log2(Math.max(offset, step)) / 10));
  return { offset, label: offset === 0 ? '0' : `${+(offset / 1024 ** unit).toFixed(3)} ${units[unit]}` };
}

/** The edge nearest to an offset, if one is within `pixels` of it. `edges` rise. */
export function snapped(offset: number, edges: ArrayLike<number>, view: StreamView, pixels = 6): number {
  let low = 0;
  let high = edges.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (edges[middle]! < offset) low = middle + 1;
    else high = middle;
  }
  const candidates = [edges[low - 1], edges[low]].filter((e) => e !== undefined);
  const nearest = candidates.sort((a, b) => Math.abs(a - offset) - Math.abs(b - offset))[0];
  const reach = (pixels * view.span) / view.width;
  return nearest !== undefined && Math.abs(nearest - offset) <= reach ? nearest : offset;
}
