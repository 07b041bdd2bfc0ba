import { expect, test } from 'vitest';
import { CanvasLog } from '../../../support/canvas-log.ts';
import { AXIS, drawChart, heightOf, rowsOf, timeText, timeTicks } from '../../../../src/lib/viz/migration/chart.ts';
import { chartRun, chartTracks, scaleEnd } from '../../../../src/lib/viz/migration/chart-tracks.ts';
import { captionOf, drawPicture, pictureHeight, wrapped } from '../../../../src/lib/viz/migration/chart-picture.ts';
import { rangeFigures, rangeRows } from '../../../../src/lib/viz/migration/chart-range.ts';
import { storyOf } from '../../../../src/lib/viz/migration/story.ts';
import { finishedRun } from './finished-run.ts';

const read = (token: string) => `#${token.length.toString(16).padStart(6, '0')}`;
const run = chartRun(finishedRun, storyOf(finishedRun.observations));
const view = { start: 0, span: 2210, width: 442 };
const rows = rowsOf(chartTracks, AXIS);
const drawn = (more: object = {}) => {
  const log = new CanvasLog();
  const what = { rows, axis: true, view, runs: [run], now: undefined, area: undefined, read, ...more };
  drawChart(log.context, { width: 442, height: heightOf(rows) }, what);
  return log;
};

test('every track has its rows below the axis', () => {
  expect(rows[0]!.top).toBe(AXIS);
  expect(rows.every((r, i) => i === 0 || r.top > rows[i - 1]!.top)).toBe(true);
  expect(drawn().texts).toEqual(expect.arrayContaining(['0.0 s', '2.0 s', 'active', '1', '3']));
});

test('a second run is drawn too, and both share a scale', () => {
  const [one, two] = [drawn().of('stroke').length, drawn({ runs: [run, run] }).of('stroke').length];
  expect(two).toBe(2 * one);
  const left = chartTracks.find((t) => t.id === 'left')!;
  expect(scaleEnd(left, [run])).toBe(1 << 20);
  expect(
    scaleEnd(
      chartTracks.find((t) => t.id === 'throttle')!,
      [run]
    )
  ).toBe(100);
});

test('what comes later than the moment is drawn again, pale', () => {
  expect(drawn({ now: 1000 }).of('stroke').length).toBe(2 * drawn().of('stroke').length);
});

test('phases last until the next', () => {
  expect(run.phases.map((p) => [p.label, p.start, p.end])).toEqual([
    ['setup', 0, 2],
    ['active', 2, 2210],
    ['completed', 2210, 2210]
  ]);
});

test('times have the digits that their step needs', () => {
  expect([timeText(1500, 500), timeText(12_000, 2000), timeText(12.5, 5), timeText(60_000, 20_000)]).toEqual([
    ...['1.5 s', '12 s', '0.013 s', '60 s']
  ]);
  expect(timeTicks({ start: -50, span: 2100, width: 300 }).every((t) => t.at >= 0)).toBe(true);
});

test('a stretch takes of the rounds that it cuts their share, and says so', () => {
  const figures = rangeFigures(run, 500, 1500);
  expect(figures).toMatchObject({ duration: 1000, bytes: 1 << 20, dirtied: 128, cut: true, rounds: [1, 2], stood: 0 });
  expect(figures.bandwidth).toBe(1 << 20);
  const whole = rangeFigures(run, 0, 2000);
  expect(whole).toMatchObject({ cut: false, bytes: 2 << 20, dirtied: 256 });
  expect(rangeFigures(run, 0, 9999).stood).toBe(110);
  const evidence = (from: number, to: number) => rangeRows([run], from, to).find((r) => r.name === 'sent')!.evidence;
  expect([evidence(0, 2000), evidence(1, 2000)]).toEqual(['counted', 'inferred']);
  expect(rangeFigures(run, 5000, 6000)).toMatchObject({ duration: 0, rounds: undefined, bandwidth: 0 });
});

test('two runs are summed up beside each other', () => {
  expect(rangeRows([run, run], 0, 1000).every((r) => r.values.length === 2)).toBe(true);
});

test('a figure has its parameters below it', () => {
  expect(captionOf(run)).toBe(
    'run 1, Precopy: Precopy, max-bandwidth 4.00 MiB/s, downtime-limit 100 ms, dirty 1,000 pages/s 6M seq; completed after 2.21 s, 3 rounds, downtime 110 ms.'
  );
  const log = new CanvasLog();
  drawPicture(log.context, 600, chartTracks, { view, runs: [run], now: undefined, area: undefined, read });
  expect(log.texts.join(' ')).toContain('max-bandwidth 4.00 MiB/s');
  expect(log.texts.join(' ')).toContain('● counted');
  expect(pictureHeight(chartTracks, [run], 600)).toBeGreaterThan(heightOf(rows));
  expect(wrapped('one two three', 61)).toEqual(['one two', 'three']);
});
