import { expect, test } from 'vitest';
import { HostMemory } from '../../../../src/lib/emulator/host/memory.ts';
import { AddressSpace, MemoryRegion } from '../../../../src/lib/emulator/system/memory.ts';
import {
  DIRTY_MIGRATION,
  DIRTY_VGA,
  MAP_READ,
  MAP_WRITE,
  PAGE_CODE,
  PhysMem,
  PhysPageMap
} from '../../../../src/lib/emulator/system/physmem.ts';

function setup() {
  const host = new HostMemory(1024);
  const physmem = new PhysMem(host);
  const ram = physmem.allocate('pc.ram', 0x100000);
  const system = MemoryRegion.container('system');
  const memory = new AddressSpace('memory', system);
  return { host, physmem, ram, system, memory, map: new PhysPageMap(host, memory) };
}

test('new RAM is dirty; taking dirty bits clears them page by page and by kind', () => {
  const { physmem, ram } = setup();
  expect(physmem.takeDirty(ram.offset, 0x3000, DIRTY_VGA)).toEqual(Uint8Array.of(1, 1, 1));
  expect(physmem.takeDirty(ram.offset, 0x3000, DIRTY_VGA)).toEqual(Uint8Array.of(0, 0, 0));
  ram.store(0x1ffe, 0x12345678, 4);
  expect(physmem.takeDirty(ram.offset, 0x4000, DIRTY_VGA)).toEqual(Uint8Array.of(0, 1, 1, 1));
  expect(physmem.takeDirty(ram.offset, 0x1000, DIRTY_MIGRATION)).toEqual(Uint8Array.of(1));
});

test('a page that was never written is known to be zeros; one that was is looked at', () => {
  const { physmem, ram } = setup();
  expect([ram.isZeroPage(0), physmem.wasWritten(ram.offset)]).toEqual([true, false]);
  ram.store(0x1004, 7, 1);
  physmem.takeDirty(ram.offset, 0x3000, DIRTY_MIGRATION);
  expect([0, 0x1000, 0x2000].map((at) => ram.isZeroPage(at))).toEqual([true, false, true]);
  ram.clearPage(0x1000);
  expect([ram.isZeroPage(0x1000), physmem.wasWritten(ram.offset + 0x1000)]).toEqual([true, true]);
  expect(physmem.takeDirty(ram.offset, 0x3000, DIRTY_MIGRATION)).toEqual(Uint8Array.of(0, 1, 0));
  ram.write(0x2fff, Uint8Array.of(0, 9));
  expect([0x2000, 0x3000].map((at) => ram.isZeroPage(at))).toEqual([true, false]);
});

test('RAM that is given back is cleared where it was written: the next to have it finds zeros', () => {
  const { physmem, ram, host } = setup();
  ram.store(0x1004, 7, 1);
  ram.write(0xff0ff, Uint8Array.of(1, 2));
  physmem.free(ram);
  const next = physmem.allocate('next', 0x100000);
  expect(next.offset).toBe(ram.offset);
  expect(next.bytes().every((byte) => byte === 0)).toBe(true);
  expect(host.views.u8.subarray(ram.offset, ram.offset + 0x100000).every((byte) => byte === 0)).toBe(true);
});

test('memory that was there before may hold anything', () => {
  const { physmem, host } = setup();
  const range = host.allocate('template', 0x2000);
  host.views.u8[range.offset + 0x1fff] = 1;
  const block = physmem.allocate('mem0', 0x2000, 0, range);
  expect([block.isZeroPage(0), block.isZeroPage(0x1000)]).toEqual([true, false]);
});

test('a device is told from an instruction that wrote to a page, where there is a table of them', () => {
  const { physmem, ram, host } = setup();
  expect(physmem.writerOf(ram.offset)).toBeUndefined();
  physmem.pageWriters = host.allocate('writers', 8 << 20).offset;
  host.views.u64[physmem.pageWriters / 8 + (ram.offset >>> 12)] = 0xffff_ffff_8100_1234n;
  ram.write(0x1fff, Uint8Array.of(1, 2));
  expect([0, 0x1000, 0x2000, 0x3000].map((at) => physmem.writerOf(ram.offset + at))).toEqual([
    ...[0xffff_ffff_8100_1234n, 'device', 'device', undefined]
  ]);
});

test('who remembers that pages are dirty hears when they no longer are', () => {
  const { physmem, ram } = setup();
  let protectedAgain = 0;
  physmem.onProtect = () => protectedAgain++;
  physmem.takeDirty(ram.offset, 0x1000, DIRTY_VGA);
  physmem.takeDirty(ram.offset, 0x1000, DIRTY_VGA);
  expect(protectedAgain).toBe(1);
});

test('a write to a page with code is announced before it happens', () => {
  const { physmem, ram, host } = setup();
  const seen: [page: number, old: number][] = [];
  physmem.onCodeWrite = (page) => seen.push([page, host.views.u8[page * 4096]!]);
  const page = ram.offset / 4096 + 1;
  host.views.u8[physmem.pageFlags + page]! |= PAGE_CODE;
  ram.store(0, 1, 4);
  ram.store(0x1000, 0x55, 1);
  ram.write(0xfff, Uint8Array.of(1, 2));
  expect(seen).toEqual([
    [page, 0],
    [page, 0x55]
  ]);
});

test('the page map says where RAM lies in the host, and what may be done with it', () => {
  const { map, host, ram, system, physmem } = setup();
  const rom = physmem.allocate('rom', 0x1000);
  const entry = (page: number): number => host.views.u32[map.base / 4 + page]!;
  system.addSubregion(0, MemoryRegion.ram(ram));
  expect(entry(3)).toBe(ram.offset + 0x3000 + MAP_READ + MAP_WRITE);
  system.addSubregion(0x3000, MemoryRegion.rom(rom), 1);
  expect(entry(3)).toBe(rom.offset + MAP_READ);
  expect(entry(4)).toBe(ram.offset + 0x4000 + MAP_READ + MAP_WRITE);
  system.addSubregion(0x4080, MemoryRegion.io('dev', 0x10, { read: () => 0, write: () => {} }), 1);
  expect(entry(4)).toBe(0);
  expect(entry(5)).toBe(ram.offset + 0x5000 + MAP_READ + MAP_WRITE);
  expect(entry(0x100)).toBe(0);
});

test('pages above 4 GiB are looked up', () => {
  const { map, ram, system } = setup();
  system.addSubregion(0x1_0000_0000, MemoryRegion.ram(ram));
  expect(map.hostPage(0x100001)).toBe(ram.offset + 0x1000 + MAP_READ + MAP_WRITE);
  expect(map.hostPage(0x100100)).toBe(0);
  expect(map.hostPage(1)).toBe(0);
});

test('the map is told of as changed once a change', () => {
  const { map, ram, system } = setup();
  let changes = 0;
  map.onChange = () => changes++;
  const region = MemoryRegion.ram(ram);
  system.addSubregion(0, region);
  region.setReadonly(true);
  region.setReadonly(true);
  expect(changes).toBe(2);
});

test('a machine that ends gives its memory back', () => {
  const { host, physmem, map } = setup();
  map.destroy();
  physmem.destroy();
  expect(host.used).toBe(0);
});

test('the first write to a page is told before it happens, once until it is watched again', () => {
  const host = new HostMemory();
  const physmem = new PhysMem(host);
  const block = physmem.allocate('pc.ram', 4 * 4096);
  const first = block.offset >>> 12;
  const told: [number, number][] = [];
  const written: number[] = [];
  physmem.onFirstWrite = (page) => told.push([page - first, block.load((page - first) * 4096, 1)]);
  physmem.onDeviceWrite = (address, length) => written.push(address - block.offset, length);
  block.store(0, 1, 1);
  expect(told).toEqual([]);
  physmem.watchFirstWrites();
  block.store(0, 2, 1);
  block.store(0, 3, 1);
  block.write(4095, Uint8Array.of(4, 5));
  expect(told).toEqual([
    [0, 1],
    [1, 0]
  ]);
  physmem.watchFirstWrites([first + 1]);
  block.store(0, 6, 1);
  block.store(4096, 7, 1);
  expect(told.slice(2)).toEqual([[1, 5]]);
  expect(written.slice(-4)).toEqual([0, 1, 4096, 1]);
});
