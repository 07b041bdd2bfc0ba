/**
 * Accesses to what a flat range shows: split, widened and checked as a device wants them.
 * Source: QEMU system/memory.c (memory_region_dispatch_read, access_with_adjusted_size), system/physmem.c.
 */
import type { FlatRange, MemoryRegion, MemoryRegionOps } from './memory.ts';

/** How much of an access a device takes at once. Source: memory_access_size. */
export function accessSize({ ops }: MemoryRegion, at: number, size: number): number {
  let most = ops?.valid?.max ?? 4;
  if (!ops?.impl?.unaligned) {
    const alignment = at % 8 === 0 ? 8 : at & -at;
    if (alignment < most) most = alignment;
  }
  most = Math.min(most, 4, size);
  return most === 3 ? 2 : most;
}

/** Source: memory_region_access_valid. */
function isValid({ valid }: MemoryRegionOps, at: number, size: number): boolean {
  if (!valid) return at % size === 0;
  if (!valid.unaligned && at % size !== 0) return false;
  return valid.max === undefined || (size <= valid.max && size >= (valid.min ?? 1));
}

/** Source: memory_region_dispatch_read, access_with_adjusted_size. */
export function readDevice(region: MemoryRegion, at: number, size: number): number {
  const ops = region.ops;
  if (!ops || !isValid(ops, at, size) || !enter(region)) return 0;
  try {
    const step = Math.max(Math.min(size, ops.impl?.max ?? 4, 4), ops.impl?.min ?? 1);
    let value = 0;
    for (let i = 0; i < size; i += step) value |= (ops.read(at + i, step) & mask(step)) << (8 * i);
    return (value & mask(size)) >>> 0;
  } finally {
    region.busy = false;
  }
}

export function writeDevice(region: MemoryRegion, at: number, value: number, size: number): void {
  const ops = region.ops;
  if (!ops || !isValid(ops, at, size) || !enter(region)) return;
  try {
    const step = Math.max(Math.min(size, ops.impl?.max ?? 4, 4), ops.impl?.min ?? 1);
    for (let i = 0; i < size; i += step) ops.write(at + i, ((value >>> (8 * i)) & mask(step)) >>> 0, step);
  } finally {
    region.busy = false;
  }
}

/** A device whose DMA hits its own registers must not recurse. Source: MemReentrancyGuard. */
function enter(region: MemoryRegion): boolean {
  if (region.busy && !region.ops?.reentrant) return false;
  region.busy = true;
  return true;
}

const mask = (size: number): number => (size >= 4 ? -1 : (1 << (8 * size)) - 1);

/** How many of the bytes at an address one access to a range takes. */
export function pieceAt(range: FlatRange, addr: number, size: number): number {
  if (!range.region.ram) return accessSize(range.region, addr - range.start + range.offset, size);
  return size !== 3 && addr + size <= range.end ? size : 1;
}

export function readPiece(range: FlatRange, addr: number, size: number): number {
  const at = addr - range.start + range.offset;
  const { ram } = range.region;
  return ram ? ram.load(at, size) : readDevice(range.region, at, size);
}

export function writePiece(range: FlatRange, addr: number, value: number, size: number): void {
  const at = addr - range.start + range.offset;
  const { ram } = range.region;
  if (!ram) writeDevice(range.region, at, value, size);
  else if (!range.readonly) ram.store(at, value, size);
}

export function bytesOf(into: Uint8Array, at: number, value: number, length: number): void {
  for (let i = 0; i < length; i++) into[at + i] = value >>> (8 * i);
}
export function valueOf(from: Uint8Array, at: number, length: number): number {
  let value = 0;
  for (let i = 0; i < length; i++) value |= from[at + i]! << (8 * i);
  return value >>> 0;
}
