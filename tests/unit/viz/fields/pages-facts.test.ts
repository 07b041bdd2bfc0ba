import { expect, test } from 'vitest';
import { pagesFacts, pagesIn } from '../../../../src/lib/viz/fields/pages-facts.ts';

const sent = {
  ...{ records: 6, pages: 4, again: 2, repeats: 2, zero: 1, normal: 5, xbzrle: 0, compressed: 0 },
  ...{ blocks: [{ block: 'pc.ram', records: 6 }], hotPages: [], hotRanges: [] }
};

test('pages are counted over their runs', () => {
  expect(pagesIn([])).toBe(0);
  expect(
    pagesIn([
      [2, 4],
      [8, 11]
    ])
  ).toBe(5);
});

test('what was sent of them is told by kind, and what never came', () => {
  expect(pagesFacts(5, sent)).toEqual([
    ['sent', '6 times, 1.2 a page'],
    ['never sent', '1 (20%)'],
    ['sent again', '2 (33%)'],
    ['zero', '1 (17%)'],
    ['normal', '5 (83%)']
  ]);
});

test('pages that never came say so', () => {
  const never = { ...sent, records: 0, pages: 0, again: 0, repeats: 0, zero: 0, normal: 0, blocks: [] };
  expect(pagesFacts(5, never)).toEqual([['sent', 'never']]);
});
