import { expect, test } from 'vitest';
import type { Mapping } from '../../../../src/lib/emulator/api.ts';
import { filterMappings, rightsText } from '../../../../src/lib/viz/cpu/mapping-filter.ts';

const mapping = (gva: bigint, gpa: number, bytes: number, ...flags: string[]): Mapping => ({
  ...{ gva, gpa, bytes, pageSize: 4096, flags }
});
const code = mapping(0x400000n, 0x1000, 0x2000, 'U/S');
const data = mapping(0x600000n, 0x8000, 0x1000, 'R/W', 'U/S', 'XD');
const kernel = mapping(0xffffffff81000000n, 0x1000000, 0x200000);
const all = [code, data, kernel];

test('rights read as ls writes them', () => {
  expect(all.map(rightsText)).toEqual(['r-xu', 'rw-u', 'r-x-']);
});

test('words narrow by rights, together', () => {
  expect(filterMappings(all, '')).toBe(all);
  expect(filterMappings(all, 'x')).toEqual([code, kernel]);
  expect(filterMappings(all, 'x !u')).toEqual([kernel]);
  expect(filterMappings(all, 'W')).toEqual([data]);
});

test('an address finds what holds it', () => {
  expect(filterMappings(all, '0x401fff')).toEqual([code]);
  expect(filterMappings(all, '0x402000')).toEqual([]);
  expect(filterMappings(all, '0xffff_ffff_811f_ffff')).toEqual([kernel]);
  expect(filterMappings(all, 'gpa:0x8000')).toEqual([data]);
});

test('what is not understood finds nothing, rather than everything', () => {
  expect(filterMappings(all, 'rubbish')).toEqual([]);
});
