import { expect, test } from 'vitest';
import { PageStore } from '../../../../src/lib/emulator/replay/page-store.ts';

const PAGE = 4096;
const filled = (value: number): Uint8Array => new Uint8Array(PAGE).fill(value);

test('keeps copies, and pages of zeros for nothing', () => {
  const store = new PageStore(10 * PAGE);
  const page = filled(5);
  const slot = store.put(page)!;
  page.fill(6);
  const zeros = store.put(filled(0))!;
  expect(store.bytes).toBe(PAGE);
  const into = filled(1);
  store.get(slot, into);
  expect(into).toEqual(filled(5));
  store.get(zeros, into);
  expect(into).toEqual(filled(0));
  store.free(zeros);
  store.free(slot);
  expect(store.bytes).toBe(0);
});

test('takes no more than it may, and room that was freed again', () => {
  const store = new PageStore(3 * PAGE + 100);
  const slots = [1, 2, 3].map((value) => store.put(filled(value))!);
  expect(store.put(filled(4))).toBeUndefined();
  store.free(slots[1]!);
  const again = store.put(filled(4))!;
  const into = filled(0);
  store.get(again, into);
  expect(into).toEqual(filled(4));
  expect([store.bytes, store.limit]).toEqual([3 * PAGE, 3 * PAGE]);
});
