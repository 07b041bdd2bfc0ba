/**
 * Guest RAM as blocks of the host's memory, what is written to it, and the table by which generated code finds it.
 * Source: QEMU system/physmem.c, include/exec/ramblock.h, system/ram_addr.h.
 */
import { HOST_PAGE_SIZE, type HostMemory, type HostRange } from '../host/memory.ts';
import type { AddressSpace, FlatRange, MemoryListener } from './memory.ts';
import { pageScan, type PageScan } from './page-scan.ts';

/** Bits of a host page's byte in the table of page flags. Code is compiled from it; written since last cleared. */
export const PAGE_CODE = 1;
export const DIRTY_VGA = 2;
export const DIRTY_MIGRATION = 4;
/** Written since the last checkpoint; the page is told before it is. */
export const DIRTY_CHECKPOINT = 8;
/** For who looks on. */
export const DIRTY_VIEW = 16;
/** Written since it was allocated, and never cleared: a page without it is all zeros, and its memory was never touched. */
export const PAGE_WRITTEN = 32;
const DIRTY_ALL = DIRTY_VGA | DIRTY_MIGRATION | DIRTY_CHECKPOINT | DIRTY_VIEW;
const PAGE_BITS = 12;
/** In the table of writers: a device. No instruction is there. */
const DEVICE = 0xffff_ffff;

/** RAMBlock.flags. Source: include/system/memory.h. */
export const RAM_SHARED = 1 << 1;
export const RAM_MIGRATABLE = 1 << 4;

/** A piece of guest RAM or ROM. Data is little-endian; addresses are offsets into the block. */
export class RAMBlock {
  readonly idstr: string;
  readonly flags: number;
  readonly max_length: number;
  used_length: number;
  readonly range: HostRange;
  readonly #physmem: PhysMem;

  /** For `PhysMem.allocate` alone. */
  constructor(physmem: PhysMem, idstr: string, range: HostRange, length: number, flags: number) {
    this.#physmem = physmem;
    this.idstr = idstr;
    this.range = range;
    this.max_length = range.length;
    this.used_length = length;
    this.flags = flags;
  }

  /** First byte, in the host's memory. */
  get offset(): number {
    return this.range.offset;
  }

  /** Its bytes: a view, which writing through sets no dirty bits. */
  bytes(at = 0, length = this.used_length - at): Uint8Array<SharedArrayBuffer> {
    return this.#physmem.host.views.u8.subarray(this.offset + at, this.offset + at + length);
  }

  /** Whether the page at an offset is all zeros. */
  isZeroPage(at: number): boolean {
    return !this.#physmem.wasWritten(this.offset + at) || this.#physmem.scan.isZero(this.offset + at) !== 0;
  }

  /** Zeros in the page at an offset. */
  clearPage(at: number): void {
    if (!this.#physmem.wasWritten(this.offset + at)) return;
    this.#physmem.setDirty(this.offset + at, HOST_PAGE_SIZE);
    this.#physmem.scan.clear(this.offset + at, HOST_PAGE_SIZE);
  }

  load(at: number, size: number): number {
    const { dv } = this.#physmem.host.views;
    const address = this.offset + at;
    return size === 1 ? dv.getUint8(address) : size === 2 ? dv.getUint16(address, true) : dv.getUint32(address, true);
  }

  store(at: number, value: number, size: number): void {
    const { dv } = this.#physmem.host.views;
    const address = this.offset + at;
    this.#physmem.setDirty(address, size);
    if (size === 1) dv.setUint8(address, value);
    else if (size === 2) dv.setUint16(address, value, true);
    else dv.setUint32(address, value, true);
  }

  write(at: number, from: Uint8Array): void {
    this.#physmem.setDirty(this.offset + at, from.length);
    this.#physmem.host.views.u8.set(from, this.offset + at);
  }
}

/** The physical memory of one machine. */
export class PhysMem {
  readonly host: HostMemory;
  readonly blocks: RAMBlock[] = [];
  /** The table of page flags: a byte for each host page, lying here in the host's memory. */
  readonly pageFlags: number;
  /** Table of the CPU: for each host page, as an u64, which instruction was seen last to write to it; 0: there is none. */
  pageWriters = 0;
  readonly #flags: HostRange;
  /** For RAMBlock alone. */
  readonly scan: PageScan;
  /** Code was compiled from this host page (its number) and is about to be overwritten. */
  onCodeWrite: (hostPage: number) => void = () => {};
  /** A host page (its number) is about to be written to for the first time since `watchFirstWrites`. */
  onFirstWrite: (hostPage: number) => void = () => {};
  /** A device is about to write so many bytes. */
  onDeviceWrite: (address: number, length: number) => void = () => {};
  /** Dirty bits were cleared: what remembers that pages are dirty already (write entries of a TLB) must forget it. */
  onProtect: () => void = () => {};

  constructor(host: HostMemory) {
    this.host = host;
    this.scan = pageScan(host.memory);
    // A byte for each page of the largest memory there is: growing never moves the table.
    this.#flags = host.allocate('page flags', 2 ** (32 - PAGE_BITS));
    this.pageFlags = this.#flags.offset;
  }

  /**
   * A zeroed block; everything in it counts as dirty.
   * @param range memory that is there already: of a template, or handed over by a predecessor
   * @throws HostMemoryFull
   */
  allocate(idstr: string, length: number, flags = RAM_MIGRATABLE, range?: HostRange): RAMBlock {
    if (range) this.host.retain(range);
    const block = new RAMBlock(this, idstr, range ?? this.host.allocate(idstr, length), length, flags);
    const first = this.pageFlags + (block.offset >>> PAGE_BITS);
    this.host.views.u8.fill(
      range ? DIRTY_ALL | PAGE_WRITTEN : DIRTY_ALL,
      first,
      first + block.max_length / HOST_PAGE_SIZE
    );
    this.blocks.push(block);
    return block;
  }

  /** Gives a block's memory back. */
  free(block: RAMBlock): void {
    this.blocks.splice(this.blocks.indexOf(block), 1);
    this.host.release(block.range, () => {
      for (let at = block.offset; at < block.offset + block.max_length; at += HOST_PAGE_SIZE)
        if (this.wasWritten(at)) this.scan.clear(at, HOST_PAGE_SIZE);
    });
  }

  /** Gives everything back: the machine has ended. */
  destroy(): void {
    for (const block of [...this.blocks]) this.free(block);
    this.host.release(this.#flags);
  }

  block(idstr: string): RAMBlock | undefined {
    return this.blocks.find((block) => block.idstr === idstr);
  }

  /** What every write to RAM but those of generated code must call before. Source: invalidate_and_set_dirty. */
  setDirty(address: number, length: number): void {
    if (length === 0) return;
    const { u8, u32 } = this.host.views;
    const last = (address + length - 1) >>> PAGE_BITS;
    this.onDeviceWrite(address, length);
    for (let page = address >>> PAGE_BITS; page <= last; page++) {
      if (!(u8[this.pageFlags + page]! & DIRTY_CHECKPOINT)) this.onFirstWrite(page);
      if (u8[this.pageFlags + page]! & PAGE_CODE) this.onCodeWrite(page);
      u8[this.pageFlags + page]! |= DIRTY_ALL | PAGE_WRITTEN;
      if (this.pageWriters) u32.fill(DEVICE, this.pageWriters / 4 + 2 * page, this.pageWriters / 4 + 2 * page + 2);
    }
  }

  /**
   * Who was seen last to write to the page of an address: eip of an instruction, or a device. Only the first write after
   * dirty bits were cleared is seen; undefined: none was.
   */
  writerOf(address: number): bigint | 'device' | undefined {
    if (!this.pageWriters) return undefined;
    const eip = this.host.views.u64[this.pageWriters / 8 + (address >>> PAGE_BITS)]!;
    if (eip === 0n) return undefined;
    return eip === BigInt.asUintN(64, -1n) ? 'device' : eip;
  }

  /** Whether the page of an address may hold anything but zeros. */
  wasWritten(address: number): boolean {
    return (this.host.views.u8[this.pageFlags + (address >>> PAGE_BITS)]! & PAGE_WRITTEN) !== 0;
  }

  /**
   * Adds the pages of a block that were written since this was last asked to a bitmap of a byte a page.
   * Source: cpu_physical_memory_sync_dirty_bitmap.
   * @param bit DIRTY_VGA or DIRTY_MIGRATION
   * @returns how many were written, and how many of them were not in the bitmap yet
   */
  syncDirty(block: RAMBlock, bitmap: Uint8Array, bit: number): { readonly written: number; readonly fresh: number } {
    const first = this.pageFlags + (block.offset >>> PAGE_BITS);
    const end = first + bitmap.length;
    const { u8 } = this.host.views;
    let written = 0;
    let fresh = 0;
    for (let at = this.#nextWith(bit, first, end); at < end; at = this.#nextWith(bit, at + 1, end)) {
      u8[at]! &= ~bit;
      written++;
      if (bitmap[at - first] !== 0) continue;
      bitmap[at - first] = 1;
      fresh++;
    }
    if (written > 0) this.onProtect();
    return { written, fresh };
  }

  /** The first of the page flags from `at` on that has a bit; `end` where none has. */
  #nextWith(bit: number, at: number, end: number): number {
    const { u8, u32 } = this.host.views;
    while (at < end && (at & 3) !== 0) {
      if (u8[at]! & bit) return at;
      at++;
    }
    const bits = bit * 0x0101_0101;
    while (at + 4 <= end && (u32[at >>> 2]! & bits) === 0) at += 4;
    while (at < end && !(u8[at]! & bit)) at++;
    return at;
  }

  /** Has `onFirstWrite` called for host pages (their numbers), of all RAM where none are given. */
  watchFirstWrites(pages?: Iterable<number>): void {
    const { u8 } = this.host.views;
    if (pages) for (const page of pages) u8[this.pageFlags + page]! &= ~DIRTY_CHECKPOINT;
    else {
      for (const { offset, max_length } of this.blocks) {
        const first = this.pageFlags + (offset >>> PAGE_BITS);
        for (let at = first; at < first + max_length / HOST_PAGE_SIZE; at++) u8[at]! &= ~DIRTY_CHECKPOINT;
      }
    }
    this.onProtect();
  }

  /**
   * Which pages of a stretch of host memory were written since this was last asked, a byte a page: 1 if so.
   * @param bit DIRTY_VGA or DIRTY_MIGRATION
   */
  takeDirty(address: number, length: number, bit: number): Uint8Array {
    const first = this.pageFlags + (address >>> PAGE_BITS);
    const end = this.pageFlags + ((address + length - 1) >>> PAGE_BITS) + 1;
    const { u8 } = this.host.views;
    const out = new Uint8Array(end - first);
    let any = false;
    for (let at = this.#nextWith(bit, first, end); at < end; at = this.#nextWith(bit, at + 1, end)) {
      u8[at]! &= ~bit;
      out[at - first] = 1;
      any = true;
    }
    if (any) this.onProtect();
    return out;
  }
}

/** Bits of an entry of the physical page map. */
export const MAP_READ = 1;
export const MAP_WRITE = 2;
const MAPPED_PAGES = 2 ** (32 - PAGE_BITS);

/**
 * An address space as generated code sees it: an u32 for each 4 KiB below 4 GiB, lying in the host's memory. The upper
 * 20 bits are the host page's address, the lower MAP_*; 0 where there is no RAM for the whole page.
 */
export class PhysPageMap implements MemoryListener {
  /** Where the table lies in the host's memory. */
  readonly base: number;
  readonly #host: HostMemory;
  readonly #range: HostRange;
  readonly #space: AddressSpace;
  /** Called when something is mapped otherwise than before: TLBs must be flushed. */
  onChange: () => void = () => {};

  constructor(host: HostMemory, space: AddressSpace) {
    this.#host = host;
    this.#space = space;
    this.#range = host.allocate(`page map of ${space.name}`, 4 * MAPPED_PAGES);
    this.base = this.#range.offset;
    space.listen(this);
  }

  /** Gives the table back. */
  destroy(): void {
    this.#space.unlisten(this);
    this.#host.release(this.#range);
  }

  /** The entry for a page (guest-physical address / 4096) of the whole 52 bits. */
  hostPage(gpaPage: number): number {
    if (gpaPage < MAPPED_PAGES) return this.#host.views.u32[this.base / 4 + gpaPage]!;
    const gpa = gpaPage * HOST_PAGE_SIZE;
    const range = this.#space.find(gpa);
    return range && gpa >= range.start && gpa + HOST_PAGE_SIZE <= range.end ? entryAt(range, gpa) : 0;
  }

  add(range: FlatRange): void {
    this.#fill(range, true);
  }
  remove(range: FlatRange): void {
    this.#fill(range, false);
  }
  commit(): void {
    this.onChange();
  }

  #fill(range: FlatRange, mapped: boolean): void {
    if (!range.region.ram) return;
    const { u32 } = this.#host.views;
    const end = Math.min(Math.floor(range.end / HOST_PAGE_SIZE), MAPPED_PAGES);
    for (let page = Math.ceil(range.start / HOST_PAGE_SIZE); page < end; page++) {
      u32[this.base / 4 + page] = mapped ? entryAt(range, page * HOST_PAGE_SIZE) : 0;
    }
  }
}

/** What maps the page at an address inside a range. */
function entryAt(range: FlatRange, gpa: number): number {
  const { ram } = range.region;
  const address = ram ? ram.offset + range.offset + (gpa - range.start) : 1;
  if (address % HOST_PAGE_SIZE !== 0) return 0;
  return (address | MAP_READ | (range.readonly ? 0 : MAP_WRITE)) >>> 0;
}
