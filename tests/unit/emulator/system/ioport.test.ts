import { expect, test } from 'vitest';
import { IOPortSpace } from '../../../../src/lib/emulator/system/ioport.ts';
import { MemoryRegion } from '../../../../src/lib/emulator/system/memory.ts';

test('unassigned ports read all ones and swallow writes', () => {
  const ports = new IOPortSpace();
  ports.write(0x80, 1, 1);
  expect([1, 2, 4].map((size) => ports.read(0x80, size))).toEqual([0xff, 0xffff, 0xffff_ffff]);
});

function setup() {
  const ports = new IOPortSpace();
  const log: string[] = [];
  const read = (size: number) => (port: number) => {
    log.push(`in${size} ${port.toString(16)}`);
    return port & 0xff;
  };
  const write = (size: number) => (port: number, value: number) =>
    void log.push(`out${size} ${port.toString(16)},${value.toString(16)}`);
  ports.registerList(0x1f0, 'ide', [
    { offset: 0, len: 8, size: 1, read: read(1), write: write(1) },
    { offset: 0, len: 1, size: 2, read: read(2), write: write(2) },
    { offset: 0, len: 1, size: 4, read: read(4), write: write(4) }
  ]);
  return { ports, log };
}

test('accesses go to the row of their size', () => {
  const { ports, log } = setup();
  ports.read(0x1f0, 4);
  ports.write(0x1f0, 0xabcd, 2);
  ports.read(0x1f7, 1);
  expect(log).toEqual(['in4 1f0', 'out2 1f0,abcd', 'in1 1f7']);
});

test('two bytes at 8-bit ports are two accesses, the second one only inside the row', () => {
  const { ports, log } = setup();
  expect(ports.read(0x1f2, 2)).toBe(0xf3f2);
  ports.write(0x1f2, 0x1234, 2);
  expect(log).toEqual(['in1 1f2', 'in1 1f3', 'out1 1f2,34', 'out1 1f3,12']);
  log.length = 0;
  expect(ports.read(0x1f7, 2)).toBe(0xfff7);
  expect(log).toEqual(['in1 1f7']);
});

test('four bytes at 8-bit ports go nowhere', () => {
  const { ports, log } = setup();
  expect(ports.read(0x1f4, 4)).toBe(0xffff_ffff);
  ports.write(0x1f4, 1, 4);
  expect(log).toEqual([]);
});

test('holes of a table stay unassigned', () => {
  const ports = new IOPortSpace();
  ports.registerList(0x3f0, 'fdc', [
    { offset: 1, len: 5, size: 1, read: () => 1 },
    { offset: 7, len: 1, size: 1, read: () => 7 }
  ]);
  expect([0x3f0, 0x3f1, 0x3f5, 0x3f6, 0x3f7].map((port) => ports.read(port, 1))).toEqual([0xff, 1, 1, 0xff, 7]);
});

test('a region over others hides them while it is enabled', () => {
  const ports = new IOPortSpace();
  const ops = (value: number) => ({ read: () => value, write: () => {}, impl: { max: 1 } as const });
  ports.register(0xcf8, MemoryRegion.io('config', 4, ops(0x11)));
  const rcr = ports.register(0xcf9, MemoryRegion.io('reset', 1, ops(0x22)), 1);
  expect(ports.read(0xcf9, 1)).toBe(0x22);
  rcr.setEnabled(false);
  expect(ports.read(0xcf8, 4)).toBe(0x11111111);
});

test('an instruction makes one access, which a region takes or not; who reads for others has it split', () => {
  const ports = new IOPortSpace();
  const bytes = { valid: { min: 1, max: 1 }, read: (at: number) => at + 1, write() {} };
  ports.register(0x92, MemoryRegion.io('bytes', 4, bytes));
  expect([ports.in(0x92, 1), ports.in(0x92, 2), ports.read(0x92, 2)]).toEqual([1, 0, 0x201]);
  // Nowhere, and beside it.
  expect([ports.in(0x1234, 4), ports.in(0x1233, 2), ports.read(0x1233, 2)]).toEqual([0xffff_ffff, 0, 0xffff]);
  expect(ports.in(0xffff, 4)).toBe(0);
});
