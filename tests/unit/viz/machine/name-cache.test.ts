import { expect, test } from 'vitest';
import { NameCache } from '../../../../src/lib/viz/machine/name-cache.ts';

test('asks for each address once, until names are others', async () => {
  const cache = new NameCache();
  const asked: (readonly bigint[])[] = [];
  const ask = (unknown: readonly bigint[]) => {
    asked.push(unknown);
    return Promise.resolve(unknown.map((a) => (a === 1n ? 'one' : undefined)));
  };
  expect(await cache.of([1n, 2n, 1n], 1, ask)).toEqual(new Map([[1n, 'one']]));
  expect(await cache.of([1n, 2n, 3n], 1, ask)).toEqual(new Map([[1n, 'one']]));
  expect(asked).toEqual([[1n, 2n], [3n]]);
  await cache.of([1n], 2, ask);
  expect(asked.at(-1)).toEqual([1n]);
});
