/** Draws the convergence chart: an axis of time and tracks below it. A function of the runs and of the view. */
import { ticks as niceTicks } from 'd3';
import { cut, fits, isDark, type TokenReader } from '../canvas/tokens.ts';
import type { DrawingContext } from '../pictures.ts';
import type { Span } from '../selection.svelte.ts';
import { xOf, type StreamView } from '../timeline/stream-view.ts';
import { eachInView } from '../timeline/track.ts';
import { chartTracks, scaleEnd, type ChartRun, type ChartTrack } from './chart-tracks.ts';
import { inView, pixelColumns, type Series } from './series.ts';
import type { Story } from './story.ts';

export const AXIS = 18;
const GAP = 4;
/** Of what has not happened yet at the moment that is looked at. */
const FUTURE = 0.22;
const OTHER = 0.75;
const DASH = [5, 3];

export interface ChartRow {
  readonly track: ChartTrack;
  readonly top: number;
}

/** Tracks below each other. @param top of the first */
export function rowsOf(tracks: readonly ChartTrack[], top: number): readonly ChartRow[] {
  return tracks.map((track) => {
    const row = { track, top };
    top += track.height + GAP;
    return row;
  });
}
export const heightOf = (rows: readonly ChartRow[], least = 0): number =>
  rows.reduce((_, { track, top }) => top + track.height + GAP, least);

export interface ChartDrawing {
  readonly rows: readonly ChartRow[];
  /** Labels of time stand above. */
  readonly axis: boolean;
  readonly view: StreamView;
  /** The run, and the one it is compared with. */
  readonly runs: readonly ChartRun[];
  /** ms; what comes later is pale. */
  readonly now: number | undefined;
  readonly area: Span | undefined;
  readonly read: TokenReader;
}

export const kindTokens = {
  zero: '--kind-zero',
  normal: '--kind-normal',
  xbzrle: '--kind-xbzrle',
  skipped: '--kind-none'
} as const;
export const sendKinds = Object.keys(kindTokens) as (keyof typeof kindTokens)[];

/** `12.5 s`, with as many digits as two neighbours need to differ. */
export function timeText(ms: number, step: number): string {
  const digits = Math.max(0, Math.min(3, Math.ceil(-Math.log10(step / 1000) - 1e-9)));
  return `${(ms / 1000).toFixed(digits)} s`;
}

/** Round moments at least `apart` pixels from each other. */
export function timeTicks(view: StreamView, apart = 80): { readonly at: number; readonly text: string }[] {
  const found = niceTicks(view.start, view.start + view.span, Math.max(2, Math.floor(view.width / apart)));
  const step = found.length > 1 ? found[1]! - found[0]! : view.span;
  return found.filter((at) => at >= 0).map((at) => ({ at, text: timeText(at, step) }));
}

export function drawChart(
  ctx: DrawingContext,
  size: { readonly width: number; readonly height: number },
  drawing: ChartDrawing
): void {
  const { rows, view, read, axis, now } = drawing;
  ctx.fillStyle = read('--bg');
  ctx.fillRect(0, 0, size.width, size.height);
  ctx.save();
  ctx.beginPath();
  ctx.rect(0, 0, view.width, size.height);
  ctx.clip();
  drawTimes(ctx, size.height, drawing);
  for (const row of rows) drawRow(ctx, row, drawing);
  drawStops(ctx, size.height, drawing);
  drawArea(ctx, size.height, drawing);
  if (now !== undefined) {
    ctx.fillStyle = read('--accent');
    ctx.fillRect(Math.round(xOf(view, now)) - 1, axis ? 4 : 0, 2, size.height);
  }
  ctx.restore();
}

function drawTimes(ctx: DrawingContext, height: number, { view, read, axis }: ChartDrawing): void {
  ctx.font = `11px ${read('--sans')}`;
  ctx.textBaseline = 'top';
  for (const { at, text } of timeTicks(view)) {
    const x = Math.round(xOf(view, at));
    ctx.fillStyle = read('--border');
    ctx.fillRect(x, 0, 1, height);
    if (!axis || !fits(text, view.width - x - 4)) continue;
    ctx.fillStyle = read('--muted');
    ctx.fillText(text, x + 4, 3);
  }
  if (!axis) return;
  ctx.fillStyle = read('--border-strong');
  ctx.fillRect(0, AXIS - 1, view.width, 1);
}

/** Where the guest stood. */
function drawStops(ctx: DrawingContext, height: number, { view, read, runs, axis }: ChartDrawing): void {
  const [main] = runs;
  if (!main) return;
  const top = axis ? AXIS : 0;
  ctx.fillStyle = read('--phase-switchover');
  ctx.globalAlpha = 0.18;
  eachInView(main.story.stops, view, (_, left, right) =>
    ctx.fillRect(left, top, Math.max(2, right - left), height - top)
  );
  ctx.globalAlpha = 1;
}

function drawArea(ctx: DrawingContext, height: number, { view, read, area, axis }: ChartDrawing): void {
  if (!area) return;
  const [left, right] = [xOf(view, area.start), xOf(view, area.end)];
  const top = axis ? AXIS - 6 : 0;
  ctx.fillStyle = read('--accent');
  ctx.globalAlpha = 0.14;
  ctx.fillRect(left, top, Math.max(1, right - left), height);
  ctx.globalAlpha = 1;
  for (const x of [left, right]) {
    ctx.fillRect(x - 0.5, top, 1, height);
    if (axis) ctx.fillRect(x - 2.5, top, 5, 6);
  }
}

function drawRow(ctx: DrawingContext, { track, top }: ChartRow, drawing: ChartDrawing): void {
  const { view, read, runs, now } = drawing;
  ctx.save();
  ctx.translate(0, top);
  ctx.fillStyle = read('--border');
  ctx.fillRect(0, track.height + GAP / 2, view.width, 1);
  const paint = (ago: boolean): void => {
    if (track.boxes) drawBoxes(ctx, track, drawing, ago);
    else drawCurves(ctx, track, drawing, ago);
  };
  const end = scaleEnd(track, runs);
  if (!track.boxes) drawGrid(ctx, track, end, drawing);
  if (now === undefined) paint(true);
  else {
    // What came later is drawn pale: the axis stays as it is while a replay moves over it.
    const x = xOf(view, now);
    for (const [from, to, alpha] of [
      [x, view.width, FUTURE],
      [0, x, 1]
    ] as const) {
      if (to <= from) continue;
      ctx.save();
      ctx.beginPath();
      ctx.rect(from, 0, to - from, track.height + 1);
      ctx.clip();
      ctx.globalAlpha = alpha;
      paint(alpha === 1);
      ctx.restore();
    }
  }
  if (!track.boxes) drawValues(ctx, track, end, drawing);
  ctx.restore();
}

const sharesOf = ({ height }: ChartTrack): readonly number[] => (height > 70 ? [1, 0.5] : [1]);

/** Lines at one or two values. */
function drawGrid(ctx: DrawingContext, track: ChartTrack, end: number, { view, read }: ChartDrawing): void {
  ctx.fillStyle = read('--border');
  ctx.globalAlpha = 0.7;
  for (const share of sharesOf(track)) ctx.fillRect(0, Math.round(yOf(end * share, end, track.height)), view.width, 1);
  ctx.globalAlpha = 1;
}
/** What the lines stand for, on top of the curves. */
function drawValues(ctx: DrawingContext, track: ChartTrack, end: number, { read }: ChartDrawing): void {
  ctx.font = `10px ${read('--sans')}`;
  ctx.textBaseline = 'top';
  for (const share of sharesOf(track)) {
    const text = track.text(end * share);
    const y = Math.round(yOf(end * share, end, track.height)) + 2;
    ctx.fillStyle = read('--bg');
    ctx.globalAlpha = 0.75;
    ctx.fillRect(1, y, text.length * 5.8 + 4, 12);
    ctx.globalAlpha = 1;
    ctx.fillStyle = read('--muted');
    ctx.fillText(text, 3, y + 1);
  }
}

const yOf = (value: number, end: number, height: number): number =>
  height - (Math.min(value, end) / Math.max(end, 1e-9)) * (height - 2);

function drawCurves(ctx: DrawingContext, track: ChartTrack, { view, read, runs }: ChartDrawing, ago: boolean): void {
  const index = chartTracks.indexOf(track);
  const end = scaleEnd(track, runs);
  runs.forEach(({ series }, other) => {
    track.curves.forEach(({ token, steps = false }, i) => {
      ctx.strokeStyle = read(token);
      ctx.lineWidth = other === 0 ? 1.5 : 1.2;
      ctx.setLineDash(other === 0 ? [] : DASH);
      ctx.globalAlpha = (ago ? 1 : FUTURE) * (other === 0 ? 1 : OTHER);
      strokeSeries(ctx, series[index]![i]!, view, (value) => yOf(value, end, track.height), steps, other > 0);
    });
  });
  ctx.setLineDash([]);
  ctx.globalAlpha = 1;
}

function strokeSeries(
  ctx: DrawingContext,
  series: Series,
  view: StreamView,
  y: (value: number) => number,
  steps: boolean,
  dashed: boolean
): void {
  const [first, end] = inView(series, view);
  if (end - first > view.width / 2) {
    // More points than pixels: a bar for each column.
    ctx.fillStyle = ctx.strokeStyle;
    const columns = pixelColumns(series, view);
    for (let i = 0; i < columns.length; i += 3) {
      if (dashed && (columns[i]! & 7) > 4) continue;
      const top = Math.floor(y(columns[i + 2]!));
      ctx.fillRect(columns[i]!, top, 1, Math.max(1, Math.ceil(y(columns[i + 1]!)) - top));
    }
    return;
  }
  if (first === end) return;
  ctx.beginPath();
  for (let i = first; i < end; i++) {
    const [x, at] = [xOf(view, series.at[i]!), y(series.value[i]!)];
    if (i === first) ctx.moveTo(x, at);
    else {
      if (steps) ctx.lineTo(x, y(series.value[i - 1]!));
      ctx.lineTo(x, at);
    }
  }
  ctx.stroke();
}

/** The run's boxes; of one that is compared, a thin row of the same below them. */
function drawBoxes(ctx: DrawingContext, track: ChartTrack, { view, read, runs }: ChartDrawing, ago: boolean): void {
  const alpha = ago ? 1 : FUTURE;
  const shared = runs.length > 1;
  const main = shared ? Math.round(track.height * 0.66) : track.height;
  ctx.font = `11px ${read('--sans')}`;
  ctx.textBaseline = 'middle';
  runs.forEach((run, other) => {
    const top = other === 0 ? 0 : main + 1;
    const height = other === 0 ? main : track.height - main - 1;
    ctx.globalAlpha = alpha * (other === 0 ? 1 : OTHER);
    if (track.boxes === 'kinds') return drawKinds(ctx, run.story, view, read, top, height);
    eachInView(track.boxes === 'phases' ? run.phases : run.rounds, view, (box, left, right) => {
      const colour = read(box.token);
      ctx.fillStyle = colour;
      ctx.fillRect(left, top, right - left - (right - left > 3 ? 1 : 0), height);
      const label = cut(box.label, Math.min(right, view.width) - Math.max(0, left) - 6);
      if (label === '' || height < 11) return;
      ctx.fillStyle = read(isDark(colour) ? '--ink-light' : '--ink-dark');
      ctx.fillText(label, Math.max(0, left) + 4, top + height / 2 + 0.5);
    });
  });
  ctx.globalAlpha = 1;
}

function drawKinds(
  ctx: DrawingContext,
  { rounds }: Story,
  view: StreamView,
  read: TokenReader,
  top: number,
  height: number
): void {
  eachInView(rounds, view, ({ sent }, left, right) => {
    const all = sendKinds.reduce((sum, kind) => sum + sent[kind], 0);
    let y = top + height;
    for (const kind of sendKinds) {
      const tall = (sent[kind] / Math.max(1, all)) * height;
      ctx.fillStyle = read(kindTokens[kind]);
      ctx.fillRect(left, y - tall, right - left - (right - left > 3 ? 1 : 0), tall);
      y -= tall;
    }
  });
}
