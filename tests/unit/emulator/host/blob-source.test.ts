import { expect, test } from 'vitest';
import { blobSource } from '../../../../src/lib/emulator/host/blob-source.ts';
import type { ByteStream } from '../../../../src/lib/vmstate/source.ts';

const content = Uint8Array.from({ length: 5_000_003 }, (_, i) => (i * 31) >>> 3);
const blob = new Blob([content]);

/** All that a stream gives, taken with a target of a size that fits no piece of it. */
async function drain(stream: ByteStream, step = 70_001): Promise<Uint8Array> {
  const out: Uint8Array[] = [];
  const target = new Uint8Array(step);
  for (let n; (n = await stream.read(target)) > 0;) out.push(target.slice(0, n));
  return Buffer.concat(out);
}

test('bytes come from where they are asked, fewer at the end', async () => {
  const target = new Uint8Array(8);
  const source = blobSource(blob);
  expect(source.size).toBe(content.length);
  expect(await source.read(1000, target)).toBe(8);
  expect(target).toEqual(content.subarray(1000, 1008));
  expect(await source.read(content.length - 3, target)).toBe(3);
  expect(await source.read(content.length, target)).toBe(0);
});

test('a stream gives a stretch of the blob in order, and then nothing', async () => {
  for (const [start, end] of [
    [0, content.length],
    [4097, 3_000_000],
    [4_000_000, content.length + 10]
  ] as const) {
    const stream = blobSource(blob).stream!(start, end);
    expect(Buffer.compare(await drain(stream), content.subarray(start, end))).toBe(0);
    expect(await stream.read(new Uint8Array(8))).toBe(0);
  }
});

test('a file that is gone is an error of the read that meets it', async () => {
  const gone = Object.assign(blob.slice(), {
    slice: () =>
      Object.assign(new Blob([content]), {
        stream: () =>
          new ReadableStream({
            pull: () => Promise.reject(new Error('NotReadableError'))
          })
      })
  });
  await expect(blobSource(gone).stream!(0, content.length).read(new Uint8Array(8))).rejects.toThrow('NotReadableError');
});

test('a file that became shorter ends where it ends', async () => {
  const short = Object.assign(blob.slice(), {
    slice: () =>
      Object.assign(new Blob([content]), { stream: () => new Blob([content.subarray(0, 2_500_000)]).stream() })
  });
  expect(await drain(blobSource(short).stream!(0, content.length))).toHaveLength(2_500_000);
});
