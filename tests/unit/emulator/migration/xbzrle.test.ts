import { expect, test } from 'vitest';
import { PageCache, Xbzrle } from '../../../../src/lib/emulator/migration/xbzrle.ts';

const PAGE = 4096;
const page = (byte: number): Uint8Array<ArrayBuffer> => new Uint8Array(PAGE).fill(byte);

test('A page that falls on the place of a young one is not kept, on that of an old one it is', () => {
  const cache = new PageCache(4 * PAGE);
  expect(cache.insert(0, page(1), 1)).toBe(true);
  expect(cache.insert(4 * PAGE, page(2), 2)).toBe(false);
  expect(cache.find(0, 2)![0]).toBe(1);
  expect(cache.insert(4 * PAGE, page(2), 3)).toBe(false);
  expect(cache.insert(4 * PAGE, page(2), 4)).toBe(true);
  expect(cache.find(0, 4)).toBeUndefined();
  expect(cache.find(4 * PAGE, 4)![0]).toBe(2);
});

test('In another size the younger of two pages stays', () => {
  const cache = new PageCache(4 * PAGE);
  cache.insert(0, page(1), 1);
  cache.insert(2 * PAGE, page(2), 2);
  const smaller = cache.resized(2 * PAGE);
  expect(smaller.find(0, 3)).toBeUndefined();
  expect(smaller.find(2 * PAGE, 3)![0]).toBe(2);
});

test('The first time a page goes whole, then its changes, then nothing', () => {
  const encoder = new Xbzrle(4 * PAGE);
  const changed = page(7);
  expect(encoder.encode(0, changed, 1, false)).toBe('whole');
  changed[100] = 8;
  changed[101] = 9;
  // 100 bytes stay, two follow.
  expect([...(encoder.encode(0, changed, 2, false) as Uint8Array)]).toEqual([100, 2, 8, 9]);
  expect(encoder.encode(0, changed, 3, false)).toBe('same');
  expect(encoder).toMatchObject({ cache_miss: 1, pages: 2, overflow: 0 });
});

test('A page that has changed too much goes whole, and the next delta is from it', () => {
  const encoder = new Xbzrle(4 * PAGE);
  encoder.encode(0, page(0), 1, false);
  const mixed = page(0).map((_, i) => i & 1);
  expect(encoder.encode(0, mixed, 2, false)).toBe('whole');
  expect(encoder).toMatchObject({ overflow: 1, bytes: PAGE, pages: 1 });
  mixed[0] = 5;
  expect([...(encoder.encode(0, mixed, 3, false) as Uint8Array)]).toEqual([0, 1, 5]);
});

test('In the last round the cache is left as it is', () => {
  const encoder = new Xbzrle(4 * PAGE);
  encoder.encode(0, page(1), 1, false);
  const other = page(1);
  other[4095] = 2;
  expect(encoder.encode(0, other, 2, true)).toHaveLength(4);
  expect(encoder.encode(0, page(1), 2, true)).toBe('same');
  expect(encoder.encode(PAGE, page(1), 2, true)).toBe('whole');
  expect(encoder.encode(PAGE, page(1), 2, true)).toBe('whole');
});

test('A page that became zeros is known as such', () => {
  const encoder = new Xbzrle(4 * PAGE);
  encoder.encode(0, page(1), 1, false);
  encoder.zeroPage(0, 2);
  const little = page(0);
  little[0] = 3;
  expect([...(encoder.encode(0, little, 3, false) as Uint8Array)]).toEqual([0, 1, 3]);
});

test('Rates are those of the last period', () => {
  const encoder = new Xbzrle(4 * PAGE);
  encoder.encode(0, page(1), 1, false);
  encoder.updateRates(1);
  expect(encoder).toMatchObject({ cache_miss_rate: 1, encoding_rate: 0 });
  const changed = page(1);
  changed[0] = 2;
  const delta = encoder.encode(0, changed, 2, false) as Uint8Array;
  encoder.bytes += delta.length + 3;
  encoder.updateRates(4);
  expect(encoder.cache_miss_rate).toBe(0);
  expect(encoder.encoding_rate).toBe(PAGE / 6);
});
