import { describe, expect, test } from 'vitest';
import type { Difference } from '../../../../src/lib/emulator/api.ts';
import { differenceRows, differenceText, nextDifference } from '../../../../src/lib/viz/diff/difference-rows.ts';

const difference: Difference = {
  fields: [
    { section: 'cpu/0', path: 'env.eip', kind: 'changed', left: '1', right: '2', noise: false },
    { section: 'timer/0', path: 'clock', kind: 'changed', left: '5', right: '6', noise: true },
    { section: 'apic/0', path: 'isr', kind: 'only-right', right: '9', noise: false }
  ],
  fieldCount: 3,
  pages: [{ page: 3, block: 'pc.ram', offset: 0x3000, bytes: 17 }],
  pageCount: 5000,
  notes: []
};
const texts = (filter: { noise: boolean; text: string }) => differenceRows(difference, filter).map(differenceText);

describe('a difference', () => {
  test('has fields first, clocks folded, then pages', () => {
    expect(texts({ noise: false, text: '' })).toEqual([
      '2 fields, 1 clock or counter folded',
      'cpu/0 env.eip: 1 to 2',
      'apic/0 isr: absent to 9',
      '1 of 5,000 pages',
      'pc.ram + 0x3000: 17 B differ'
    ]);
  });

  test('unfolds clocks when asked', () => {
    expect(texts({ noise: true, text: '' })[0]).toBe('3 fields');
  });

  test('is filtered by section, path, value and block', () => {
    expect(texts({ noise: false, text: 'APIC' })).toEqual([
      '1 field, 1 clock or counter folded',
      'apic/0 isr: absent to 9',
      '0 of 5,000 pages'
    ]);
    expect(texts({ noise: true, text: 'pc.ram' }).at(-1)).toBe('pc.ram + 0x3000: 17 B differ');
  });

  test('is walked in both directions, around the ends, past headings', () => {
    const rows = differenceRows(difference, { noise: false, text: '' });
    expect(nextDifference(rows, -1, 1)).toBe(1);
    expect(nextDifference(rows, 2, 1)).toBe(4);
    expect(nextDifference(rows, 4, 1)).toBe(1);
    expect(nextDifference(rows, 1, -1)).toBe(4);
    expect(nextDifference([{ kind: 'heading', text: '' }], 0, 1)).toBe(-1);
    expect(nextDifference([], 0, 1)).toBe(-1);
  });
});
