import fc from 'fast-check';
import { expect, test } from 'vitest';
import { deltaOf, withDelta } from '../../../../src/lib/emulator/util/delta.ts';

const plain = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    fc.integer({ min: 0, max: 3 }),
    fc.constantFrom(undefined, true, 'a', 1n, 2n, NaN),
    fc.uint8Array({ minLength: 20, maxLength: 21, max: 1 }),
    fc.uint8Array({ minLength: 9, maxLength: 9, max: 1 }).map((bytes) => bytes.subarray(1)),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(fc.constantFrom('a', 'b', 'c'), tie('value')),
    fc.array(fc.tuple(fc.constantFrom('x', 'y', 1n), tie('value'))).map((entries) => new Map(entries))
  )
})).value;

test('what was told and what is new make the new value, after a trip between workers', () => {
  fc.assert(
    fc.property(plain, plain, (before, after) => {
      const copy = structuredClone(before);
      expect(withDelta(before, structuredClone(deltaOf(before, after)))).toEqual(after);
      expect(before).toEqual(copy);
    }),
    { numRuns: 2000 }
  );
});

test('what is equal has nothing new to tell', () => {
  fc.assert(
    fc.property(plain, (value) => {
      expect(deltaOf(value, structuredClone(value))).toBeUndefined();
    })
  );
});

test('what has not changed stays the same object', () => {
  const before = {
    rows: [
      { name: 'RAX', value: 1n },
      { name: 'RBX', value: 2n }
    ],
    sheets: new Map([['board', [1]]])
  };
  const after = structuredClone(before);
  after.rows[1]!.value = 3n;
  const delta = deltaOf(before, after);
  const made = withDelta(before, delta) as typeof before;
  expect(made).toEqual(after);
  expect(made.rows[0]).toBe(before.rows[0]);
  expect(made.sheets).toBe(before.sheets);
  expect(delta).toEqual({
    members: [['rows', { members: [[1, { members: [['value', { value: 3n }]], gone: [] }]], length: 2 }]],
    gone: []
  });
});

test('of many bytes only those that changed are told', () => {
  const before = new Uint8Array(1000);
  const after = before.slice();
  after[7] = 9;
  expect(deltaOf(before, after)).toEqual({ at: Uint32Array.of(7), bytes: Uint8Array.of(9) });
  expect(deltaOf(before, after.fill(1))).toEqual({ value: after });
});
