import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { createInspector } from '../../../../src/lib/emulator/inspector.ts';
import type { SnapshotInfo } from '../../../../src/lib/emulator/api.ts';
import {
  recordingBytes,
  recordingHead,
  recordingNote,
  type RecordingNote,
  type Watcher
} from '../../../../src/lib/vmstate/recording.ts';
import { capturedRecording } from '../../../../src/lib/viz/migration/captured.ts';
import { evidenceOf } from '../../../../src/lib/viz/migration/evidence.ts';
import { recordingText } from '../../../../src/lib/viz/migration/recording.ts';
import { storyOf } from '../../../../src/lib/viz/migration/story.ts';
import { finishedRun } from './finished-run.ts';

const sample = new URL('../../../../static/samples/workload/workload.vmstate.gz', import.meta.url);
const stream = new Uint8Array(gunzipSync(readFileSync(sample)));
const PIECE = 50_000;
const STEP = 20;

/** The sample as it would have been captured, a piece each 20 ms. */
function recorded(watcher: Watcher, notes: readonly RecordingNote[], end = stream.length): File {
  const parts: BlobPart[] = [recordingHead({ watcher, machine: '', memory: 0, started: 0 })];
  for (let at = 0; at < end; at += PIECE) {
    const piece = stream.slice(at, at + PIECE);
    parts.push(recordingBytes((at / PIECE) * STEP, piece.length), piece, '\n');
  }
  return new File([...parts, ...notes.map(recordingNote)], 'a.recording');
}
const open = (file: File): Promise<SnapshotInfo> => createInspector().open([file], () => undefined);
const duration = Math.floor(stream.length / PIECE) * STEP;

test('a stream alone: rounds follow each other, and the last one is the downtime', async () => {
  const info = await open(recorded('stream', []));
  const recording = capturedRecording(info)!;
  expect([recording.watcher, recording.machine]).toEqual(['stream', 'pc-i440fx-7.2']);
  const story = storyOf(recording.observations);
  expect(story.rounds).toHaveLength(info.rounds.length);
  expect(story.rounds.map((r) => r.sent.normal + r.sent.zero)).toEqual(info.rounds.map((r) => r.pages));
  expect(story.rounds.at(0)).toMatchObject({ phase: 'bulk', number: 1, start: 0 });
  expect(story.rounds.at(-1)).toMatchObject({ phase: 'switchover', remaining: 0, dirtied: 0 });
  for (const [n, round] of story.rounds.slice(1).entries()) {
    expect(round.start).toBe(story.rounds[n]!.end);
    expect(story.rounds[n]!.dirtied).toBe(round.dirty);
  }
  expect(story.until).toBe(duration);
  expect(story.statuses).toMatchObject([{ status: 'completed' }]);
  expect(story.stops).toEqual([{ start: story.rounds.at(-1)!.start, end: duration }]);
  expect(story.sections.map(({ name }) => name)).toContain('cpu');
  expect(story.downtime!.downtime).toBe(duration - story.rounds.at(-1)!.start);
});

test('what QMP and the trace log said is taken before what is inferred', async () => {
  const ram = (transferred: number, remaining: number) => ({
    ...{ transferred, remaining, total: 1 << 24, normal: transferred / 4096, duplicate: 7, 'dirty-pages-rate': 5 }
  });
  const qmp = (at: number, info: object): RecordingNote => ({ kind: 'qmp', at, info });
  const info = await open(
    recorded('qmp', [
      { kind: 'parameters', at: 0, parameters: { 'downtime-limit': 300 } },
      qmp(10, { status: 'setup' }),
      qmp(50, { status: 'active', ram: ram(4096, 8192), 'expected-downtime': 9 }),
      // Nearer than a window: with the next one.
      qmp(90, { status: 'active', ram: ram(8192, 8192) }),
      qmp(250, {
        status: 'active',
        ram: ram(40_960 + 4096, 4096),
        'expected-downtime': 11,
        'cpu-throttle-percentage': 20
      }),
      qmp(900, { status: 'completed', ram: ram(81_920, 0), downtime: 33, 'total-time': 890 }),
      { kind: 'event', at: 700, event: 'STOP' },
      {
        kind: 'trace',
        at: 720,
        name: 'vmstate_downtime_save',
        text: 'type=non-iterable idstr=cpu instance_id=0 downtime=417'
      }
    ])
  );
  const story = storyOf(capturedRecording(info)!.observations);
  expect(story.statuses.map(({ at, status }) => [at, status])).toEqual([
    [10, 'setup'],
    [50, 'active'],
    [900, 'completed']
  ]);
  expect(story.samples[0]).toMatchObject({
    ...{ at: 250, duration: 200, bytes: 40_960, pages: 10, remaining: 4096, expectedDowntime: 11, throttle: 20 },
    threshold: (40_960 / 200) * 300
  });
  expect(story.downtime).toMatchObject({ downtime: 33, total: 890 });
  expect(story.stops[0]!.start).toBe(700);
  expect(story.throttle).toMatchObject([{ at: 250, percentage: 20 }, { percentage: 0 }]);
  expect(story.sections.find(({ name }) => name === 'cpu')!.microseconds).toBe(417);
});

test('one that broke off did not complete', async () => {
  const story = storyOf(capturedRecording(await open(recorded('stream', [], 600_000)))!.observations);
  expect(story.statuses).toEqual([]);
  expect(story.downtime).toBeUndefined();
});

test('what a sender of ours counted is taken as it is', async () => {
  const own = { watcher: 'sender', machine: 'pc-i440fx-7.2', memory: 1 << 24, settings: undefined } as const;
  const file = new File([recordingText({ ...own, observations: finishedRun.observations })], 'own.recording');
  expect(capturedRecording(await open(file))).toEqual({ ...own, observations: finishedRun.observations });
});

test('a stream that was not recorded is no recording', async () => {
  expect(capturedRecording(await open(new File([stream], 'vm.state')))).toBeUndefined();
});

test('notes of the strangest kinds change nothing', async () => {
  const strange = [null, 7, 'x', [], {}, { status: 7, ram: 8 }, { ram: { transferred: 'many', remaining: -1 } }];
  const kinds = ['qmp', 'event', 'trace', 'parameters', 'gap2', 'connection', 'end'];
  const notes = kinds.flatMap((kind) =>
    strange.map((info) => ({ kind, at: 5, info, event: info, data: info, text: info, name: info, parameters: info }))
  );
  const plain = capturedRecording(await open(recorded('qmp', [{ kind: 'qmp', at: 5, info: { status: 'none' } }])))!;
  const story = storyOf(capturedRecording(await open(recorded('qmp', notes)))!.observations);
  expect(story.rounds).toEqual(storyOf(plain.observations).rounds);
});

test('rounds that QEMU told of are reported, with its numbers; without its word they are inferred', async () => {
  const pass = (at: number, pass: number): RecordingNote => ({
    ...{ kind: 'event', at, event: 'MIGRATION_PASS', data: { pass } }
  });
  const bare = await open(recorded('qmp', []));
  const inferred = capturedRecording(bare)!;
  // Each round when the piece that has its beginning was on its way.
  const told = bare.rounds.map((r, n) => pass(Math.max(0, Math.floor(r.start / PIECE) - 0.5) * STEP, n + 1));
  const reported = capturedRecording(await open(recorded('qmp', told)))!;
  expect([inferred.watcher, reported.watcher]).toEqual(['qmp', 'passes']);
  const numbers = storyOf(reported.observations).rounds.map(({ number }) => number);
  expect(numbers).toEqual([...new Set(numbers)].sort((a, b) => a - b));
  expect([numbers[0], numbers.at(-1)]).toEqual([1, bare.rounds.length]);
  expect(evidenceOf('rounds', inferred.watcher)).toBe('inferred');
  expect(evidenceOf('rounds', reported.watcher)).toBe('reported');
});
