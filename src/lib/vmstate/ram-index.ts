/**
 * Every page that was sent, in columns: 24 bytes a record. Contents are not copied where the stream can be read again.
 */
import { Column } from './column.ts';
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

/** Page numbers take 28 bits beside the kind. */
const PAGE_MASK = 0x0fff_ffff;
/**
 * RAM that is numbered: 256 GiB. A few bytes of a hostile stream can claim as much, and every map, column and table
 * over all pages takes a byte or four for each.
 */
export const MAX_PAGES = 2 ** 26;
/** Page records are kept up to here: 1.5 GiB of them, or 256 GiB of pages sent. */
export const MAX_RECORDS = 2 ** 26;
/** A machine has some thirty. */
export const MAX_BLOCKS = 10_000;
/** Which file a record's bytes are in is kept above the 45 bits (32 TiB) of its offset. */
const SOURCE_UNIT = 2 ** 45;
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

/** A number for each page, 0 where none was set, in small pieces: pages that were sent may lie far apart. */
export const pageColumn = (): Column<Uint32Array> => new Column((n) => new Uint32Array(n), 12);

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

  readonly #where = new Column((n) => new Float64Array(n));
  readonly #page = new Column((n) => new Uint32Array(n));
  readonly #hashLow = new Column((n) => new Uint32Array(n));
  readonly #hashHigh = new Column((n) => new Uint32Array(n));
  /** 1 + slot in the page store, 0 for contents that are read from their source. */
  readonly #slot = new Column((n) => new Uint32Array(n));
  /** 1 + last record of each page. */
  readonly #latest = pageColumn();
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

  /** Appends a record. Records are in time order: the last one of a page is what the page became. */
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
    this.#where.set(i, source * SOURCE_UNIT + offset);
    this.#page.set(i, ((kind << 28) | page) >>> 0);
    this.#hashLow.set(i, hashLow);
    this.#hashHigh.set(i, hashHigh);
    // Columns read as 0 where nothing was set: while contents stay in the stream this one takes no memory.
    if (slot !== 0) this.#slot.set(i, slot);
    this.#latest.set(page, i + 1);
  }

  kindOf(record: number): number {
    return this.#page.get(record) >>> 28;
  }
  pageOf(record: number): number {
    return this.#page.get(record) & PAGE_MASK;
  }
  offsetOf(record: number): number {
    return this.#where.get(record) % SOURCE_UNIT;
  }
  sourceOf(record: number): number {
    return Math.floor(this.#where.get(record) / SOURCE_UNIT);
  }
  hashLowOf(record: number): number {
    return this.#hashLow.get(record);
  }
  hashHighOf(record: number): number {
    return this.#hashHigh.get(record);
  }
  /** 1 + slot of the page store, or 0. */
  slotOf(record: number): number {
    return this.#slot.get(record);
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

  /** The last record of a page, or -1 when it was never sent. */
  latest(page: number): number {
    return page >= 0 && page < this.pages ? this.#latest.get(page) - 1 : -1;
  }

  /** For each page the last record before `end` plus one, 0 where never sent: RAM as a destination had it then. */
  latestBefore(end: number): Column<Uint32Array> {
    const out = pageColumn();
    for (let i = 0; i < end; i++) out.set(this.pageOf(i), i + 1);
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
      if (this.#where.get(middle) < offset) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
