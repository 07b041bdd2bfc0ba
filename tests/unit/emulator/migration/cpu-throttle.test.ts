import { expect, test } from 'vitest';
import { CpuThrottle } from '../../../../src/lib/emulator/migration/cpu-throttle.ts';
import { MigrationOptions } from '../../../../src/lib/emulator/migration/options.ts';

const MIB = 2 ** 20;

/** Periods of a second in which so much was written and sent, in MiB; the percentage after each. */
function after(
  parameters: Readonly<Record<string, unknown>>,
  periods: readonly (readonly [written: number, sent: number])[],
  on = true
): number[] {
  const options = new MigrationOptions();
  options.setCapabilities([{ capability: 'auto-converge', state: on }]);
  options.setParameters(parameters);
  const cpus = { throttle: 0 };
  const throttle = new CpuThrottle(cpus, options);
  throttle.start(0);
  let transferred = 0;
  return periods.map(([written, sent]) => {
    throttle.period(written * MIB, (transferred += sent * MIB));
    return cpus.throttle;
  });
}

test('Every second period in which more than half of what was sent was written makes a step', () => {
  expect(after({}, Array(7).fill([60, 100]))).toEqual([0, 20, 20, 30, 30, 40, 40]);
});

test('A period in which less was written is no step, and the count stays', () => {
  expect(
    after({}, [
      [60, 100],
      [50, 100],
      [60, 100],
      [10, 100]
    ])
  ).toEqual([0, 0, 20, 20]);
});

test('Steps end at the most that is allowed', () => {
  const parameters = { 'cpu-throttle-initial': 70, 'cpu-throttle-increment': 20, 'max-cpu-throttle': 85 };
  expect(after(parameters, Array(6).fill([60, 100]))).toEqual([0, 70, 70, 85, 85, 85]);
});

test('With tailslow a step is no larger than what is missing', () => {
  // 80 % of the CPU write 55; 50 are wanted, which 72 % would write: 8 less.
  expect(after({ 'cpu-throttle-tailslow': true }, Array(4).fill([55, 100]))).toEqual([0, 20, 20, 28]);
});

test('Without the capability nothing is slowed down', () => {
  expect(after({}, Array(4).fill([90, 100]), false)).toEqual([0, 0, 0, 0]);
});

test('A synchronisation is due when five seconds have brought none, but not in the first round', () => {
  const options = new MigrationOptions();
  options.setCapabilities([{ capability: 'auto-converge', state: true }]);
  const throttle = new CpuThrottle({ throttle: 0 }, options);
  throttle.start(0);
  expect(throttle.syncIsDue(4999, 1)).toBe(false);
  expect(throttle.syncIsDue(5000, 1)).toBe(false);
  expect(throttle.syncIsDue(10_000, 1)).toBe(false);
  expect(throttle.syncIsDue(15_000, 2)).toBe(false);
  expect(throttle.syncIsDue(19_999, 2)).toBe(false);
  expect(throttle.syncIsDue(20_000, 2)).toBe(true);
  expect(throttle.syncIsDue(25_000, 3)).toBe(false);
});
