/**
 * What was sent in a stretch of the stream: kinds by place, repeats, hot pages. Only the sections that overlap the
 * stretch are looked at, so that zooming in costs less than the whole.
 */
import { Column } from './column.ts';
import { PageKind, type RamBlock, type RamIndex } from './ram-index.ts';
import type { Section, Snapshot } from './snapshot.ts';

/** Kinds as rounds sum them up: `zero` holds fill, `normal` holds mapped. */
export const sendClasses = ['zero', 'normal', 'xbzrle', 'compressed'] as const;
type SendClass = (typeof sendClasses)[number];

/** Page numbers over all blocks, [first, end), rising. */
export type PageRuns = readonly (readonly [first: number, end: number])[];

/** Page records by where they lie in the stream. */
export interface Density {
  readonly start: number;
  readonly end: number;
  readonly buckets: number;
  /** Records by bucket and class: `counts[bucket * 4 + class]`, classes as in `sendClasses`. */
  readonly counts: Uint32Array;
  /** Records by bucket whose page had been sent before. */
  readonly again: Uint32Array;
}

interface HotPage {
  readonly page: number;
  readonly sends: number;
}
interface HotRange {
  /** First page, and how many behind it were sent about as often. */
  readonly page: number;
  readonly pages: number;
  readonly sends: number;
}

/** Page records summed up. */
export interface SendStatistics extends Readonly<Record<SendClass, number>> {
  readonly records: number;
  /** Different pages. */
  readonly pages: number;
  /** Records whose page had been sent before, among them or ahead of them. */
  readonly again: number;
  /** Records whose page had been sent before among them. */
  readonly repeats: number;
  readonly blocks: readonly { readonly block: string; readonly records: number }[];
  /** Pages sent most often, most often first; those sent once are left out. */
  readonly hotPages: readonly HotPage[];
  /** Runs of neighbouring pages that were each sent at least half as often as the hottest. */
  readonly hotRanges: readonly HotRange[];
}

/** Those of a stretch of the stream. */
export interface StretchStatistics extends SendStatistics {
  readonly start: number;
  readonly end: number;
}

const classOf = new Uint8Array(8);
classOf[PageKind.zero] = classOf[PageKind.fill] = 0;
classOf[PageKind.normal] = classOf[PageKind.mapped] = 1;
classOf[PageKind.xbzrle] = 2;
classOf[PageKind.compressed] = 3;

/** One bit a record: its page had been sent before. */
export function repeatedRecords(ram: RamIndex): Uint8Array {
  const bits = new Uint8Array((ram.count + 7) >>> 3);
  const seen = new Uint8Array((ram.pages + 7) >>> 3);
  ram.each(0, ram.count, (record, page) => {
    const bit = 1 << (page & 7);
    if (seen[page >>> 3]! & bit) bits[record >>> 3]! |= 1 << (record & 7);
    else seen[page >>> 3]! |= bit;
  });
  return bits;
}

/** Sections with page records that overlap [start, end), in stream order. */
function ramSections(sections: readonly Section[], start: number, end: number): Section[] {
  return sections.filter(
    (s) => s.records !== undefined && s.records[1] > s.records[0] && s.start < end && s.end > start
  );
}

/** Calls `visit` for each record of [start, end) with its stream offset, kind and page. */
function eachRecord(
  { sections, ram }: Snapshot,
  start: number,
  end: number,
  visit: (record: number, offset: number, kind: number, page: number) => void
): void {
  for (const section of ramSections(sections, start, end)) {
    const [first, last] = section.records!;
    // Contents that came on another channel have no place in the stream: spread over the section they came with.
    const step = (section.bodyEnd - section.bodyStart) / (last - first);
    ram.each(first, last, (record, page, kind, own, source) => {
      const offset = source === 0 ? own : section.bodyStart + (record - first) * step;
      if (offset >= start && offset < end) visit(record, offset, kind, page);
    });
  }
  // Pages of a mapped-ram file lie where they lie; no section lists them.
  for (const [first, last] of unlisted(sections, ram.count)) {
    ram.each(first, last, (record, page, kind, offset, source) => {
      if (source === 0 && offset >= start && offset < end) visit(record, offset, kind, page);
    });
  }
}

/** Records that are in no section. */
function unlisted(sections: readonly Section[], count: number): [first: number, last: number][] {
  const out: [number, number][] = [];
  let at = 0;
  for (const { records } of sections) {
    if (!records || records[1] <= at) continue;
    if (records[0] > at) out.push([at, records[0]]);
    at = records[1];
  }
  if (at < count) out.push([at, count]);
  return out;
}

/** The stretch cut into equal buckets; with `only`, records of those pages alone. `repeated`: `repeatedRecords`. */
export function density(
  snapshot: Snapshot,
  repeated: Uint8Array,
  { start, end, buckets, only }: { start: number; end: number; buckets: number; only?: PageRuns }
): Density {
  const counts = new Uint32Array(buckets * sendClasses.length);
  const again = new Uint32Array(buckets);
  const wanted = only && pageMask(snapshot.ram, only);
  const perByte = buckets / Math.max(1, end - start);
  eachRecord(snapshot, start, end, (record, offset, kind, page) => {
    if (wanted && !wanted[page]) return;
    const bucket = Math.min(buckets - 1, Math.floor((offset - start) * perByte));
    counts[bucket * sendClasses.length + classOf[kind]!]!++;
    if (repeated[record >>> 3]! & (1 << (record & 7))) again[bucket]!++;
  });
  return { start, end, buckets, counts, again };
}

function pageMask(ram: RamIndex, runs: PageRuns): Uint8Array {
  const mask = new Uint8Array(ram.pages);
  for (const [first, end] of runs) mask.fill(1, first, Math.min(end, ram.pages));
  return mask;
}

/** How often each page was sent in [start, end), over all blocks; 255 stands for more. */
export function sendsIn(snapshot: Snapshot, start: number, end: number): Uint8Array<ArrayBuffer> {
  const sends = new Uint8Array(snapshot.ram.pages);
  eachRecord(snapshot, start, end, (_record, _offset, _kind, page) => {
    if (sends[page]! < 255) sends[page]!++;
  });
  return sends;
}

/** Sums up [start, end). `most`: hot pages and ranges that are listed. */
export function stretchStatistics(
  snapshot: Snapshot,
  repeated: Uint8Array,
  { start, end, most = 100 }: { start: number; end: number; most?: number }
): StretchStatistics {
  const sum = summed(snapshot.ram, repeated, most, (visit) =>
    eachRecord(snapshot, start, end, (record, _, kind, page) => visit(record, page, kind))
  );
  return { start, end, ...sum };
}

/** Sums up all that was sent of some pages, wherever it came from. */
export function pagesStatistics({ ram }: Snapshot, repeated: Uint8Array, runs: PageRuns, most = 100): SendStatistics {
  const wanted = pageMask(ram, runs);
  return summed(ram, repeated, most, (visit) =>
    ram.each(0, ram.count, (record, page, kind) => {
      if (wanted[page]) visit(record, page, kind);
    })
  );
}

function summed(
  ram: RamIndex,
  repeated: Uint8Array,
  most: number,
  each: (visit: (record: number, page: number, kind: number) => void) => void
): SendStatistics {
  const sends = new Column();
  const classes = [0, 0, 0, 0];
  let records = 0;
  let again = 0;
  each((record, page, kind) => {
    records++;
    classes[classOf[kind]!]!++;
    if (repeated[record >>> 3]! & (1 << (record & 7))) again++;
    sends.set(page, sends.get(page) + 1);
  });
  let pages = 0;
  let hottest = 0;
  const byBlock = new Float64Array(ram.blocks.length);
  let block: RamBlock | undefined;
  sends.each((n, page) => {
    pages++;
    if (n > hottest) hottest = n;
    if (!block || page >= block.firstPage + block.pages) block = ram.blockOf(page)!;
    byBlock[block.index]! += n;
  });
  const blocks = ram.blocks.map((b) => ({ block: b.idstr, records: byBlock[b.index]! })).filter((b) => b.records > 0);
  return {
    ...{ records, pages, again, repeats: records - pages, blocks },
    ...{ zero: classes[0]!, normal: classes[1]!, xbzrle: classes[2]!, compressed: classes[3]! },
    hotPages: hotPages(sends, hottest, most),
    hotRanges: hotRanges(sends, Math.max(2, Math.ceil(hottest / 2)), most)
  };
}

function hotPages(sends: Column, hottest: number, most: number): HotPage[] {
  // How many pages were sent n times tells from which n on they fit the list: no sorting of a million pages.
  const cap = Math.min(hottest, 0xffff);
  if (cap < 2) return [];
  const withSends = new Uint32Array(cap + 1);
  sends.each((n) => withSends[Math.min(n, cap)]!++);
  let least = cap;
  let hotter = 0;
  for (; least > 2 && hotter + withSends[least]! < most; least--) hotter += withSends[least]!;
  const found: HotPage[] = [];
  let room = most - hotter;
  sends.each((n, page) => {
    if (n > least || (n === least && room-- > 0)) found.push({ page, sends: n });
  });
  return found.sort((a, b) => b.sends - a.sends || a.page - b.page).slice(0, most);
}

function hotRanges(sends: Column, least: number, most: number): HotRange[] {
  const found: { page: number; pages: number; sends: number }[] = [];
  sends.each((n, page) => {
    if (n < least) return;
    const last = found.at(-1);
    if (last && last.page + last.pages === page) {
      last.pages++;
      last.sends += n;
    } else found.push({ page, pages: 1, sends: n });
  });
  return found.sort((a, b) => b.sends - a.sends || a.page - b.page).slice(0, most);
}
