import { expect, test } from 'vitest';
import { logSteps } from '../../../../src/lib/viz/migration/log-steps.ts';
import {
  readRecordingFile,
  recordingFile,
  recordingText,
  roundsCsv
} from '../../../../src/lib/viz/migration/recording.ts';
import { recordingBytes } from '../../../../src/lib/vmstate/recording.ts';
import { durationOf, lawOf, stateOf, storyOf } from '../../../../src/lib/viz/migration/story.ts';
import { finishedRun } from './finished-run.ts';

const { observations } = finishedRun;

test('the whole story has rounds, stops and the largest section first', () => {
  const story = storyOf(observations);
  expect([story.until, story.rounds.length, durationOf(observations)]).toEqual([2210, 3, 2210]);
  expect(story.stops).toEqual([{ start: 2100, end: 2210 }]);
  expect(story.sections.map((s) => s.name)).toEqual(['cpu', 'apic']);
  expect(stateOf(story, undefined)).toBe('Completed after 2.2 s and 3 rounds, the guest stood for 110 ms.');
});

test('up to a moment it has what was known then', () => {
  const story = storyOf(observations, 1500);
  expect(story.rounds.map((r) => r.number)).toEqual([1]);
  expect(stateOf(story, undefined)).toBe('active: round 2, 1.5 s');
  expect(stateOf(storyOf([]), undefined)).toBe('No migration yet.');
});

test('notes in any order tell the same story', () => {
  expect(storyOf(observations.toReversed(), 2120)).toEqual(storyOf(observations, 2120));
});

test('the law has its inputs from the run', () => {
  // 256 pages dirtied and 2 MiB sent in 2 s: half of what the link takes is written.
  const law = lawOf(storyOf(observations).rounds)!;
  expect([law.ratio, law.bandwidth, law.dirtyRate]).toEqual([0.5, 1 << 20, 1 << 19]);
  expect(law.volumes).toEqual([1 << 20, 1 << 19, 1 << 18]);
  expect(lawOf([])).toBeUndefined();
});

const read = (text: string) => readRecordingFile(new Blob([text]));

test('a recording is read as it was written, with the bytes of its stream and without', async () => {
  const settings = { way: 'xbzrle', bandwidth: 1, downtime: 2, dirtyRate: 3, pattern: '1M seq' } as const;
  const recording = { watcher: 'sender', machine: 'pc-i440fx-7.2', memory: 1 << 24, settings, observations } as const;
  expect(await read(recordingText(recording))).toEqual({ ...recording, holdsStream: false });
  const stream = new Blob([recordingBytes(1, 5), '\n\0{}\n', '\n']);
  const file = recordingFile(recording, stream);
  expect(await readRecordingFile(file)).toEqual({ ...recording, holdsStream: true });
  await expect(readRecordingFile(file.slice(0, 190))).rejects.toThrow('the recording ends inside');
});

test.each([
  ['', 'its format is not'],
  ['{}\n', 'its format is not'],
  ['{"format":"migrascope-migration","version":9}\n', 'version 9 is not known, 2 is'],
  ['{"format":"migrascope-migration","version":2}\n{', 'ends inside a note'],
  ['{"format":"migrascope-migration","version":2}\n7\n', 'no JSON object with "kind" and "at"'],
  ['{"format":"migrascope-migration","version":2}\n{"kind":"throttle","at":1}\n', 'no sound "percentage"'],
  [
    '{"format":"migrascope-migration","version":2}\n{"kind":"sync","at":1,"number":1,"dirty":[{"block":"a","pages":1,"bitmap":"!"}]}\n',
    'no base64'
  ]
])('what is none is refused: %s', async (text, why) => {
  await expect(read(text)).rejects.toThrow(why);
});

test('a note of an unknown kind is passed over', async () => {
  const text =
    '{"format":"migrascope-migration","version":2}\n{"kind":"qmp","at":1}\n{"kind":"guest","at":2,"running":true}\n';
  expect((await read(text)).observations).toEqual([{ kind: 'guest', at: 2, running: true }]);
});

test('rounds are saved a line each', () => {
  const lines = roundsCsv(storyOf(observations).rounds).split('\n');
  expect(lines[0]).toMatch(/^number,phase,start,/);
  expect(lines[1]).toBe('1,bulk,0,1000,256,1048576,128,128,1048576,524288,1000,500,0,7,256,0,0,0');
  expect(lines).toHaveLength(5);
});

test('stops of a slider grow evenly and are round numbers', () => {
  const steps = logSteps(1, 1000);
  expect([steps[0], steps.at(-1)]).toEqual([1, 1000]);
  expect(steps.every((s, i) => i === 0 || s > steps[i - 1]!)).toBe(true);
});
