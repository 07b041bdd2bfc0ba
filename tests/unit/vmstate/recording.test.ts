import { readFileSync } from 'node:fs';
import { gunzipSync, gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import {
  arrivedAt,
  recordingBytes,
  recordingHead,
  recordingNote,
  timeOf,
  type RecordingNote
} from '../../../src/lib/vmstate/recording.ts';
import { blockSource } from '../../../src/lib/vmstate/ram-contents.ts';
import { readSnapshot } from '../../../src/lib/vmstate/savevm.ts';
import type { Snapshot } from '../../../src/lib/vmstate/snapshot.ts';
import { bytesSource, readRange } from '../../../src/lib/vmstate/source.ts';
import { bytes, counted, EOF, footer, HEADER, start, u32be, u64be } from '../../support/bytes.ts';
import { capture, packet, sync } from '../../support/multifd.ts';

const sample = new URL('../../../static/samples/workload/workload.vmstate.gz', import.meta.url);
const stream = new Uint8Array(gunzipSync(readFileSync(sample)));
const head = recordingHead({ watcher: 'qmp', machine: 'pc-i440fx-7.2', memory: 16 << 20, started: 1_700_000_000_000 });
const encode = (text: string): Uint8Array => new TextEncoder().encode(text);
const piece = (at: number, bytes: Uint8Array, more = {}): Uint8Array[] => [
  encode(recordingBytes(at, bytes.length, more)),
  bytes,
  encode('\n')
];
const note = (n: RecordingNote): Uint8Array => encode(recordingNote(n));
/** The sample in pieces of 100,000 bytes, one each 10 ms. */
const pieces = Array.from({ length: Math.ceil(stream.length / 100_000) }, (_, n) =>
  piece(n * 10, stream.subarray(n * 100_000, (n + 1) * 100_000))
).flat();
const read = (...parts: readonly Uint8Array[]): Promise<Snapshot> =>
  readSnapshot(bytesSource(new Uint8Array(Buffer.concat(parts))), { name: 'a.recording' });
const problems = (s: Snapshot): string[] => s.problems.map(({ code, message }) => `${code}: ${message}`);

test('a recorded stream reads as the stream, with when each round went on', async () => {
  const sent = note({ kind: 'qmp', at: 12.3456789, info: { status: 'active' } });
  const recorded = await read(encode(head), ...pieces.slice(0, 6), sent, ...pieces.slice(6));
  const plain = await readSnapshot(bytesSource(stream));
  expect(recorded.file.containers).toEqual(['recording']);
  expect(recorded.end).toBe(plain.end);
  expect(recorded.sections.map(({ name, start, end }) => [name, start, end])).toEqual(
    plain.sections.map(({ name, start, end }) => [name, start, end])
  );
  const bare = recorded.rounds.map(({ startTime: _, endTime: __, ...round }) => round);
  expect(bare).toEqual(plain.rounds);
  expect(plain.rounds.length).toBeGreaterThan(1);
  for (const { start, startTime } of recorded.rounds) {
    expect(startTime).toBe(1_700_000_000_000 + 10 * Math.floor(start / 100_000));
  }
  const { recording } = recorded;
  expect(recording!.head).toEqual({
    ...{ watcher: 'qmp', machine: 'pc-i440fx-7.2', memory: 16 << 20, started: 1_700_000_000_000 }
  });
  expect(recording!.notes).toEqual([{ kind: 'qmp', at: 12.346, info: { status: 'active' } }]);
  expect(timeOf(recording!, 0)).toBe(0);
  expect(timeOf(recording!, 250_000)).toBe(20);
  expect(arrivedAt(recording!, 25, recorded.end)).toBe(300_000);
  expect(arrivedAt(recording!, 1e9, recorded.end)).toBe(stream.length);
});

test('only the main connection’s bytes are the stream', async () => {
  const other = piece(1, encode('other'), { connection: 1 });
  const back = piece(2, encode('back'), { back: true, connection: 2 });
  const parts = Array.from({ length: pieces.length / 3 }, (_, n) =>
    piece(n * 10, stream.subarray(n * 100_000, (n + 1) * 100_000), { connection: 2 })
  ).flat();
  const main = note({ kind: 'connection', at: 0, number: 2, channel: 'main' });
  const recorded = await read(encode(head), ...other, main, ...parts.slice(0, 3), ...back, ...parts.slice(3));
  expect(recorded.end).toBe(stream.length);
  expect(recorded.problems.filter(({ severity }) => severity === 'fatal')).toEqual([]);
});

describe('a recording of several channels', () => {
  const RAM_FLUSH_EOS = [u64be(0x200n), u64be(0x10n)];
  const ram = bytes(
    ...[HEADER, start(2, 'ram', 4, u64be(0x4000n | 0x04n), counted('pc.ram'), u64be(0x4000), RAM_FLUSH_EOS)],
    ...[[2, u32be(2), RAM_FLUSH_EOS, footer(2)], [3, u32be(2), RAM_FLUSH_EOS, footer(2)], EOF]
  );
  /** The first page goes through both channels, in two rounds. */
  const channels = [
    capture(
      0,
      packet({ num: 0, normal: [[0, 1]] }),
      sync(2),
      packet({ num: 4, normal: [[4096, 2]] }),
      sync(5),
      sync(7)
    ),
    capture(1, sync(3), packet({ num: 1, normal: [[0, 3]] }), packet({ num: 6, normal: [[8192, 4]] }), sync(8), sync(9))
  ];
  const connection = (number: number, channel: string): Uint8Array =>
    note({ kind: 'connection', at: 0, number, channel });
  /** Pieces of `length` bytes, one of each connection in turn. */
  const mixed = (length: number): Uint8Array[] => {
    const all = [ram, ...channels];
    const parts = [encode(head), ...['main', 'multifd', 'multifd'].map((kind, n) => connection(n, kind))];
    for (let at = 0; all.some((c) => at < c.length); at += length)
      all.forEach((c, n) => at < c.length && parts.push(...piece(at, c.subarray(at, at + length), { connection: n })));
    return parts;
  };
  const memoryOf = async (snapshot: Snapshot): Promise<Uint8Array> =>
    readRange(blockSource(snapshot, snapshot.ram.block('pc.ram')!), 0, 4 * 4096);

  test('has the memory that the stream has with files of its channels', async () => {
    const sources = channels.map((c, n) => ({ name: `channel-${n}`, source: bytesSource(c) }));
    const plain = await readSnapshot(bytesSource(ram), { channels: sources });
    const memory = await memoryOf(plain);
    expect([0, 4096, 8192, 12288].map((at) => memory[at])).toEqual([3, 2, 4, 0]);
    for (const length of [7, 1000, 100_000]) {
      const recorded = await read(...mixed(length));
      expect(await memoryOf(recorded)).toEqual(memory);
      expect(recorded.rounds.map((r) => [r.pages, r.bytes])).toEqual(plain.rounds.map((r) => [r.pages, r.bytes]));
      expect(recorded.problems.map((p) => p.code)).toEqual(plain.problems.map((p) => p.code));
    }
  });

  test('that is cut has what came before', async () => {
    const whole = Buffer.concat(mixed(1000));
    for (let n = 1; n < 20; n++) {
      const cut = await readSnapshot(bytesSource(new Uint8Array(whole.subarray(0, (n * whole.length) / 20))));
      expect(cut.problems.filter(({ severity }) => severity === 'fatal').length).toBeGreaterThan(0);
    }
  });

  test('and is compressed says that its channels cannot be reached', async () => {
    const packed = gzipSync(Buffer.concat(mixed(1000)));
    const { problems } = await readSnapshot(bytesSource(new Uint8Array(packed)));
    expect(problems.map(({ code }) => code)).toContain('recording-compressed');
  });
});

test('a gap is said with its place, and the stream ends there', async () => {
  const gap = note({ kind: 'gap', at: 31, length: 100_000, why: 'the disk was full' });
  const recorded = await read(encode(head), ...pieces.slice(0, 9), gap, ...pieces.slice(12));
  expect(recorded.end).toBe(300_000);
  const [found] = recorded.problems.filter(({ code }) => code === 'container-damaged');
  expect(found).toMatchObject({ severity: 'fatal', at: 300_000 });
  expect(found!.message).toMatch(/^the recording has a gap: 100000 bytes are missing from here, the disk was full/);
  expect(recorded.recording!.gaps).toEqual([{ offset: 300_000, at: 31, why: 'the disk was full' }]);
});

test('a recording without bytes has what was observed', async () => {
  const recorded = await read(encode(head), note({ kind: 'status', at: 0, status: 'setup' }));
  expect(recorded.problems).toMatchObject([{ code: 'recording-without-stream', severity: 'note' }]);
  expect(recorded.recording!.notes).toEqual([{ kind: 'status', at: 0, status: 'setup' }]);
});

describe('what is damaged is read up to the damage', () => {
  const file = new Uint8Array(Buffer.concat([encode(head), ...pieces]));
  test.each([
    [
      'inside bytes',
      file.subarray(0, head.length + 150_000),
      /^container-damaged: the recording ends inside bytes: \d+ of 100000 are missing \(byte \d+ of a.recording\)/m
    ],
    [
      'inside a note',
      Buffer.concat([encode(head), ...pieces.slice(0, 3), encode('{"kind":"qmp","at":')]),
      /the recording ends inside a note/
    ],
    ['in the head', encode(head).subarray(0, 40), /the recording ends inside a note/],
    ['an old version', encode(head.replace('"version":2', '"version":1')), /version 1 is not known, 2 is/],
    ['no JSON', Buffer.concat([encode(head), encode('{"kind":\n')]), /is no JSON object with "kind" and "at"/],
    ['no time', Buffer.concat([encode(head), encode('{"kind":"qmp"}\n')]), /is no JSON object with "kind" and "at"/],
    [
      'a length that cannot be',
      Buffer.concat([encode(head), encode('{"kind":"bytes","at":1,"length":1e18}\n')]),
      /have no sound "length"/
    ],
    [
      'a wrong length',
      Buffer.concat([encode(head), encode('{"kind":"bytes","at":1,"length":3}\nQEVM\n')]),
      /do not end where they should/
    ]
  ])('%s', async (_, bytes, message) => {
    const { problems: found } = await read(bytes);
    expect(found.map(({ code, message: m }) => `${code}: ${m}`).join('\n')).toMatch(message);
  });

  test('cut anywhere, it never throws', async () => {
    for (let cut = 0; cut < head.length + 300; cut += 7)
      expect(problems(await read(file.subarray(0, cut)))).not.toEqual([]);
  });
});
