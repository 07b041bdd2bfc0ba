/**
 * The loop that gives the CPU its slices, lets time pass and calls what is due in between. Everything that happens to
 * the guest from outside happens between two slices, so that it can be recorded with an instruction count.
 * Source: QEMU system/cpus.c, accel/tcg/tcg-accel-ops-icount.c, util/main-loop.c.
 */
import type { Clocks } from '../util/qemu-timer.ts';
import type { VirtualClock } from './virtual-clock.ts';

/** Why a CPU came back: its budget is used up, it waits for an interrupt, it was asked to, or it met a breakpoint. */
export type CpuExit = 'budget' | 'halted' | 'request' | 'debug';

/** A CPU as the loop sees it. */
export interface Processor {
  /** Runs at most so many instructions; interrupts are taken on the way. `goOn`: asked after each, where it is given. */
  run(instructions: number, goOn?: () => boolean): CpuExit;
  /** Makes `run` come back at the next instruction boundary. */
  requestExit(): void;
  /** At most so many instructions more in this slice: a timer was set for sooner. */
  limit(instructions: number): void;
  /** HLT, and nothing has come that would end it. */
  readonly idle: boolean;
  /** Instructions retired, exact inside a slice too. */
  readonly icount: bigint;
}

/** The host's side of time and waiting. */
export interface Pace {
  /** Real time in ns, from any beginning. */
  now(): bigint;
  /** Resolves after so many ms, or when `wake` is called. Without a number: only then. */
  sleep(ms: number | undefined): Promise<void>;
  wake(): void;
  /** Lets messages, sockets and files have their turn. */
  yield(): Promise<void>;
}

export interface CpusOptions {
  readonly processor: Processor;
  readonly time: VirtualClock;
  readonly clocks: Clocks;
  readonly pace: Pace;
  /** Paced by instructions alone (-icount): idle time is skipped, busy time is not stretched. */
  readonly icount: boolean;
  /** Does what the guest asked of the machine as a whole: a reset, to be switched off. Called between slices. */
  readonly requests?: () => void;
  /** Brings what came from outside into the machine: input, finished disk requests. Called between slices. */
  readonly deliver: () => void;
  /** Requests to the outside that are under way. With -icount they are waited for, as how long they take is no rule. */
  readonly pending?: () => boolean;
  readonly drain?: () => Promise<void>;
  /** Instructions after which `before` has something to do, at 0: now. */
  readonly untilBefore?: () => number;
  readonly before?: () => Promise<void> | undefined;
  /** The CPU met a breakpoint. Returns whether it stops. */
  readonly debug: () => boolean;
  /** What runs here threw: a fault of ours, never the guest's. The loop has ended. */
  readonly failed: (error: unknown) => void;
}

/** Real time that one slice should take, in ns: short enough that keys and pauses feel immediate. */
const SLICE_NS = 8_000_000;
const FIRST_SLICE = 100_000;
const SHORTEST_SLICE = 10_000;
const LONGEST_SLICE = 50_000_000;
/** A slice is run in so many parts, with a look at the real clock after each. */
const PARTS = 16;
/**
 * Most ns of virtual time that pass between two instructions of a CPU that runs: what is still owed, as after a stall of
 * the host, is spread over the parts that follow. Linux times its TSC by a loop that reads it until 10 ms of the PIT are
 * over (pit_calibrate_tsc), and drops a round in which the TSC jumped; but a jump past those 10 ms that falls between the
 * TSC's last read and the PIT's is not seen, and makes the TSC slower by all of the jump. It takes the slowest of its
 * rounds, unless that is within a tenth of what the PM timer or HPET say: so less than a tenth of 10 ms. Nor does a jump
 * so short swallow a tick. QEMU with -icount shift=auto never jumps while the CPU runs either: it changes the rate a
 * little at a time (icount_adjust), and only a CPU that sleeps is moved on at once (icount_warp_rt).
 */
const LONGEST_JUMP_NS = 900_000n;
/** A CPU that is throttled runs so long at a time. Source: CPU_THROTTLE_TIMESLICE_NS. */
const THROTTLE_SLICE_NS = 10_000_000;
/** A step goes through so many events that do not wake the CPU: at a kilohertz more than a minute. */
const MOST_WAITS = 100_000;
/** A nap ends for a change of the throttle. */
const LONGEST_NAP_MS = 50;
/** Behind real time by more than this (a tab that slept), the rest is dropped: the guest's clock need not race long. */
const MAX_CATCH_UP_NS = 500_000_000n;

export class Cpus {
  readonly #o: CpusOptions;
  #running = false;
  #stopping = false;
  #inSlice = false;
  #slice = FIRST_SLICE;
  /** Real and virtual time agree here. */
  #realBase = 0n;
  #virtualBase = 0n;
  #idleNs = 0n;
  /** Share of time that the CPU is kept from running, in percent, and ns that it ran since it last was. */
  throttle = 0;
  #ranNs = 0;
  #done: Promise<void> = Promise.resolve();

  constructor(options: CpusOptions) {
    this.#o = options;
    const nearer = (): void => {
      const left = this.#instructionsToDeadline();
      if (left !== undefined) options.processor.limit(left);
    };
    options.clocks.virtual.onRearm = nearer;
    options.clocks.host.onRearm = nearer;
  }

  get running(): boolean {
    return this.#running;
  }
  /** ns of real time that the CPU waited, in all. */
  get idleNs(): bigint {
    return this.#idleNs;
  }

  /** Runs until `stop`. */
  start(): void {
    if (this.#running) return;
    this.#running = true;
    this.#stopping = false;
    this.#resynchronise();
    this.#done = this.#loop();
  }

  /** Resolves when no instruction runs any more. */
  stop(): Promise<void> {
    this.#stopping = true;
    this.leaveSlice();
    this.#o.pace.wake();
    return this.#done;
  }

  /** The CPU comes back at the next instruction boundary, if it runs. */
  leaveSlice(): void {
    if (this.#inSlice) this.#o.processor.requestExit();
  }

  /** The machine goes on: an interrupt that is pending is taken before anything comes from outside. */
  enter(): void {
    this.#o.processor.run(0);
  }

  /**
   * Runs at most so many instructions, up to the next timer. Timers run after each slice and after each jump of time,
   * and then only: where they run is part of what a run came to.
   */
  runFor(instructions: number, goOn?: () => boolean): CpuExit {
    this.#inSlice = true;
    try {
      const most = this.#instructionsToDeadline() ?? instructions;
      return this.#o.processor.run(Math.max(1, Math.min(instructions, most)), goOn);
    } finally {
      this.#inSlice = false;
      this.#settle();
    }
  }

  /** Time goes on without instructions. */
  advance(ns: bigint): void {
    if (ns <= 0n) return;
    this.#o.time.advance(ns);
    this.#settle();
  }

  #settle(): void {
    this.#o.clocks.virtual.run();
    this.#o.clocks.host.run();
    this.#o.requests?.();
  }

  /** Something came from outside: a sleeping CPU looks at it at once. */
  wake(): void {
    this.#o.pace.wake();
  }

  /**
   * So many instructions on a stopped machine, at once; timers that come due run at their instruction.
   * @param goOn asked after each instruction, where it is given
   * @returns why it ended
   */
  step(instructions: number, goOn?: () => boolean): CpuExit {
    const { processor } = this.#o;
    const end = processor.icount + BigInt(instructions);
    this.#stopping = false;
    let exit: CpuExit = 'budget';
    let waits = 0;
    let wanted = true;
    const goesOn = goOn && ((): boolean => (wanted = goOn()));
    while (wanted && !this.#stopping && processor.icount < end) {
      this.#o.deliver();
      exit = this.runFor(Number(end - processor.icount), goesOn);
      if (exit === 'debug' && this.#o.debug()) break;
      // A CPU that waits takes the next event; without one, or when none concerns it, it waits for ever.
      if (exit === 'halted' && (++waits > MOST_WAITS || !this.#skipIdle())) break;
      if (exit !== 'halted') waits = 0;
      if (this.#mustDrain) break;
    }
    return exit;
  }

  async #loop(): Promise<void> {
    try {
      while (!this.#stopping) {
        this.#o.deliver();
        const first = this.#o.before?.();
        if (first) await first;
        if (this.#stopping) break;
        const exit = this.#runSlice();
        if (exit === 'debug' && this.#o.debug()) break;
        if (this.#mustDrain) await this.#o.drain?.();
        if (this.throttle > 0 && this.#ranNs >= THROTTLE_SLICE_NS) await this.#throttled();
        else if (exit === 'halted' && this.#o.processor.idle) await this.#wait();
        else await this.#o.pace.yield();
      }
    } catch (error) {
      this.#o.failed(error);
    } finally {
      this.#running = false;
    }
  }

  get #mustDrain(): boolean {
    return this.#o.icount && this.#o.pending?.() === true;
  }

  #runSlice(): CpuExit {
    const { processor, pace } = this.#o;
    const before = pace.now();
    const from = processor.icount;
    const length = Math.min(this.#slice, this.#o.untilBefore?.() || Infinity);
    const part = Math.ceil(this.#slice / PARTS);
    let exit: CpuExit;
    let ran = 0;
    do {
      exit = this.runFor(Math.min(part, length - ran));
      this.#keepPace(LONGEST_JUMP_NS);
      ran = Number(processor.icount - from);
      if (this.#stopping || this.#mustDrain || pace.now() - before >= SLICE_NS) break;
    } while (exit === 'budget' && ran < length);
    const took = Number(pace.now() - before);
    if (this.throttle > 0) this.#ranNs += took;
    // The next slice is as long as this one's speed makes it; short ones tell little.
    if (ran >= SHORTEST_SLICE && took > 0) {
      const fitting = (ran * SLICE_NS) / took;
      this.#slice = Math.trunc(Math.min(LONGEST_SLICE, Math.max(SHORTEST_SLICE, (this.#slice + fitting) / 2)));
    }
    return exit;
  }

  /** ns of real time for which no virtual time has passed yet. */
  #behind(): bigint {
    const { time, pace } = this.#o;
    return pace.now() - this.#realBase - (time.now() - this.#virtualBase);
  }

  /** Virtual time catches up, by so many ns at most. It never waits for real time: instructions cost what they cost. */
  #keepPace(most: bigint): void {
    if (this.#o.icount) return;
    const behind = this.#behind();
    this.advance(behind < most ? behind : most);
    const tooMuch = this.#behind() - MAX_CATCH_UP_NS;
    if (tooMuch > 0n) this.#realBase += tooMuch;
  }

  #resynchronise(): void {
    this.#realBase = this.#o.pace.now();
    this.#virtualBase = this.#o.time.now();
  }

  /** The CPU waits for an interrupt: until the next timer, or until something comes. */
  async #wait(): Promise<void> {
    const { pace, time } = this.#o;
    const deadline = this.#deadline();
    if (this.#o.icount && deadline !== undefined) {
      this.#skipIdle();
      return pace.yield();
    }
    const before = pace.now();
    const due = deadline === undefined ? undefined : deadline - time.now();
    const ns = due === undefined ? undefined : due - this.#behind();
    // A timer of less than a millisecond is not worth a sleep that takes longer.
    if (ns !== undefined && ns < 200_000n) await pace.yield();
    else await pace.sleep(ns === undefined ? undefined : Number(ns / 1_000_000n));
    this.#idleNs += pace.now() - before;
    // Up to the timer the CPU would have slept however long it took; what the host overslept is owed.
    if (due === undefined) this.#keepPace(this.#behind());
    else this.#keepPace(due > LONGEST_JUMP_NS ? due : LONGEST_JUMP_NS);
  }

  /**
   * The CPU pays for what it ran with time in which it may not; devices and their timers go on.
   * Source: cpu_throttle_thread.
   */
  async #throttled(): Promise<void> {
    const { pace } = this.#o;
    const ratio = this.throttle / (100 - this.throttle);
    const end = pace.now() + BigInt(Math.round(this.#ranNs * ratio));
    this.#ranNs = 0;
    for (let left = end - pace.now(); left > 0n && !this.#stopping && this.throttle > 0; left = end - pace.now()) {
      const deadline = this.#deadline();
      const due = deadline === undefined ? left : deadline - this.#o.time.now();
      const ns = due < left ? due : left;
      if (ns < 1_000_000n) await pace.yield();
      else await pace.sleep(Math.min(LONGEST_NAP_MS, Number(ns / 1_000_000n)));
      this.#keepPace(MAX_CATCH_UP_NS);
      if (this.#stopping) return;
      this.#o.deliver();
    }
  }

  /** Jumps to the next timer. False when there is none. */
  #skipIdle(): boolean {
    const deadline = this.#deadline();
    if (deadline === undefined) return false;
    this.advance(deadline - this.#o.time.now());
    return true;
  }

  /** The next timer of either clock, in ns of the virtual one. */
  #deadline(): bigint | undefined {
    const { clocks, time } = this.#o;
    const virtual = clocks.virtual.deadline();
    const host = clocks.host.deadline();
    if (host === undefined) return virtual;
    const hostAsVirtual = time.now() + (host - clocks.host.now());
    return virtual === undefined || hostAsVirtual < virtual ? hostAsVirtual : virtual;
  }

  /** Timers that never catch up do not keep the CPU from running. */
  #instructionsToDeadline(): number | undefined {
    const { virtual, host } = this.#o.clocks;
    const deadline = virtual.behind || host.behind ? undefined : this.#deadline();
    return deadline === undefined ? undefined : Number(this.#o.time.instructionsUntil(deadline));
  }
}
