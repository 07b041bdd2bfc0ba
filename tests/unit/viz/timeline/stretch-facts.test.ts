import { expect, test } from 'vitest';
import { stretchFacts } from '../../../../src/lib/viz/timeline/stretch-facts.ts';

const nothing = {
  ...{ start: 0, end: 10, records: 0, pages: 0, again: 0, repeats: 0, zero: 0, normal: 0, xbzrle: 0, compressed: 0 },
  ...{ blocks: [], hotPages: [], hotRanges: [] }
};

test('a stretch is summed up with shares of its records, kinds that do not occur being left out', () => {
  const found = { ...nothing, records: 200, pages: 150, repeats: 50, again: 100, zero: 20, normal: 180 };
  expect(stretchFacts(found)).toEqual([
    ['records', '200'],
    ['pages', '150'],
    ['repeats', '50 (25%)'],
    ['sent before', '100 (50%)'],
    ['zero', '10%'],
    ['normal', '90%']
  ]);
});

test('a stretch without RAM says so', () => {
  expect(stretchFacts(nothing)).toEqual([['RAM', 'no pages']]);
});
