import { expect, test } from 'vitest';
import {
  bytesSource,
  fromChunks,
  readRange,
  sequential,
  slice,
  untilError,
  type ByteSource,
  type ByteStream
} from '../../../src/lib/vmstate/source.ts';

const MiB = 1 << 20;
const content = Uint8Array.from({ length: 4 * MiB + 17 }, (_, i) => (i * 13) >>> 2);

/** A source that tells which stretches were taken as streams. */
function streaming(): { source: ByteSource; streams: [number, number][] } {
  const streams: [number, number][] = [];
  const stream = (start: number, end: number): ByteStream => {
    streams.push([start, end]);
    return fromChunks(
      (async function* () {
        for (let at = start; at < end; at += 100_000) yield content.subarray(at, Math.min(at + 100_000, end));
      })()
    );
  };
  return { source: { ...bytesSource(content), stream }, streams };
}

async function drain(stream: ByteStream): Promise<Buffer> {
  const out: Uint8Array[] = [];
  const target = new Uint8Array(65_000);
  for (let n; (n = await stream.read(target)) > 0;) out.push(target.slice(0, n));
  return Buffer.concat(out);
}

test('a long stretch is taken as a stream, a short one is read where it lies', async () => {
  const { source, streams } = streaming();
  expect(Buffer.compare(await drain(sequential(source)), content)).toBe(0);
  expect(Buffer.compare(await drain(sequential(source, 10, 2 * MiB)), content.subarray(10, 2 * MiB))).toBe(0);
  expect(Buffer.compare(await drain(sequential(source, 10, 1000)), content.subarray(10, 1000))).toBe(0);
  expect(streams).toEqual([
    [0, content.length],
    [10, 2 * MiB]
  ]);
});

test('a source without streams is read in order all the same', async () => {
  const stretch = await drain(sequential(bytesSource(content), 5, 3 * MiB));
  expect(Buffer.compare(stretch, content.subarray(5, 3 * MiB))).toBe(0);
});

test('a part of a source counts from its own start, as a stream too', async () => {
  const { source, streams } = streaming();
  const part = slice(source, 100, 3 * MiB);
  expect(part.size).toBe(3 * MiB - 100);
  expect(await readRange(part, 7, 20)).toEqual(content.slice(107, 120));
  expect(await readRange(part, part.size - 2, part.size + 5)).toEqual(content.slice(3 * MiB - 2, 3 * MiB));
  expect(Buffer.compare(await drain(sequential(part)), content.subarray(100, 3 * MiB))).toBe(0);
  expect(streams).toEqual([[100, 3 * MiB]]);
});

test('where a source breaks it ends, and that is told once', async () => {
  const told: [string, number][] = [];
  const broken: ByteSource = {
    size: content.length,
    read: (at) => Promise.reject(new Error(`EIO at ${at}`)),
    stream: () => {
      let at = 0;
      return {
        read: (target) => {
          if (at >= 130_000) return Promise.reject(new Error('EIO in the stream'));
          target.set(content.subarray(at, at + target.length));
          at += target.length;
          return Promise.resolve(target.length);
        }
      };
    }
  };
  const source = untilError(broken, ({ message }, at) => told.push([message, at]));
  expect(await drain(sequential(source))).toHaveLength(130_000);
  // What lies behind the place is not asked for any more; what lies before it still is.
  expect(await source.read(130_000, new Uint8Array(8))).toBe(0);
  expect(await source.read(100, new Uint8Array(8))).toBe(0);
  expect(told).toEqual([['EIO in the stream', 130_000]]);
});

test('chunks of any size fill targets of any size', async () => {
  const chunks = async function* () {
    for (const n of [0, 1, 5, 0, 300, 2]) yield content.slice(0, n);
  };
  expect(await drain(fromChunks(chunks()))).toHaveLength(308);
});
