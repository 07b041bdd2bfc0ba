/**
 * Clocks and their timers. A clock does not tick by itself: whoever runs the CPU says what time it is, because virtual
 * time is a function of the instruction count and of a logged list of adjustments.
 * Source: QEMU util/qemu-timer.c, include/qemu/timer.h.
 */

export const NANOSECONDS_PER_SECOND = 1_000_000_000n;

/** A timer may re-arm itself for the past: so many callbacks a `run`, and the rest waits for the next one. */
const MAX_CALLBACKS = 4096;
/** The same while there seems to be no end to them: the CPU gets on too. */
const MAX_CALLBACKS_BEHIND = 16;

/** a * b / c, modulo 2 to the power of 64, of unsigned values. Source: include/qemu/host-utils.h muldiv64. */
export const muldiv64 = (a: bigint, b: bigint, c: bigint): bigint => BigInt.asUintN(64, (a * b) / c);

/** One alarm of a clock. Times are ns of that clock. Source: QEMU timer_mod_ns, timer_del, timer_pending. */
export class QEMUTimer {
  readonly #clock: QEMUClock;
  readonly callback: () => void;
  /** When it fires; -1 when it is not armed. */
  expire_time = -1n;

  constructor(clock: QEMUClock, callback: () => void) {
    this.#clock = clock;
    this.callback = callback;
  }

  get pending(): boolean {
    return this.expire_time >= 0n;
  }

  /** Arms it, for now where `expire` has passed. */
  mod(expire: bigint): void {
    this.#clock.unlink(this);
    this.expire_time = expire < 0n ? 0n : expire;
    this.#clock.link(this, expire);
  }

  del(): void {
    this.#clock.unlink(this);
    this.expire_time = -1n;
  }

  /** What the wire type "timer" holds: all ones when it is not armed. Source: migration/qemu-file.c timer_put. */
  get saved(): bigint {
    return BigInt.asUintN(64, this.expire_time);
  }

  /** Source: migration/qemu-file.c timer_get. */
  load(saved: bigint): void {
    if (BigInt.asUintN(64, saved) === 0xffff_ffff_ffff_ffffn) this.del();
    else this.mod(BigInt.asIntN(64, saved));
  }
}

/** The armed timers of a clock, in their order, and whether it is behind. */
export interface TimerList {
  readonly timers: readonly { readonly timer: QEMUTimer; readonly expire: bigint }[];
  readonly behind: boolean;
}

/** QEMU_CLOCK_VIRTUAL or QEMU_CLOCK_HOST with its timers. */
export class QEMUClock {
  readonly #now: () => bigint;
  /** By expiry; those that expire together in the order in which they were armed. */
  readonly #active: QEMUTimer[] = [];
  #behind = false;
  #running = false;
  /**
   * Called when the first deadline came nearer, so that the CPU loop shortens its slice (QEMU: timerlist_notify). Not from
   * inside of `run`: that comes between slices.
   */
  onRearm: (() => void) | undefined;

  constructor(now: () => bigint) {
    this.#now = now;
  }

  /** ns of this clock. */
  now(): bigint {
    return this.#now();
  }

  /** A timer that is not armed. */
  timer(callback: () => void): QEMUTimer {
    return new QEMUTimer(this, callback);
  }

  /** When the first timer fires. */
  deadline(): bigint | undefined {
    return this.#active[0]?.expire_time;
  }

  capture(): TimerList {
    const timers = this.#active.map((timer) => ({ timer, expire: timer.expire_time }));
    return { timers, behind: this.#behind };
  }
  /** Just these are armed. */
  restore({ timers, behind }: TimerList): void {
    for (const timer of this.#active) timer.expire_time = -1n;
    for (const { timer, expire } of timers) timer.expire_time = expire;
    this.#active.splice(0, Infinity, ...timers.map(({ timer }) => timer));
    this.#behind = behind;
  }

  /** The last `run` left timers that had expired: there is no end to them. */
  get behind(): boolean {
    return this.#behind;
  }

  /** Calls the timers that have expired. Returns whether there were any. */
  run(now = this.now()): boolean {
    const most = this.#behind ? MAX_CALLBACKS_BEHIND : MAX_CALLBACKS;
    let called = 0;
    this.#behind = false;
    this.#running = true;
    try {
      for (let first = this.#active[0]; first && first.expire_time <= now; first = this.#active[0]) {
        if (called++ === most) {
          this.#behind = true;
          break;
        }
        this.#active.shift();
        first.expire_time = -1n;
        first.callback();
      }
    } finally {
      this.#running = false;
    }
    return called > 0;
  }

  /** For `QEMUTimer` alone. As in QEMU, what is set for before 0 comes before what is set for 0. */
  link(timer: QEMUTimer, expire: bigint): void {
    const list = this.#active;
    let at = list.length;
    while (at > 0 && list[at - 1]!.expire_time > expire) at--;
    list.splice(at, 0, timer);
    if (at === 0 && !this.#running) this.onRearm?.();
  }

  /** For `QEMUTimer` alone. */
  unlink(timer: QEMUTimer): void {
    const at = this.#active.indexOf(timer);
    if (at >= 0) this.#active.splice(at, 1);
  }
}

/** The clocks of one machine. */
export interface Clocks {
  /** Stands still while the machine does. */
  readonly virtual: QEMUClock;
  /** Time of day, ns since 1970 (QEMU: rtc_clock). */
  readonly host: QEMUClock;
}
