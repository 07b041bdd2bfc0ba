import { expect, test } from 'vitest';
import { lastUpTo } from '../../../src/lib/vmstate/bisect.ts';

test('the last of rising numbers that is at most another', () => {
  const numbers = Uint32Array.of(2, 5, 5, 9);
  expect([1, 2, 4, 5, 8, 9, 100].map((n) => lastUpTo(numbers, n))).toEqual([-1, 0, 0, 2, 2, 3, 3]);
  expect(lastUpTo([], 7)).toBe(-1);
});
