/**
 * Every page that was sent, in columns: 16 bytes a record, 20 where channels are mixed, and 4 for each page that has
 * any. Contents are not copied where the stream can be read again.
 */
import { Column, PIECE_BITS } from './column.ts';
import { PageStore } from './page-store.ts';
import type { ByteSource } from './source.ts';

/** Kinds of page record. The first four are RAM_SAVE_FLAG_*; `mapped` comes from a mapped-ram or shared RAM file. */
export const PageKind = { zero: 1, normal: 2, xbzrle: 3, compressed: 4, fill: 5, mapped: 6 } as const;
export type PageKindName = keyof typeof PageKind;
export const pageKindNames: readonly (PageKindName | 'none')[] = [
  'none',
  'zero',
  'normal',
  'xbzrle',
  'compressed',
  'fill',
  'mapped'
];

/** A record's page, kind and place in memory share 32 bits: 28 of the page number, 3 of the kind, 1 for `HELD`. */
const PAGE_MASK = 0x0fff_ffff;
const KIND_SHIFT = 28;
/** The contents are in the page store, which knows their hash: the record has the slot in its place. */
const HELD = 0x8000_0000;
/**
 * RAM that is numbered: 256 GiB. A few bytes of a hostile stream can claim as much, and every map, column and table
 * over all pages takes a byte or four for each.
 */
export const MAX_PAGES = 2 ** 26;
/** Page records are kept up to here: 1.25 GiB of them, or 256 GiB of pages sent. */
export const MAX_RECORDS = 2 ** 26;
/** A machine has some thirty. */
export const MAX_BLOCKS = 10_000;
/** Which file a record's bytes are in is kept above the upper 13 of the 45 bits (32 TiB) of its offset. */
const SOURCE_SHIFT = 13;
const OFFSET_MASK = (1 << SOURCE_SHIFT) - 1;
const LOW = 2 ** 32;
/** Files beside the main stream: multifd has at most 255 channels. */
export const MAX_SOURCES = 255;

export interface RamBlock {
  readonly index: number;
  /** QEMU's RAMBlock idstr: `pc.ram`. */
  readonly idstr: string;
  /** used_length in bytes. */
  readonly usedLength: number;
  /** Size of one transferred page: 4096 but for huge-page postcopy blocks, whose records are 4096 all the same. */
  readonly pageSize: number;
  /** Guest physical address, sent with x-ignore-shared only. */
  readonly gpa?: number;
  /** Number of its first page in the numbering over all blocks. */
  readonly firstPage: number;
  readonly pages: number;
  /** Stream offsets of its entry in the block list. */
  readonly start: number;
  readonly end: number;
  /** mapped-ram only: where bitmap and pages lie in the file. */
  readonly mapped?: { readonly bitmapOffset: number; readonly pagesOffset: number; readonly pageSize: number };
}

export interface PageRecord {
  readonly record: number;
  readonly kind: number;
  /** Number over all blocks. */
  readonly page: number;
  /** Offset of the contents in its source; of the be64 word where the record has none (zero, fill). */
  readonly offset: number;
  /** 0: the main stream; otherwise `RamIndex.sources`. */
  readonly source: number;
}

export class RamIndex {
  readonly blocks: RamBlock[] = [];
  /** Files beside the main stream that page contents are in: multifd channels, shared RAM files. Index 0 is the stream. */
  readonly sources: (ByteSource | undefined)[] = [undefined];
  readonly store: PageStore;
  /** Target page size: what one record describes. */
  readonly pageSize = 4096;
  count = 0;
  pages = 0;
  /** Pages sent at least once. */
  distinctPages = 0;
  /** Records of each kind. */
  readonly byKind = new Float64Array(8);

  readonly #offsetLow = new Column();
  /** Source and the upper bits of the offset, as of the first record of each piece: mostly that of all in it. */
  readonly #above: number[] = [];
  /** The bits in which a record differs from that. */
  readonly #aboveDiffers = new Column();
  readonly #page = new Column();
  /** Of records that are `HELD` the slot, and nothing. */
  readonly #hashLow = new Column();
  readonly #hashHigh = new Column();
  /** 1 + last record of each page. */
  readonly #latest = new Column();
  readonly #columns = [this.#offsetLow, this.#aboveDiffers, this.#page, this.#hashLow, this.#hashHigh];
  readonly #byName = new Map<string, RamBlock>();
  readonly #maxRecords: number;

  /** @param maxRecords page records that are kept at most */
  constructor(store = new PageStore(), maxRecords = MAX_RECORDS) {
    this.store = store;
    this.#maxRecords = maxRecords;
  }

  /** Room for more records: 0 when no more are kept. */
  get room(): number {
    return Math.max(0, this.#maxRecords - this.count);
  }

  /** Undefined where `MAX_PAGES` or `MAX_BLOCKS` would be exceeded. */
  addBlock(block: Omit<RamBlock, 'index' | 'firstPage' | 'pages'>): RamBlock | undefined {
    const pages = Math.ceil(block.usedLength / this.pageSize);
    if (this.pages + pages > MAX_PAGES || this.blocks.length >= MAX_BLOCKS) return undefined;
    const added = { ...block, index: this.blocks.length, firstPage: this.pages, pages };
    this.blocks.push(added);
    if (!this.#byName.has(block.idstr)) this.#byName.set(block.idstr, added);
    this.pages += pages;
    return added;
  }

  /** Bytes of memory that the index takes; page contents are the store's. */
  get bytes(): number {
    const { bytes } = this.#latest;
    return bytes + this.#columns.reduce((sum, column) => sum + column.bytes, 0);
  }

  /**
   * Appends a record. Records are in time order: the last one of a page is what the page became.
   * @param slot 1 + slot of the store, which knows the hash then; 0 for contents that are read from their source
   */
  add(
    kind: number,
    page: number,
    offset: number,
    source: number,
    hashLow: number,
    hashHigh: number,
    slot: number
  ): void {
    const i = this.count++;
    this.byKind[kind]!++;
    if (this.latest(page) < 0) this.distinctPages++;
    this.#offsetLow.set(i, offset);
    const above = (source << SOURCE_SHIFT) | (offset / LOW);
    const differs = above ^ (this.#above[i >>> PIECE_BITS] ??= above);
    // Columns read as 0 where nothing was set: this one takes no memory while all are the same.
    if (differs !== 0) this.#aboveDiffers.set(i, differs);
    this.#page.set(i, (kind << KIND_SHIFT) | page | (slot === 0 ? 0 : HELD));
    if (slot === 0) {
      this.#hashLow.set(i, hashLow);
      this.#hashHigh.set(i, hashHigh);
    } else this.#hashLow.set(i, slot);
    this.#latest.set(page, i + 1);
  }

  kindOf(record: number): number {
    return (this.#page.get(record) >>> KIND_SHIFT) & 7;
  }
  pageOf(record: number): number {
    return this.#page.get(record) & PAGE_MASK;
  }
  #aboveOf(record: number): number {
    return (this.#above[record >>> PIECE_BITS] ?? 0) ^ this.#aboveDiffers.get(record);
  }
  offsetOf(record: number): number {
    return (this.#aboveOf(record) & OFFSET_MASK) * LOW + this.#offsetLow.get(record);
  }
  sourceOf(record: number): number {
    return this.#aboveOf(record) >>> SOURCE_SHIFT;
  }
  hashLowOf(record: number): number {
    const slot = this.slotOf(record);
    return slot === 0 ? this.#hashLow.get(record) : this.store.hashLowOf(slot - 1);
  }
  hashHighOf(record: number): number {
    const slot = this.slotOf(record);
    return slot === 0 ? this.#hashHigh.get(record) : this.store.hashHighOf(slot - 1);
  }
  /** 1 + slot of the page store, or 0. */
  slotOf(record: number): number {
    return this.#page.get(record) >= HELD ? this.#hashLow.get(record) : 0;
  }
  at(record: number): PageRecord {
    return {
      record,
      kind: this.kindOf(record),
      page: this.pageOf(record),
      offset: this.offsetOf(record),
      source: this.sourceOf(record)
    };
  }

  /**
   * Visits records [first, last) in order. Quicker than asking for one after another: what looks at every record of a
   * stream does it while the stream arrives, again and again.
   */
  each(
    first: number,
    last: number,
    visit: (record: number, page: number, kind: number, offset: number, source: number) => void
  ): void {
    const end = Math.min(last, this.count);
    for (let at = first; at < end;) {
      const pages = this.#page.from(at);
      const low = this.#offsetLow.from(at);
      const shared = this.#above[at >>> PIECE_BITS]!;
      const differs = this.#aboveDiffers.from(at);
      const n = Math.min(end - at, pages.length);
      for (let k = 0; k < n; k++) {
        const word = pages[k]!;
        const above = shared ^ (differs[k] ?? 0);
        const offset = (above & OFFSET_MASK) * LOW + low[k]!;
        visit(at + k, word & PAGE_MASK, (word >>> KIND_SHIFT) & 7, offset, above >>> SOURCE_SHIFT);
      }
      at += n;
    }
  }

  /** The last record of a page, or -1 when it was never sent. */
  latest(page: number): number {
    return page >= 0 && page < this.pages ? this.#latest.get(page) - 1 : -1;
  }

  /** Pages of a block that came at least once. */
  sentOf({ firstPage, pages }: RamBlock): number {
    return this.#latest.count(firstPage, firstPage + pages);
  }

  /** For each page the last record before `end` plus one, 0 where never sent: RAM as a destination had it then. */
  latestBefore(end: number): Column {
    const out = new Column();
    this.each(0, end, (record, page) => out.set(page, record + 1));
    return out;
  }

  /** The records of one page, oldest first; of one that came more than `most` times the last ones. */
  history(page: number, most: number): number[] {
    const out: number[] = [];
    for (let i = this.latest(page); i >= 0 && out.length < most; i--) if (this.pageOf(i) === page) out.push(i);
    return out.reverse();
  }

  blockOf(page: number): RamBlock | undefined {
    let low = 0;
    let high = this.blocks.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.blocks[middle]!.firstPage <= page) low = middle + 1;
      else high = middle;
    }
    // Blocks of no pages share their first page with the next one: the last of them holds it.
    return this.blocks[low - 1];
  }

  /** The first block of a name. */
  block(idstr: string): RamBlock | undefined {
    return this.#byName.get(idstr);
  }

  /** First record at or behind a main-stream offset. Valid while records of the stream come in stream order. */
  firstRecordAt(offset: number, last = this.count): number {
    let low = 0;
    let high = last;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.sourceOf(middle) === 0 && this.offsetOf(middle) < offset) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
