import { expect, test } from 'vitest';
import {
  blockSource,
  latestTable,
  readPage,
  sentPages,
  tableBefore,
  visitPages
} from '../../../src/lib/vmstate/ram-contents.ts';
import { hashPage } from '../../../src/lib/vmstate/page-hash.ts';
import { PageKind, RamIndex } from '../../../src/lib/vmstate/ram-index.ts';
import type { Snapshot } from '../../../src/lib/vmstate/snapshot.ts';
import { bytesSource, fromChunks, readRange, type ByteSource } from '../../../src/lib/vmstate/source.ts';
import { snapshot as made } from '../../support/snapshots.ts';

const PAGE = 4096;
const filled = (n: number): Uint8Array => new Uint8Array(PAGE).fill(n);

/** Every 4096 bytes of it differ from all others, wherever they begin. */
const content = Uint8Array.from({ length: 6 << 20 }, (_, i) => (i >>> 12) + (i >>> 4) + i * 7);
const pageAt = (at: number): Uint8Array => content.subarray(at, at + PAGE);

interface Reads {
  readonly source: ByteSource;
  readonly reads: [at: number, bytes: number][];
  readonly streams: [start: number, end: number][];
}
/** The content, with a record of what was asked of it. */
function watched(streaming = false): Reads {
  const reads: [number, number][] = [];
  const streams: [number, number][] = [];
  const { size, read } = bytesSource(content);
  const source: ByteSource = {
    size,
    read: (at, target) => (reads.push([at, target.length]), read(at, target)),
    ...(streaming && {
      stream: (start: number, end: number) => {
        streams.push([start, end]);
        return fromChunks(
          (async function* () {
            for (let at = start; at < end; at += 77_777) yield content.subarray(at, Math.min(end, at + 77_777));
          })()
        );
      }
    })
  };
  return { source, reads, streams };
}

/** Records of one block: contents at an offset of the stream, or of another file, or a zero page. */
function memory(
  bytes: ByteSource,
  pages: number,
  ...sent: readonly (readonly [page: number, at?: number])[]
): Snapshot {
  const ram = new RamIndex();
  ram.addBlock({ idstr: 'pc.ram', usedLength: pages * PAGE, pageSize: PAGE, start: 0, end: 0 });
  for (const [page, at] of sent) ram.add(at === undefined ? PageKind.zero : PageKind.normal, page, at ?? 0, 0, 0, 0, 0);
  return { ...made({}), ram, bytes, end: bytes.size };
}

async function visited(
  snapshot: Snapshot,
  pages: Iterable<number>
): Promise<[number, Uint8Array | undefined, number][]> {
  const out: [number, Uint8Array | undefined, number][] = [];
  await visitPages(snapshot, pages, (page, bytes, record) => out.push([page, bytes?.slice(), record]));
  return out;
}

test('pages come in the order of their bytes; those without bytes at once', async () => {
  const { source } = watched();
  const s = memory(source, 8, [0, 9000], [1], [2, 500], [3, 70_001]);
  expect(await visited(s, [0, 1, 2, 3, 4])).toEqual([
    [1, undefined, 1],
    [4, undefined, -1],
    [2, pageAt(500), 2],
    [0, pageAt(9000), 0],
    [3, pageAt(70_001), 3]
  ]);
});

test('what lies close is read in one go, what lies far apart is not read over', async () => {
  const { source, reads } = watched();
  const s = memory(source, 8, [0, 0], [1, 5000], [2, 200_000], [3, 3 << 20]);
  await visited(s, [0, 1, 2, 3]);
  expect(reads.map(([at]) => at)).toEqual([0, 3 << 20]);
  expect(reads.reduce((sum, [, bytes]) => sum + bytes, 0)).toBe(204_096 + PAGE);
});

test('a long stretch is taken as a stream, pages across its pieces whole', async () => {
  const { source, streams, reads } = watched(true);
  const sent = Array.from({ length: 1200 }, (_, i) => [i, 100 + i * 4104] as const);
  const s = memory(source, 1200, ...sent);
  const out = await visited(
    s,
    sent.map(([page]) => page)
  );
  expect(out).toHaveLength(1200);
  for (const [page, bytes] of out) expect(Buffer.compare(bytes!, pageAt(100 + page * 4104))).toBe(0);
  expect(streams).toEqual([[100, 100 + 1199 * 4104 + PAGE]]);
  expect(reads).toEqual([]);
});

test('what lies behind the end of the input reads as zeros', async () => {
  const { source } = watched();
  const cut = content.length - 1000;
  const s = memory(source, 4, [0, cut], [1, content.length + PAGE]);
  const expected = new Uint8Array(PAGE);
  expected.set(content.subarray(cut));
  expect(await visited(s, [0, 1])).toEqual([
    [0, expected, 0],
    [1, new Uint8Array(PAGE), 1]
  ]);
});

test('contents in the store and in other files come with the rest', async () => {
  const { source } = watched();
  const s = memory(source, 8, [0, 0]);
  const { low, high } = hashPage(filled(9));
  s.ram.add(PageKind.xbzrle, 1, 50, 0, low, high, s.ram.store.put(filled(9), low, high) + 1);
  s.ram.sources.push(bytesSource(filled(5)));
  s.ram.add(PageKind.normal, 2, 0, 1, 0, 0, 0);
  expect(await visited(s, [0, 1, 2])).toEqual([
    [1, filled(9), 1],
    [0, pageAt(0), 0],
    [2, filled(5), 2]
  ]);
  expect(await readPage(s, 2)).toEqual(filled(5));
});

test('a walk that is given up stops', async () => {
  const s = memory(watched().source, 8, [0, 0]);
  const signal = AbortSignal.abort();
  await expect(visitPages(s, [0], () => undefined, latestTable(s.ram), signal)).rejects.toThrow(/abort/);
});

test('a block is bytes as of the end, or of a record before it', async () => {
  const s = memory(watched().source, 3, [0, 100], [1, 8000], [0, 20_000]);
  const block = s.ram.blocks[0]!;
  const now = blockSource(s, block);
  expect(now.size).toBe(3 * PAGE);
  const whole = await readRange(now, 0, now.size);
  expect(Buffer.compare(whole, Buffer.concat([pageAt(20_000), pageAt(8000), new Uint8Array(PAGE)]))).toBe(0);
  expect(Buffer.compare(await readRange(now, 4000, 4200), whole.subarray(4000, 4200))).toBe(0);
  const before = blockSource(s, block, tableBefore(s.ram, 2));
  expect(Buffer.compare(await readRange(before, 0, PAGE), pageAt(100))).toBe(0);
});

test('sent pages are those that a table has, in the order in which they came last', () => {
  const s = memory(watched().source, 9, [7, 0], [1], [7, 5000]);
  expect([...sentPages(s.ram)]).toEqual([1, 7]);
  expect([...sentPages(s.ram, tableBefore(s.ram, 2))]).toEqual([7, 1]);
});
