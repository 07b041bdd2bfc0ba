import { describe, expect, test } from 'vitest';
import { fuzzyBest, fuzzyScore } from '../../../src/lib/viz/fuzzy.ts';

const best = (query: string, items: string[]) => fuzzyBest(query, items, (i) => i, 3);

describe('what a person half typed', () => {
  test('finds what has all its letters in order', () => {
    expect(fuzzyScore('cr3', 'cpu.env.cr[3]')).toBeDefined();
    expect(fuzzyScore('cr4', 'cpu.env.cr[3]')).toBeUndefined();
    expect(fuzzyScore('', 'anything')).toBe(0);
  });

  test('finds first what stands there as typed', () => {
    expect(best('apic', ['a_p_i_c', 'ioapic', 'apic'])).toEqual(['apic', 'ioapic', 'a_p_i_c']);
    expect(best('cpu.cr0', ['cpu.env.xcr0', 'cpu.env.cr[0]', 'cpu.env.dr[0]'])).toEqual([
      'cpu.env.cr[0]',
      'cpu.env.xcr0'
    ]);
  });

  test('finds first what begins words', () => {
    expect(best('fj', ['Put the panels of jam', 'Fields as JSON'])[0]).toBe('Fields as JSON');
  });

  test('keeps the order of equals and gives no more than asked', () => {
    expect(best('', ['b', 'a', 'd', 'c'])).toEqual(['b', 'a', 'd']);
  });
});
