/** Draws the timeline: axis, tracks, what is selected. A function of what there is to draw and of the view. */
import { cut, fits } from '../canvas/tokens.ts';
import type { TokenReader } from '../canvas/tokens.ts';
import type { DrawingContext } from '../pictures.ts';
import type { Span } from '../selection.svelte.ts';
import { offsetAt, ticks, xOf, type StreamView } from './stream-view.ts';
import { itemAt, type Track, type TrackData, type TrackItem } from './track.ts';

/** Names of the tracks stand left of them. */
export const GUTTER = 74;
export const AXIS = 18;

/** A track at its place. */
export interface TrackRow {
  readonly track: Track;
  readonly items: readonly TrackItem[];
  readonly top: number;
  readonly height: number;
}
const GAP = 2;

type FilledTrack = Pick<TrackRow, 'track' | 'items'>;

/** Tracks with what is on them; those with nothing are left out. */
export const filled = (tracks: readonly Track[], data: Pick<TrackData, 'info' | 'notes'>): readonly FilledTrack[] =>
  tracks.map((track) => ({ track, items: track.items(data) })).filter(({ items }) => items.length > 0);

/** Tracks below each other; those that can grow share what room is left. */
export function rowsOf(shown: readonly FilledTrack[], room = 0): readonly TrackRow[] {
  const least = shown.reduce((sum, { track }) => sum + track.height + GAP, AXIS);
  const growth = shown.reduce((sum, { track }) => sum + growthOf(track), 0);
  const share = growth === 0 ? 0 : Math.min(1, Math.max(0, room - least) / growth);
  let top = AXIS;
  return shown.map(({ track, items }) => {
    const height = track.height + Math.floor(growthOf(track) * share);
    const row = { track, items, top, height };
    top += height + GAP;
    return row;
  });
}
const growthOf = (track: Track): number => Math.max(0, (track.most ?? 0) - track.height);

export const heightOf = (rows: readonly TrackRow[]): number => {
  const last = rows.at(-1);
  return last ? last.top + last.height + GAP : AXIS;
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
  for (const { track, items, top, height: tall } of rows) {
    ctx.save();
    ctx.translate(0, top);
    track.draw(ctx, { view, items, data, read, height: tall });
    ctx.restore();
  }
  drawSpan(ctx, view, drawing.hovered, height, read('--preview'), 0.25);
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
    if (fits(label, view.width - x - 4)) ctx.fillText(label, x + 4, 3);
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
  rows.forEach(({ track, top, height }, index) => {
    ctx.fillStyle = read(index === active ? '--accent' : '--muted');
    ctx.fillText(cut(track.title, GUTTER - 6), 6, top + height / 2);
  });
}

/** The track at a height, and what of it is under a point of the canvas. */
export function hitTimeline(
  rows: readonly TrackRow[],
  view: StreamView,
  x: number,
  y: number
): { readonly row: number; readonly item: TrackItem | undefined; readonly offset: number } | undefined {
  const row = rows.findIndex((r) => y >= r.top && y < r.top + r.height + GAP);
  if (x < GUTTER || row < 0) return undefined;
  const offset = offsetAt(view, x - GUTTER);
  return { row, item: itemAt(rows[row]!.items, view, x - GUTTER), offset };
}
