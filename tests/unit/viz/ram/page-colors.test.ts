import { describe, expect, test } from 'vitest';
import type { RamColumn } from '../../../../src/lib/emulator/api.ts';
import { countValues, paletteOf, valueText } from '../../../../src/lib/viz/ram/page-colors.ts';
import { DIM, HOLE } from '../../../../src/lib/viz/ram/pyramid.ts';

const kinds: RamColumn = {
  colouring: 'kind',
  bytes: Uint8Array.of(0, 1, 1, 2),
  legend: [
    { value: 0, name: 'none' },
    { value: 1, name: 'zero' },
    { value: 2, name: 'normal' }
  ]
};
const scale = (colouring: RamColumn['colouring'], ...bytes: number[]): RamColumn => ({
  ...{ colouring, bytes: Uint8Array.from(bytes), legend: { low: 'low', high: 'high' } }
});
const tokens: Readonly<Record<string, string>> = {
  '--bg': '#ffffff',
  '--kind-none': '#010101',
  '--kind-zero': '#020202',
  '--kind-normal': '#030303',
  '--ramp-0': '#000000',
  '--ramp-4': '#00ff00'
};
const read = (token: string) => tokens[token] ?? '#007700';

describe('a palette', () => {
  test('has the token of each kind, a dim one for what a filter leaves out, and nothing for holes', () => {
    const { words, legend } = paletteOf(kinds, read);
    expect(words[1]).toBe(0xff020202);
    expect(words[1 | DIM]! & 0xff).toBeGreaterThan(0xc0);
    expect(words[HOLE]).toBe(0);
    expect(legend).toEqual([
      { value: 0, name: 'never sent', colour: '#010101' },
      { value: 1, name: 'zero', colour: '#020202' },
      { value: 2, name: 'normal', colour: '#030303' }
    ]);
  });

  test('of sends runs from once to the most there is', () => {
    const { colours, legend } = paletteOf(scale('sends', 0, 1, 12), read);
    expect(colours[0]).toBe('#010101');
    expect(colours[1]).toBe('rgb(0, 0, 0)');
    expect(colours[12]).toBe('rgb(0, 255, 0)');
    expect(legend).toMatchObject({ low: 'once', high: '12 times' });
  });
});

test('pages are counted by value, those that are shown', () => {
  expect([...countValues(kinds, [{ page: 1, pages: 3 }]).subarray(0, 3)]).toEqual([0, 2, 1]);
});

describe('a value in words', () => {
  test('is the name, or what the scale measures', () => {
    expect(valueText(kinds, 0, 0)).toBe('never sent');
    expect(valueText(kinds, 2, 0)).toBe('normal');
    expect(valueText(scale('entropy'), 128, 0)).toBe('4.0 bits per byte');
    expect(valueText(scale('sends'), 1, 0)).toBe('sent once');
    expect(valueText(scale('sends'), 255, 0)).toBe('sent 255 times or more');
  });

  test.each([1, 2, 12, 100, 254])('of the last round is that round, of %i', (rounds) => {
    for (let round = 0; round < rounds; round++) {
      // As the inspector makes it.
      const value = 1 + Math.floor((round * 254) / rounds);
      expect(valueText(scale('round'), value, rounds)).toBe(`round ${round + 1}`);
    }
  });

  test('of more rounds than there are steps says about', () => {
    expect(valueText(scale('round'), 255, 10_000)).toMatch(/^about round/);
  });
});
