import { expect, test } from 'vitest';
import { Damage, PeekStream } from '../../../src/lib/vmstate/peek-stream.ts';
import { bytesSource, sequential } from '../../../src/lib/vmstate/source.ts';

const bytes = Uint8Array.from({ length: 10 }, (_, i) => i);
/** Gives a byte at a time, as a pipe may. */
const dripping = (): PeekStream => {
  const inner = sequential(bytesSource(bytes));
  return new PeekStream({ read: (target) => inner.read(target.subarray(0, 1)) });
};

test('what was looked at is still to be read', async () => {
  const stream = dripping();
  expect([...(await stream.peek(4))]).toEqual([0, 1, 2, 3]);
  expect(stream.position).toBe(0);
  const target = new Uint8Array(3);
  expect(await stream.read(target)).toBe(3);
  expect([...target]).toEqual([0, 1, 2]);
  expect([...(await stream.take(2))]).toEqual([3, 4]);
  expect(stream.position).toBe(5);
});

test('what was put back comes again', async () => {
  const stream = dripping();
  await stream.take(6);
  stream.unread(bytes.subarray(4, 6));
  expect(stream.position).toBe(4);
  expect([...(await stream.take(6))]).toEqual([4, 5, 6, 7, 8, 9]);
});

test('a look beyond the end gives what is there, a take says where it ends', async () => {
  const stream = dripping();
  await stream.skip(8);
  expect((await stream.peek(5)).length).toBe(2);
  const failed = await stream.take(5).catch((e: unknown) => e);
  expect(failed).toBeInstanceOf(Damage);
  expect(failed).toMatchObject({ at: 10, severity: 'fatal' });
});

test('skipping stops at the end and says how far it got', async () => {
  expect(await dripping().skip(4)).toBe(4);
  expect(await dripping().skip(2 ** 40)).toBe(10);
});

test('chunks follow each other and end with an empty one', async () => {
  const stream = dripping();
  const got: number[] = [];
  for (let chunk; (chunk = await stream.chunk(3)).length > 0;) got.push(...chunk);
  expect(got).toEqual([...bytes]);
});
