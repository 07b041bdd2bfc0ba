import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ByteSearch } from '../../../src/lib/vmstate/byte-search.ts';
import type { Pattern } from '../../../src/lib/vmstate/search-query.ts';

/** Few different bytes, so that patterns are found often and overlap. */
const few = fc.constantFrom(0, 1, 0xff, 0x41);
const haystacks = fc.uint8Array({ minLength: 0, maxLength: 200 }).map((b) => b.map((x) => [0, 1, 0xff, 0x41][x % 4]!));
const patterns = fc
  .array(fc.record({ byte: few, mask: fc.constantFrom(0xff, 0xff, 0xf0, 0) }), { minLength: 1, maxLength: 9 })
  .filter((p) => p.some((x) => x.mask !== 0))
  .map((p): Pattern => ({
    value: Uint8Array.from(p, (x) => x.byte & x.mask),
    mask: Uint8Array.from(p, (x) => x.mask),
    alignment: 1
  }));

/** One byte at a time, at every place. */
function slow({ value, mask }: Pattern, bytes: Uint8Array): number[] {
  const out: number[] = [];
  for (let at = 0; at + value.length <= bytes.length; at++) {
    if (value.every((v, i) => (bytes[at + i]! & mask[i]!) === v)) out.push(at);
  }
  return out;
}

test('finds what looking at every place finds', () => {
  fc.assert(
    fc.property(patterns, haystacks, (pattern, bytes) => {
      expect([...new ByteSearch(pattern).find(bytes)]).toEqual(slow(pattern, bytes));
    }),
    { numRuns: 2000 }
  );
});

test('tails and heads find what lies across a cut', () => {
  fc.assert(
    fc.property(patterns, haystacks, haystacks, (pattern, left, right) => {
      fc.pre(left.length >= 9 && right.length >= 9);
      const search = new ByteSearch(pattern);
      const heads = search.heads(right);
      const across = search
        .tails(left)
        .filter((k) => heads.includes(k))
        .map((k) => left.length - k);
      const whole = Uint8Array.from([...left, ...right]);
      const expected = slow(pattern, whole).filter((at) => at < left.length && at + search.length > left.length);
      expect(across.sort((a, b) => a - b)).toEqual(expected);
    }),
    { numRuns: 2000 }
  );
});

test('alignment counts from the base', () => {
  const search = new ByteSearch({ value: Uint8Array.of(1), mask: Uint8Array.of(255), alignment: 4 });
  expect([...search.find(new Uint8Array(12).fill(1), 2)]).toEqual([2, 6, 10]);
});
