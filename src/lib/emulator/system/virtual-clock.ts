/**
 * Time of the machine. Virtual time is a function of the instruction count plus a list of adjustments, so that a run
 * with the same adjustments at the same counts sees the same time everywhere. Paced by the real clock, adjustments are
 * appended between slices; with -icount there are none but the jumps over idle time.
 * In the place of QEMU system/cpu-timers.c (cpu_get_clock, cpu_get_ticks) and accel/tcg/icount-common.c.
 */
import { NANOSECONDS_PER_SECOND } from '../util/qemu-timer.ts';
import type { TimersState } from './cpu-timers.ts';

/** At this count of instructions so much time was added. */
export interface Adjustment {
  readonly icount: bigint;
  /** ns */
  readonly added: bigint;
}

/** ns an instruction takes, as a power of two: virtual time must not run ahead of 125 MIPS. */
const DEFAULT_SHIFT = 3;
const DEFAULT_TICKS_PER_SECOND = 1_000_000_000n;
/** Rates of time stamp counters that can be believed, in Hz. */
const SLOWEST_TSC = 50_000_000n;
const FASTEST_TSC = 20_000_000_000n;

/** All that a clock is made of, to come back to. */
export interface ClockState {
  readonly ticks: bigint;
  readonly ns: bigint;
  readonly start: bigint;
  readonly added: bigint;
  readonly ticksPerSecond: bigint;
}

export class VirtualClock implements Pick<TimersState, 'cpu_ticks_offset' | 'cpu_clock_offset'> {
  /** As in section "timer": ticks and ns when it was saved or loaded. */
  cpu_ticks_offset = 0n;
  cpu_clock_offset = 0n;
  /** Ticks and ns at `#start`. Saving leaves them alone: ticks, counted from elsewhere, would be rounded otherwise. */
  #ticks = 0n;
  #ns = 0n;
  /** Hz of the time stamp counter. */
  ticksPerSecond = DEFAULT_TICKS_PER_SECOND;
  readonly shift: bigint;
  readonly #icount: () => bigint;
  /** A count at which it is known what time it was, and the ns added since. */
  #start = 0n;
  #added = 0n;
  /** Told of each adjustment: for the recording. */
  onAdjust: (adjustment: Adjustment) => void = () => {};

  /** @param icount instructions retired so far, exact inside a slice too */
  constructor(icount: () => bigint, shift = DEFAULT_SHIFT) {
    this.#icount = icount;
    this.shift = BigInt(shift);
  }

  /** ns since `#start`. */
  #elapsed(): bigint {
    return ((this.#icount() - this.#start) << this.shift) + this.#added;
  }

  /** QEMU_CLOCK_VIRTUAL in ns. */
  now(): bigint {
    return this.#ns + this.#elapsed();
  }

  /** What RDTSC gives before tsc_offset. Source: cpu_get_ticks. */
  ticks(): bigint {
    return this.#ticks + (this.#elapsed() * this.ticksPerSecond) / NANOSECONDS_PER_SECOND;
  }

  /** Adds time that passed without instructions. Time never goes back. */
  advance(added: bigint): void {
    if (added <= 0n) return;
    this.#added += added;
    this.onAdjust({ icount: this.#icount(), added });
  }

  /** Instructions until a moment; 0 when it has come. */
  instructionsUntil(deadline: bigint): bigint {
    const left = deadline - this.now();
    return left <= 0n ? 0n : (left + (1n << this.shift) - 1n) >> this.shift;
  }

  /** Brings the offsets up to now. Source: cpu_timers' pre_save, where the clock stands still. */
  preSave(): void {
    this.cpu_ticks_offset = this.ticks();
    this.cpu_clock_offset = this.now();
  }

  /**
   * Time goes on from the offsets just loaded. The rate of the guest's time stamp counter is not in the stream: under
   * TCG it is that of the host where it was started, and both counted from zero, so their ratio tells it.
   */
  postLoad(): void {
    this.#start = this.#icount();
    this.#added = 0n;
    this.#ticks = this.cpu_ticks_offset;
    this.#ns = this.cpu_clock_offset;
    if (this.cpu_clock_offset <= 0n) return;
    const rate = (this.cpu_ticks_offset * NANOSECONDS_PER_SECOND) / this.cpu_clock_offset;
    if (rate >= SLOWEST_TSC && rate <= FASTEST_TSC) this.ticksPerSecond = rate;
  }
  capture(): ClockState {
    return {
      ...{ ticks: this.#ticks, ns: this.#ns, start: this.#start, added: this.#added },
      ticksPerSecond: this.ticksPerSecond
    };
  }
  /** The count of instructions must be back already. */
  restore({ ticks, ns, start, added, ticksPerSecond }: ClockState): void {
    this.#ticks = ticks;
    this.#ns = ns;
    this.#start = start;
    this.#added = added;
    this.ticksPerSecond = ticksPerSecond;
  }
}
