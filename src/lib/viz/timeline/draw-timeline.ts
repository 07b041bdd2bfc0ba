/** Draws the timeline: axis, tracks, what is selected. A function of what there is to draw and of the view. */
import { cut } from '../canvas/tokens.ts';
import type { TokenReader } from '../canvas/tokens.ts';
import type { DrawingContext } from '../pictures.ts';
import type { Span } from '../selection.svelte.ts';
import { offsetAt, ticks, xOf, type StreamView } from './stream-view.ts';
import { itemAt, type Track, type TrackData, type TrackItem } from './track.ts';

/** Names of the tracks stand left of them. */
export const GUTTER = 66;
export const AXIS = 18;

/** A track at its place. */
export interface TrackRow {
  readonly track: Track;
  readonly items: readonly TrackItem[];
  readonly top: number;
}

/** Tracks below each other; those with nothing on them are left out. */
export function rowsOf(tracks: readonly Track[], data: Pick<TrackData, 'info' | 'notes'>): readonly TrackRow[] {
  const rows: TrackRow[] = [];
  let top = AXIS;
  for (const track of tracks) {
    const items = track.items(data);
    if (items.length === 0) continue;
    rows.push({ track, items, top });
    top += track.height + 2;
  }
  return rows;
}
export const heightOf = (rows: readonly TrackRow[]): number => {
  const last = rows.at(-1);
  return last ? last.top + last.track.height + 2 : AXIS;
};

export interface TimelineDrawing {
  readonly rows: readonly TrackRow[];
  readonly view: StreamView;
  readonly data: TrackData;
  readonly read: TokenReader;
  /** Track that the keyboard steps along. */
  readonly active: number;
  readonly cursor: number | undefined;
  readonly selected: Span | undefined;
  readonly hovered: Span | undefined;
  /** A stretch that is selected as such: it has handles. */
  readonly area: Span | undefined;
}

export function drawTimeline(
  ctx: DrawingContext,
  size: { readonly width: number; readonly height: number },
  drawing: TimelineDrawing
): void {
  const { rows, view, data, read } = drawing;
  ctx.fillStyle = read('--bg');
  ctx.fillRect(0, 0, size.width, size.height);
  const height = Math.max(size.height, heightOf(rows));
  ctx.save();
  ctx.translate(GUTTER, 0);
  ctx.beginPath();
  ctx.rect(0, 0, view.width, height);
  ctx.clip();
  drawAxis(ctx, height, drawing);
  for (const { track, items, top } of rows) {
    ctx.save();
    ctx.translate(0, top);
    track.draw(ctx, { view, items, data, read, height: track.height });
    ctx.restore();
  }
  drawSpan(ctx, view, drawing.hovered, height, read('--preview'), 0.4);
  if (!drawing.area) drawSpan(ctx, view, drawing.selected, height, read('--accent'), 0.22);
  drawArea(ctx, height, drawing);
  if (drawing.cursor !== undefined) {
    ctx.fillStyle = read('--accent');
    ctx.fillRect(Math.round(xOf(view, drawing.cursor)) - 0.5, AXIS - 4, 1, height);
  }
  ctx.restore();
  drawNames(ctx, drawing);
}

function drawAxis(ctx: DrawingContext, height: number, { view, data, read }: TimelineDrawing): void {
  ctx.font = `11px ${read('--mono')}`;
  ctx.textBaseline = 'top';
  for (const { offset, label } of ticks(view, data.info.end)) {
    const x = Math.round(xOf(view, offset));
    ctx.fillStyle = read('--border');
    ctx.fillRect(x, 0, 1, height);
    ctx.fillStyle = read('--muted');
    ctx.fillText(label, x + 4, 3);
  }
  ctx.fillStyle = read('--border');
  ctx.fillRect(0, AXIS - 1, view.width, 1);
  // Behind the end there is no stream.
  const end = xOf(view, data.info.end);
  if (end < view.width) {
    ctx.fillStyle = read('--surface');
    ctx.fillRect(Math.max(0, end), AXIS, view.width - end, height);
  }
}

function drawSpan(
  ctx: DrawingContext,
  view: StreamView,
  span: Span | undefined,
  height: number,
  colour: string,
  alpha: number
): void {
  if (!span) return;
  const left = Math.max(-1, xOf(view, span.start));
  const right = Math.min(view.width + 1, xOf(view, span.end));
  if (right < 0 || left > view.width) return;
  ctx.globalAlpha = alpha;
  ctx.fillStyle = colour;
  ctx.fillRect(left, AXIS, Math.max(2, right - left), height - AXIS);
  ctx.globalAlpha = 1;
}

function drawArea(ctx: DrawingContext, height: number, { area, view, read }: TimelineDrawing): void {
  if (!area) return;
  drawSpan(ctx, view, area, height, read('--accent'), 0.18);
  ctx.fillStyle = read('--accent');
  for (const edge of [area.start, area.end]) {
    const x = xOf(view, edge);
    ctx.fillRect(x - 0.5, AXIS - 6, 1, height);
    ctx.fillRect(x - 2.5, AXIS - 6, 5, 6);
  }
}

function drawNames(ctx: DrawingContext, { rows, read, active }: TimelineDrawing): void {
  ctx.font = `11px ${read('--sans')}`;
  ctx.textBaseline = 'middle';
  rows.forEach(({ track, top }, index) => {
    ctx.fillStyle = read(index === active ? '--accent' : '--muted');
    ctx.fillText(cut(track.title, GUTTER - 6), 6, top + track.height / 2);
  });
}

/** The track at a height, and what of it is under a point of the canvas. */
export function hitTimeline(
  rows: readonly TrackRow[],
  view: StreamView,
  x: number,
  y: number
): { readonly row: number; readonly item: TrackItem | undefined; readonly offset: number } | undefined {
  const row = rows.findIndex((r) => y >= r.top && y < r.top + r.track.height + 2);
  if (x < GUTTER || row < 0) return undefined;
  const offset = offsetAt(view, x - GUTTER);
  return { row, item: itemAt(rows[row]!.items, view, x - GUTTER), offset };
}
