/** Guest memory out of a snapshot: page contents by record, blocks as sources, and the quick walk over all pages. */
import { PageKind, type RamBlock, type RamIndex } from './ram-index.ts';
import type { Snapshot } from './snapshot.ts';
import type { ByteSource } from './source.ts';

const PAGE = 4096;
/** Records whose bytes lie within this distance are fetched in one read. */
const WINDOW = 1 << 20;

/** Record + 1 of each page as of some moment; `latest` for the end of the stream. */
export type PageTable = { get(page: number): number };

export const latestTable = (ram: RamIndex): PageTable => ({ get: (page) => ram.latest(page) + 1 });
/** RAM as a destination had it before record `end` came. */
export function tableBefore(ram: RamIndex, end: number): PageTable {
  return end >= ram.count ? latestTable(ram) : ram.latestBefore(end);
}

/** Offset of the 4096 bytes of a record's contents in its source, or undefined when they are not there as such. */
export function contentsOffset(snapshot: Snapshot, record: number): number | undefined {
  const { ram } = snapshot;
  if (ram.slotOf(record) !== 0) return undefined;
  const kind = ram.kindOf(record);
  return kind === PageKind.normal || kind === PageKind.mapped ? ram.offsetOf(record) : undefined;
}

const sourceOf = (snapshot: Snapshot, record: number): ByteSource =>
  snapshot.ram.sources[snapshot.ram.sourceOf(record)] ?? snapshot.bytes;

/** Contents of one record: a fresh 4096 bytes. Zero pages and unreadable ones are zeros. */
export async function readPage(snapshot: Snapshot, record: number): Promise<Uint8Array<ArrayBuffer>> {
  const out = new Uint8Array(PAGE);
  await fillPage(snapshot, record, out);
  return out;
}

async function fillPage(snapshot: Snapshot, record: number, out: Uint8Array): Promise<void> {
  const { ram } = snapshot;
  const slot = ram.slotOf(record);
  if (slot !== 0) {
    out.set(ram.store.get(slot - 1));
    return;
  }
  const at = contentsOffset(snapshot, record);
  if (at === undefined) return;
  await sourceOf(snapshot, record).read(at, out);
}

/** One RAM block as bytes from 0 to used_length; pages never sent read as zeros. */
export function blockSource(snapshot: Snapshot, block: RamBlock, table = latestTable(snapshot.ram)): ByteSource {
  return {
    size: block.usedLength,
    async read(at, target) {
      const n = Math.max(0, Math.min(target.length, block.usedLength - at));
      const first = Math.floor(at / PAGE);
      const last = Math.ceil((at + n) / PAGE);
      const wanted = [];
      for (let p = first; p < last; p++) wanted.push(block.firstPage + p);
      const put = (page: number, bytes: Uint8Array): void => {
        const from = (page - block.firstPage) * PAGE - at;
        const skip = Math.max(0, -from);
        const end = Math.min(PAGE, n - from);
        target.set(bytes.subarray(skip, end), from + skip);
      };
      target.fill(0, 0, n);
      await visitPages(snapshot, wanted, (page, bytes) => bytes && put(page, bytes), table);
      return n;
    }
  };
}

/**
 * Calls `visit` once for each of the pages, in the order of their bytes in the sources rather than in page order, so
 * that the input is read in large pieces. `bytes` is a view that is good during the call; undefined stands for a page
 * of zeros or one that was never sent (`record` -1).
 */
export async function visitPages(
  snapshot: Snapshot,
  pages: Iterable<number>,
  visit: (page: number, bytes: Uint8Array | undefined, record: number) => void,
  table = latestTable(snapshot.ram),
  signal?: AbortSignal
): Promise<void> {
  const { ram } = snapshot;
  let fetch: { page: number; record: number; source: number; at: number }[] = [];
  let seen = 0;
  for (const page of pages) {
    if ((++seen & 0xffff) === 0) signal?.throwIfAborted();
    const record = table.get(page) - 1;
    if (record < 0) {
      visit(page, undefined, -1);
      continue;
    }
    const slot = ram.slotOf(record);
    if (slot !== 0) visit(page, ram.store.get(slot - 1), record);
    else {
      const at = contentsOffset(snapshot, record);
      if (at === undefined) visit(page, undefined, record);
      else fetch.push({ page, record, source: ram.sourceOf(record), at });
    }
  }
  fetch = fetch.sort((a, b) => a.source - b.source || a.at - b.at);
  const window = new Uint8Array(WINDOW);
  for (let i = 0; i < fetch.length;) {
    signal?.throwIfAborted();
    const { source, at } = fetch[i]!;
    let j = i + 1;
    while (j < fetch.length && fetch[j]!.source === source && fetch[j]!.at + PAGE <= at + WINDOW) j++;
    const end = fetch[j - 1]!.at + PAGE;
    const got = await sourceOf(snapshot, fetch[i]!.record).read(at, window.subarray(0, end - at));
    for (; i < j; i++) {
      const from = fetch[i]!.at - at;
      const bytes = window.subarray(from, from + PAGE);
      if (from + PAGE > got) bytes.fill(0, Math.max(0, got - from));
      visit(fetch[i]!.page, bytes, fetch[i]!.record);
    }
  }
}

/** The pages that a table has records of: in a large memory of which little came far fewer than all. */
export function* sentPages(ram: RamIndex, table = latestTable(ram)): Generator<number> {
  for (let i = 0; i < ram.count; i++) {
    const page = ram.pageOf(i);
    if (table.get(page) === i + 1) yield page;
  }
}
