import { expect, test } from 'vitest';
import { bitValues, formatValue } from '../../../src/lib/vmstate/meaning.ts';
import type { Leaf, Meaning, Placed } from '../../../src/lib/vmstate/vmstate.ts';

const row = (value: Leaf, type: string, bytes: number, about?: Meaning): Placed => ({
  ...{ name: 'x', type, start: 100, end: 100 + bytes, value },
  ...(about ? { about } : {})
});

test.each<[string, Leaf, string, number, Meaning?]>([
  ['255', 255, 'uint8', 1],
  ['-2', -2, 'int32', 4],
  ['-9223372036854775808', -(2n ** 63n), 'int64', 8],
  ['7', 7, 'uint32', 4],
  ['0x1f', 0x1f, 'uint32', 4],
  ['0xffffffffffffffff', 2n ** 64n - 1n, 'uint64', 8],
  ['31', 0x1f, 'uint32', 4, { radix: 10 }],
  ['0xfe', -2, 'int8', 1, { radix: 16 }],
  ['0x0', 0n, 'uint64', 8, { pointer: 'gpa' }],
  ['true', true, 'bool', 1],
  ['false (output low)', false, 'bool', 1, { values: { 0: 'output low' } }],
  ['"a\\n\\u0000"', 'a\n\0', 'buffer', 3],
  ['2 (rate generator)', 2, 'uint8', 1, { values: { 2: 'rate generator' } }],
  ['not armed', 2n ** 64n - 1n, 'timer', 8],
  ['1204000000 ns (1.204000000 s)', 1_204_000_000n, 'timer', 8],
  ['-1 ns', -1n, 'int64', 8, { unit: 'ns' }],
  ['-1500 ms (-1.500000000 s)', -1500, 'int32', 4, { unit: 'ms' }],
  ['536870912 bytes (512 MiB)', 536870912n, 'uint64', 8, { unit: 'bytes' }],
  ['1536 bytes (1.50 KiB)', 1536, 'uint32', 4, { unit: 'bytes' }],
  ['100 bytes', 100, 'uint32', 4, { unit: 'bytes' }],
  ['1193182 Hz', 1193182, 'uint32', 4, { unit: 'Hz' }],
  ['01 02 ff', Uint8Array.of(1, 2, 255), 'buffer', 3],
  ['72 75 6e 00 00 ("run")', Uint8Array.of(0x72, 0x75, 0x6e, 0, 0), 'buffer', 5],
  ['72 75 00 01', Uint8Array.of(0x72, 0x75, 0, 1), 'buffer', 4],
  ['', undefined, 'unused_buffer', 4]
])('%s', (text, value, type, bytes, about) => {
  expect(formatValue(row(value, type, bytes, about))).toBe(text);
});

const cr0: Meaning = {
  bits: [
    { name: 'PE', bit: 0 },
    { name: 'MP', bit: 1 },
    { name: 'IOPL', bit: 12, width: 2 },
    { name: 'mode', bit: 14, width: 2, values: { 0: 'off', 1: 'slow' } },
    { name: 'PG', bit: 31 },
    { name: 'XD', bit: 63 }
  ]
};

test('set bits are named, groups with their value, and nameless bits added up', () => {
  expect(formatValue(row(0x80003005, 'uint32', 4, cr0))).toBe('0x80003005 (PE | IOPL=3 | mode=off | PG | 0x4)');
  expect(formatValue(row(2n ** 63n + 0x4000n, 'uint64', 8, cr0))).toBe('0x8000000000004000 (mode=slow | XD)');
});

test('a negative value has the bits that it has on the wire', () => {
  expect(formatValue(row(-1, 'int32', 4, { bits: [{ name: 'top', bit: 31 }] }))).toBe('0xffffffff (top | 0x7fffffff)');
});

test('all bit groups can be listed, set or not', () => {
  const all = bitValues(0x3001, 4, cr0.bits!);
  expect(all.map((b) => b.value)).toEqual([1n, 0n, 3n, 0n, 0n, 0n]);
  expect(all[1]).toMatchObject({ text: 'MP', bits: { bit: 1 } });
});

test('rows of parts tell how many elements they have, or nothing', () => {
  const parts = { name: 'a', type: 'uint8', start: 0, end: 2 };
  const element = (name: string): Placed => ({ ...row(1, 'uint8', 1), name });
  expect(formatValue({ ...parts, children: [element('[0]'), element('[1]')] })).toBe('[2]');
  expect(formatValue({ ...parts, children: [element('count')] })).toBe('');
});

test('long buffers are cut where asked', () => {
  expect(formatValue(row(new Uint8Array(100), 'buffer', 100), 2)).toBe('00 00 … 100 bytes');
});
