/**
 * Auto-converge: a guest that writes faster than it can be sent gets less of the CPU, in steps.
 * Source: QEMU migration/cpu-throttle.c, migration/ram.c (migration_trigger_throttle, mig_throttle_guest_down).
 */
import type { MigrationOptions } from './options.ts';

const PERCENT_MIN = 1;
const PERCENT_MAX = 99;
/** A synchronisation comes at least so often while the guest may have to be slowed down. */
const DIRTY_SYNC_MS = 5000;

/** What can be slowed down. */
export interface Throttled {
  /** Share of time that the CPU is kept from running, in percent. */
  throttle: number;
}

export class CpuThrottle {
  readonly #cpus: Throttled;
  readonly #options: MigrationOptions;
  #highCount = 0;
  #bytesBefore = 0;
  #syncCountBefore = 0;
  #nextSync = Infinity;
  onChange: (percentage: number) => void = () => {};

  constructor(cpus: Throttled, options: MigrationOptions) {
    this.#cpus = cpus;
    this.#options = options;
  }

  /** 0: not in use. */
  get percentage(): number {
    return this.#cpus.throttle;
  }

  /** A migration begins. @param now ms */
  start(now: number): void {
    this.#highCount = this.#bytesBefore = this.#syncCountBefore = 0;
    this.#nextSync = this.#options.has('auto-converge') ? now + DIRTY_SYNC_MS : Infinity;
  }

  stop(): void {
    this.#nextSync = Infinity;
    if (this.#cpus.throttle !== 0) this.#set(0);
  }

  /**
   * Whether the dirty bitmap is to be synchronised although no round has ended. The first round copies everything
   * anyway. Source: cpu_throttle_dirty_sync_timer_tick.
   */
  syncIsDue(now: number, syncCount: number): boolean {
    if (now < this.#nextSync) return false;
    this.#nextSync = now + DIRTY_SYNC_MS;
    const due = syncCount > 1 && syncCount === this.#syncCountBefore;
    this.#syncCountBefore = syncCount;
    return due;
  }

  /**
   * Looks at a period of at least a second: twice in it too much was written, so the guest gets slower.
   * @param dirtied bytes that the guest wrote in it
   * @param transferred bytes sent since the migration began
   */
  period(dirtied: number, transferred: number): void {
    const sent = transferred - this.#bytesBefore;
    this.#bytesBefore = transferred;
    const threshold = Math.floor((sent * this.#options.number('throttle-trigger-threshold')) / 100);
    if (dirtied <= threshold || ++this.#highCount < 2) return;
    this.#highCount = 0;
    if (this.#options.has('auto-converge')) this.#down(dirtied, threshold);
  }

  #down(dirtied: number, threshold: number): void {
    const options = this.#options;
    const now = this.percentage;
    if (now === 0) return this.#set(options.number('cpu-throttle-initial'));
    let increment = options.number('cpu-throttle-increment');
    if (options.value('cpu-throttle-tailslow')) {
      const cpu = 100 - now;
      increment = Math.min(cpu - Math.floor(cpu * (threshold / dirtied)), increment);
    }
    this.#set(Math.min(now + increment, options.number('max-cpu-throttle')));
  }

  #set(percentage: number): void {
    this.#cpus.throttle = percentage === 0 ? 0 : Math.max(PERCENT_MIN, Math.min(PERCENT_MAX, percentage));
    this.onChange(this.#cpus.throttle);
  }
}
