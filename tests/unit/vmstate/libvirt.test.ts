import { expect, test } from 'vitest';
import { readLibvirtHeader } from '../../../src/lib/vmstate/libvirt.ts';
import { PeekStream } from '../../../src/lib/vmstate/peek-stream.ts';
import { bytesSource, sequential } from '../../../src/lib/vmstate/source.ts';

const XML = '<domain><name>web1</name></domain>\0';

/** virQEMUSaveHeader and the domain's XML. */
function header(words: number[], { magic = 'LibvirtQemudSave', little = true } = {}): Uint8Array {
  const out = new Uint8Array(92 + XML.length);
  out.set(new TextEncoder().encode(magic));
  const view = new DataView(out.buffer);
  words.forEach((word, i) => view.setUint32(16 + 4 * i, word, little));
  out.set(new TextEncoder().encode(XML), 92);
  return out;
}
const read = (bytes: Uint8Array): ReturnType<typeof readLibvirtHeader> =>
  readLibvirtHeader(new PeekStream(sequential(bytesSource(bytes))));

test('the header names format, domain and where the stream begins, in either byte order', async () => {
  const expected = { version: 2, dataLength: 100, wasRunning: true, format: 'zstd', cookieOffset: 60, domain: 'web1' };
  for (const little of [true, false]) {
    const got = await read(header([2, 100, 1, 5, 60], { little }));
    expect(got).toEqual({ ...expected, finished: true, streamOffset: 192 });
  }
});

test('version 1 has no format, an unfinished image another magic', async () => {
  expect(await read(header([1, 10, 0, 77]))).toMatchObject({ format: 'raw', wasRunning: false });
  expect(await read(header([2, 10, 0, 6], { magic: 'LibvirtQemudPart' }))).toMatchObject({
    finished: false,
    format: 'sparse'
  });
});

test('what libvirt refuses is refused with its position', async () => {
  await expect(read(header([3, 10]))).rejects.toMatchObject({ at: 16 });
  await expect(read(header([2, 0]))).rejects.toMatchObject({ at: 20 });
  await expect(read(header([2, 10, 0, 7]))).rejects.toMatchObject({
    at: 28,
    message: 'unsupported save image format: 7'
  });
  await expect(read(header([2, 10]).subarray(0, 91))).rejects.toMatchObject({ at: 91 });
});
