import { expect, test } from 'vitest';
import { Activity } from '../../../src/lib/viz/activity.ts';

test('idle waits for all that is pending, failures too', async () => {
  const activity = new Activity();
  await activity.idle();
  let resolve!: () => void;
  const slow = activity.track(new Promise<void>((r) => (resolve = r)));
  activity.track(Promise.reject(new Error('no'))).catch(() => undefined);
  let idle = false;
  const waiting = activity.idle().then(() => (idle = true));
  await new Promise((r) => setTimeout(r, 5));
  expect([idle, activity.busy]).toEqual([false, true]);
  resolve();
  await slow;
  await waiting;
  expect(activity.busy).toBe(false);
});

test('what an answer sets off at once belongs to it', async () => {
  const activity = new Activity();
  let second = false;
  void activity
    .track(Promise.resolve())
    .then(() => activity.track(new Promise<void>((r) => setTimeout(() => ((second = true), r()), 5))));
  await activity.idle();
  expect(second).toBe(true);
});

test('a watched object is the same, its promises counted', async () => {
  const activity = new Activity();
  const watched = activity.watch({ base: 2, plus: (n: number) => n + 1, later: async (n: number) => n * 2 });
  expect([watched.base, watched.plus(1), activity.busy]).toEqual([2, 2, false]);
  const later = watched.later(4);
  expect(activity.busy).toBe(true);
  expect(await later).toBe(8);
});
