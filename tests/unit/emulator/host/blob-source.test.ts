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

/** What a browser gives that does not fill buffers of the caller's. */
function withoutByob(of: Blob): Blob {
  let at = 0;
  const stream = new ReadableStream<Uint8Array>({
    async pull(controller) {
      const chunk = new Uint8Array(await of.slice(at, at + 65_536).arrayBuffer());
      at += chunk.length;
      if (chunk.length > 0) controller.enqueue(chunk);
      else controller.close();
    }
  });
  return Object.assign(of, { stream: () => stream });
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

test('where the browser fills buffers of ours, it is given large ones', async () => {
  const asked = new Set<number>();
  const sent = blob.slice();
  const stream = new ReadableStream({
    type: 'bytes',
    async pull(controller) {
      const view = controller.byobRequest?.view as Uint8Array;
      asked.add(view.byteLength);
      view.fill(7);
      controller.byobRequest?.respond(view.byteLength);
    }
  });
  const source = blobSource(Object.assign(sent, { slice: () => Object.assign(sent, { stream: () => stream }) }));
  const read = source.stream!(0, sent.size);
  const target = new Uint8Array(1 << 20);
  for (let i = 0; i < 4; i++) {
    expect(await read.read(target)).toBe(1 << 20);
    expect(target.every((b) => b === 7)).toBe(true);
  }
  expect([...asked]).toEqual([1 << 20]);
});

test('where the browser fills no buffers of ours, its own are taken', async () => {
  const plain = Object.assign(blob.slice(), {
    slice: (start: number, end: number) => withoutByob(blob.slice(start, end))
  });
  const stream = blobSource(plain).stream!(100, 2_000_000);
  expect(Buffer.compare(await drain(stream), content.subarray(100, 2_000_000))).toBe(0);
});

test('a file that is gone is an error of the read that meets it', async () => {
  const gone = Object.assign(blob.slice(), {
    slice: () =>
      Object.assign(new Blob([content]), {
        stream: () =>
          new ReadableStream({
            type: 'bytes',
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
