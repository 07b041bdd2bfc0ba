import { expect, test } from 'vitest';
import { bytesText, count, counted, hex, percent, plainHex, printable } from '../../../src/lib/viz/format.ts';

test('addresses are in hex, in fours where they are read', () => {
  expect(hex(0x1f0000)).toBe('0x1f_0000');
  expect(hex(0xffffffff81000000n)).toBe('0xffff_ffff_8100_0000');
  expect(hex(5, 4)).toBe('0x0005');
  expect(plainHex(-5)).toBe('-0x5');
  expect(plainHex(0x7c00, 8)).toBe('0x00007c00');
});
test('sizes have the digits that matter', () => {
  expect([0, 1023, 1024, 1536, 15 * 2 ** 20, 2 ** 40 * 300].map(bytesText)).toEqual([
    '0 B',
    '1023 B',
    '1.00 KiB',
    '1.50 KiB',
    '15.0 MiB',
    '300 TiB'
  ]);
});
test('counts are parted in threes and agree with their noun', () => {
  expect(count(1204)).toBe('1,204');
  expect(count(-1234567n)).toBe('-1,234,567');
  expect(counted(1, 'page')).toBe('1 page');
  expect(counted(1204, 'page')).toBe('1,204 pages');
  expect(counted(2, 'entry', 'entries')).toBe('2 entries');
});
test('shares of nothing are nothing', () => {
  expect(percent(0, 0)).toBe('0%');
  expect(percent(1, 40)).toBe('2.5%');
  expect(percent(1, 2)).toBe('50%');
});
test('bytes that cannot be printed are dots', () => {
  expect([0, 0x41, 0x7f, 0xff].map(printable)).toEqual(['·', 'A', '·', '·']);
});
