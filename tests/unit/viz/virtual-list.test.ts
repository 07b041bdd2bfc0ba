import { expect, test } from 'vitest';
import { listWindow, scrollToShow, shownRows } from '../../../src/lib/viz/virtual-list.ts';

test('rows on screen are rendered, with a few around them', () => {
  expect(listWindow(1000, 20, 2000, 200)).toEqual({ first: 94, last: 116 });
  expect(listWindow(3, 20, 0, 200)).toEqual({ first: 0, last: 3 });
  expect(listWindow(3, 20, 9000, 200).first).toBe(3);
});
test('the row with the focus is rendered wherever it is', () => {
  expect([...shownRows({ first: 5, last: 8 }, 2, 100)]).toEqual([2, 5, 6, 7]);
  expect([...shownRows({ first: 5, last: 8 }, 6, 100)]).toEqual([5, 6, 7]);
  expect([...shownRows({ first: 5, last: 8 }, 50, 100)]).toEqual([5, 6, 7, 50]);
  expect([...shownRows({ first: 0, last: 0 }, 0, 0)]).toEqual([]);
});
test('a row is brought on screen by moving as little as can be', () => {
  expect(scrollToShow(3, 20, 100, 200)).toBe(60);
  expect(scrollToShow(7, 20, 100, 200)).toBe(100);
  expect(scrollToShow(20, 20, 100, 200)).toBe(220);
});
