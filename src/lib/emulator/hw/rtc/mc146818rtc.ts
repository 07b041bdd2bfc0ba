/** Section "mc146818rtc": clock and CMOS memory. Source: QEMU hw/rtc/mc146818rtc.c; MC146818 datasheet. */
import { fieldsOf, unused, type VMStateDescription } from '../../../vmstate/vmstate.ts';
import { i64, timer, TIMER_NOT_ARMED, u16, u32, u64, u8 } from '../../../vmstate/vmstate-types.ts';
import { MemoryRegion, type MemoryRegionOps } from '../../system/memory.ts';
import { muldiv64, NANOSECONDS_PER_SECOND, type QEMUTimer } from '../../util/qemu-timer.ts';
import type { Irq } from '../core/irq.ts';
import type { Device, DeviceHost } from '../core/qdev.ts';
import { registerBlock } from '../core/register.ts';
import * as reg from './mc146818rtc_regs.ts';

export interface MC146818RtcState {
  cmos_data: Uint8Array;
  cmos_index: number;
  periodic_timer: bigint;
  next_periodic_time: bigint;
  irq_coalesced: number;
  period: number;
  base_rtc: bigint;
  last_update: bigint;
  offset: bigint;
  update_timer: bigint;
  next_alarm_time: bigint;
  irq_reinject_on_ack_count: number;
}

const rtc = fieldsOf<MC146818RtcState>();
export const vmstate_rtc: VMStateDescription<MC146818RtcState> = {
  name: 'mc146818rtc',
  version: 3,
  minimumVersion: 1,
  doc: 'Battery-backed clock, alarm and CMOS memory.',
  fields: [
    rtc('cmos_data', registerBlock(128, reg.CMOS)),
    rtc('cmos_index', u8, { doc: 'byte that port 71 shows', radix: 16 }),
    unused(28, { name: 'unused[0]', doc: 'was the current time' }),
    rtc('periodic_timer', timer, { unit: 'ns', clock: true }),
    rtc('next_periodic_time', i64, { unit: 'ns', clock: true }),
    unused(24, { name: 'unused[1]', doc: 'was the timers of seconds' }),
    rtc('irq_coalesced', u32, { since: 2, doc: 'periodic interrupts that the guest missed and is still to get' }),
    rtc('period', u32, { since: 2, doc: 'of the periodic interrupt, at 32768 Hz', unit: 'ticks' }),
    rtc('base_rtc', u64, { since: 3, doc: 'guest time at the last update, since 1970', unit: 's', clock: true }),
    rtc('last_update', u64, { since: 3, doc: "host's clock then", unit: 'ns', clock: true }),
    rtc('offset', i64, { since: 3, doc: 'part of a second', unit: 'ns', clock: true }),
    rtc('update_timer', timer, { since: 3, unit: 'ns', clock: true }),
    rtc('next_alarm_time', u64, { since: 3, unit: 'ns', clock: true })
  ],
  subsections: [
    {
      name: 'mc146818rtc/irq_reinject_on_ack_count',
      version: 1,
      minimumVersion: 1,
      needed: ({ irq_reinject_on_ack_count }) => (irq_reinject_on_ack_count ?? 0) !== 0,
      fields: [rtc('irq_reinject_on_ack_count', u16)]
    }
  ]
};

const RTC_CLOCK_RATE = 32768n;
/** The last 244 µs of a second, in which an update is said to be going on. */
const UIP_HOLD_LENGTH = (8n * NANOSECONDS_PER_SECOND) / 32768n;
/** A periodic interrupt that lies further back than this was not merely late. */
const MAX_CLOCK_JUMP = 60n * NANOSECONDS_PER_SECOND;
const SEC_PER_DAY = 86400;
const ANY = -1;

const clocksToNs = (clocks: bigint): bigint => muldiv64(clocks, NANOSECONDS_PER_SECOND, RTC_CLOCK_RATE);
const nsToClocks = (ns: bigint): bigint => muldiv64(BigInt.asUintN(64, ns), RTC_CLOCK_RATE, NANOSECONDS_PER_SECOND);

export interface RtcOptions {
  /** ISA interrupt 8. */
  readonly irq: Irq;
  /** The alarm wakes a suspended machine. */
  readonly wakeup?: () => void;
  /** What it shows at start: seconds since 1970, the host's time when absent (-rtc base). */
  readonly date?: bigint;
  /** Year that the year byte counts from; 0 where the century byte does (a pc's base_year=2000). */
  readonly baseYear?: number;
}

export class MC146818Rtc implements MC146818RtcState, Device {
  readonly idstr = 'mc146818rtc';
  readonly vmsd = vmstate_rtc;
  readonly #host: DeviceHost;
  readonly #irq: Irq;
  readonly #wakeup: () => void;
  readonly #baseYear: number;
  readonly #periodic: QEMUTimer;
  readonly #update: QEMUTimer;

  cmos_data = new Uint8Array(128);
  cmos_index = 0;
  periodic_timer = TIMER_NOT_ARMED;
  next_periodic_time = 0n;
  irq_coalesced = 0;
  period = 0;
  base_rtc = 0n;
  last_update = 0n;
  offset = 0n;
  update_timer = TIMER_NOT_ARMED;
  next_alarm_time = 0n;
  irq_reinject_on_ack_count = 0;

  constructor(host: DeviceHost, { irq, wakeup = () => {}, date, baseYear = 0 }: RtcOptions) {
    this.#host = host;
    this.#irq = irq;
    this.#wakeup = wakeup;
    this.#baseYear = baseYear;
    this.#periodic = host.clocks.host.timer(() => this.#periodicFires());
    this.#update = host.clocks.host.timer(() => this.#updateFires());
    this.cmos_data[reg.RTC_REG_A] = 0x26;
    this.cmos_data[reg.RTC_REG_B] = reg.REG_B_24H;
    this.cmos_data[reg.RTC_REG_D] = 0x80;
    this.last_update = this.#now();
    this.base_rtc = date ?? this.last_update / NANOSECONDS_PER_SECOND;
    this.#showTime(this.base_rtc);
    this.#checkUpdate();
    const ops: MemoryRegionOps = {
      impl: { min: 1, max: 1 },
      read: (at) => (at & 1 ? this.#read() : 0xff),
      write: (at, value) => {
        if (at & 1) this.#write(value);
        else this.cmos_index = value & 0x7f;
      }
    };
    const region = host.ports.register(0x70, MemoryRegion.io('rtc', 2, ops));
    // Apart, as KVM may keep writes to it back.
    region.addSubregion(0, MemoryRegion.io('rtc-index', 1, ops));
  }

  /** Source: rtc_reset_enter, rtc_reset_hold. */
  reset(): void {
    // fe is how the BIOS knows that it resumes from S3.
    if (this.cmos_data[reg.RTC_SHUTDOWN] !== 0xfe) this.cmos_data[reg.RTC_SHUTDOWN] = 0;
    this.cmos_data[reg.RTC_REG_B]! &= ~(reg.REG_B_PIE | reg.REG_B_AIE | reg.REG_B_SQWE);
    this.cmos_data[reg.RTC_REG_C]! &= ~(reg.REG_C_MASK | reg.REG_C_IRQF);
    this.#checkUpdate();
    this.#irq(0);
  }

  preSave(): void {
    this.#updateTime();
    this.periodic_timer = this.#periodic.saved;
    this.update_timer = this.#update.saved;
  }

  preLoad(): void {
    this.irq_reinject_on_ack_count = 0;
  }

  postLoad(version: number): void {
    this.#periodic.load(this.periodic_timer);
    this.#update.load(this.update_timer);
    if (version <= 2) {
      this.#setTime();
      this.offset = 0n;
      this.#checkUpdate();
    }
    this.period = this.#periodTicks();
    const late = this.#now() - this.next_periodic_time;
    if (late < 0n || late > MAX_CLOCK_JUMP) this.#periodicUpdate(this.#now(), this.period, false);
  }

  /** CMOS memory as the machine fills it. Source: mc146818rtc_set_cmos_data. */
  setCmos(addr: number, value: number): void {
    this.cmos_data[addr & 0x7f] = value;
  }
  cmos(addr: number): number {
    return this.cmos_data[addr & 0x7f]!;
  }

  /** The machine goes to S3: the BIOS will resume it. Source: rtc_notify_suspend. */
  suspend(): void {
    this.setCmos(reg.RTC_SHUTDOWN, 0xfe);
  }

  get #a(): number {
    return this.cmos_data[reg.RTC_REG_A]!;
  }
  get #b(): number {
    return this.cmos_data[reg.RTC_REG_B]!;
  }
  get #c(): number {
    return this.cmos_data[reg.RTC_REG_C]!;
  }
  #now(): bigint {
    return this.#host.clocks.host.now();
  }
  get #running(): boolean {
    return !(this.#b & reg.REG_B_SET) && (this.#a & 0x70) <= 0x20;
  }
  /** The divider is held in reset. */
  get #dividerReset(): boolean {
    return (this.#a & 0x60) === 0x60;
  }

  /** What the clock shows: seconds since 1970 and the ns above them. Source: get_guest_rtc_ns. */
  #guestTime(): { seconds: bigint; ns: bigint } {
    const base = BigInt.asIntN(64, this.base_rtc) * NANOSECONDS_PER_SECOND;
    const time = base + this.#now() - BigInt.asIntN(64, this.last_update) + this.offset;
    const ns = ((time % NANOSECONDS_PER_SECOND) + NANOSECONDS_PER_SECOND) % NANOSECONDS_PER_SECOND;
    return { seconds: (time - ns) / NANOSECONDS_PER_SECOND, ns };
  }

  /** Source: rtc_periodic_clock_ticks, periodic_period_to_clock. */
  #periodTicks(): number {
    const rate = this.#a & 0x0f;
    if (!(this.#b & reg.REG_B_PIE) || rate === 0) return 0;
    return 1 << ((rate <= 2 ? rate + 7 : rate) - 1);
  }

  /** Arms the periodic interrupt; ticks that are lost stay lost. Source: periodic_timer_update. */
  #periodicUpdate(now: bigint, oldPeriod: number, changed: boolean): void {
    this.period = this.#periodTicks();
    if (this.period === 0) {
      this.irq_coalesced = 0;
      this.#periodic.del();
      return;
    }
    const clock = nsToClocks(now);
    const period = BigInt(this.period);
    let since = 0n;
    if (oldPeriod && changed) since = clock - (nsToClocks(this.next_periodic_time) - BigInt(oldPeriod));
    since = since < 0n ? 0n : since > period ? period : since;
    this.next_periodic_time = BigInt.asIntN(64, clocksToNs(clock + period - since) + 1n);
    this.#periodic.mod(this.next_periodic_time);
  }

  #periodicFires(): void {
    this.#periodicUpdate(this.next_periodic_time, this.period, false);
    this.cmos_data[reg.RTC_REG_C]! |= reg.REG_C_PF;
    if (!(this.#b & reg.REG_B_PIE)) return;
    this.cmos_data[reg.RTC_REG_C]! |= reg.REG_C_IRQF;
    this.#irq(1);
  }

  /** Arms the timer for the next second or alarm, if anything visible comes of it. Source: check_update_timer. */
  #checkUpdate(): void {
    if (this.#dividerReset) {
      this.#update.del();
      return;
    }
    let next = this.#now() + NANOSECONDS_PER_SECOND - this.#guestTime().ns;
    this.next_alarm_time = next + BigInt(this.#secondsToAlarm() - 1) * NANOSECONDS_PER_SECOND;
    // A latched UIP must be cleared at the next second.
    if (!(this.#a & reg.REG_A_UIP) && this.#c & reg.REG_C_UF) {
      if (this.#b & reg.REG_B_SET || this.#c & reg.REG_C_AF) {
        this.#update.del();
        return;
      }
      next = this.next_alarm_time;
    }
    if (next !== this.#update.expire_time) this.#update.mod(next);
  }

  /** Source: rtc_update_timer. */
  #updateFires(): void {
    this.#updateTime();
    this.cmos_data[reg.RTC_REG_A]! &= ~reg.REG_A_UIP;
    let flags = reg.REG_C_UF;
    if (this.#now() >= this.next_alarm_time) {
      flags |= reg.REG_C_AF;
      if (this.#b & reg.REG_B_AIE) this.#wakeup();
    }
    const fresh = flags & ~this.#c;
    this.cmos_data[reg.RTC_REG_C]! |= flags;
    if (fresh & this.#b) {
      this.cmos_data[reg.RTC_REG_C]! |= reg.REG_C_IRQF;
      this.#irq(1);
    }
    this.#checkUpdate();
  }

  /** Seconds to the next match of the alarm, 1 to those of a day. Source: get_next_alarm. */
  #secondsToAlarm(): number {
    this.#updateTime();
    const alarm = (at: number, valueOf: (byte: number) => number): number => {
      const byte = this.cmos_data[at]!;
      return (byte & 0xc0) === 0xc0 ? ANY : valueOf(byte);
    };
    const h = alarm(reg.RTC_HOURS_ALARM, (byte) => this.#hourOf(byte));
    const m = alarm(reg.RTC_MINUTES_ALARM, (byte) => this.#fromBcd(byte));
    const s = alarm(reg.RTC_SECONDS_ALARM, (byte) => this.#fromBcd(byte));
    const { hours, minutes, seconds } = this.#time();
    const thisHour = h === ANY || h === hours;
    const thisMinute = thisHour && (m === ANY || m === minutes);
    let hour = h === ANY ? hours : h;
    let minute = m === ANY ? (thisHour ? minutes : 0) : m;
    let second = s === ANY ? (thisMinute ? seconds + 1 : 0) : s;
    // Where the fixed fields have passed, the next free one above them moves on; without any that is the day.
    const passed = thisMinute ? (s === ANY ? second === 60 : seconds > second) : thisHour && minutes > minute;
    if (thisMinute && second >= 60) second -= 60;
    if (passed && thisMinute && m === ANY) minute++;
    else if (passed && h === ANY) hour++;
    if (minute >= 60) {
      minute -= 60;
      if (h === ANY) hour++;
    }
    const wait = (((hour % 24) - hours) * 60 + minute - minutes) * 60 + second - seconds;
    return wait <= 0 ? wait + SEC_PER_DAY : wait;
  }

  #toBcd(value: number): number {
    return this.#b & reg.REG_B_DM ? value : (Math.trunc(value / 10) << 4) | (value % 10);
  }
  #fromBcd(byte: number): number {
    return this.#b & reg.REG_B_DM ? byte : (byte >> 4) * 10 + (byte & 0x0f);
  }
  /** 0 to 23, from either form. */
  #hourOf(byte: number): number {
    const hour = this.#fromBcd(byte & 0x7f);
    if (this.#b & reg.REG_B_24H) return hour;
    return (hour % 12) + (byte & 0x80 ? 12 : 0);
  }

  /** What the registers show. Source: rtc_get_time. */
  #time() {
    const at = (index: number): number => this.#fromBcd(this.cmos_data[index]!);
    return {
      year: at(reg.RTC_YEAR) + this.#baseYear + at(reg.RTC_CENTURY) * 100,
      month: at(reg.RTC_MONTH),
      day: at(reg.RTC_DAY_OF_MONTH),
      hours: this.#hourOf(this.cmos_data[reg.RTC_HOURS]!),
      minutes: at(reg.RTC_MINUTES),
      seconds: at(reg.RTC_SECONDS)
    };
  }

  /** The registers were written: the clock goes on from there. Source: rtc_set_time, mktimegm. */
  #setTime(): void {
    const { year, month, day, hours, minutes, seconds } = this.#time();
    // Months and days that do not exist run over into the next ones.
    const days = Date.UTC(2000 + (year % 400), month - 1, day) / 86_400_000 + Math.floor(year / 400 - 5) * 146_097;
    this.base_rtc = BigInt.asUintN(64, BigInt(days * SEC_PER_DAY + hours * 3600 + minutes * 60 + seconds));
    this.last_update = this.#now();
  }

  /** Brings the registers up to date unless the guest is setting them. Source: rtc_update_time. */
  #updateTime(): void {
    if (!(this.#b & reg.REG_B_SET)) this.#showTime(this.#guestTime().seconds);
  }

  /** Source: rtc_set_cmos. */
  #showTime(seconds: bigint): void {
    const date = new Date(Number(seconds) * 1000);
    // Out of the reach of Date: the stream's clock is garbage, and so is what is shown.
    if (Number.isNaN(date.getTime())) return;
    const set = (at: number, value: number): unknown => (this.cmos_data[at] = this.#toBcd(value));
    const hours = date.getUTCHours();
    set(reg.RTC_SECONDS, date.getUTCSeconds());
    set(reg.RTC_MINUTES, date.getUTCMinutes());
    set(reg.RTC_HOURS, this.#b & reg.REG_B_24H ? hours : hours % 12 || 12);
    if (!(this.#b & reg.REG_B_24H) && hours >= 12) this.cmos_data[reg.RTC_HOURS]! |= 0x80;
    set(reg.RTC_DAY_OF_WEEK, date.getUTCDay() + 1);
    set(reg.RTC_DAY_OF_MONTH, date.getUTCDate());
    set(reg.RTC_MONTH, date.getUTCMonth() + 1);
    const year = date.getUTCFullYear() - this.#baseYear;
    set(reg.RTC_YEAR, year % 100);
    set(reg.RTC_CENTURY, Math.trunc(year / 100));
  }

  /** Source: update_in_progress. */
  #updateInProgress(): boolean {
    if (!this.#running) return false;
    if (this.#update.pending && this.#now() >= this.#update.expire_time - UIP_HOLD_LENGTH) {
      // Stays set until the update is over, however late that is.
      this.cmos_data[reg.RTC_REG_A]! |= reg.REG_A_UIP;
      return true;
    }
    return this.#guestTime().ns >= NANOSECONDS_PER_SECOND - UIP_HOLD_LENGTH;
  }

  /** The byte that port 71 reads. Source: cmos_ioport_read. */
  #read(): number {
    if (this.cmos_index === reg.RTC_IBM_PS2_CENTURY_BYTE) this.cmos_index = reg.RTC_CENTURY;
    const index = this.cmos_index & 0x7f;
    if (reg.TIME_REGISTERS.has(index) && this.#running) this.#updateTime();
    const value = this.cmos_data[index]!;
    if (index === reg.RTC_REG_A && this.#updateInProgress()) return value | reg.REG_A_UIP;
    if (index === reg.RTC_REG_C) {
      this.#irq(0);
      this.cmos_data[reg.RTC_REG_C] = 0;
      if (value & (reg.REG_C_UF | reg.REG_C_AF)) this.#checkUpdate();
    }
    return value;
  }

  /** Source: cmos_ioport_write. */
  #write(value: number): void {
    if (this.cmos_index === reg.RTC_IBM_PS2_CENTURY_BYTE) this.cmos_index = reg.RTC_CENTURY;
    const index = this.cmos_index & 0x7f;
    switch (index) {
      case reg.RTC_REG_A:
        this.#writeA(value);
        return;
      case reg.RTC_REG_B:
        this.#writeB(value);
        return;
      case reg.RTC_REG_C:
      case reg.RTC_REG_D:
        return;
    }
    this.cmos_data[index] = value;
    if (reg.ALARM_REGISTERS.has(index)) this.#checkUpdate();
    else if (reg.TIME_REGISTERS.has(index) && this.#running) {
      this.#setTime();
      this.#checkUpdate();
    }
  }

  #writeA(value: number): void {
    const rateChanges = ((this.#a ^ value) & 0x0f) !== 0;
    const oldPeriod = this.#periodTicks();
    let inProgress = this.#a & reg.REG_A_UIP;
    if ((value & 0x60) === 0x60) {
      if (this.#running) this.#updateTime();
      inProgress = 0;
    } else if (this.#dividerReset && (value & 0x70) <= 0x20) {
      // The first update comes half a second after the divider was let go.
      if (!(this.#b & reg.REG_B_SET)) {
        this.offset = NANOSECONDS_PER_SECOND / 2n;
        this.#setTime();
      }
      inProgress = 0;
    }
    this.cmos_data[reg.RTC_REG_A] = (value & ~reg.REG_A_UIP) | inProgress;
    if (rateChanges) this.#periodicUpdate(this.#now(), oldPeriod, true);
    this.#checkUpdate();
  }

  #writeB(value: number): void {
    const enableChanges = ((this.#b ^ value) & reg.REG_B_PIE) !== 0;
    const oldPeriod = this.#periodTicks();
    let next = value;
    if (value & reg.REG_B_SET) {
      if (this.#running) this.#updateTime();
      this.cmos_data[reg.RTC_REG_A]! &= ~reg.REG_A_UIP;
      next &= ~reg.REG_B_UIE;
    } else if (this.#b & reg.REG_B_SET && (this.#a & 0x70) <= 0x20) {
      this.offset = this.#guestTime().ns;
      this.#setTime();
    }
    // A flag that is set already interrupts as soon as it may.
    if (next & this.#c & reg.REG_C_MASK) {
      this.cmos_data[reg.RTC_REG_C]! |= reg.REG_C_IRQF;
      this.#irq(1);
    } else {
      this.cmos_data[reg.RTC_REG_C]! &= ~reg.REG_C_IRQF;
      this.#irq(0);
    }
    this.cmos_data[reg.RTC_REG_B] = next;
    if (enableChanges) this.#periodicUpdate(this.#now(), oldPeriod, true);
    this.#checkUpdate();
  }
}
