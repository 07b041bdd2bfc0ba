import { expect, test } from 'vitest';
import { PCTestdev } from '../../../../../src/lib/emulator/hw/misc/pc-testdev.ts';
import { pcBoard } from '../../../../support/pc-board.ts';

function device() {
  const board = pcBoard();
  new PCTestdev(board.host, board.pci, board.isaIrqs);
  return board;
}

test('four bytes lie behind two windows of ports', () => {
  const { in: read, out } = device();
  out(0xe0, 0x12345678, 4);
  expect([read(0xe0, 4), read(0xe1), read(0xe2, 2)]).toEqual([0x12345678, 0x56, 0x1234]);
  out(0xeb, 0xab);
  expect([read(0xe8, 4), read(0xe0, 4)]).toEqual([0xab345678, 0xab345678]);
});

test('a byte at 2000 and behind raises or lowers an interrupt line', () => {
  const { irqs, out } = device();
  out(0x2005, 1);
  out(0x200e, 0x80);
  expect([irqs[5], irqs[14]]).toEqual([1, 1]);
  out(0x2005, 0);
  out(0x2017, 1);
  expect([irqs[5], irqs[14]]).toEqual([0, 1]);
});

test('64 KiB of MMIO keep what is written', () => {
  const { host } = device();
  host.memory.write(0xff00_0010, 0xcafe_f00d, 4);
  host.memory.write(0xff00_ffff, 0x5a, 1);
  expect(host.memory.read(0xff00_0010, 4)).toBe(0xcafe_f00d);
  expect(host.memory.read(0xff00_0012, 2)).toBe(0xcafe);
  expect(host.memory.read(0xff00_ffff, 1)).toBe(0x5a);
});
