import { describe, expect, test } from 'vitest';
import { PCTestdev } from '../../../../../src/lib/emulator/hw/misc/pc-testdev.ts';
import { pcBoard } from '../../../../support/pc-board.ts';
import { nativeQemus, qtest, takesQtest } from '../../../../support/qtest.ts';

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

describe.each(nativeQemus.filter(takesQtest).map((qemu) => [qemu.version, qemu] as const))('QEMU %s', (_, qemu) => {
  test('answers the same accesses in the same way', { timeout: 60_000 }, async () => {
    const { host, in: read, out } = device();
    const commands: string[] = [];
    const ours: number[] = [];
    let seed = 1;
    const random = (below: number): number => {
      seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
      return (seed >>> 8) % below;
    };
    for (let i = 0; i < 300; i++) {
      const [size, letter] = (
        [
          [1, 'b'],
          [2, 'w'],
          [4, 'l']
        ] as const
      )[random(3)]!;
      const port = [0xe0, 0xe8][random(2)]! + Math.floor(random(4) / size) * size;
      const address = 0xff00_0000 + random(0x10_0000 / 16 / size) * size;
      const value = (random(2 ** 24) * 2 ** (8 * size - 8)) % 2 ** (8 * size);
      const hex = [port, address, value].map((n) => `0x${n.toString(16)}`);
      commands.push(`out${letter} ${hex[0]} ${hex[2]}`, `in${letter} ${hex[0]}`, 'inl 0xe0');
      commands.push(`write${letter} ${hex[1]} ${hex[2]}`, `readl 0x${(address - (address % 4)).toString(16)}`);
      out(port, value, size);
      ours.push(read(port, size), read(0xe0, 4));
      host.memory.write(address, value, size);
      ours.push(host.memory.read(address - (address % 4), 4));
    }
    const native = await qtest(qemu, ['-M', 'pc', '-device', 'pc-testdev'], commands);
    expect(ours).toEqual(native.values.filter((value) => value !== undefined).map(Number));
  });
});
