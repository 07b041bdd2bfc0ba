import { expect, test } from 'vitest';
import { HostMemory } from '../../../../src/lib/emulator/host/memory.ts';
import {
  AddressSpace,
  MemoryRegion,
  memoryTransaction,
  type MemoryRegionOps
} from '../../../../src/lib/emulator/system/memory.ts';
import { PhysMem } from '../../../../src/lib/emulator/system/physmem.ts';

const MIB = 2 ** 20;

function setup(ramSize = MIB) {
  const physmem = new PhysMem(new HostMemory(1024));
  const ram = physmem.allocate('pc.ram', ramSize);
  const system = MemoryRegion.container('system');
  const memory = new AddressSpace('memory', system);
  return { physmem, ram, system, memory };
}

/** A device that logs its accesses and reads its own offset in each byte. */
function device(init: Partial<MemoryRegionOps> = {}) {
  const log: string[] = [];
  const ops: MemoryRegionOps = {
    read(addr, size) {
      log.push(`r${size}@${addr}`);
      return size === 1 ? addr : size === 2 ? addr | ((addr + 1) << 8) : addr * 0x01010101 + 0x03020100;
    },
    write(addr, value, size) {
      log.push(`w${size}@${addr}=${value.toString(16)}`);
    },
    ...init
  };
  return { log, ops };
}

const flat = (space: AddressSpace): string[] =>
  space.ranges.map((r) => `${r.start.toString(16)}-${r.end.toString(16)} ${r.region.name}+${r.offset.toString(16)}`);

test('the higher priority hides the lower, of equals the one added last', () => {
  const { system, memory, ram } = setup();
  system.addSubregion(0, MemoryRegion.ram(ram));
  system.addSubregion(0x1000, MemoryRegion.io('low', 0x1000, device().ops), -1);
  system.addSubregion(0x2000, MemoryRegion.io('over', 0x1000, device().ops), 1);
  system.addSubregion(0x3000, MemoryRegion.io('later', 0x1000, device().ops));
  expect(flat(memory)).toEqual(['0-2000 pc.ram+0', '2000-3000 over+0', '3000-4000 later+0', '4000-100000 pc.ram+4000']);
});

test('aliases show a window of another region, and follow it', () => {
  const { system, memory, ram } = setup();
  const whole = MemoryRegion.ram(ram);
  const low = MemoryRegion.aliasOf('low', whole, 0, 0x8000);
  const high = MemoryRegion.aliasOf('high', whole, 0x8000, 0x8000);
  system.addSubregion(0, low);
  system.addSubregion(0x100000000, high);
  expect(flat(memory)).toEqual(['0-8000 pc.ram+0', '100000000-100008000 pc.ram+8000']);
  memory.write(0x100000004, 0x11223344, 4);
  expect(ram.load(0x8004, 4)).toBe(0x11223344);
  high.setAliasOffset(0);
  memory.write(0x100000000, 5, 1);
  expect(memory.read(0, 1)).toBe(5);
  whole.setEnabled(false);
  expect(flat(memory)).toEqual([]);
});

test('a container clips what is in it, and a 2^64 one ends with the physical addresses', () => {
  const { system, memory, ram } = setup();
  const window = MemoryRegion.container('window', 0x2000);
  window.addSubregion(0x1000, MemoryRegion.ram(ram));
  system.addSubregion(0x10000, window);
  system.addSubregion(2 ** 60, MemoryRegion.io('bar', 0x1000, device().ops));
  expect(flat(memory)).toEqual(['11000-12000 pc.ram+0']);
  system.delSubregion(window);
  expect(flat(memory)).toEqual([]);
});

test('listeners hear only of what changed, once a transaction', () => {
  const { system, memory, ram } = setup();
  const heard: string[] = [];
  memory.listen({
    add: (r) => heard.push(`+${r.region.name}@${r.start.toString(16)}`),
    remove: (r) => heard.push(`-${r.region.name}@${r.start.toString(16)}`),
    commit: () => heard.push('.')
  });
  const bar = MemoryRegion.io('bar', 0x1000, device().ops);
  memoryTransaction(() => {
    system.addSubregion(0, MemoryRegion.ram(ram));
    system.addSubregion(0xfe000000, bar);
  });
  bar.setAddress(0xfd000000);
  bar.setEnabled(true);
  expect(heard).toEqual(['.', '+pc.ram@0', '+bar@fe000000', '.', '-bar@fe000000', '+bar@fd000000', '.']);
});

test('wiring in circles ends', () => {
  const { system, memory } = setup();
  const a = MemoryRegion.container('a', 0x1000);
  a.addSubregion(0, MemoryRegion.aliasOf('b', a, 0, 0x1000));
  system.addSubregion(0, a);
  expect(memory.ranges).toEqual([]);
});

test('ROM is read but not written', () => {
  const { system, memory, physmem } = setup();
  const block = physmem.allocate('pc.bios', 0x1000);
  block.write(0, Uint8Array.of(0xea, 0x5b));
  system.addSubregion(0xfffff000, MemoryRegion.rom(block));
  memory.write(0xfffff000, 0, 4);
  expect(memory.writeBytes(0xfffff000, Uint8Array.of(1))).toBe(false);
  expect(memory.read(0xfffff000, 2)).toBe(0x5bea);
});

test('an access that crosses from RAM into a device is split', () => {
  const { system, memory, physmem } = setup();
  const { ops, log } = device();
  const block = physmem.allocate('small', 0x1000);
  system.addSubregion(0, MemoryRegion.ram(block));
  system.addSubregion(0x1000, MemoryRegion.io('dev', 0x10, ops));
  block.write(0xffe, Uint8Array.of(0xaa, 0xbb));
  expect(memory.read(0xffe, 4)).toBe(0x0100bbaa);
  expect(log).toEqual(['r2@0']);
  memory.write(0xffe, 0x44332211, 4);
  expect(log.at(-1)).toBe('w2@0=4433');
  expect(block.load(0xffe, 2)).toBe(0x2211);
});

test('unaligned accesses to a device come as aligned ones', () => {
  const { system, memory } = setup();
  const { ops, log } = device();
  system.addSubregion(0x1000, MemoryRegion.io('dev', 0x10, ops));
  expect(memory.read(0x1001, 4)).toBe(0x04030201);
  expect(log).toEqual(['r1@1', 'r2@2', 'r1@4']);
});

test('accesses are split or widened to what a device implements', () => {
  const { system, memory } = setup();
  const bytes = device({ impl: { max: 1 } });
  const words = device({ impl: { min: 4, max: 4 } });
  system.addSubregion(0x1000, MemoryRegion.io('bytes', 0x10, bytes.ops));
  system.addSubregion(0x2000, MemoryRegion.io('words', 0x10, words.ops));
  expect(memory.read(0x1000, 4)).toBe(0x03020100);
  memory.write(0x1004, 0x8899, 2);
  expect(bytes.log).toEqual(['r1@0', 'r1@1', 'r1@2', 'r1@3', 'w1@4=99', 'w1@5=88']);
  expect(memory.read(0x2004, 1)).toBe(4);
  expect(words.log).toEqual(['r4@4']);
});

test('sizes that are not valid read 0 and write nothing', () => {
  const { system, memory } = setup();
  const { ops, log } = device({ valid: { min: 4, max: 4 } });
  system.addSubregion(0x1000, MemoryRegion.io('dev', 0x10, ops));
  expect(memory.read(0x1004, 1)).toBe(0);
  memory.write(0x1004, 0xff, 2);
  expect(log).toEqual([]);
  expect(memory.read(0x1004, 4)).toBe(0x07060504);
});

test('8 bytes are two times 4, low half first, unless the device takes them', () => {
  const { system, memory } = setup();
  const halves = device();
  const whole = device({
    read64: () => 0x1122334455667788n,
    write64: (_, v) => void whole.log.push(`w8=${v.toString(16)}`)
  });
  system.addSubregion(0x1000, MemoryRegion.io('halves', 0x10, halves.ops));
  system.addSubregion(0x2000, MemoryRegion.io('whole', 0x10, whole.ops));
  expect(memory.read64(0x1000)).toBe(0x0706050403020100n);
  memory.write64(0x1000, 0x1122334455667788n);
  expect(halves.log).toEqual(['r4@0', 'r4@4', 'w4@0=55667788', 'w4@4=11223344']);
  expect(memory.read64(0x2000)).toBe(0x1122334455667788n);
  memory.write64(0x2000, 0xffffffffffffffffn);
  expect(whole.log).toEqual(['w8=ffffffffffffffff']);
});

test('where nothing is, memory reads 0', () => {
  const { memory } = setup();
  memory.write(0x5000, 1, 4);
  expect(memory.read(0x5000, 4)).toBe(0);
  expect(memory.read64(2 ** 51)).toBe(0n);
});

test('DMA crosses ranges, and says where nothing was', () => {
  const { system, memory, physmem } = setup();
  const a = physmem.allocate('a', 0x1000);
  const { ops, log } = device();
  system.addSubregion(0, MemoryRegion.ram(a));
  system.addSubregion(0x1000, MemoryRegion.io('dev', 0x1000, ops));
  const from = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8);
  expect(memory.writeBytes(0xffc, from)).toBe(true);
  expect(log).toEqual(['w4@0=8070605']);
  const into = new Uint8Array(8);
  expect(memory.readBytes(0xffc, into)).toBe(true);
  expect([...into]).toEqual([1, 2, 3, 4, 0, 1, 2, 3]);
  into.fill(9);
  expect(memory.readBytes(0x8000, into)).toBe(false);
  expect([...into]).toEqual([0, 0, 0, 0, 0, 0, 0, 0]);
  expect(memory.writeBytes(2 ** 50, from)).toBe(false);
});

test('a device whose DMA hits itself is not entered again, unless it says that it may be', () => {
  const { system, memory } = setup();
  const seen: number[] = [];
  const recursive = (reentrant: boolean, base: number): MemoryRegionOps => ({
    reentrant,
    read: () => 0,
    write(_, value) {
      seen.push(value);
      if (value < 3) memory.write(base, value + 1, 4);
    }
  });
  system.addSubregion(0x1000, MemoryRegion.io('guarded', 4, recursive(false, 0x1000)));
  system.addSubregion(0x2000, MemoryRegion.io('free', 4, recursive(true, 0x2000)));
  memory.write(0x1000, 1, 4);
  expect(seen).toEqual([1]);
  memory.write(0x1000, 2, 4);
  expect(seen).toEqual([1, 2]);
  memory.write(0x2000, 1, 4);
  expect(seen).toEqual([1, 2, 1, 2, 3]);
});
