/**
 * The "ram" section, version 4. Source: QEMU migration/ram.c (ram_save_setup, save_page_header, ram_load_precopy).
 *
 *   body    ::= record* EOS
 *   record  ::= word:u64 [name:counted unless CONTINUE] payload       word = offset in block | flags in the low 12 bits
 *   payload ::= ZERO fill:u8 | PAGE 4096*u8 | XBZRLE 01 len:u16 len*u8 | COMPRESS_PAGE len:u32 len*u8
 *             | MULTIFD_FLUSH | MEM_SIZE block*                        MEM_SIZE: the word's offset is the sum of lengths
 *   block   ::= name:counted length:u64 [page_size:u64] [gpa:u64] [mapped]
 *   mapped  ::= version:u32 page_size:u64 bitmap_offset:u64 pages_offset:u64, then a jump to pages_offset + length
 */
import { inflateZlib } from './inflate.ts';
import { PAGE } from './page.ts';
import { hashPage, ZERO_PAGE_HASH } from './page-hash.ts';
import type { Problem, Problems } from './problem.ts';
import { latin1, type QemuFileReader } from './qemu-file.ts';
import { MAX_BLOCKS, MAX_PAGES, PageKind, type RamBlock, type RamIndex } from './ram-index.ts';
import type { Section } from './snapshot.ts';
import type { StreamWindow, Yield } from './stream-window.ts';
import type { Placed } from './vmstate.ts';
import { decodeXbzrle } from './xbzrle.ts';
import { hex } from './hex.ts';

/** RAM_SAVE_FLAG_*: the low bits of a record's word. */
export const RamFlag = {
  FULL: 0x001,
  ZERO: 0x002,
  MEM_SIZE: 0x004,
  PAGE: 0x008,
  EOS: 0x010,
  CONTINUE: 0x020,
  XBZRLE: 0x040,
  HOOK: 0x080,
  COMPRESS_PAGE: 0x100,
  MULTIFD_FLUSH: 0x200
} as const;

const PAGE_FLAGS = RamFlag.ZERO | RamFlag.PAGE | RamFlag.XBZRLE | RamFlag.COMPRESS_PAGE;
const LONGEST_RECORD = 8 + 256 + PAGE;
/** Bytes of common records between two looks at the caller. */
const RUN = 1 << 20;
/** QEMU refuses the first of them; more than a person would look at end the reading. */
const MAX_FRUITLESS = 1 << 16;

/** What the stream said before that decides how RAM is written. */
export interface RamContext {
  ignoreShared: boolean;
  mappedRam: boolean;
  postcopyAdvised: boolean;
  postcopyRunning: boolean;
  /** Where the stream begins in its file: offsets of mapped-ram count from the start of the file. */
  streamOffset: number;
  /** Brings in what multifd channels carried before a mark of the main channel. */
  synchronise?: (mark: 'eos' | 'flush') => Promise<void>;
}

/**
 * Takes pages as they arrive: a machine that a migration comes into. Nothing of them is kept beside it: no contents, no
 * record in the index, no hash. What a reader of files warns of ends the reading, as it ends QEMU's.
 */
export interface PageSink {
  /** The stream is of this machine. Returns why it cannot be taken, which ends the reading. */
  machine(name: string): string | undefined;
  /** A block was listed. Returns why it cannot be taken, which ends the reading. */
  block(block: RamBlock): string | undefined;
  /** Contents of a block's page, by its number in the block. They are lent; undefined: zeros. */
  page(block: RamBlock, index: number, bytes: Uint8Array | undefined): void;
  /** What that page holds now: deltas change it. A copy. */
  contents(block: RamBlock, index: number): Uint8Array;
  /** An item of the stream was read. */
  item?(section: Section): void;
}

/** `eos`: the body ended; `bad`: it cannot be followed any further, `failure` says why; `eof`: the stream ended in it. */
export type RamEnd = 'eos' | 'bad' | 'eof';

export class RamReader {
  readonly #window: StreamWindow;
  readonly #ram: RamIndex;
  readonly #problems: Problems;
  readonly #context: RamContext;
  /** Contents must be copied: the stream cannot be read twice. */
  readonly #copy: boolean;
  readonly #contents: (record: number) => Promise<Uint8Array>;
  readonly #sink: PageSink | undefined;
  /** Of pages by their number: 1 where a sink has taken it. */
  #taken = new Uint8Array(0);
  /** Pages that came. */
  #pages = 0;
  /** Which of `RamIndex.sources` the window shows. */
  readonly #source: number;
  readonly #names = new Map<string, RamBlock>();
  #block: RamBlock | undefined;
  #storeFull = false;
  /** Entries of block lists. */
  #listed = 0;
  /** Records that brought no page: of unknown blocks, beyond their block, or with nothing in them. */
  #fruitless = 0;
  /** Why the last `read` ended `bad`: fatal unless the caller finds where to go on. */
  failure: Pick<Problem, 'code' | 'at' | 'message'> | undefined;
  /** `RamIndex.count` at each MULTIFD_FLUSH: a scan of all RAM ends there. */
  readonly flushes: number[] = [];
  /** Flags seen so far, or-ed. */
  flagsSeen = 0;

  constructor(
    window: StreamWindow,
    ram: RamIndex,
    problems: Problems,
    context: RamContext,
    copy: boolean,
    contents: (record: number) => Promise<Uint8Array>,
    source = 0,
    sink?: PageSink
  ) {
    this.#window = window;
    this.#ram = ram;
    this.#problems = problems;
    this.#context = context;
    this.#copy = copy;
    this.#contents = contents;
    this.#source = source;
    this.#sink = sink;
    for (const block of ram.blocks) this.#names.set(block.idstr, block);
  }

  /**
   * Reads a body up to and with its EOS.
   * @param fields takes the rows of a block list
   * @param yieldTo is awaited now and then, so that the caller can report progress and cancel
   */
  async read(fields: Placed[], yieldTo: Yield): Promise<RamEnd> {
    const window = this.#window;
    window.keep();
    window.keeping = !this.#sink;
    const end = await this.#body(fields, yieldTo);
    window.keep();
    window.keeping = true;
    return end;
  }

  async #body(fields: Placed[], yieldTo: Yield): Promise<RamEnd> {
    const window = this.#window;
    for (;;) {
      if (this.#sink) this.#takeRun(this.#sink);
      else this.#readRun();
      const pause = yieldTo();
      if (pause) await pause;
      if (this.#ram.room === 0) {
        return this.#bad('too-many-pages', window.offset, `more than ${this.#ram.count} pages were sent`);
      }
      if (!(await window.need(8))) {
        // A preempt channel is closed when the migration is over, without EOS.
        return this.#source !== 0 && window.end === window.pos ? 'eof' : this.#truncated('a page header', 8);
      }
      await window.need(LONGEST_RECORD);
      const count = this.#pages;
      const { offset } = window;
      const end = await this.#readOne(fields, yieldTo);
      if (this.#sink && this.failure) return 'bad';
      if (end) return end;
      if (this.#pages === count && ++this.#fruitless > MAX_FRUITLESS) {
        return this.#bad('ram-fruitless', offset, `more than ${MAX_FRUITLESS} records bring no page`);
      }
    }
  }

  /** The same for a sink. */
  #takeRun(sink: PageSink): void {
    const window = this.#window;
    const block = this.#block;
    if (!block) return;
    const { view, bytes } = window;
    const taken = this.#taken;
    const last = Math.min(window.end, window.pos + RUN) - (8 + PAGE);
    const start = window.pos;
    let pos = start;
    while (pos <= last) {
      const word = view.getUint32(pos + 4);
      const flags = word & 0xfff;
      const index = view.getUint32(pos) * 0x10_0000 + (word >>> 12);
      if (index >= block.pages) break;
      if (flags === (RamFlag.PAGE | RamFlag.CONTINUE)) {
        sink.page(block, index, bytes.subarray(pos + 8, pos + 8 + PAGE));
        pos += 8 + PAGE;
      } else if (flags === (RamFlag.ZERO | RamFlag.CONTINUE) && bytes[pos + 8] === 0) {
        sink.page(block, index, undefined);
        pos += 9;
      } else break;
      taken[block.firstPage + index] = 1;
      this.#pages++;
    }
    window.pos = pos;
  }

  /** The common records, ZERO and PAGE that continue a block, as long as they lie in the window. */
  #readRun(): void {
    const window = this.#window;
    const ram = this.#ram;
    const block = this.#block;
    if (!block) return;
    const { view, bytes, buffer, base } = window;
    const last = Math.min(window.end, window.pos + RUN) - (8 + PAGE);
    const { low: zeroLow, high: zeroHigh } = ZERO_PAGE_HASH;
    const source = this.#source;
    let { pos } = window;
    while (pos <= last) {
      const word = view.getUint32(pos + 4);
      const flags = word & 0xfff;
      const index = view.getUint32(pos) * 0x10_0000 + (word >>> 12);
      if (index >= block.pages) break;
      if (flags === (RamFlag.PAGE | RamFlag.CONTINUE)) {
        const at = pos + 8;
        buffer.hash(at);
        let slot = 0;
        if (this.#copy) {
          window.pos = at;
          slot = this.#store(bytes.subarray(at, at + PAGE), buffer.low, buffer.high, base + at);
          window.keepPage(at, ram.count);
        }
        ram.add(PageKind.normal, block.firstPage + index, base + at, source, buffer.low, buffer.high, slot);
        pos = at + PAGE;
      } else if (flags === (RamFlag.ZERO | RamFlag.CONTINUE) && bytes[pos + 8] === 0) {
        ram.add(PageKind.zero, block.firstPage + index, base + pos, source, zeroLow, zeroHigh, 0);
        pos += 9;
      } else break;
      this.#pages++;
    }
    window.pos = pos;
  }

  /** Keeps contents; 1 + slot, 0 when the store is full. */
  #store(page: Uint8Array, low: number, high: number, at: number): number {
    const slot = this.#ram.store.put(page, low, high);
    if (slot < 0 && !this.#storeFull) {
      this.#storeFull = true;
      this.#warn('store-full', at, `page contents beyond ${this.#ram.store.bytes} bytes are not kept`, {
        hint: 'Decompress the file and open it as it is: then nothing needs to be kept.'
      });
    }
    return slot + 1;
  }

  #warn(code: string, at: number, message: string, more: Partial<Problem> = {}): void {
    if (this.#sink) this.failure ??= { code, at, message };
    else this.#problems.add({ code, severity: 'warning', section: 'ram/0', at, message, ...more });
  }

  #bad(code: string, at: number, message: string): RamEnd {
    this.failure = { code, at, message };
    return 'bad';
  }

  #truncated(what: string, wanted: number): RamEnd {
    const { offset } = this.#window;
    const left = this.#window.end - this.#window.pos;
    this.#problems.add({
      code: 'truncated',
      severity: 'fatal',
      section: 'ram/0',
      at: offset,
      message: `the stream ends in ${what}: ${wanted} bytes wanted, ${left} left`,
      hint: 'QEMU says "error while loading state section id N(ram)" and "Input/output error".'
    });
    return 'eof';
  }

  async #readOne(fields: Placed[], yieldTo: Yield): Promise<RamEnd | undefined> {
    const window = this.#window;
    const { view, bytes } = window;
    const at = window.offset;
    const start = window.pos;
    const word = view.getUint32(start + 4);
    const flags = word & 0xfff;
    const offset = view.getUint32(start) * 0x1_0000_0000 + (word >>> 12) * PAGE;
    this.flagsSeen |= flags;
    switch (flags & ~RamFlag.CONTINUE) {
      case RamFlag.EOS:
        window.pos = start + 8;
        await this.#context.synchronise?.('eos');
        return 'eos';
      case RamFlag.MULTIFD_FLUSH:
        window.pos = start + 8;
        await this.#context.synchronise?.('flush');
        if (this.flushes.at(-1) !== this.#ram.count) this.flushes.push(this.#ram.count);
        return undefined;
      case RamFlag.MEM_SIZE:
        window.pos = start + 8;
        return this.#readBlocks(offset, fields, yieldTo);
      case RamFlag.ZERO:
      case RamFlag.PAGE:
      case RamFlag.XBZRLE:
      case RamFlag.COMPRESS_PAGE:
        break;
      case RamFlag.HOOK:
        return this.#bad('rdma-hook', at, 'RAM_SAVE_FLAG_HOOK: the pages went by RDMA, they are not in this stream');
      default:
        return this.#bad('ram-flags', at, `Unknown combination of migration flags: 0x${flags.toString(16)}`);
    }
    let pos = start + 8;
    if ((flags & RamFlag.CONTINUE) === 0) {
      const length = bytes[pos];
      if (length === undefined || pos + 1 + length > window.end)
        return this.#truncated('a block name', 1 + (length ?? 0));
      const name = latin1(bytes.subarray(pos + 1, pos + 1 + length));
      pos += 1 + length;
      const block = this.#names.get(name);
      if (!block) this.#warn('ram-unknown-block', at, `Unknown ramblock "${printable(name)}", cannot accept migration`);
      this.#block = block;
    } else if (!this.#block && this.#names.size === 0) {
      return this.#bad('ram-no-block', at, 'Ack, bad migration stream! A page continues a block and none was named');
    }
    return this.#readPage(flags & PAGE_FLAGS, pos, offset, at);
  }

  async #readPage(flag: number, pos: number, offset: number, at: number): Promise<RamEnd | undefined> {
    const window = this.#window;
    const { bytes, view } = window;
    const have = window.end - pos;
    const head = flag === RamFlag.ZERO ? 1 : flag === RamFlag.PAGE ? PAGE : flag === RamFlag.XBZRLE ? 3 : 4;
    if (have < head) return this.#truncated('a page', head);
    const block = this.#block;
    const index = offset / PAGE;
    const known = block !== undefined && index < block.pages;
    if (block && !known) {
      this.#warn(
        'ram-illegal-offset',
        at,
        `Illegal RAM offset ${hex(offset)} in ${block.idstr} of ${block.usedLength} bytes`
      );
    }
    const page = known ? block.firstPage + index : -1;
    switch (flag) {
      case RamFlag.ZERO: {
        const fill = bytes[pos]!;
        window.pos = pos + 1;
        if (fill !== 0)
          this.#warn('ram-fill', at, `Found a zero page with value ${fill}`, { hint: 'QEMU ≥ 1.5 sends zeros only.' });
        if (page >= 0) this.#add(fill === 0 ? PageKind.zero : PageKind.fill, page, at, new Uint8Array(PAGE).fill(fill));
        return undefined;
      }
      case RamFlag.PAGE: {
        window.pos = pos;
        const contents = bytes.subarray(pos, pos + PAGE);
        if (page >= 0 && !this.#took(page, contents)) {
          window.buffer.hash(pos);
          const { low, high } = window.buffer;
          const slot = this.#copy ? this.#store(contents, low, high, at) : 0;
          if (this.#copy) window.keepPage(pos, this.#ram.count);
          this.#ram.add(PageKind.normal, page, window.offset, this.#source, low, high, slot);
        }
        window.pos = pos + PAGE;
        return undefined;
      }
      case RamFlag.XBZRLE: {
        const encoding = bytes[pos]!;
        const length = view.getUint16(pos + 1);
        if (encoding !== 1)
          return this.#bad('xbzrle-header', at, `Failed to load XBZRLE page - wrong compression! (${encoding})`);
        if (length > PAGE)
          return this.#bad('xbzrle-length', at, `Failed to load XBZRLE page - len overflow! (${length})`);
        if (have < 3 + length) return this.#truncated('an XBZRLE page', 3 + length);
        const delta = bytes.slice(pos + 3, pos + 3 + length);
        window.pos = pos + 3 + length;
        if (page >= 0) await this.#addDelta(page, at, delta);
        return undefined;
      }
      default: {
        const length = view.getUint32(pos);
        // QEMU: compressBound(TARGET_PAGE_SIZE) is the most that a sender can need.
        if (length > PAGE + 13 + (PAGE >> 12))
          return this.#bad('compress-length', at, `Invalid compressed data length: ${length}`);
        window.pos = pos;
        if (!(await window.need(4 + length))) return this.#truncated('a compressed page', 4 + length);
        const data = window.bytes.subarray(window.pos + 4, window.pos + 4 + length);
        const contents = new Uint8Array(PAGE);
        const damage = inflateZlib(data, contents);
        if (damage) this.#warn('compress-damaged', at, `decompress data failed: ${damage}`);
        window.pos += 4 + length;
        if (page >= 0) this.#add(PageKind.compressed, page, at, contents);
        return undefined;
      }
    }
  }

  async #addDelta(page: number, at: number, delta: Uint8Array): Promise<void> {
    const before = this.#sink ? this.#taken[page]! - 1 : this.#ram.latest(page);
    const block = this.#block!;
    if (before < 0) this.#warn('xbzrle-no-base', at, `an XBZRLE delta for page ${page}, which was never sent`);
    const contents = this.#sink
      ? this.#sink.contents(block, page - block.firstPage)
      : before < 0
        ? new Uint8Array(PAGE)
        : (await this.#contents(before)).slice();
    const error = decodeXbzrle(contents, delta);
    if (error) this.#warn('xbzrle-damaged', at, `Failed to decode XBZRLE page: ${error}`);
    this.#add(PageKind.xbzrle, page, at, contents);
  }

  /** A page whose contents the stream does not hold as such. */
  #add(kind: number, page: number, at: number, contents: Uint8Array): void {
    if (this.#took(page, contents)) return;
    const { low, high, zero } = hashPage(contents);
    const slot = zero ? 0 : this.#store(contents, low, high, at);
    this.#ram.add(kind, page, at, this.#source, low, high, slot);
  }

  /** Counts a page of the current block and gives it to the sink, if there is one. */
  #took(page: number, contents: Uint8Array): boolean {
    this.#pages++;
    if (!this.#sink) return false;
    const block = this.#block!;
    this.#taken[page] = 1;
    this.#sink.page(block, page - block.firstPage, contents);
    return true;
  }

  /** QEMU: parse_ramblocks, parse_ramblock. */
  async #readBlocks(total: number, fields: Placed[], yieldTo: Yield): Promise<RamEnd | undefined> {
    const window = this.#window;
    let left = total;
    while (left > 0) {
      if (this.#listed++ >= MAX_BLOCKS)
        return this.#bad('ram-blocks', window.offset, `more than ${MAX_BLOCKS} RAM blocks`);
      await window.need(1 + 255 + 8 + 8 + 8 + 28);
      const reader = window.reader();
      const start = reader.offset;
      if (reader.left < 1 || reader.left < 9 + reader.peek()!) return this.#truncated('the block list', 9);
      const idstr = reader.countedString();
      const rows: Placed[] = [];
      const number = (name: string): number => {
        const from = reader.offset;
        const value = reader.be64();
        rows.push({ name, type: 'uint64', start: from, end: reader.offset, value });
        return Number(value);
      };
      const usedLength = number('used_length');
      let pageSize = PAGE;
      let gpa: number | undefined;
      let mapped: RamBlock['mapped'];
      let skip = 0;
      if (reader.left >= 8 && this.#context.postcopyAdvised && hasPageSize(reader, left - usedLength)) {
        pageSize = number('page_size');
      }
      if (this.#context.ignoreShared && reader.left >= 8) gpa = number('addr');
      if (this.#context.mappedRam && reader.left >= 28) {
        const from = reader.offset;
        const version = reader.be32();
        rows.push({ name: 'version', type: 'uint32', start: from, end: from + 4, value: version });
        const unit = number('page_size');
        const bitmapOffset = number('bitmap_offset');
        const pagesOffset = number('pages_offset');
        if (version !== 1)
          return this.#bad(
            'mapped-ram-version',
            from,
            `mapped-ram header of '${printable(idstr)}' has version ${version}`
          );
        mapped = { bitmapOffset, pagesOffset, pageSize: unit };
        skip = pagesOffset - this.#context.streamOffset + usedLength - reader.offset;
        if (!(skip >= 0 && Number.isSafeInteger(skip))) {
          return this.#bad(
            'mapped-ram-offset',
            from,
            `pages of '${printable(idstr)}' lie at ${pagesOffset}, before this header`
          );
        }
      }
      fields.push({ name: printable(idstr), type: 'RAMBlock', start, end: reader.offset, children: rows });
      window.accept(reader);
      if (!Number.isSafeInteger(usedLength) || usedLength > left) {
        return this.#bad(
          'ram-block-length',
          start,
          `block '${printable(idstr)}' has ${usedLength} bytes where ${left} of the total are left`
        );
      }
      if (this.#names.has(idstr)) this.#warn('ram-block-twice', start, `block '${printable(idstr)}' is listed twice`);
      const block = this.#ram.addBlock({
        ...{ idstr: printable(idstr), usedLength, pageSize, start, end: reader.offset },
        ...(gpa === undefined ? {} : { gpa }),
        ...(mapped === undefined ? {} : { mapped })
      });
      if (block) {
        this.#names.set(idstr, block);
        const refusal = this.#sink?.block(block);
        if (refusal !== undefined) return this.#bad('ram-block-refused', start, refusal);
        if (this.#sink && this.#taken.length < this.#ram.pages) {
          const taken = new Uint8Array(2 * this.#ram.pages);
          taken.set(this.#taken);
          this.#taken = taken;
        }
      } else
        this.#warn(
          'ram-too-large',
          start,
          `block '${printable(idstr)}' of ${usedLength} bytes is beyond the ${MAX_PAGES * PAGE} bytes of RAM, in ${MAX_BLOCKS} blocks, that are indexed`
        );
      left -= usedLength;
      if (skip > 0 && !(await window.skip(skip, yieldTo)))
        return this.#truncated(`the pages of '${printable(idstr)}'`, skip);
    }
    return undefined;
  }
}

/**
 * With postcopy advised a block of huge pages has its page size behind its length. Nothing says so; but what else
 * could come starts otherwise: a name is not empty, and a record's word has flags in its low 12 bits.
 */
const hasPageSize = (reader: QemuFileReader, left: number): boolean =>
  reader.peek() === 0 && (left > 0 || ((reader.peek(6)! & 0x0f) | reader.peek(7)!) === 0);

/** Names from the file, made fit for messages. */
export const printable = (s: string): string =>
  s.replace(/[\0-\x1f\x7f-\xff]/g, (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`);
