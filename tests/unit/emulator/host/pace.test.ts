import { expect, test } from 'vitest';
import { HostPace } from '../../../../src/lib/emulator/host/pace.ts';

test('Time goes forward in nanoseconds', async () => {
  const pace = new HostPace();
  const before = pace.now();
  await pace.sleep(5);
  const ns = pace.now() - before;
  // Timers count whole milliseconds and may be early by one.
  expect(ns).toBeGreaterThanOrEqual(4_000_000n);
  expect(ns).toBeLessThan(60_000_000_000n);
});

test('A sleep without an end ends when it is woken', async () => {
  const pace = new HostPace();
  const slept = pace.sleep(undefined).then(() => 'woken');
  pace.wake();
  expect(await slept).toBe('woken');
});

test('A sleep longer than timers can count does not end at once', async () => {
  const pace = new HostPace();
  let ended = false;
  const slept = pace.sleep(2 ** 40).then(() => (ended = true));
  await pace.yield();
  await new Promise((resolve) => setTimeout(resolve, 10));
  expect(ended).toBe(false);
  pace.wake();
  await slept;
});

test('Waking nobody does nothing', () => {
  expect(() => new HostPace().wake()).not.toThrow();
});

test('Giving way lets what is due run first', async () => {
  const order: string[] = [];
  setImmediate(() => order.push('due'));
  await new HostPace().yield();
  order.push('after');
  expect(order).toEqual(['due', 'after']);
});
