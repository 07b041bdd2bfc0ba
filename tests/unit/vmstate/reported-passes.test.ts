import { describe, expect, test } from 'vitest';
import { recordingHeadOf, RecordingNotes, type RecordingNote } from '../../../src/lib/vmstate/recording.ts';
import {
  placePasses,
  reportedPasses,
  type Part,
  type ReportedPasses
} from '../../../src/lib/vmstate/reported-passes.ts';

/** 100 bytes each 10 ms. */
function recording(notes: readonly RecordingNote[], pieces = 10): RecordingNotes {
  const head = recordingHeadOf('{"format":"migrascope-migration","version":2,"watcher":"qmp"}');
  if (typeof head === 'string') throw new Error(head);
  const made = new RecordingNotes(head, undefined);
  for (let n = 0; n < pieces; n++) made.arrived(10 * n, 100);
  for (const note of notes) made.add(note, 100);
  return made;
}
const pass = (at: number, pass: number, sent?: number): RecordingNote => ({
  ...{ kind: 'event', at, event: 'MIGRATION_PASS', data: { pass } },
  ...(sent === undefined ? {} : { timestamp: { seconds: 1700, microseconds: sent * 1000 } })
});
const sample = (at: number, count: number): RecordingNote => ({
  ...{ kind: 'qmp', at, info: { status: 'active', ram: { 'dirty-sync-count': count } } }
});
const synced = (at: number): RecordingNote => ({ kind: 'trace', at, name: 'migration_bitmap_sync_start', text: '' });

describe('what a recording tells of passes', () => {
  test('is nothing where nobody spoke, or only of the bulk pass', () => {
    expect(reportedPasses(recording([]))).toBeUndefined();
    expect(reportedPasses(recording([pass(1, 1), sample(2, 1)]))).toBeUndefined();
  });

  test('by MIGRATION_PASS: after what had arrived', () => {
    const told = reportedPasses(recording([pass(1, 1), pass(25, 2), pass(55, 3), sample(70, 3)]));
    expect(told).toEqual({
      ...{ by: 'MIGRATION_PASS', exact: false, until: 800 },
      passes: [
        { pass: 1, offset: 100 },
        { pass: 2, offset: 300 },
        { pass: 3, offset: 600 }
      ]
    });
  });

  test('an event that the monitor held up counts from when it was sent, whatever the sender’s clock says', () => {
    const told = reportedPasses(recording([pass(1, 1, 500), pass(49, 2, 524), pass(55, 3, 554)]));
    expect(told).toMatchObject({ by: 'MIGRATION_PASS', exact: true });
    expect(told!.passes.map(({ offset }) => offset)).toEqual([100, 300, 600]);
  });

  test('by the trace log where it has as many as were counted, a millisecond before', () => {
    const notes = [synced(1), synced(25), synced(55.5)];
    expect(reportedPasses(recording([...notes, sample(30, 2), sample(70, 3)]))).toEqual({
      ...{ by: 'its trace log', exact: true, until: 800 },
      passes: [
        { pass: 1, offset: 100 },
        { pass: 2, offset: 300 },
        { pass: 3, offset: 600 }
      ]
    });
    expect(reportedPasses(recording([...notes, sample(30, 2), sample(70, 4)]))?.by).toBe('dirty-sync-count');
  });

  test('by samples: what is new came after the sample before', () => {
    const told = reportedPasses(recording([sample(5, 1), sample(25, 1), sample(45, 3)]));
    expect(told).toMatchObject({ by: 'dirty-sync-count', exact: false, until: 500 });
    expect(told!.passes).toEqual([
      { pass: 1, offset: 100 },
      { pass: 2, offset: 300 },
      { pass: 3, offset: 300 }
    ]);
  });

  test('of strange notes is nothing, and of too many no more than 10000', () => {
    const strange = [null, 7, 'x', [], {}, { pass: -1 }, { pass: 1.5 }, { 'dirty-sync-count': 'many' }];
    const notes = strange.flatMap((data) => [
      { kind: 'event', at: 5, event: 'MIGRATION_PASS', data, timestamp: data },
      { kind: 'qmp', at: 5, info: data },
      { kind: 'qmp', at: 5, info: { ram: data } }
    ]);
    expect(reportedPasses(recording(notes))).toBeUndefined();
    expect(reportedPasses(recording([sample(5, 1), sample(6, 2 ** 52)]))?.passes).toHaveLength(10_000);
  });
});

describe('rounds by what was told', () => {
  /** Parts of 100 bytes; of each the last part before it with a page that comes again in it. */
  const list = (before: readonly number[], end = true): Part[] =>
    before.map((b, n) => ({ start: 100 * n, before: b, end: end && n === before.length - 1 }));
  const told = (passes: readonly (readonly [pass: number, offset: number])[], more: Partial<ReportedPasses> = {}) => ({
    ...{ by: 'MIGRATION_PASS' as const, exact: true, until: Infinity },
    ...{ passes: passes.map(([pass, offset]) => ({ pass, offset })), ...more }
  });
  const placed = (parts: readonly Part[], reported: ReportedPasses) =>
    placePasses(parts, reported).map((r) => [r.part, r.pass, r.evidence, r.certain]);

  test('each begins with the first part behind what had arrived; certain where pages come again', () => {
    const reported = told([
      [1, 0],
      [2, 150],
      [3, 300],
      [4, 450]
    ]);
    expect(placed(list([-1, -1, 1, -1, -1]), reported)).toEqual([
      [0, 1, 'section', true],
      [2, 2, 'qmp-pass', true],
      [3, 3, 'qmp-pass', false],
      [4, 4, 'section', true]
    ]);
  });

  test('the bulk pass is the first, however late it was told', () => {
    const reported = told([
      [1, 150],
      [2, 250],
      [3, 350]
    ]);
    expect(placed(list([-1, -1, -1, 1, -1]), reported)).toEqual([
      [0, 1, 'section', true],
      [3, 2, 'qmp-pass', true],
      [4, 3, 'section', true]
    ]);
  });

  test('passes that sent nothing are left out, and their numbers too', () => {
    const reported = told([
      [1, 0],
      [2, 100],
      [3, 100],
      [4, 290],
      [5, 300]
    ]);
    expect(placed(list([-1, 0, -1, 1]), reported)).toEqual([
      [0, 1, 'section', true],
      [1, 3, 'qmp-pass', true],
      [3, 5, 'section', true]
    ]);
  });

  test('one that was placed at bytes still on their way begins where pages come again', () => {
    const reported = told([
      [1, 0],
      [2, 100],
      [3, 500]
    ]);
    expect(placed(list([-1, -1, 1, -1, -1]), reported)).toEqual([
      [0, 1, 'section', true],
      [2, 2, 'qmp-pass', false],
      [4, 3, 'section', true]
    ]);
  });

  test('of passes between two samples those are told apart that pages tell apart', () => {
    const reported = told(
      [
        [1, 0],
        [2, 100],
        [3, 100],
        [4, 400]
      ],
      { by: 'dirty-sync-count', exact: false }
    );
    expect(placed(list([-1, 0, -1, 1, -1]), reported)).toEqual([
      [0, 1, 'section', true],
      [1, 2, 'qmp-pass', false],
      [3, 3, 'qmp-pass', false],
      [4, 4, 'section', true]
    ]);
  });

  test('a pass that was told too late is found by its pages, and counted once', () => {
    const reported = told([
      [1, 0],
      [2, 100],
      [3, 300],
      [4, 400]
    ]);
    expect(placed(list([-1, 0, 1, -1, -1]), reported)).toEqual([
      [0, 1, 'section', true],
      [1, 2, 'qmp-pass', true],
      [2, 3, 'repeat', false],
      [4, 4, 'section', true]
    ]);
  });

  test('there are never more rounds than passes, whatever the pages say', () => {
    const reported = told([
      [1, 0],
      [2, 100],
      [3, 400]
    ]);
    expect(placed(list([-1, 0, 1, 2, 3, 4]), reported).map(([, pass]) => pass)).toEqual([1, 2, 3]);
  });

  test('behind the last word pages alone tell', () => {
    const reported = told(
      [
        [1, 0],
        [2, 100]
      ],
      { until: 250 }
    );
    expect(placed(list([-1, 0, 1, 2, 3], false), reported)).toEqual([
      [0, 1, 'section', true],
      [1, 2, 'qmp-pass', true],
      [3, 3, 'repeat', false],
      [4, 4, 'repeat', false]
    ]);
  });
});
