import { describe, expect, test } from 'vitest';
import type { Density, SnapshotInfo } from '../../../../src/lib/emulator/api.ts';
import {
  AXIS,
  drawTimeline,
  filled,
  GUTTER,
  heightOf,
  hitTimeline,
  rowsOf,
  type TimelineDrawing
} from '../../../../src/lib/viz/timeline/draw-timeline.ts';
import { whole } from '../../../../src/lib/viz/timeline/stream-view.ts';
import { roundText, tracks } from '../../../../src/lib/viz/timeline/tracks.ts';
import { CanvasLog, tokenNames } from '../../../support/canvas-log.ts';
import { roundInfos, sectionInfos, snapshotInfo } from '../../../support/infos.ts';

const info = snapshotInfo({
  sections: sectionInfos(
    { bytes: 8, kind: 'header', name: '', phase: 'setup' },
    { bytes: 92, kind: 'start', name: 'ram', phase: 'setup' },
    { bytes: 500, kind: 'part', name: 'ram', phase: 'iterate', records: [0, 10] },
    { bytes: 200, kind: 'part', name: 'ram', phase: 'iterate', records: [10, 14] },
    { bytes: 10, kind: 'command', name: 'POSTCOPY_RUN', phase: 'switchover' },
    { bytes: 190, name: 'timer', phase: 'switchover' }
  ),
  rounds: roundInfos(
    { bytes: 600, certain: true, evidence: 'section', pages: 10, zero: 8, normal: 2 },
    { bytes: 200, pages: 4, normal: 1, xbzrle: 3, again: 4 }
  ),
  problems: [
    { code: 'b', severity: 'note', at: 900, message: 'later' },
    { code: 'a', severity: 'fatal', at: 700, message: 'earlier', section: 'timer/0' }
  ]
});
const rows = rowsOf(filled(tracks, { info, notes: [] }));
const rowOf = (id: string) => rows.find((r) => r.track.id === id)!;

describe('the tracks', () => {
  test('with nothing on them are left out, and the others lie below each other', () => {
    expect(rows.map((r) => r.track.id)).toEqual(['phases', 'rounds', 'pages', 'sections', 'commands', 'problems']);
    for (const [i, row] of rows.entries()) {
      const above = rows[i - 1];
      expect(row.top).toBe(above ? above.top + above.track.height + 2 : AXIS);
    }
    expect(rowsOf(filled(tracks, { info: snapshotInfo({}), notes: [] }))).toEqual([]);
  });

  test('that can grow share the room that is left, up to what is of use', () => {
    const all = filled(tracks, { info, notes: [] });
    const [least, some, most] = [rowsOf(all), rowsOf(all, 300), rowsOf(all, 5000)];
    expect(heightOf(least)).toBeLessThan(200);
    expect(heightOf(some)).toBeLessThanOrEqual(300);
    expect(heightOf(some)).toBeGreaterThan(295);
    expect(heightOf(most)).toBeLessThan(720);
    const grown = some.filter((row) => row.height > row.track.height).map((row) => row.track.id);
    expect(grown).toEqual(['rounds', 'pages']);
  });

  test('have a phase for each stretch of sections of one phase', () => {
    expect(rowOf('phases').items.map((i) => [i.label, i.start, i.end])).toEqual([
      ['setup', 0, 100],
      ['iterate', 100, 800],
      ['switchover', 800, 1000]
    ]);
  });

  test('say of each item all that a screen reader needs', () => {
    expect(rowOf('rounds').items.map((i) => i.text)).toEqual([
      'round 1, 10 pages, 600 B, zero 80%, normal 20%',
      'round 2, inferred, 4 pages, 200 B, normal 25%, xbzrle 75%, 100% sent before'
    ]);
    expect(rowOf('pages').items[0]?.text).toBe('ram/0 part, 500 B, 10 pages, at 0x64');
    expect(rowOf('commands').items[0]?.text).toBe('command POSTCOPY_RUN, 10 B, at 0x320');
  });

  test('sort problems by place, and select what they stand for', () => {
    expect(rowOf('problems').items.map((i) => i.text)).toEqual([
      'fatal at 0x2bc: timer/0: earlier',
      'note at 0x384: later'
    ]);
    expect(rowOf('rounds').items[1]?.selection).toEqual({ kind: 'range', start: 600, end: 800 });
    expect(rowOf('sections').items.at(-1)?.selection).toEqual({ kind: 'section', section: 5 });
  });

  test('put a note where its place begins', () => {
    const note = { start: 300, end: 310, title: 'timer', text: 'odd', place: { kind: 'section', section: 5 } } as const;
    const noted = rowsOf(filled(tracks, { info, notes: [note] })).at(-1);
    expect(noted?.items.map((i) => [i.start, i.text, i.selection])).toEqual([
      [300, 'note on timer: odd', { kind: 'section', section: 5 }]
    ]);
  });
});

test('a round that is inferred says so', () => {
  expect(roundText(info.rounds[0]!)).not.toContain('inferred');
  expect(roundText(info.rounds[1]!)).toContain('round 2, inferred');
});

const view = whole(1000, 1000);
function drawn(more: Partial<TimelineDrawing> = {}, of: SnapshotInfo = info) {
  const log = new CanvasLog();
  const drawing: TimelineDrawing = {
    ...{ rows: rowsOf(filled(tracks, { info: of, notes: [] })), view, read: tokenNames, active: 1 },
    data: { info: of, density: undefined, wanted: undefined, notes: [] },
    ...{ cursor: undefined, selected: undefined, hovered: undefined, area: undefined },
    ...more
  };
  drawTimeline(log.context, { width: 1000 + GUTTER, height: 200 }, drawing);
  return log;
}

describe('the drawing', () => {
  test('names tracks and phases, and marks inferred rounds', () => {
    const { texts } = drawn();
    for (const text of ['Phase', 'Rounds', 'Pages', 'Sections', 'iterate', 'timer', '1', '≥2']) {
      expect(texts).toContain(text);
    }
  });

  test('stacks the shares of a round to its whole height', () => {
    const { top, track } = rowOf('rounds');
    const log = drawn({ read: (token) => (token.startsWith('--kind') ? token : '#000000') });
    const shares = log
      .of('fillRect')
      .filter((r) => r.y >= top && r.y < top + track.height && r.style.startsWith('--kind'));
    const first = shares.filter((r) => r.x < GUTTER + 100);
    expect(first.map((r) => [r.style, Math.round(r.height * 10) / 10])).toEqual([
      ['--kind-zero', 13.6],
      ['--kind-normal', 3.4],
      ['--kind-xbzrle', 0],
      ['--kind-compressed', 0]
    ]);
  });

  test('shows an area with two handles, and the cursor as a line', () => {
    const log = drawn({ area: { start: 100, end: 800 }, cursor: 500 });
    const accents = log.of('fillRect').filter((r) => r.style === '--accent');
    // The stretch, a line and a handle at each end, the cursor.
    expect(accents).toHaveLength(6);
    expect(accents[0]?.alpha).toBeLessThan(0.5);
  });

  test('draws the density of pages with what is repeated, and marks pages that are looked for', () => {
    const density: Density = {
      ...{ start: 0, end: 1000, buckets: 2 },
      counts: Uint32Array.of(8, 2, 0, 0, 0, 1, 3, 0),
      again: Uint32Array.of(0, 4)
    };
    const wanted: Density = { ...density, counts: Uint32Array.of(0, 0, 0, 0, 0, 1, 0, 0) };
    const { top, track } = rowOf('pages');
    const log = drawn({
      data: { info, density, wanted, notes: [] },
      read: (token) => token.replace(/^--phase.*/, '#000')
    });
    const inTrack = log.of('fillRect').filter((r) => r.y >= top && r.y < top + track.height && r.height < 50);
    expect(inTrack.map((r) => r.style)).toEqual([
      '--kind-zero',
      '--kind-normal',
      '--kind-normal',
      '--kind-xbzrle',
      '--warn',
      '--accent'
    ]);
  });
});

describe('pointing', () => {
  const x = (offset: number) => GUTTER + ((offset - view.start) / view.span) * view.width;
  test('finds the item of the track at that height', () => {
    const { top } = rowOf('rounds');
    expect(hitTimeline(rows, view, x(700), top + 5)?.item?.text).toContain('round 2');
    expect(hitTimeline(rows, view, x(700), rowOf('sections').top + 5)?.item?.text).toContain('ram/0 part');
    expect(hitTimeline(rows, view, x(700), top)?.offset).toBeCloseTo(700, 3);
  });
  test('finds nothing on the axis, on the names and below', () => {
    expect(hitTimeline(rows, view, x(700), 3)).toBeUndefined();
    expect(hitTimeline(rows, view, 10, rowOf('rounds').top + 5)).toBeUndefined();
    expect(hitTimeline(rows, view, x(700), heightOf(rows) + 5)).toBeUndefined();
  });
});
