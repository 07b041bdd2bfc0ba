/** Guest memory out of a snapshot: page contents by record, blocks as sources, and the quick walk over all pages. */
import { PageKind, type RamBlock, type RamIndex } from './ram-index.ts';
import type { Snapshot } from './snapshot.ts';
import { sequential, type ByteSource } from './source.ts';
import { PAGE } from './page.ts';

/** Records whose bytes lie no further apart are read in one go: what is between them costs less than a read does. */
const GAP = 1 << 18;
/** Bytes that are taken from a source at a time. */
const WINDOW = 1 << 20;
/** Pages that are put in the order of their bytes together. */
const BATCH = 1 << 16;

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

/** A page whose bytes are to be read. */
interface Wanted {
  readonly page: number;
  readonly record: number;
  readonly source: number;
  readonly at: number;
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
  let wanted: Wanted[] = [];
  const window = new Uint8Array(WINDOW);
  const readWanted = async (): Promise<void> => {
    wanted.sort((a, b) => a.source - b.source || a.at - b.at);
    for (let from = 0, to = 1; from < wanted.length; from = to++) {
      const { source, record } = wanted[from]!;
      while (to < wanted.length && wanted[to]!.source === source && wanted[to]!.at - wanted[to - 1]!.at <= PAGE + GAP)
        to++;
      await visitStretch(sourceOf(snapshot, record), wanted.slice(from, to), visit, window, signal);
    }
    wanted = [];
  };
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
      else if (wanted.push({ page, record, source: ram.sourceOf(record), at }) >= BATCH) await readWanted();
    }
  }
  await readWanted();
}

/** Visits pages of one source, by rising offset. What lies behind its end reads as zeros. */
async function visitStretch(
  source: ByteSource,
  wanted: readonly Wanted[],
  visit: (page: number, bytes: Uint8Array, record: number) => void,
  window: Uint8Array,
  signal: AbortSignal | undefined
): Promise<void> {
  /** Of the window: offset in the source, and bytes that are there. */
  let base = wanted[0]!.at;
  let have = 0;
  const input = sequential(source, base, wanted.at(-1)!.at + PAGE);
  for (let i = 0; i < wanted.length;) {
    signal?.throwIfAborted();
    const got = await input.read(window.subarray(have));
    have += got;
    for (; i < wanted.length; i++) {
      const { page, at, record } = wanted[i]!;
      if (at + PAGE > base + have && got > 0) break;
      const from = Math.min(at - base, have);
      const bytes = window.subarray(from, from + PAGE);
      visit(page, from + PAGE <= have ? bytes : padded(bytes.subarray(0, have - from)), record);
    }
    const rest = i < wanted.length ? Math.min(wanted[i]!.at - base, have) : have;
    window.copyWithin(0, rest, have);
    base += rest;
    have -= rest;
  }
}

function padded(bytes: Uint8Array): Uint8Array {
  const page = new Uint8Array(PAGE);
  page.set(bytes);
  return page;
}

/** The pages that a table has records of: in a large memory of which little came far fewer than all. */
export function* sentPages(ram: RamIndex, table = latestTable(ram)): Generator<number> {
  for (let i = 0; i < ram.count; i++) {
    const page = ram.pageOf(i);
    if (table.get(page) === i + 1) yield page;
  }
}
