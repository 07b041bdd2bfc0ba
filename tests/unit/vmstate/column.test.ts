import { expect, test } from 'vitest';
import { Column } from '../../../src/lib/vmstate/column.ts';

test('a column holds what was set, and 0 elsewhere', () => {
  const c = new Column();
  for (const i of [0, 1023, 1024, 65535, 65536, 2 ** 26 - 1]) c.set(i, i + 1);
  expect([0, 1023, 1024, 65535, 65536, 2 ** 26 - 1].map((i) => c.get(i))).toEqual([
    1,
    1024,
    1025,
    65536,
    65537,
    2 ** 26
  ]);
  expect([1, 1025, 65537, 2 ** 25, 2 ** 30].map((i) => c.get(i))).toEqual([0, 0, 0, 0, 0]);
});

test('the first piece grows without losing what is in it', () => {
  const c = new Column();
  for (let i = 0; i < 70_000; i++) c.set(i, i);
  for (let i = 0; i < 70_000; i++) if (c.get(i) !== i) expect(c.get(i)).toBe(i);
});

test('entries come by rising index, those that are 0 not at all', () => {
  const c = new Column(4);
  c.set(1000, 7);
  c.set(3, 5);
  c.set(4, 0);
  c.set(16, 6);
  const found: [number, number][] = [];
  c.each((value, i) => found.push([i, value]));
  expect(found).toEqual([
    [3, 5],
    [16, 6],
    [1000, 7]
  ]);
});

test('entries are counted between two places, over holes and pieces', () => {
  const c = new Column(4);
  for (const i of [3, 15, 16, 17, 1000]) c.set(i, 1);
  c.set(4, 0);
  expect([
    c.count(0, 2000),
    c.count(3, 16),
    c.count(4, 15),
    c.count(16, 1000),
    c.count(16, 1001),
    c.count(5, 5)
  ]).toEqual([5, 2, 0, 2, 3, 0]);
});
