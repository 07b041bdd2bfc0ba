import { expect, test } from 'vitest';
import { Cpus, type CpuExit, type Pace, type Processor } from '../../../../src/lib/emulator/system/cpus.ts';
import { VirtualClock } from '../../../../src/lib/emulator/system/virtual-clock.ts';
import { QEMUClock } from '../../../../src/lib/emulator/util/qemu-timer.ts';

/** A CPU that only counts, halts when told, and takes 10 ns of real time for an instruction. */
function machine({ icount = true, shift = 0 } = {}) {
  let real = 0n;
  let retired = 0n;
  let limit = Infinity;
  let asked = false;
  const ran: number[] = [];
  const state = { halted: false, during: (_: number): void => {} };
  const processor: Processor = {
    run(instructions): CpuExit {
      if (state.halted) return 'halted';
      limit = instructions;
      state.during(instructions);
      const n = Math.min(instructions, limit);
      retired += BigInt(n);
      real += BigInt(n) * 10n;
      ran.push(n);
      const exit = asked ? 'request' : 'budget';
      asked = false;
      return exit;
    },
    requestExit: () => (asked = true),
    limit: (n) => (limit = Math.min(limit, n)),
    get idle() {
      return state.halted;
    },
    get icount() {
      return retired;
    }
  };
  const time = new VirtualClock(() => retired, shift);
  const clocks = { virtual: new QEMUClock(() => time.now()), host: new QEMUClock(() => time.now()) };
  const slept: (number | undefined)[] = [];
  const pace: Pace = {
    now: () => real,
    sleep: (ms) => {
      slept.push(ms);
      real += BigInt(Math.trunc((ms ?? 0) * 1e6));
      return Promise.resolve();
    },
    wake() {},
    yield: () => Promise.resolve()
  };
  const cpus = new Cpus({
    processor,
    time,
    clocks,
    pace,
    icount,
    deliver: () => {},
    debug: () => true,
    failed: () => {}
  });
  return { cpus, clocks, time, state, ran, slept, retired: () => retired };
}

test('a timer runs at its own instruction', () => {
  const { cpus, clocks, retired } = machine();
  const fired: bigint[] = [];
  clocks.virtual.timer(() => fired.push(retired())).mod(1234n);
  cpus.step(5000);
  expect(fired).toEqual([1234n]);
  expect(retired()).toBe(5000n);
});

test('a timer set during a slice cuts the slice short', () => {
  const { cpus, clocks, state, ran } = machine();
  const timer = clocks.virtual.timer(() => {});
  state.during = () => {
    state.during = () => {};
    timer.mod(300n);
  };
  cpus.step(1000);
  expect(ran).toEqual([300, 700]);
});

test('a CPU that waits jumps to the next timer when instructions are the clock', () => {
  const { cpus, clocks, state, time } = machine();
  state.halted = true;
  clocks.virtual.timer(() => (state.halted = false)).mod(5_000_000n);
  cpus.step(10);
  expect(time.now()).toBe(5_000_010n);
});

test('a CPU that nothing wakes stops stepping', () => {
  const { cpus, state } = machine();
  state.halted = true;
  expect(cpus.step(10)).toBe('halted');
});

test('live, virtual time follows the real one, and an idle CPU sleeps until the next timer', async () => {
  const { cpus, clocks, state, time, slept, ran } = machine({ icount: false });
  clocks.virtual
    .timer(() => {
      state.halted = true;
      clocks.virtual.timer(() => void cpus.stop()).mod(time.now() + 50_000_000n);
    })
    .mod(1_000_000n);
  cpus.start();
  await new Promise((resolve) => setTimeout(resolve, 20));
  await cpus.stop();
  expect(ran.length).toBeGreaterThan(0);
  expect(slept[0]).toBeGreaterThanOrEqual(49);
  expect(time.now()).toBeGreaterThanOrEqual(51_000_000n);
  expect(cpus.running).toBe(false);
});
