/** The chart as a figure that can stand alone: names and colours beside the tracks, the runs' parameters below them. */
import { bytesText, count } from '../format.ts';
import type { DrawingContext } from '../pictures.ts';
import { AXIS, drawChart, heightOf, kindTokens, rowsOf, sendKinds, type ChartDrawing } from './chart.ts';
import type { ChartRun, ChartTrack } from './chart-tracks.ts';
import { evidenceMarks, evidenceOf } from './evidence.ts';
import { ways } from './presets.ts';

const GUTTER = 132;
const LINE = 15;
/** CSS pixels of a letter of the caption, on the safe side. */
const LETTER = 6.1;

/** What a run was made with, and how it ended. */
export function captionOf({ run, story }: ChartRun): string {
  const { made } = run;
  const parameters = made
    ? [
        ...[ways[made.way].title, `max-bandwidth ${bytesText(made.bandwidth)}/s`],
        `downtime-limit ${count(made.downtime)} ms`,
        ...(made.link ? [`a link of ${bytesText(made.link)}/s`] : []),
        ...(made.dirtyRate > 0 ? [`dirty ${count(made.dirtyRate)} pages/s ${made.pattern}`] : [])
      ]
    : ['parameters not recorded'];
  const last = story.statuses.at(-1);
  const end = last
    ? ` ${last.status} after ${(story.until / 1000).toFixed(2)} s, ${count(story.rounds.length)} rounds`
    : '';
  const down = story.downtime ? `, downtime ${count(Math.round(story.downtime.downtime))} ms` : '';
  return `${run.title}: ${parameters.join(', ')};${end}${down}.`;
}

const evidence = ` ${Object.entries(evidenceMarks)
  .map(([name, { mark }]) => `${mark} ${name}`)
  .join('  ')}`;

/** Lines of a text no longer than a width. */
export function wrapped(text: string, width: number): string[] {
  const most = Math.max(10, Math.floor(width / LETTER));
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const line = lines.at(-1);
    if (line !== undefined && line.length + 1 + word.length <= most) lines[lines.length - 1] = `${line} ${word}`;
    else lines.push(word);
  }
  return lines;
}

const captionLines = (runs: readonly ChartRun[], width: number): string[] => [
  ...runs.flatMap((run, i) => wrapped(`${i === 0 ? '— ' : '- - '}${captionOf(run)}`, width - 12)),
  evidence.trim()
];

export const pictureHeight = (tracks: readonly ChartTrack[], runs: readonly ChartRun[], width: number): number =>
  heightOf(rowsOf(tracks, AXIS)) + captionLines(runs, width).length * LINE + 10;

/** @param drawing of a view that is as wide as what is left of `width` beside the names */
export function drawPicture(
  ctx: DrawingContext,
  width: number,
  tracks: readonly ChartTrack[],
  drawing: Omit<ChartDrawing, 'rows' | 'axis' | 'view'> & Pick<ChartDrawing, 'view'>
): void {
  const { read, runs } = drawing;
  const rows = rowsOf(tracks, AXIS);
  const below = heightOf(rows);
  const lines = captionLines(runs, width);
  ctx.fillStyle = read('--bg');
  ctx.fillRect(0, 0, width, below + lines.length * LINE + 10);
  ctx.save();
  ctx.translate(GUTTER, 0);
  const view = { ...drawing.view, width: Math.max(1, width - GUTTER) };
  drawChart(ctx, { width: view.width, height: below }, { ...drawing, rows, axis: true, view });
  ctx.restore();
  ctx.textBaseline = 'top';
  for (const { track, top } of rows) {
    ctx.font = `11px ${read('--sans')}`;
    const { mark } = evidenceMarks[evidenceOf(track.figure, runs[0]?.run.watcher ?? 'sender')];
    ctx.fillStyle = read('--text');
    ctx.fillText(`${mark} ${track.title}`, 6, top + 2);
    ctx.font = `10px ${read('--sans')}`;
    const legend =
      track.boxes === 'kinds' ? sendKinds.map((title) => ({ title, token: kindTokens[title] })) : track.curves;
    const columns = track.boxes === 'kinds' ? 2 : 1;
    legend.forEach(({ title, token }, i) => {
      const y = top + 16 + Math.floor(i / columns) * 12;
      const x = 10 + (i % columns) * 60;
      ctx.fillStyle = read(token);
      ctx.fillRect(x, y + 4, 10, 3);
      ctx.fillStyle = read('--muted');
      ctx.fillText(title, x + 14, y);
    });
  }
  ctx.font = `11px ${read('--sans')}`;
  ctx.fillStyle = read('--text');
  lines.forEach((line, i) => ctx.fillText(line, 6, below + 6 + i * LINE));
}
