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
  const state = { halted: false, during: (_: number): void => {}, stall: (ns: bigint) => void (real += ns) };
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
  return { cpus, clocks, time, state, ran, slept, retired: () => retired, real: () => real };
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

/** Runs until so much virtual time has passed. */
async function runUntil({ cpus, clocks }: ReturnType<typeof machine>, ns: bigint): Promise<void> {
  await new Promise<void>((resolve) => {
    clocks.virtual.timer(() => void cpus.stop().then(resolve)).mod(ns);
    cpus.start();
  });
}

test('after a stall of the host, time comes back in small jumps with instructions between them', async () => {
  const live = machine({ icount: false });
  const jumps: { icount: bigint; added: bigint }[] = [];
  live.time.onAdjust = (jump) => jumps.push(jump);
  let runs = 0;
  live.state.during = () => {
    if (++runs === 40) live.state.stall(300_000_000n);
  };
  await runUntil(live, 1_000_000_000n);
  const longest = jumps.reduce((most, { added }) => (added > most ? added : most), 0n);
  expect(longest).toBe(900_000n);
  expect(new Set(jumps.map(({ icount }) => icount)).size).toBe(jumps.length);
  // All of the stall was made good.
  expect(live.real() - live.time.now()).toBeLessThan(2_000_000n);
  expect(live.real()).toBeGreaterThanOrEqual(1_000_000_000n);
});

test('what a stall took beyond half a second is dropped', async () => {
  const live = machine({ icount: false });
  let runs = 0;
  live.state.during = () => {
    if (++runs === 40) live.state.stall(60_000_000_000n);
  };
  await runUntil(live, 2_000_000_000n);
  const dropped = live.real() - live.time.now();
  expect(dropped).toBeGreaterThan(59_490_000_000n);
  expect(dropped).toBeLessThan(59_510_000_000n);
});

test('a CPU that sleeps for long wakes when its timer is due, not later', async () => {
  const live = machine({ icount: false });
  live.state.halted = true;
  await runUntil(live, 10_000_000_000n);
  expect(live.slept).toEqual([10_000]);
  expect(live.time.now()).toBe(10_000_000_000n);
});

test('a host that oversleeps owes the rest, so that the guest meets each of its ticks', async () => {
  const live = machine({ icount: false });
  const ticks: bigint[] = [];
  live.state.halted = true;
  const tick = live.clocks.virtual.timer(() => {
    ticks.push(live.time.now());
    if (ticks.length === 1) live.state.stall(100_000_000n);
    tick.mod(BigInt(ticks.length + 1) * 4_000_000n);
  });
  tick.mod(4_000_000n);
  await runUntil(live, 120_000_000n);
  expect(ticks).toEqual(Array.from({ length: 30 }, (_, i) => BigInt(i + 1) * 4_000_000n).slice(0, ticks.length));
  expect(ticks.length).toBeGreaterThanOrEqual(29);
  expect(live.slept.length).toBeLessThan(8);
});

/**
 * Linux's pit_calibrate_tsc: reads the TSC until 10 ms of the PIT are over, 20 instructions a round.
 * @returns ticks of a TSC of 1 GHz in what the guest takes for 10 ms; undefined where Linux drops the result
 */
async function calibrate(stallAt: number): Promise<bigint | undefined> {
  // Fast enough to keep up with real time by itself, as compiled code is: nothing but the stall makes time jump.
  const live = machine({ icount: false, shift: 4 });
  const { time, state } = live;
  const end = 10_000_000n;
  const reads: bigint[] = [];
  let over = false;
  // A slice ends just between the TSC's read and the PIT's.
  let readsNext = false;
  state.during = (most) => {
    const start = time.now();
    for (let at = 0n; at < BigInt(most) && !over; at += 10n) {
      const now = start + (at << 4n);
      if (readsNext) reads.push(now);
      else over = now >= end;
      readsNext = !readsNext;
    }
    if (reads.length > stallAt) {
      state.stall(250_000_000n);
      stallAt = Infinity;
    }
  };
  await runUntil(live, 40_000_000n);
  const steps = reads.slice(1).map((read, i) => read - reads[i]!);
  const least = steps.reduce((a, b) => (b < a ? b : a));
  const most = steps.reduce((a, b) => (b > a ? b : a));
  return steps.length < 1000 || most > 10n * least ? undefined : reads.at(-1)! - reads[0]!;
}

test('a guest that times its TSC by the PIT finds it within the tenth that Linux puts right, wherever a stall falls', async () => {
  for (let stallAt = 0; stallAt < 31_000; stallAt += 1000) {
    const ticks = await calibrate(stallAt);
    if (ticks !== undefined) expect(ticks).toBeGreaterThan(9_000_000n);
  }
});
