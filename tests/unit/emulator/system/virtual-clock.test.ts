import { expect, test } from 'vitest';
import { VirtualClock } from '../../../../src/lib/emulator/system/virtual-clock.ts';

function clockAt(shift: number) {
  let icount = 1000n;
  const clock = new VirtualClock(() => icount, shift);
  clock.postLoad();
  return { clock, run: (instructions: bigint) => (icount += instructions) };
}

test('an instruction takes two to the power of the shift', () => {
  const { clock, run } = clockAt(3);
  run(10n);
  expect(clock.now()).toBe(80n);
  expect(clock.instructionsUntil(100n)).toBe(3n);
  expect(clock.instructionsUntil(80n)).toBe(0n);
});

test('time is added, never taken away, and each addition is told with its instruction count', () => {
  const { clock, run } = clockAt(0);
  const told: unknown[] = [];
  clock.onAdjust = (adjustment) => told.push(adjustment);
  run(5n);
  clock.advance(100n);
  clock.advance(-50n);
  expect(clock.now()).toBe(105n);
  expect(told).toEqual([{ icount: 1005n, added: 100n }]);
});

test('the rate of the time stamp counter follows from what was loaded', () => {
  const { clock, run } = clockAt(0);
  clock.cpu_ticks_offset = 21_000_000_000n;
  clock.cpu_clock_offset = 10_000_000_000n;
  clock.postLoad();
  expect(clock.ticksPerSecond).toBe(2_100_000_000n);
  run(1000n);
  expect(clock.ticks()).toBe(21_000_002_100n);
  expect(clock.now()).toBe(10_000_001_000n);
});

test('a rate that no counter has is not believed', () => {
  const { clock } = clockAt(0);
  clock.cpu_ticks_offset = 5n;
  clock.cpu_clock_offset = 10_000_000_000n;
  clock.postLoad();
  expect(clock.ticksPerSecond).toBe(1_000_000_000n);
});

test('saving keeps both clocks where they are', () => {
  const { clock, run } = clockAt(1);
  clock.ticksPerSecond = 2_000_000_000n;
  run(500n);
  clock.advance(7n);
  clock.preSave();
  expect([clock.cpu_clock_offset, clock.cpu_ticks_offset]).toEqual([1007n, 2014n]);
  expect([clock.now(), clock.ticks()]).toEqual([1007n, 2014n]);
});

test('saving changes nothing, and a moment is come back to exactly', () => {
  const { clock, run } = clockAt(0);
  clock.ticksPerSecond = 1_500_000_007n;
  run(1n);
  clock.preSave();
  const state = clock.capture();
  const seen: bigint[] = [];
  const look = (): void => {
    for (let i = 0; i < 100; i++) {
      run(1n);
      // Rounded anew from each save, ticks would drift.
      if (seen.length < 100) clock.preSave();
      seen.push(clock.ticks());
    }
  };
  look();
  clock.advance(5n);
  run(-100n);
  clock.restore(state);
  look();
  expect(seen.slice(100)).toEqual(seen.slice(0, 100));
});
