/** PAM, SMRAM and the holes of the i440FX. Source of the expectations: 82441FX datasheet 3.2.18, 3.2.22; QEMU tests/qtest/i440fx-test.c. */
import { expect, test } from 'vitest';
import { MemoryRegion } from '../../../../../src/lib/emulator/system/memory.ts';
import { pcBoard } from '../../../../support/pc-board.ts';

/** A board with ROMs, a BIOS and a VGA behind RAM, which read as 0xb0, 0xb1 and 0x7a. */
function board() {
  const all = pcBoard();
  const ones = (name: string, byte: number, log: string[]) =>
    MemoryRegion.io(name, 0x20000, {
      read: () => byte,
      write: (addr, value) => log.push(`${name}@${addr}=${value}`)
    });
  const log: string[] = [];
  all.pci.addSubregion(0xc0000, ones('rom', 0xb0, log));
  all.pci.addSubregion(0xe0000, ones('bios', 0xb1, log));
  all.pci.addSubregion(0xa0000, ones('vga', 0x7a, log));
  return { ...all, log, read: (addr: number) => all.host.memory.read(addr, 1) };
}

test('identification and the registers that a reset leaves', () => {
  const { config } = board();
  expect(config(0, 0)).toBe(0x12378086);
  expect(config(0, 8)).toBe(0x06000002);
  expect(config(0, 0x72, 1)).toBe(2);
});

test.each([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12])('segment %i follows its two bits', (segment) => {
  const { setConfig, config, host, log, ram, read } = board();
  const start = segment === 0 ? 0xf0000 : 0xc0000 + (segment - 1) * 0x4000;
  const register = 0x59 + ((segment + 1) >> 1);
  const shift = segment & 1 ? 0 : 4;
  const behind = start >= 0xe0000 ? 0xb1 : 0xb0;
  const set = (bits: number) => {
    const others = config(0, register, 1) & ~(3 << shift);
    setConfig(0, register, others | (bits << shift), 1);
  };
  const write = (value: number) => host.memory.write(start + 16, value, 1);
  expect(read(start + 16)).toBe(behind);
  write(1);
  expect([ram.load(start + 16, 1), log.length]).toEqual([0, 1]);
  set(3);
  write(2);
  expect([read(start + 16), ram.load(start + 16, 1)]).toEqual([2, 2]);
  set(1);
  write(3);
  expect(read(start + 16)).toBe(2);
  set(0);
  expect(read(start + 16)).toBe(behind);
});

test('VGA hides RAM at a0000 unless SMRAM is open', () => {
  const { setConfig, read, ram, i440fx } = board();
  ram.store(0xa0000, 0x55, 1);
  expect(read(0xa0000)).toBe(0x7a);
  setConfig(0, 0x72, 0x4a, 1);
  expect(read(0xa0000)).toBe(0x55);
  expect(i440fx.smram.enabled).toBe(true);
  setConfig(0, 0x72, 0x02, 1);
  expect([read(0xa0000), i440fx.smram.enabled]).toEqual([0x7a, false]);
});

test('a loaded state puts the segments where it says', () => {
  const { i440fx, read, ram } = board();
  ram.store(0xf0000, 0x99, 1);
  const loaded = i440fx.parent_obj.config.slice();
  loaded[0x59] = 0x30;
  i440fx.parent_obj.config = loaded;
  expect(i440fx.postLoad()).toBeUndefined();
  expect(read(0xf0000)).toBe(0x99);
});
