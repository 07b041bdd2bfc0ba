import { expect, test } from 'vitest';
import { byteRow, changedRuns } from '../../../../src/lib/viz/ram/page-bytes.ts';

const bytes = Uint8Array.of(0, 0x41, 0xff, 7);

test('a row has hex, text, and marks for what is zero, changed and selected', () => {
  const row = byteRow(bytes, Uint8Array.of(0, 0x40, 0xff, 6), 0, 4, 3);
  expect(row.map((c) => c.text + c.char)).toEqual(['00·', '41A', 'ff·', '07·']);
  expect(row.map((c) => c.look)).toEqual(['zero', 'changed', '', 'changed selected']);
});

test('without an earlier send nothing is changed, and the last row may be short', () => {
  expect(byteRow(bytes, undefined, 2, 8, undefined).map((c) => c.look)).toEqual(['', '']);
});

test('bytes that differ are joined to runs', () => {
  expect(changedRuns(bytes, bytes)).toEqual([]);
  expect(changedRuns(bytes, Uint8Array.of(1, 2, 0xff, 8))).toEqual([
    [0, 2],
    [3, 4]
  ]);
});
