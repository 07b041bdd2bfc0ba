/** Looks as what is new since the look before: the page has the whole each time, whatever was lost on the way. */
import { expect, test } from 'vitest';
import { followLooks, LookTeller } from '../../../src/lib/emulator/look-news.ts';
import type { Look, LookNews } from '../../../src/lib/emulator/machine-api.ts';

/** A look of the moment `n`, as far as is of interest here. */
const lookOf = (n: number): Look =>
  ({ breakpoints: [], cpu: { pc: BigInt(n) }, stack: [{ address: 8n, value: 1n, name: 'a' }] }) as unknown as Look;

function wire() {
  const tellers = new Map<number, LookTeller>();
  const told: LookNews[] = [];
  let now = 0;
  let broken = false;
  const look = followLooks({
    async lookNews(id, _wanted, number, since) {
      if (!tellers.has(id)) tellers.set(id, new LookTeller());
      const news = tellers.get(id)!.tell(lookOf(now++), number, since);
      told.push(news);
      await Promise.resolve();
      if (broken) throw new Error('lost');
      return structuredClone(news);
    }
  });
  return { look, told, breakIt: (on: boolean) => (broken = on) };
}

test('the first look is told whole, the next ones as what is new, also when they are asked for together', async () => {
  const { look, told } = wire();
  const looks = await Promise.all([look(1, {}), look(1, {}), look(1, {})]);
  expect(looks).toEqual([0, 1, 2].map(lookOf));
  expect(told.map((news) => news.since)).toEqual([undefined, 1, 2]);
  expect(looks[1]!.stack).toBe(looks[0]!.stack);
  expect(JSON.stringify(told[1]!.delta, (_, v: unknown) => (typeof v === 'bigint' ? `${v}n` : v))).not.toContain(
    'stack'
  );
});

test('each machine has looks of its own', async () => {
  const { look, told } = wire();
  expect([await look(1, {}), await look(2, {}), await look(1, {})]).toEqual([0, 1, 2].map(lookOf));
  expect(told.map((news) => news.since)).toEqual([undefined, undefined, undefined]);
});

test('after a look that was lost the next is whole again', async () => {
  const { look, told, breakIt } = wire();
  await look(1, {});
  breakIt(true);
  await expect(look(1, {})).rejects.toThrow('lost');
  breakIt(false);
  expect(await look(1, {})).toEqual(lookOf(3));
  expect(told.map((news) => news.since)).toEqual([undefined, 1, 2, undefined]);
});
