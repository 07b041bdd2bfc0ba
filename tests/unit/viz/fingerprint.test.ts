import { expect, test } from 'vitest';
import { fingerprint } from '../../../src/lib/viz/fingerprint.ts';

const file = (change?: number) => {
  const bytes = new Uint8Array(300_000);
  if (change !== undefined) bytes[change] = 1;
  return new Blob([bytes]);
};

test('a fingerprint is of the content: length, beginning and end', async () => {
  const plain = await fingerprint(file());
  expect(await fingerprint(file())).toBe(plain);
  expect(await fingerprint(file(0))).not.toBe(plain);
  expect(await fingerprint(file(299_999))).not.toBe(plain);
  expect(await fingerprint(new Blob([new Uint8Array(300_001)]))).not.toBe(plain);
  expect(plain).toMatch(/^493e0-[0-9a-f]{16}$/);
  expect(await fingerprint(file(), '2')).toBe(`${plain}-2`);
});
test('an empty file has one too', async () => {
  expect(await fingerprint(new Blob([]))).toMatch(/^0-[0-9a-f]{16}$/);
});
