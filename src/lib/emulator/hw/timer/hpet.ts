/** Section "hpet". Source: QEMU hw/timer/hpet.c; IA-PC HPET specification 1.0a section 2.3. */
import { fieldsOf, struct, type VMStateDescription } from '../../../vmstate/vmstate.ts';
import { arrayOf, u64, u8 } from '../../../vmstate/vmstate-types.ts';
import { MemoryRegion } from '../../system/memory.ts';
import { NANOSECONDS_PER_SECOND } from '../../util/qemu-timer.ts';
import { noIrq, pulseIrq, type Irq } from '../core/irq.ts';
import type { Device, DeviceHost } from '../core/qdev.ts';
import {
  Comparator,
  deposit,
  low32,
  TN_32BIT,
  TN_ENABLE,
  TN_FSB_CAP,
  TN_FSB_ENABLE,
  TN_PERIODIC_CAP,
  TN_SETVAL,
  TN_SIZE_CAP,
  TN_TYPE_LEVEL,
  TN_WRITABLE,
  u64of,
  vmstate_hpet_timer,
  type HPETCounter,
  type HPETTimer
} from './hpet-comparator.ts';

export interface HPETState {
  config: bigint;
  isr: bigint;
  hpet_counter: bigint;
  num_timers_save: number;
  timer: HPETTimer[];
  rtc_irq_level: number;
  hpet_offset: bigint;
  /** Whether the machine type sends the offset. */
  readonly hpet_offset_saved?: boolean;
}

const HPET_MIN_TIMERS = 3;
const HPET_MAX_TIMERS = 32;
export const HPET_BASE = 0xfed00000;
const CFG_ENABLE = 1n;
const CFG_LEGACY = 2n;

const hpet = fieldsOf<HPETState>();
export const vmstate_hpet: VMStateDescription<HPETState> = {
  name: 'hpet',
  version: 2,
  minimumVersion: 1,
  doc: 'High precision event timer; a tick takes 10 ns.',
  fields: [
    hpet('config', u64, {
      bits: [
        { bit: 0, name: 'ENABLE_CNF', doc: 'counts' },
        { bit: 1, name: 'LEG_RT_CNF', doc: 'timers 0 and 1 replace PIT and RTC' }
      ]
    }),
    hpet('isr', u64, {
      doc: 'level-triggered interrupts that are active',
      bits: Array.from({ length: HPET_MAX_TIMERS }, (_, bit) => ({ bit, name: `T${bit}` }))
    }),
    hpet('hpet_counter', u64, { unit: 'ticks', clock: true }),
    // Called num_timers before 10.0.
    hpet('num_timers_save', u8, {
      since: 2,
      check: ({ num_timers_save: n }) =>
        n < HPET_MIN_TIMERS || n > HPET_MAX_TIMERS
          ? `num_timers must match: ${n}, a HPET has ${HPET_MIN_TIMERS} to ${HPET_MAX_TIMERS}`
          : undefined
    }),
    hpet('timer', (s) => arrayOf(struct(vmstate_hpet_timer), s.num_timers_save ?? HPET_MIN_TIMERS))
  ],
  subsections: [
    {
      name: 'hpet/rtc_irq_level',
      version: 1,
      minimumVersion: 1,
      needed: ({ rtc_irq_level }) => (rtc_irq_level ?? 0) !== 0,
      fields: [hpet('rtc_irq_level', u8, { doc: 'the RTC asserts its interrupt' })]
    },
    {
      name: 'hpet/offset',
      version: 1,
      minimumVersion: 1,
      // Machine types before 3.0 leave it out: hpet-offset-saved=false.
      needed: ({ config, hpet_offset, hpet_offset_saved = true }) =>
        (config & CFG_ENABLE) !== 0n && hpet_offset !== undefined && hpet_offset_saved,
      fields: [
        hpet('hpet_offset', u64, {
          doc: 'counter less virtual clock, modulo 2 to the power of 64',
          unit: 'ns',
          clock: true
        })
      ]
    }
  ]
};

const CFG_WRITABLE = CFG_ENABLE | CFG_LEGACY;
/** ns; in femtoseconds it is the capability register's upper half. */
const CLK_PERIOD = 10n;
const FS_PER_NS = 1_000_000n;
const RTC_ISA_IRQ = 8;

export interface HPETOptions {
  /** Routes of the comparators, 32 pins of the I/O APIC; 0 and 8 stand in for PIT and RTC in legacy mode. */
  readonly irqs: readonly Irq[];
  /** Pins that the comparators can use, a bit each (hpet-intcap): 4 of a pc, 0xff0104 of a q35. */
  readonly intcap?: number;
  readonly timers?: number;
  readonly msi?: boolean;
  /** hpet-offset-saved: false of machine types before 3.0. */
  readonly offsetSaved?: boolean;
}

export class HPET implements HPETState, HPETCounter, Device {
  readonly idstr = 'hpet';
  readonly vmsd = vmstate_hpet;
  readonly #host: DeviceHost;
  readonly #options: Required<HPETOptions>;
  readonly #capability: bigint;
  /** To be put at HPET_BASE. */
  readonly region: MemoryRegion;
  /** Whether the PIT may interrupt: its `irqControl`, once it is there. */
  pitEnabled: Irq = noIrq;
  /** PIT and RTC, which legacy mode cuts off. */
  readonly pitIrq: Irq;
  readonly rtcIrq: Irq;

  config = 0n;
  isr = 0n;
  hpet_counter = 0n;
  num_timers_save: number;
  timer: Comparator[];
  rtc_irq_level = 0;
  hpet_offset = 0n;
  readonly hpet_offset_saved: boolean;

  constructor(host: DeviceHost, options: HPETOptions) {
    this.#host = host;
    this.#options = { intcap: 4, timers: HPET_MIN_TIMERS, msi: false, offsetSaved: true, ...options };
    const { timers, offsetSaved } = this.#options;
    this.hpet_offset_saved = offsetSaved;
    this.num_timers_save = timers;
    this.timer = Array.from(
      { length: HPET_MAX_TIMERS },
      (_, tn) => new Comparator(this, tn, (fires) => host.clocks.virtual.timer(fires))
    );
    this.#capability = 0x8086_a001n | (BigInt(timers - 1) << 8n) | ((CLK_PERIOD * FS_PER_NS) << 32n);
    this.region = MemoryRegion.io('hpet', 0x400, {
      valid: { min: 4, max: 8 },
      impl: { min: 4, max: 8 },
      read: (at) => Number(low32(this.#read(at & ~7) >> BigInt((at & 4) * 8))),
      write: (at, value) => this.#write(at & ~7, BigInt((at & 4) * 8), 32n, BigInt(value)),
      read64: (at) => this.#read(at & ~7),
      write64: (at, value) => this.#write(at & ~7, 0n, 64n, value)
    });
    this.pitIrq = (level) => {
      if (!this.#legacy) this.#irq(0)(level);
    };
    this.rtcIrq = (level) => {
      this.rtc_irq_level = level;
      if (!this.#legacy) this.#irq(RTC_ISA_IRQ)(level);
    };
    this.reset();
  }

  reset(): void {
    const { intcap, msi, timers } = this.#options;
    for (const t of this.timer.slice(0, timers)) {
      this.#stop(t);
      t.cmp = u64of(-1n);
      t.config = TN_PERIODIC_CAP | TN_SIZE_CAP | (msi ? TN_FSB_CAP : 0n) | (BigInt(intcap) << 32n);
      t.period = 0n;
      t.wrap_flag = 0;
    }
    this.pitEnabled(1);
    this.hpet_counter = this.hpet_offset = this.config = 0n;
    this.rtc_irq_level = 0;
  }

  preSave(): void {
    if (this.#enabled) this.hpet_counter = this.ticks();
    this.num_timers_save = this.#options.timers;
    for (const t of this.timer) t.qemu_timer = t.timer.saved;
  }

  preLoad(): void {
    this.rtc_irq_level = 0;
  }

  postLoad(): string | undefined {
    const { timers } = this.#options;
    if (this.num_timers_save !== timers) {
      return `hpet: num_timers must match: the stream has ${this.num_timers_save}, this machine ${timers}`;
    }
    const now = this.#now();
    for (const t of this.timer.slice(0, timers)) {
      t.extend(this.hpet_counter);
      t.last = u64of(now - NANOSECONDS_PER_SECOND);
      t.timer.load(t.qemu_timer);
    }
    if (!this.hpet_offset_saved) this.hpet_offset = u64of(this.hpet_counter * CLK_PERIOD - now);
    return undefined;
  }

  get #enabled(): boolean {
    return (this.config & CFG_ENABLE) !== 0n;
  }
  get #legacy(): boolean {
    return (this.config & CFG_LEGACY) !== 0n;
  }
  #now(): bigint {
    return this.#host.clocks.virtual.now();
  }
  #irq(route: number): Irq {
    return this.#options.irqs[route] ?? noIrq;
  }

  /** The main counter while it runs. */
  ticks(): bigint {
    return u64of(this.#now() + this.hpet_offset) / CLK_PERIOD;
  }
  /** ns of the virtual clock at a value of the counter. */
  timeOf(tick: bigint): bigint {
    return u64of(tick * CLK_PERIOD - this.hpet_offset);
  }

  /** Source: update_irq. */
  updateIrq(t: Comparator, set: boolean): void {
    const tn = t.tn & (HPET_MAX_TIMERS - 1);
    const level = (t.config & TN_TYPE_LEVEL) !== 0n;
    const messages = (t.config & TN_FSB_ENABLE) !== 0n;
    const route = this.#legacy && tn <= 1 ? (tn === 0 ? 0 : RTC_ISA_IRQ) : Number((t.config >> 9n) & 31n);
    // Status bits are set without TN_ENABLE too: the timer runs, it only does not interrupt.
    if (set && level) this.isr |= 1n << BigInt(tn);
    else this.isr &= ~(1n << BigInt(tn));
    if (set && (t.config & TN_ENABLE) !== 0n && this.#enabled) {
      if (messages) this.#host.memory.write(Number(t.fsb >> 32n), Number(low32(t.fsb)), 4);
      else if (level) this.#irq(route)(1);
      else pulseIrq(this.#irq(route));
    } else if (!messages) this.#irq(route)(0);
  }

  /** Source: hpet_del_timer. */
  #stop(t: Comparator): void {
    t.timer.del();
    // A level-triggered interrupt keeps its status but lowers its line.
    if (this.isr & (1n << BigInt(t.tn & 31))) this.updateIrq(t, true);
  }

  /** The 8 bytes at an address. Source: hpet_ram_read. */
  #read(at: number): bigint {
    switch (at) {
      case 0x00:
        return this.#capability;
      case 0x10:
        return this.config;
      case 0x20:
        return this.isr;
      case 0xf0:
        return this.#enabled ? this.ticks() : this.hpet_counter;
    }
    const t = this.#timerAt(at);
    switch (at & 0x1f) {
      case 0x00:
        return t?.config ?? 0n;
      case 0x08:
        return t?.cmp ?? 0n;
      case 0x10:
        return t?.fsb ?? 0n;
      default:
        return 0n;
    }
  }

  #timerAt(at: number): Comparator | undefined {
    const n = (at - 0x100) >> 5;
    return n >= 0 && n < this.#options.timers ? this.timer[n] : undefined;
  }

  /** `length` bits of the 8 bytes at an address. Source: hpet_ram_write. */
  #write(at: number, shift: bigint, length: bigint, value: bigint): void {
    if (at === 0x10) this.#configure(deposit(this.config, shift, length, value));
    else if (at === 0x20) {
      const cleared = (value << shift) & this.isr;
      for (const t of this.timer.slice(0, this.#options.timers)) {
        if (cleared & (1n << BigInt(t.tn & 31))) this.updateIrq(t, false);
      }
    } else if (at === 0xf0) this.hpet_counter = deposit(this.hpet_counter, shift, length, value);
    else {
      const t = this.#timerAt(at);
      if (!t) return;
      if ((at & 0x18) === 0x00) this.#configureTimer(t, deposit(t.config, shift, length, value));
      else if ((at & 0x18) === 0x08) this.#compare(t, shift, length, value);
      else if ((at & 0x18) === 0x10) t.fsb = deposit(t.fsb, shift, length, value);
    }
  }

  #configure(value: bigint): void {
    const timers = this.timer.slice(0, this.#options.timers);
    const old = this.config;
    this.config = (value & CFG_WRITABLE) | (old & ~CFG_WRITABLE);
    const changed = this.config ^ old;
    if (changed & CFG_ENABLE && this.#enabled) {
      this.hpet_offset = u64of(this.hpet_counter * CLK_PERIOD - this.#now());
      for (const t of timers) {
        if ((t.config & TN_ENABLE) !== 0n && this.isr & (1n << BigInt(t.tn & 31))) this.updateIrq(t, true);
        t.set();
      }
    } else if (changed & CFG_ENABLE) {
      this.hpet_counter = this.ticks();
      for (const t of timers) this.#stop(t);
    }
    if (!(changed & CFG_LEGACY)) return;
    this.#irq(0)(0);
    if (this.#legacy) {
      this.pitEnabled(0);
      this.#irq(RTC_ISA_IRQ)(0);
    } else {
      this.pitEnabled(1);
      this.#irq(RTC_ISA_IRQ)(this.rtc_irq_level);
    }
  }

  #configureTimer(t: Comparator, value: bigint): void {
    const next = (value & TN_WRITABLE) | (t.config & ~TN_WRITABLE);
    const old = t.config;
    // Before the change, or a timer that turns to messages would leave its line high.
    if (old & ~next & TN_TYPE_LEVEL) this.updateIrq(t, false);
    t.config = next;
    if (next & ~old & TN_ENABLE && this.isr & (1n << BigInt(t.tn & 31))) this.updateIrq(t, true);
    if (next & TN_32BIT) {
      t.cmp = low32(t.cmp);
      t.period = low32(t.period);
    }
    if (this.#enabled) t.set();
  }

  #compare(t: Comparator, shift: bigint, length: bigint, value: bigint): void {
    let bits = length;
    let written = value;
    if (t.config & TN_32BIT) {
      if (shift) return;
      bits = 64n;
      written = low32(value);
    }
    if (!t.isPeriodic || (t.config & TN_SETVAL) !== 0n) t.cmp = deposit(t.cmp, shift, bits, written);
    if (t.isPeriodic) t.period = deposit(t.period, shift, bits, written);
    t.config &= ~TN_SETVAL;
    if (this.#enabled) t.set();
  }
}
