/**
 * Guest RAM as rounds of dirty pages. A bitmap says which pages are to be sent; synchronising it brings in what the guest
 * and its devices wrote meanwhile. Source: QEMU migration/ram.c; names of state are its.
 */
import { RamFlag } from '../../vmstate/ram.ts';
import type { DirtyBlock } from '../migration-api.ts';
import { DIRTY_MIGRATION, RAM_MIGRATABLE, type PhysMem, type RAMBlock } from '../system/physmem.ts';
import type { CpuThrottle } from './cpu-throttle.ts';
import type { MigrationStats } from './migration-stats.ts';
import type { MigrationOptions } from './options.ts';
import type { OutgoingFile } from './qemu-file.ts';
import { PAGE } from './savevm.ts';
import { ENCODING_FLAG_XBZRLE, Xbzrle } from './xbzrle.ts';

/** ms after which a PART ends. Source: MAX_WAIT. */
const MAX_WAIT = 50;
/** ms between two turns of the guest. */
const TURN = 5;
/** Pages between two looks at the clock. */
const CLOCK_EVERY = 16;
/** ms over which rates are taken. */
const PERIOD = 1000;

interface Block {
  readonly block: RAMBlock;
  /** A byte a page: 1 is dirty. */
  readonly bitmap: Uint8Array;
}

/** How pages went, for observers. */
export interface PageCounts {
  normal: number;
  zero: number;
  xbzrle: number;
  skipped: number;
}

export interface RamOptions {
  readonly physmem: PhysMem;
  readonly file: OutgoingFile;
  readonly options: MigrationOptions;
  readonly stats: MigrationStats;
  readonly throttle: CpuThrottle;
  /** Told of each page that was sent, or had not changed; `bytes` of the stream. */
  readonly onPage?: ((block: RAMBlock, page: number, how: keyof PageCounts, bytes: number) => void) | undefined;
  /** Whether the guest runs: what is sent while it does not is downtime. */
  readonly running: () => boolean;
  /** Lets the guest and everybody else have their turn. @throws to end it */
  readonly breathe: () => Promise<void>;
}

export class RAMState {
  readonly #o: RamOptions;
  readonly #blocks: readonly Block[];
  readonly ram_bytes_total: number;
  migration_dirty_pages: number;
  readonly counts: PageCounts = { normal: 0, zero: 0, xbzrle: 0, skipped: 0 };
  readonly xbzrle: Xbzrle | undefined;
  #xbzrle_started = false;
  /** Where the search for dirty pages goes on: it goes round all of RAM. */
  #seen = 0;
  #page = 0;
  #last_sent_block: RAMBlock | undefined;
  #last_stage = false;
  #target_page_count = 0;
  #target_page_count_prev = 0;
  #num_dirty_pages_period = 0;
  #time_last_bitmap_sync: number | undefined;
  readonly #detectZeros: boolean;

  constructor(o: RamOptions) {
    this.#o = o;
    this.#blocks = o.physmem.blocks
      .filter(({ flags }) => flags & RAM_MIGRATABLE)
      .map((block) => ({ block, bitmap: new Uint8Array(Math.ceil(block.used_length / PAGE)).fill(1) }));
    this.ram_bytes_total = this.#blocks.reduce((sum, { block }) => sum + block.used_length, 0);
    this.migration_dirty_pages = this.#blocks.reduce((sum, { bitmap }) => sum + bitmap.length, 0);
    this.#detectZeros = o.options.value('zero-page-detection') !== 'none';
    if (o.options.has('xbzrle')) this.xbzrle = new Xbzrle(o.options.number('xbzrle-cache-size'));
  }

  get remaining(): number {
    return this.migration_dirty_pages * PAGE;
  }
  /** Source: ram_get_total_transferred_pages. */
  get transferredPages(): number {
    const { normal_pages, zero_pages } = this.#o.stats;
    return normal_pages + zero_pages + (this.xbzrle?.pages ?? 0);
  }

  /** Body of START: the blocks. Source: ram_save_setup. */
  setup(): void {
    const { file } = this.#o;
    file.be64(this.ram_bytes_total + RamFlag.MEM_SIZE);
    for (const { block } of this.#blocks) {
      file.countedString(block.idstr);
      file.be64(block.used_length);
    }
    file.be64(RamFlag.EOS);
  }

  /**
   * Brings in what was written since the last time. Source: migration_bitmap_sync.
   * @param now ms
   * @returns pages that were written; one that still had to be sent counts too
   */
  sync(now: number): number {
    const { physmem, stats, throttle } = this.#o;
    stats.dirty_sync_count++;
    this.#time_last_bitmap_sync ??= now;
    let all = 0;
    for (const { block, bitmap } of this.#blocks) {
      const { written, fresh } = physmem.syncDirty(block, bitmap, DIRTY_MIGRATION);
      all += written;
      this.migration_dirty_pages += fresh;
      this.#num_dirty_pages_period += fresh;
    }
    stats.dirty_bytes_last_sync = this.remaining;
    if (now > this.#time_last_bitmap_sync + PERIOD) {
      throttle.period(this.#num_dirty_pages_period * PAGE, stats.transferred);
      this.#updateRates(now - this.#time_last_bitmap_sync);
      this.#target_page_count_prev = this.#target_page_count;
      this.#time_last_bitmap_sync = now;
      this.#num_dirty_pages_period = 0;
    }
    return all;
  }

  /** Source: migration_update_rates. */
  #updateRates(ms: number): void {
    this.#o.stats.dirty_pages_rate = Math.floor((this.#num_dirty_pages_period * 1000) / ms);
    const pages = this.#target_page_count - this.#target_page_count_prev;
    if (pages > 0) this.xbzrle?.updateRates(pages);
  }

  /** The bitmaps as they are, a bit a page. */
  dirty(): DirtyBlock[] {
    return this.#blocks.map(({ block, bitmap }) => {
      const bits = new Uint8Array(Math.ceil(bitmap.length / 8));
      for (let at = bitmap.indexOf(1); at >= 0; at = bitmap.indexOf(1, at + 1)) bits[at >> 3]! |= 1 << (at & 7);
      return { block: block.idstr, pages: bitmap.length, bitmap: bits };
    });
  }

  /** Body of a PART: pages, until none is left, the window is used up or it took long enough. Source: ram_save_iterate. */
  async iterate(): Promise<void> {
    const { file, stats } = this.#o;
    if (this.xbzrle) this.xbzrle.cacheBytes = this.#o.options.number('xbzrle-cache-size');
    const start = performance.now();
    let turn = start;
    for (let i = 1; !stats.exceeded && this.#saveOne(); i++) {
      if (i % CLOCK_EVERY !== 0) continue;
      const now = performance.now();
      if (now - start > MAX_WAIT) break;
      if (now - turn < TURN && !file.full) continue;
      turn = await this.#turn();
    }
    file.be64(RamFlag.EOS);
    this.#added(8);
  }

  /** Body of END: everything that is left; the guest stands. Source: ram_save_complete. */
  async complete(): Promise<void> {
    this.#last_stage = true;
    const { file } = this.#o;
    let turn = performance.now();
    for (let i = 1; this.#saveOne(); i++) {
      if (i % CLOCK_EVERY !== 0 || (performance.now() - turn < TURN && !file.full)) continue;
      turn = await this.#turn();
    }
    file.be64(RamFlag.EOS);
  }

  /** Everybody else's turn. Returns when the next one of ours begins, ms. */
  async #turn(): Promise<number> {
    await this.#o.file.flush();
    await this.#o.breathe();
    return performance.now();
  }

  /** Sends one dirty page. False when there is none. Source: ram_find_and_save_block, find_dirty_block. */
  #saveOne(): boolean {
    // All blocks, and the beginning of the first one again.
    for (let visits = 0; visits <= this.#blocks.length && this.migration_dirty_pages > 0;) {
      const { block, bitmap } = this.#blocks[this.#seen]!;
      const page = bitmap.indexOf(1, this.#page);
      if (page < 0) {
        visits++;
        this.#page = 0;
        this.#seen = (this.#seen + 1) % this.#blocks.length;
        // The receiver has every page now.
        if (this.#seen === 0) this.#xbzrle_started = this.xbzrle !== undefined;
        continue;
      }
      this.#page = page;
      bitmap[page] = 0;
      this.migration_dirty_pages--;
      if (this.#savePage(block, page * PAGE)) {
        this.#target_page_count++;
        return true;
      }
      this.#count(block, page * PAGE, 'skipped', 0);
    }
    return false;
  }

  /** False where the receiver has it already. Source: save_zero_page, ram_save_page, save_xbzrle_page. */
  #savePage(block: RAMBlock, offset: number): boolean {
    const { file, stats } = this.#o;
    const address = block.offset + offset;
    const encoder = this.#xbzrle_started ? this.xbzrle : undefined;
    if (this.#detectZeros && block.isZeroPage(offset)) {
      this.#count(block, offset, 'zero', this.#header(block, offset, RamFlag.ZERO) + 1);
      file.u8(0);
      stats.zero_pages++;
      encoder?.zeroPage(address, stats.dirty_sync_count);
      return true;
    }
    const page = block.bytes(offset, PAGE);
    const encoded = encoder?.encode(address, page, stats.dirty_sync_count, this.#last_stage) ?? 'whole';
    if (encoded === 'same') return false;
    if (encoded === 'whole') {
      this.#count(block, offset, 'normal', this.#header(block, offset, RamFlag.PAGE) + PAGE);
      file.bytes(page);
      stats.normal_pages++;
    } else {
      const bytes = this.#header(block, offset, RamFlag.XBZRLE) + 1 + 2 + encoded.length;
      file.u8(ENCODING_FLAG_XBZRLE);
      file.be16(encoded.length);
      file.bytes(encoded);
      this.xbzrle!.bytes += bytes - 8;
      this.#count(block, offset, 'xbzrle', bytes);
    }
    return true;
  }

  /** Source: save_page_header. Returns its bytes. */
  #header(block: RAMBlock, offset: number, flag: number): number {
    const { file } = this.#o;
    const same = block === this.#last_sent_block;
    file.be64(offset + flag + (same ? RamFlag.CONTINUE : 0));
    if (same) return 8;
    this.#last_sent_block = block;
    file.countedString(block.idstr);
    return 9 + block.idstr.length;
  }

  #count(block: RAMBlock, offset: number, how: keyof PageCounts, bytes: number): void {
    this.counts[how]++;
    this.#added(bytes);
    this.#o.onPage?.(block, offset / PAGE, how, bytes);
  }

  /** Source: ram_transferred_add. */
  #added(bytes: number): void {
    const { stats, running } = this.#o;
    if (running()) stats.precopy_bytes += bytes;
    else stats.downtime_bytes += bytes;
  }
}
