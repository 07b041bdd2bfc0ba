/** A comparator of the HPET. Source: QEMU hw/timer/hpet.c; IA-PC HPET specification 1.0a sections 2.3.8, 2.3.9. */
import { fieldsOf, type VMStateDescription } from '../../../vmstate/vmstate.ts';
import { timer, TIMER_NOT_ARMED, u64, u8 } from '../../../vmstate/vmstate-types.ts';
import type { QEMUTimer } from '../../util/qemu-timer.ts';

export interface HPETTimer {
  tn: number;
  config: bigint;
  cmp: bigint;
  fsb: bigint;
  period: bigint;
  wrap_flag: number;
  qemu_timer: bigint;
}
const t = fieldsOf<HPETTimer>();
export const vmstate_hpet_timer: VMStateDescription<HPETTimer> = {
  name: 'hpet_timer',
  version: 1,
  minimumVersion: 1,
  fields: [
    t('tn', u8, { doc: 'number of the timer' }),
    t('config', u64, {
      bits: [
        { bit: 1, name: 'INT_TYPE', values: { 0: 'edge', 1: 'level' } },
        { bit: 2, name: 'INT_ENB', doc: 'interrupts' },
        { bit: 3, name: 'TYPE', values: { 0: 'one-shot', 1: 'periodic' } },
        { bit: 4, name: 'PER_INT_CAP', doc: 'can be periodic' },
        { bit: 5, name: 'SIZE_CAP', doc: 'has 64 bits' },
        { bit: 6, name: 'VAL_SET', doc: 'the next write sets the comparator of a periodic timer' },
        { bit: 8, name: '32MODE', doc: 'uses 32 bits' },
        { bit: 9, width: 5, name: 'INT_ROUTE', doc: 'pin of the I/O APIC' },
        { bit: 14, name: 'FSB_EN', doc: 'interrupts as messages' },
        { bit: 15, name: 'FSB_INT_DEL_CAP', doc: 'can send messages' },
        { bit: 32, width: 32, name: 'INT_ROUTE_CAP', doc: 'pins it can use, a bit each' }
      ]
    }),
    t('cmp', u64, { doc: 'counter value at which it fires', unit: 'ticks', clock: true }),
    t('fsb', u64, {
      bits: [
        { bit: 0, width: 32, name: 'value' },
        { bit: 32, width: 32, name: 'address' }
      ]
    }),
    t('period', u64, { unit: 'ticks' }),
    t('wrap_flag', u8, { doc: 'first wakes when the 32-bit counter wraps' }),
    t('qemu_timer', timer, { unit: 'ns', clock: true })
  ]
};

export const TN_TYPE_LEVEL = 1n << 1n;
export const TN_ENABLE = 1n << 2n;
export const TN_PERIODIC = 1n << 3n;
export const TN_PERIODIC_CAP = 1n << 4n;
export const TN_SIZE_CAP = 1n << 5n;
export const TN_SETVAL = 1n << 6n;
export const TN_32BIT = 1n << 8n;
export const TN_FSB_ENABLE = 1n << 14n;
export const TN_FSB_CAP = 1n << 15n;
export const TN_WRITABLE = 0x7f4en;

export const u64of = (value: bigint): bigint => BigInt.asUintN(64, value);
export const low32 = (value: bigint): bigint => BigInt.asUintN(32, value);
/** `value` in `length` bits of `old` from `shift` on (QEMU: deposit64). */
export function deposit(old: bigint, shift: bigint, length: bigint, value: bigint): bigint {
  const mask = ((1n << length) - 1n) << shift;
  return (old & ~mask) | ((value << shift) & mask);
}

/** The counter that comparators compare with, and their interrupts. */
export interface HPETCounter {
  /** Its value while it runs. */
  ticks(): bigint;
  /** ns of the virtual clock at a value of it. */
  timeOf(tick: bigint): bigint;
  updateIrq(timer: Comparator, set: boolean): void;
}

export class Comparator implements HPETTimer {
  readonly #hpet: HPETCounter;
  readonly timer: QEMUTimer;
  tn: number;
  config = 0n;
  cmp = 0n;
  fsb = 0n;
  period = 0n;
  wrap_flag = 0;
  qemu_timer = TIMER_NOT_ARMED;
  /** The comparator extended to the counter's width. */
  cmp64 = 0n;
  /** ns for which it was armed last: periods of less than 1 µs must not take all of the time. */
  last = 0n;

  constructor(hpet: HPETCounter, tn: number, newTimer: (fires: () => void) => QEMUTimer) {
    this.#hpet = hpet;
    this.tn = tn;
    this.timer = newTimer(() => this.#fires());
  }

  get isPeriodic(): boolean {
    return (this.config & TN_PERIODIC) !== 0n;
  }

  /** Source: hpet_calculate_cmp64. */
  extend(ticks: bigint): void {
    this.cmp64 = this.cmp;
    if (!(this.config & TN_32BIT)) return;
    this.cmp64 = deposit(ticks, 0n, 32n, this.cmp);
    if (this.cmp64 < ticks) this.cmp64 = u64of(this.cmp64 + 0x1_0000_0000n);
  }

  /** Source: hpet_set_timer. */
  set(): void {
    const ticks = this.#hpet.ticks();
    this.extend(ticks);
    const wrap = u64of((ticks | 0xffff_ffffn) + 1n);
    // Specification 2.3.9.2.2: a one-shot timer of 32 bits also interrupts when the counter wraps.
    const wraps = (this.config & TN_32BIT) !== 0n && !this.isPeriodic && this.cmp64 > wrap;
    this.wrap_flag = wraps ? 1 : 0;
    this.#arm(wraps ? wrap : this.cmp64);
  }

  #arm(tick: bigint): void {
    let ns = this.#hpet.timeOf(tick);
    if (this.isPeriodic && u64of(ns - this.last) < 1000n) ns = u64of(this.last + 1000n);
    this.last = ns;
    this.timer.mod(BigInt.asIntN(64, ns));
  }

  /** Source: hpet_timer. QEMU moves on only from what has passed: exactly on time it would fire twice a period. */
  #fires(): void {
    if (this.isPeriodic && this.period !== 0n) {
      const behind = BigInt.asIntN(64, this.#hpet.ticks() - this.cmp64);
      if (behind >= 0n) this.cmp64 = u64of(this.cmp64 + (behind / this.period + 1n) * this.period);
      this.cmp = this.config & TN_32BIT ? low32(this.cmp64) : this.cmp64;
      this.#arm(this.cmp64);
    } else if (this.wrap_flag) {
      this.wrap_flag = 0;
      this.#arm(this.cmp64);
    }
    this.#hpet.updateIrq(this, true);
  }
}
