import { createDeflate, constants } from 'node:zlib';
import { expect, test } from 'vitest';
import { packetDecoder } from '../../../src/lib/vmstate/multifd-compression.ts';
import { addMultifd } from '../../../src/lib/vmstate/multifd.ts';
import { Problems } from '../../../src/lib/vmstate/problem.ts';
import { RamIndex } from '../../../src/lib/vmstate/ram-index.ts';
import { bytesSource } from '../../../src/lib/vmstate/source.ts';
import { randomly } from '../../support/compressed.ts';
import { capture, packet } from '../../support/multifd.ts';

const PAGE = 4096;
const random = randomly(4);
/** Pages that share much with each other, so that packets depend on those before. */
const shared = Uint8Array.from({ length: PAGE }, () => random(256));
const pages = Array.from({ length: 30 }, (_, i) => shared.map((b, at) => (at % 100 === i ? i : b)));

/** One zlib stream, flushed after each packet, as multifd-zlib.c sends it. */
async function zlibPackets(packets: readonly Uint8Array[][]): Promise<Buffer[]> {
  const deflate = createDeflate({ level: 1 });
  const out: Buffer[] = [];
  let chunks: Buffer[] = [];
  deflate.on('data', (chunk: Buffer) => chunks.push(chunk));
  for (const packed of packets) {
    for (const page of packed) deflate.write(page);
    await new Promise<void>((resolve) => deflate.flush(constants.Z_SYNC_FLUSH, resolve));
    out.push(Buffer.concat(chunks));
    chunks = [];
  }
  return out;
}

test('a channel of zlib packets decodes, each with what came before', async () => {
  const decoder = packetDecoder(1)!;
  const groups = [pages.slice(0, 1), pages.slice(1, 20), pages.slice(20)];
  const packets = await zlibPackets(groups);
  // Ten pages of noise, which only the history makes small.
  expect(packets[2]!.length).toBeLessThan(2 * PAGE);
  for (const [i, payload] of packets.entries()) {
    const expected = Buffer.concat(groups[i]!);
    const got = await decoder.decode(payload, expected.length);
    expect(typeof got === 'string' ? got : Buffer.from(got).equals(expected)).toBe(true);
  }
});

test('a packet that gives too little, or no stream at all, says so', async () => {
  const [payload] = await zlibPackets([pages.slice(0, 2)]);
  expect(await packetDecoder(1)!.decode(payload!, 3 * PAGE)).toBe('inflate generated too few output');
  expect(await packetDecoder(1)!.decode(shared, PAGE)).toBe('no zlib header');
  expect(await packetDecoder(2)!.decode(shared, PAGE)).toContain('zstd: ');
});

test('Zstandard blocks over several packets are one frame', async () => {
  // A header with a window of 512 KiB, then an RLE block for each page; no block is the last.
  const decoder = packetDecoder(2)!;
  const rle = (fill: number): number[] => [((PAGE << 3) | 2) & 255, (PAGE << 3) >> 8, 0, fill];
  const first = Uint8Array.from([0x28, 0xb5, 0x2f, 0xfd, 0, 0x48, ...rle(1), ...rle(2)]);
  const both = (await decoder.decode(first, 2 * PAGE)) as Uint8Array;
  expect(Buffer.from(both).equals(Buffer.concat([Buffer.alloc(PAGE, 1), Buffer.alloc(PAGE, 2)]))).toBe(true);
  expect(((await decoder.decode(Uint8Array.from(rle(3)), PAGE)) as Uint8Array)[77]).toBe(3);
  expect(await decoder.decode(Uint8Array.from(rle(3)), 10)).toBe('more than the packet says');
});

test('decoded pages go to the page store; behind damage a channel gives no contents', async () => {
  const ram = new RamIndex();
  ram.addBlock({ idstr: 'pc.ram', usedLength: 64 * PAGE, pageSize: PAGE, start: 0, end: 0 });
  const groups = [pages.slice(0, 2), [new Uint8Array(PAGE)], pages.slice(2, 3), pages.slice(3, 4)];
  const payloads = await zlibPackets(groups);
  payloads[2]!.fill(0xff, 0, 8);
  let offset = 0;
  const packets = groups.map((group, i) => {
    const normal = group.map(() => [PAGE * offset++, 0] as const);
    return packet({ flags: 2, num: i, normal, payload: payloads[i]! });
  });
  const problems = new Problems();
  await addMultifd([{ name: 'channel-0', source: bytesSource(capture(0, ...packets)) }], ram, problems);
  expect(ram.count).toBe(5);
  expect(Buffer.from(ram.store.get(ram.slotOf(1) - 1)).equals(pages[1]!)).toBe(true);
  // A page of zeros needs no slot.
  expect(ram.slotOf(2)).toBe(0);
  expect([ram.slotOf(3), ram.slotOf(4)]).toEqual([0, 0]);
  expect(problems.list.map((p) => p.code)).toEqual(['multifd-damaged']);
});
