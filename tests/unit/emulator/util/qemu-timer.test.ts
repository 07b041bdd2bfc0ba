import { expect, test } from 'vitest';
import { muldiv64, QEMUClock, type QEMUTimer } from '../../../../src/lib/emulator/util/qemu-timer.ts';

function setup() {
  let time = 0n;
  const clock = new QEMUClock(() => time);
  const log: string[] = [];
  return { clock, log, at: (ns: bigint) => (time = ns), timer: (name: string) => clock.timer(() => log.push(name)) };
}

test('timers fire by expiry, and in the order of arming where they expire together', () => {
  const { clock, log, timer, at } = setup();
  timer('late').mod(30n);
  timer('first').mod(20n);
  timer('second').mod(20n);
  timer('early').mod(10n);
  expect(clock.deadline()).toBe(10n);
  at(20n);
  expect(clock.run()).toBe(true);
  expect(log).toEqual(['early', 'first', 'second']);
  expect(clock.deadline()).toBe(30n);
  expect(clock.run()).toBe(false);
});

test('arming again moves a timer, deleting disarms it', () => {
  const { clock, log, timer } = setup();
  const t = timer('t');
  expect(t.pending).toBe(false);
  t.mod(5n);
  t.mod(7n);
  expect(clock.deadline()).toBe(7n);
  clock.run(6n);
  expect(log).toEqual([]);
  t.del();
  expect([t.pending, t.expire_time, clock.deadline()]).toEqual([false, -1n, undefined]);
  clock.run(100n);
  expect(log).toEqual([]);
});

test('a time before zero counts as zero, but comes first', () => {
  const { clock, timer, log } = setup();
  timer('zero').mod(0n);
  const t = timer('before');
  t.mod(-5n);
  expect([t.expire_time, t.pending]).toEqual([0n, true]);
  clock.run();
  expect(log).toEqual(['before', 'zero']);
});

test('a callback may arm its timer again, and sees it disarmed', () => {
  const { clock } = setup();
  const seen: boolean[] = [];
  const t = clock.timer(() => {
    seen.push(t.pending);
    if (seen.length < 3) t.mod(BigInt(seen.length) * 10n);
  });
  t.mod(0n);
  clock.run(15n);
  expect(seen).toEqual([false, false]);
  expect(t.expire_time).toBe(20n);
});

test('a timer that always re-arms itself for the past does not hang the machine', () => {
  const { clock } = setup();
  let calls = 0;
  const t = clock.timer(() => {
    calls++;
    t.mod(0n);
  });
  t.mod(0n);
  clock.run(10n);
  expect(calls).toBe(4096);
  expect(t.pending).toBe(true);
  // Nor does it take most of its time, however often it is tried.
  clock.run(11n);
  clock.run(12n);
  expect(calls).toBe(4096 + 2 * 16);
  t.del();
  clock.run(13n);
  expect(clock.behind).toBe(false);
});

test('an armed deadline that comes nearer is announced', () => {
  const { clock, timer } = setup();
  let rearmed = 0;
  clock.onRearm = () => rearmed++;
  timer('a').mod(10n);
  timer('b').mod(20n);
  timer('c').mod(5n);
  expect(rearmed).toBe(2);
});

test('the wire form of a timer is its expiry, or all ones', () => {
  const { timer } = setup();
  const t = timer('t');
  expect(t.saved).toBe(0xffff_ffff_ffff_ffffn);
  t.load(1234n);
  expect([t.expire_time, t.saved]).toEqual([1234n, 1234n]);
  t.load(0xffff_ffff_ffff_ffffn);
  expect(t.pending).toBe(false);
});

test('muldiv64 keeps the middle product whole and the result to 64 bits', () => {
  expect(muldiv64(1_000_000_000n * 3600n, 1_193_182n, 1_000_000_000n)).toBe(4_295_455_200n);
  expect(muldiv64(2n ** 63n, 6n, 3n)).toBe(0n);
});

test('armed timers are come back to, in their order', () => {
  const { clock, log, timer, at } = setup();
  const [a, b, c] = ['a', 'b', 'c'].map(timer) as [QEMUTimer, QEMUTimer, QEMUTimer];
  a.mod(10n);
  b.mod(10n);
  const list = clock.capture();
  a.mod(10n); // now behind b
  c.mod(5n);
  clock.restore(list);
  expect([a.pending, b.pending, c.pending]).toEqual([true, true, false]);
  at(10n);
  clock.run();
  expect(log).toEqual(['a', 'b']);
});
