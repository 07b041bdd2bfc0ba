/**
 * Address spaces as trees of regions: RAM, ROM, devices, aliases. A tree is rendered to a flat list of ranges, of which
 * listeners hear what comes and goes. Addresses are numbers below 2^52, values unsigned numbers of at most 32 bits.
 * Source: QEMU system/memory.c (render_memory_region, address_space_update_topology_pass), system/physmem.c
 * (flatview_read_continue).
 */
import {
  accessSize,
  bytesOf,
  pieceAt,
  readDevice,
  readPiece,
  valueOf,
  writeDevice,
  writePiece
} from './memory-access.ts';
import type { RAMBlock } from './physmem.ts';

/** No x86 has more physical addresses. */
export const MAX_ADDRESS = 2 ** 52;
/** Aliases nest no deeper than this; wiring that goes in circles must not recurse for ever. */
const MAX_DEPTH = 32;

export interface AccessSizes {
  readonly min?: number;
  readonly max?: number;
  readonly unaligned?: boolean;
}

/** What a device answers. Addresses are offsets into the region; sizes are 1, 2 or 4 bytes. */
export interface MemoryRegionOps {
  read(addr: number, size: number): number;
  write(addr: number, value: number, size: number): void;
  /** For devices that take 8 bytes at once; the others get two times 4, low half first. */
  read64?(addr: number): bigint;
  write64?(addr: number, value: bigint): void;
  /** What the guest may do; all else reads 0 and writes nothing. Anything when absent, up to 4 bytes at a time. */
  readonly valid?: AccessSizes;
  /** What `read` and `write` want; accesses are split or widened to it. 1 to 4 bytes when absent. */
  readonly impl?: AccessSizes;
  /** May be entered again from its own accesses (MSI, interrupt controllers). */
  readonly reentrant?: boolean;
}

interface RegionInit {
  readonly ops?: MemoryRegionOps;
  readonly ram?: RAMBlock;
  readonly alias?: MemoryRegion;
  readonly aliasOffset?: number;
  readonly readonly?: boolean;
}

let transactionDepth = 0;
const pending = new Set<AddressSpace>();

/** Changes that belong together: address spaces are rendered once, at the end. */
export function memoryTransaction(change: () => void): void {
  transactionDepth++;
  try {
    change();
  } finally {
    if (--transactionDepth === 0) {
      const spaces = [...pending];
      pending.clear();
      for (const space of spaces) space.render();
    }
  }
}

/** A node of the tree. */
export class MemoryRegion {
  readonly name: string;
  readonly ops: MemoryRegionOps | undefined;
  readonly ram: RAMBlock | undefined;
  readonly alias: MemoryRegion | undefined;
  #size: number;
  #addr = 0;
  #aliasOffset: number;
  #readonly: boolean;
  #enabled = true;
  priority = 0;
  container: MemoryRegion | undefined;
  /** Who comes first hides who comes later. */
  readonly subregions: MemoryRegion[] = [];
  readonly #aliases = new Set<MemoryRegion>();
  /** Address spaces that have it as their root. */
  readonly spaces = new Set<AddressSpace>();
  /** Inside one of its own accesses. */
  busy = false;

  constructor(name: string, size: number, init: RegionInit = {}) {
    this.name = name;
    this.#size = size;
    this.ops = init.ops;
    this.ram = init.ram;
    this.alias = init.alias;
    this.#aliasOffset = init.aliasOffset ?? 0;
    this.#readonly = init.readonly ?? false;
    if (init.alias) init.alias.#aliases.add(this);
  }

  /** Only holds others. */
  static container(name: string, size: number = 2 ** 64): MemoryRegion {
    return new MemoryRegion(name, size);
  }
  static io(name: string, size: number, ops: MemoryRegionOps): MemoryRegion {
    return new MemoryRegion(name, size, { ops });
  }
  static ram(block: RAMBlock, name = block.idstr): MemoryRegion {
    return new MemoryRegion(name, block.used_length, { ram: block });
  }
  static rom(block: RAMBlock, name = block.idstr): MemoryRegion {
    return new MemoryRegion(name, block.used_length, { ram: block, readonly: true });
  }
  /** `size` bytes of another region from `offset` on. */
  static aliasOf(name: string, alias: MemoryRegion, offset: number, size: number): MemoryRegion {
    return new MemoryRegion(name, size, { alias, aliasOffset: offset });
  }

  get size(): number {
    return this.#size;
  }
  /** Offset in its container. */
  get addr(): number {
    return this.#addr;
  }
  get aliasOffset(): number {
    return this.#aliasOffset;
  }
  get readonly(): boolean {
    return this.#readonly;
  }
  get enabled(): boolean {
    return this.#enabled;
  }

  setSize(size: number): void {
    if (size !== this.#size) this.#change(() => (this.#size = size));
  }
  setAddress(addr: number): void {
    if (addr !== this.#addr) this.#change(() => (this.#addr = addr));
  }
  setAliasOffset(offset: number): void {
    if (offset !== this.#aliasOffset) this.#change(() => (this.#aliasOffset = offset));
  }
  setReadonly(readonly: boolean): void {
    if (readonly !== this.#readonly) this.#change(() => (this.#readonly = readonly));
  }
  setEnabled(enabled: boolean): void {
    if (enabled !== this.#enabled) this.#change(() => (this.#enabled = enabled));
  }

  /** Of two that overlap the one with the higher priority is seen, of equals the one that was added last. */
  addSubregion(addr: number, region: MemoryRegion, priority = 0): void {
    region.#change(() => {
      region.container = this;
      region.#addr = addr;
      region.priority = priority;
      const before = this.subregions.findIndex((other) => priority >= other.priority);
      this.subregions.splice(before < 0 ? this.subregions.length : before, 0, region);
    });
  }

  delSubregion(region: MemoryRegion): void {
    if (region.container !== this) return;
    region.#change(() => {
      this.subregions.splice(this.subregions.indexOf(region), 1);
      region.container = undefined;
    });
  }

  /** Does it, and has every address space that shows this region rendered anew. */
  #change(change: () => void): void {
    memoryTransaction(() => {
      this.#touch(0);
      change();
      this.#touch(0);
    });
  }

  #touch(depth: number): void {
    if (depth > MAX_DEPTH) return;
    for (const space of this.spaces) pending.add(space);
    if (this.container) this.container.#touch(depth + 1);
    for (const alias of this.#aliases) alias.#touch(depth + 1);
  }
}

/** A stretch of an address space that one region answers for. */
export interface FlatRange {
  readonly start: number;
  /** Exclusive. */
  readonly end: number;
  readonly region: MemoryRegion;
  /** Where in the region it begins. */
  readonly offset: number;
  readonly readonly: boolean;
}

/** Is told what comes and goes: first all that goes, then all that comes, then `commit`. */
export interface MemoryListener {
  add(range: FlatRange): void;
  remove(range: FlatRange): void;
  commit?(): void;
}

export class AddressSpace {
  readonly name: string;
  readonly root: MemoryRegion;
  #ranges: readonly FlatRange[] = [];
  #last: FlatRange | undefined;
  readonly #listeners: MemoryListener[] = [];

  constructor(name: string, root: MemoryRegion) {
    this.name = name;
    this.root = root;
    root.spaces.add(this);
    this.render();
  }

  /** What is where, by address. */
  get ranges(): readonly FlatRange[] {
    return this.#ranges;
  }

  /** Tells a listener of everything that is there, then of changes. */
  listen(listener: MemoryListener): void {
    this.#listeners.push(listener);
    for (const range of this.#ranges) listener.add(range);
    listener.commit?.();
  }
  unlisten(listener: MemoryListener): void {
    this.#listeners.splice(this.#listeners.indexOf(listener), 1);
  }

  /** Nobody renders it any more. */
  destroy(): void {
    this.root.spaces.delete(this);
  }

  /** Renders the tree; for `memoryTransaction` alone. Source: address_space_set_flatview. */
  render(): void {
    const old = this.#ranges;
    const ranges = flatten(this.root);
    const key = (r: FlatRange): string => `${r.start} ${r.end} ${r.offset} ${r.readonly}`;
    const before = new Map(old.map((r) => [key(r), r]));
    const after = new Map(ranges.map((r) => [key(r), r]));
    const gone = old.filter((r) => after.get(key(r))?.region !== r.region);
    const come = ranges.filter((r) => before.get(key(r))?.region !== r.region);
    this.#ranges = ranges;
    this.#last = undefined;
    if (gone.length + come.length === 0) return;
    for (const listener of this.#listeners) {
      for (const range of gone) listener.remove(range);
      for (const range of come) listener.add(range);
      listener.commit?.();
    }
  }

  /** The range that an address lies in. */
  find(addr: number): FlatRange | undefined {
    const last = this.#last;
    if (last && addr >= last.start && addr < last.end) return last;
    let low = 0;
    let high = this.#ranges.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#ranges[middle]!.end <= addr) low = middle + 1;
      else high = middle;
    }
    const found = this.#ranges[low];
    return found && addr >= found.start ? (this.#last = found) : undefined;
  }

  /** Reads 1, 2 or 4 bytes, little-endian, unsigned. Where nothing is, 0. */
  read(addr: number, size: number): number {
    let value = 0;
    for (let done = 0; done < size;) {
      const range = this.find(addr + done);
      const piece = range ? pieceAt(range, addr + done, size - done) : 1;
      if (range) {
        const part = readPiece(range, addr + done, piece);
        if (piece === size) return part;
        value += part * 2 ** (8 * done);
      }
      done += piece;
    }
    return value;
  }

  /** Writes 1, 2 or 4 bytes, little-endian. Where nothing is, or a ROM, nothing happens. */
  write(addr: number, value: number, size: number): void {
    for (let done = 0; done < size;) {
      const range = this.find(addr + done);
      const piece = range ? pieceAt(range, addr + done, size - done) : 1;
      if (range) writePiece(range, addr + done, Math.floor(value / 2 ** (8 * done)), piece);
      done += piece;
    }
  }

  /** Reads 8 bytes at once, where the device can. */
  read64(addr: number): bigint {
    const range = this.find(addr);
    const ops = range?.region.ops;
    if (range && ops?.read64 && addr % 8 === 0) return ops.read64(addr - range.start + range.offset);
    const low = this.read(addr, 4);
    return (BigInt(this.read(addr + 4, 4)) << 32n) | BigInt(low);
  }
  write64(addr: number, value: bigint): void {
    const range = this.find(addr);
    const ops = range?.region.ops;
    if (range && ops?.write64 && addr % 8 === 0) {
      ops.write64(addr - range.start + range.offset, value);
      return;
    }
    this.write(addr, Number(value & 0xffff_ffffn), 4);
    this.write(addr + 4, Number((value >> 32n) & 0xffff_ffffn), 4);
  }

  /** DMA: fills `into`. Where nothing is it reads zeros and returns false. */
  readBytes(addr: number, into: Uint8Array): boolean {
    return this.#eachPiece(
      addr,
      into.length,
      (range, at, done, length) => {
        const { ram } = range.region;
        if (ram) into.set(ram.bytes(at, length), done);
        else bytesOf(into, done, readDevice(range.region, at, length), length);
      },
      (done, length) => into.fill(0, done, done + length)
    );
  }

  /** DMA: writes `from`. Returns false where nothing is, or a ROM. */
  writeBytes(addr: number, from: Uint8Array): boolean {
    return this.#eachPiece(addr, from.length, (range, at, done, length) => {
      const { ram } = range.region;
      if (ram && range.readonly) return false;
      if (ram) ram.write(at, from.subarray(done, done + length));
      else writeDevice(range.region, at, valueOf(from, done, length), length);
      return true;
    });
  }

  /** Splits a transfer at the borders of ranges, and accesses to devices to sizes they take. */
  #eachPiece(
    addr: number,
    length: number,
    there: (range: FlatRange, at: number, done: number, length: number) => boolean | void,
    missing: (done: number, length: number) => void = () => {}
  ): boolean {
    let fine = true;
    for (let done = 0; done < length;) {
      const range = this.find(addr + done);
      let piece: number;
      if (range) {
        const at = addr + done - range.start + range.offset;
        const rest = Math.min(length - done, range.end - addr - done);
        piece = range.region.ram ? rest : accessSize(range.region, at, length - done);
        if (there(range, at, done, piece) === false) fine = false;
      } else {
        piece = Math.min(length - done, this.#gapAt(addr + done));
        missing(done, piece);
        fine = false;
      }
      done += piece;
    }
    return fine;
  }

  /** Bytes from an address where nothing is to the next where something is. */
  #gapAt(addr: number): number {
    const next = this.#ranges.find((range) => range.start > addr);
    return (next?.start ?? Infinity) - addr;
  }
}

/** Source: render_memory_region. */
function flatten(root: MemoryRegion): FlatRange[] {
  const view: FlatRange[] = [];
  const render = (
    region: MemoryRegion,
    base: number,
    start: number,
    end: number,
    readonly: boolean,
    depth: number
  ): void => {
    if (!region.enabled || depth > MAX_DEPTH) return;
    const origin = base + region.addr;
    const from = Math.max(start, origin);
    const to = Math.min(end, origin + region.size);
    if (from >= to) return;
    const protects = readonly || region.readonly;
    if (region.alias) {
      render(region.alias, origin - region.alias.addr - region.aliasOffset, from, to, protects, depth + 1);
      return;
    }
    for (const sub of region.subregions) render(sub, origin, from, to, protects, depth + 1);
    if (!region.ops && !region.ram) return;
    fillGaps(view, { start: from, end: to, region, offset: from - origin, readonly: protects });
  };
  render(root, 0, 0, MAX_ADDRESS, false, 0);
  return merged(view);
}

/** Puts what is not yet taken of a range into the view. */
function fillGaps(view: FlatRange[], range: FlatRange): void {
  let at = range.start;
  const put = (index: number, end: number): void => {
    view.splice(index, 0, { ...range, start: at, end, offset: range.offset + (at - range.start) });
  };
  for (let i = 0; i < view.length && at < range.end; i++) {
    const other = view[i]!;
    if (at >= other.end) continue;
    if (at < other.start) put(i++, Math.min(range.end, other.start));
    at = Math.min(range.end, other.end);
  }
  if (at < range.end) put(view.length, range.end);
}

/** Joins neighbours that continue each other. Source: flatview_simplify. */
function merged(view: readonly FlatRange[]): FlatRange[] {
  const out: FlatRange[] = [];
  for (const range of view) {
    const last = out.at(-1);
    const goesOn =
      last?.end === range.start &&
      last.region === range.region &&
      last.readonly === range.readonly &&
      last.offset + (last.end - last.start) === range.offset;
    if (last && goesOn) out[out.length - 1] = { ...last, end: range.end };
    else out.push(range);
  }
  return out;
}
