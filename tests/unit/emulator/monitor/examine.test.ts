import { expect, test } from 'vitest';
import { examine, examineCode, printValue } from '../../../../src/lib/emulator/monitor/examine.ts';
import { smallMachine } from '../../../support/small-machine.ts';

const machine = smallMachine();
[0xea, 0x5b, 0xe0, 0x00, 0xf0, 0x30, 0x36, 0x2f, 0x32, 0x33, 0x2f, 0x39, 0x39, 0x00, 0xfc, 0x90].forEach((byte, i) =>
  machine.memory.write(0x1000 + i, byte, 1)
);
const xp = (format: string, at = 0x1000n): string => examine(machine, 'physical', format, at);

// What QEMU 11.1 printed of the same bytes.
test.each([
  ['2xg', '00001000: 0x2f3630f000e05bea 0x90fc0039392f3332'],
  ['4dh', '00001000: 23530   224 12528 12086'],
  ['2ob', '00001000: 0352 0133'],
  ['10xb', '00001000: 0xea 0x5b 0xe0 0x00 0xf0 0x30 0x36 0x2f\n00001008: 0x32 0x33'],
  ['3cb', "00001000: '\\xea' '[' '\\xe0'"],
  ['xw', '00001000: 0x00e05bea'],
  ['', '00001000: 0x00e05bea']
])('xp/%s prints what QEMU prints', (format, text) => {
  expect(xp(format)).toBe(text);
});

test('Bits are printed too, which QEMU does not', () => {
  expect(xp('1tb')).toBe('00001000: 0b11101010');
});

test.each([
  ['4zz', "invalid char in format: 'z'"],
  ['99999999999g', 'at most 1048576 bytes at a time']
])('xp/%s is refused: %s', (format, message) => {
  expect(() => xp(format)).toThrow(message);
});

test('Code is printed with its bytes, eight in a line, until memory ends', async () => {
  [0x66, 0x66, 0x2e, 0x0f, 0x1f, 0x84, 0x00, 0x00, 0x00, 0x90].forEach((byte, i) =>
    machine.memory.write(0x1800 + i, byte, 1)
  );
  expect(await examineCode(machine, 'physical', '3i', 0x1000n)).toBe(
    '0x00001000:  ea 5b e0 00 f0           ljmpw    $0xf000, $0xe05b\n' +
      '0x00001005:  30 36 2f 32              xorb     %dh, 0x322f\n' +
      '0x00001009:  33 2f                    xorw     (%bx), %bp'
  );
  expect(await examineCode(machine, 'physical', '2i', 0x1800n)).toBe(
    '0x00001800:  66 66 2e 0f 1f 84 00 00  nopl     %cs:(%si)\n' +
      '0x00001808:  00 90 00 00              addb     %dl, (%bx, %si)'
  );
  const last = BigInt(machine.plan.memory) - 1n;
  machine.memory.write(Number(last), 0x0f, 1);
  expect(await examineCode(machine, 'physical', '2i', last)).toMatch(/: unable to read memory$/);
});

test('Looking leaves no mark in the page tables', () => {
  const { cpu, memory } = machine;
  memory.write(0x2000, 0x3003, 4);
  memory.write(0x3000 + 4 * 4, 0x1003, 4);
  cpu.env.set64('cr', 0x2000n, 3);
  cpu.env.set64('cr', 0x8000_0011n, 0);
  cpu.flushAll();
  expect(examine(machine, 'virtual', '1xw', 0x4000n)).toBe('0000000000004000: 0x00e05bea');
  expect([memory.read(0x2000, 4), memory.read(0x3010, 4)]).toEqual([0x3003, 0x1003]);
  cpu.env.set64('cr', 0x6000_0010n, 0);
});

test('Virtual addresses go through the page tables; where nothing is mapped the line says so', () => {
  const { cpu } = machine;
  const [directory, tables] = [0x2000, 0x3000];
  machine.memory.write(directory, tables | 3, 4);
  machine.memory.write(tables + 4 * 4, 0x1003, 4);
  cpu.env.set64('cr', BigInt(directory), 3);
  cpu.env.set64('cr', 0x8000_0011n, 0);
  cpu.flushAll();
  expect(examine(machine, 'virtual', '1xw', 0x4000n)).toBe('0000000000004000: 0x00e05bea');
  expect(examine(machine, 'virtual', '8xw', 0x4ff0n)).toBe(
    '0000000000004ff0: 0x00000000 0x00000000 0x00000000 0x00000000\n0000000000005000: Cannot access memory'
  );
  cpu.env.set64('cr', 0x6000_0010n, 0);
});

test.each([
  ['x', 65n, '0x41'],
  ['d', 0xffff_ffff_ffff_ffffn, '-1'],
  ['u', 0xffff_ffff_ffff_ffffn, '18446744073709551615'],
  ['o', 0xffff_ffff_ffff_ffffn, '01777777777777777777777'],
  ['c', 65n, "'A'"],
  ['c', 10n, "'\\n'"]
])('p/%s of %s is %s', (format, value, text) => {
  expect(printValue(machine, format, value)).toBe(text);
});
