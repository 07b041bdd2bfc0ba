import { describe, expect, test } from 'vitest';
import { Completions } from '../../../../src/lib/emulator/block/completions.ts';
import { deferred } from '../../../support/deferred.ts';

const settle = (): Promise<void> => new Promise((resolve) => setTimeout(resolve));

describe('completions', () => {
  test('come only when they are asked for, in the order in which work was done', async () => {
    const completions = new Completions();
    const order: number[] = [];
    const told: number[] = [];
    let woken = 0;
    completions.onComplete = (id) => told.push(id);
    completions.onReady = () => woken++;
    const work = [deferred<number>(), deferred<number>()];
    const ids = work.map(({ promise }) =>
      completions.start(
        () => promise,
        (n) => order.push(n as number)
      )
    );
    expect(ids).toEqual([0, 1]);
    expect(completions.run()).toBe(false);
    work[1]!.resolve(11);
    await settle();
    work[0]!.resolve(10);
    await settle();
    expect({ order, woken, ready: completions.hasReady, pending: completions.pending }).toEqual({
      ...{ order: [], woken: 2, ready: true, pending: 2 }
    });
    expect(completions.run()).toBe(true);
    expect({ order, told, pending: completions.pending }).toEqual({ order: [11, 10], told: [1, 0], pending: 0 });
  });

  test('bring failures, those thrown at once too', async () => {
    const completions = new Completions();
    const results: unknown[] = [];
    completions.start(
      () => Promise.reject(new RangeError('gone')),
      (r) => results.push(r)
    );
    completions.start(
      () => {
        throw new TypeError('never begun');
      },
      (r) => results.push(r)
    );
    await completions.drain();
    expect(results.map(String).sort()).toEqual(['RangeError: gone', 'TypeError: never begun']);
  });

  test('can be handed over one by one in a recorded order', async () => {
    const completions = new Completions();
    const order: string[] = [];
    const [a, b] = [deferred<string>(), deferred<string>()];
    for (const { promise } of [a, b]) {
      completions.start(
        () => promise,
        (s) => order.push(s as string)
      );
    }
    a.resolve('a');
    await settle();
    const second = completions.runOne(1);
    b.resolve('b');
    await second;
    await completions.runOne(0);
    expect(order).toEqual(['b', 'a']);
    await expect(completions.runOne(7)).rejects.toThrow('no request 7');
  });

  test('drain hands over what completions start', async () => {
    const completions = new Completions();
    const order: number[] = [];
    const chain = (n: number): void => {
      order.push(n);
      if (n < 3) {
        completions.start(
          () => Promise.resolve(n + 1),
          (next) => chain(next as number)
        );
      }
    };
    chain(0);
    await completions.drain();
    expect(order).toEqual([0, 1, 2, 3]);
    expect(completions.pending).toBe(0);
  });
});

test('what was asked for before a moment that is come back to does not arrive after it', async () => {
  const completions = new Completions();
  const came: string[] = [];
  let started = 0;
  completions.onStart = () => started++;
  const [old, young] = [deferred<string>(), deferred<string>()];
  const arrive = (result: string | Error): void => void came.push(result as string);
  completions.start(() => old.promise, arrive);
  completions.start(() => Promise.resolve('ready'), arrive);
  await settle();
  completions.restart(1);
  expect([completions.pending, completions.next]).toEqual([0, 1]);
  expect(completions.start(() => young.promise, arrive)).toBe(1);
  old.resolve('old');
  young.resolve('young');
  await completions.drain();
  expect([came, started]).toEqual([['young'], 3]);
});
