/** Section "i8254": the PIT. Source: QEMU hw/timer/i8254_common.c, i8254.c. */
import { fieldsOf, struct, type VMStateDescription } from '../../../vmstate/vmstate.ts';
import { arrayOf, i32, i64, u16, u32, u8 } from '../../../vmstate/vmstate-types.ts';
import { MemoryRegion } from '../../system/memory.ts';
import { muldiv64, NANOSECONDS_PER_SECOND, type QEMUTimer } from '../../util/qemu-timer.ts';
import type { Irq } from '../core/irq.ts';
import type { Device, DeviceHost } from '../core/qdev.ts';

export interface PITChannelState {
  count: number;
  latched_count: number;
  count_latched: number;
  status_latched: number;
  status: number;
  read_state: number;
  write_state: number;
  write_latch: number;
  rw_mode: number;
  mode: number;
  bcd: number;
  gate: number;
  count_load_time: bigint;
  next_transition_time: bigint;
  irq_disabled: number;
}
export interface PITCommonState {
  channels: PITChannelState[];
}

export const PIT_FREQ = 1_193_182;

const ACCESS = { 0: 'none', 1: 'low byte', 2: 'high byte', 3: 'low, then high byte', 4: 'high byte comes' };
const MODES = {
  0: 'interrupt on terminal count',
  1: 'one-shot',
  2: 'rate generator',
  3: 'square wave',
  4: 'software strobe',
  5: 'hardware strobe'
};

const channel = fieldsOf<PITChannelState>();
const vmstate_pit_channel: VMStateDescription<PITChannelState> = {
  name: 'pit channel',
  version: 2,
  minimumVersion: 2,
  fields: [
    channel('count', i32, { doc: 'counts down from here, 1.193182 MHz', unit: 'ticks' }),
    channel('latched_count', u16, { unit: 'ticks' }),
    channel('count_latched', u8, { doc: 'bytes of the latched count still to be read', values: ACCESS }),
    channel('status_latched', u8, { values: { 0: 'no', 1: 'yes' } }),
    channel('status', u8, {
      bits: [
        { bit: 0, name: 'BCD' },
        { bit: 1, width: 3, name: 'mode', values: MODES },
        { bit: 4, width: 2, name: 'access', values: ACCESS },
        { bit: 6, name: 'null count', doc: 'not yet loaded' },
        { bit: 7, name: 'output' }
      ]
    }),
    channel('read_state', u8, { doc: 'byte that the next read returns', values: ACCESS }),
    channel('write_state', u8, { doc: 'byte that the next write sets', values: ACCESS }),
    channel('write_latch', u8, { doc: 'low byte, while the high byte is to come', radix: 16 }),
    channel('rw_mode', u8, { doc: 'access', values: ACCESS }),
    channel('mode', u8, { values: MODES }),
    channel('bcd', u8, { doc: 'decimal; QEMU counts in binary all the same' }),
    channel('gate', u8, { doc: 'gate input' }),
    channel('count_load_time', i64, { doc: 'when counting began', unit: 'ns', clock: true }),
    channel('next_transition_time', i64, {
      doc: 'when the output changes',
      unit: 'ns',
      clock: true,
      values: { [-1]: 'never' }
    })
  ]
};

const pit = fieldsOf<PITCommonState>();
/** QEMU calls it vmstate_pit_common. */
export const vmstate_pit: VMStateDescription<PITCommonState> = {
  name: 'i8254',
  version: 3,
  minimumVersion: 2,
  doc: 'Interval timer of the PC: ticks, DRAM refresh, speaker.',
  fields: [
    pit('channels[0].irq_disabled', u32, { since: 3, doc: 'the HPET has taken over the interrupt' }),
    pit(
      'channels',
      arrayOf(struct(vmstate_pit_channel), 3, {
        abouts: ['interrupt 0', 'DRAM refresh', 'speaker'].map((doc) => ({ doc }))
      })
    ),
    pit('channels[0].next_transition_time', i64, { doc: 'once irq_timer', unit: 'ns', clock: true })
  ]
};

/** What the next read returns, or the next write sets. */
const MSB = 2;
const WORD0 = 3;
const WORD1 = 4;

const FREQ = BigInt(PIT_FREQ);
const newChannel = (gate: number): PITChannelState => ({
  ...{ count: 0, latched_count: 0, count_latched: 0, status_latched: 0, status: 0, read_state: 0, write_state: 0 },
  ...{ write_latch: 0, rw_mode: 0, mode: 0, bcd: 0, gate, count_load_time: 0n, next_transition_time: 0n },
  irq_disabled: 0
});

/** Ticks since counting began. */
const elapsed = (c: PITChannelState, now: bigint): bigint =>
  muldiv64(BigInt.asUintN(64, now - c.count_load_time), FREQ, NANOSECONDS_PER_SECOND);

/** Source: pit_get_count. */
function currentCount(c: PITChannelState, now: bigint): number {
  const ticks = elapsed(c, now);
  switch (c.mode) {
    case 0:
    case 1:
    case 4:
    case 5:
      return Number(BigInt.asUintN(16, BigInt(c.count) - ticks));
    case 3:
      return c.count - Number((2n * ticks) % BigInt(c.count));
    default:
      return c.count - Number(ticks % BigInt(c.count));
  }
}

/** The level of the output. Source: pit_get_out. */
function output(c: PITChannelState, now: bigint): number {
  const ticks = elapsed(c, now);
  const count = BigInt(c.count);
  switch (c.mode) {
    case 2:
      return ticks % count === 0n && ticks !== 0n ? 1 : 0;
    case 3:
      return ticks % count < (count + 1n) >> 1n ? 1 : 0;
    case 4:
    case 5:
      return ticks === count ? 1 : 0;
    default:
      return ticks >= count ? 1 : 0;
  }
}

/** When the output changes next, -1 if it does not. Source: pit_get_next_transition_time. */
function nextTransition(c: PITChannelState, now: bigint): bigint {
  const ticks = elapsed(c, now);
  const count = BigInt(c.count);
  const into = ticks % count;
  const base = ticks - into;
  let next: bigint;
  switch (c.mode) {
    case 2:
      next = base + count + (into === 0n && ticks !== 0n ? 0n : 1n);
      break;
    case 3: {
      const half = (count + 1n) >> 1n;
      next = base + (into < half ? half : count);
      break;
    }
    case 4:
    case 5:
      if (ticks > count) return -1n;
      next = ticks < count ? count : count + 1n;
      break;
    default:
      if (ticks >= count) return -1n;
      next = count;
  }
  const time = BigInt.asIntN(64, c.count_load_time + muldiv64(next, NANOSECONDS_PER_SECOND, FREQ));
  return time <= now ? now + 1n : time;
}

/** What the speaker and port 61 see of a channel. */
export interface PITChannelInfo {
  readonly gate: number;
  readonly mode: number;
  readonly initial_count: number;
  readonly out: number;
}

export class I8254 implements PITCommonState, Device {
  readonly idstr = 'i8254';
  readonly vmsd = vmstate_pit;
  readonly #host: DeviceHost;
  readonly #out: Irq;
  readonly #timer: QEMUTimer;

  channels: PITChannelState[] = [1, 1, 0].map(newChannel);

  /** @param out output of channel 0 */
  constructor(host: DeviceHost, out: Irq, iobase = 0x40) {
    this.#host = host;
    this.#out = out;
    this.#timer = host.clocks.virtual.timer(() => this.#update(this.channels[0]!.next_transition_time));
    host.ports.register(
      iobase,
      MemoryRegion.io('pit', 4, {
        impl: { min: 1, max: 1 },
        read: (at) => this.#read(at & 3),
        write: (at, value) => this.#write(at & 3, value)
      })
    );
    this.reset();
  }

  /** Source: pit_reset_common, pit_reset. */
  reset(): void {
    const now = this.#now();
    this.channels.forEach((c, n) => {
      c.mode = 3;
      c.gate = n === 2 ? 0 : 1;
      c.count_load_time = now;
      c.count = 0x10000;
    });
    const first = this.channels[0]!;
    if (first.irq_disabled) return;
    first.next_transition_time = nextTransition(first, now);
    this.#timer.mod(first.next_transition_time);
  }

  postLoad(): string | undefined {
    const first = this.channels[0]!;
    const wrong = this.channels.find((c) => c.count < 1 || c.count > 0x10000);
    // Dividing by it would throw.
    for (const c of this.channels) if (c.count < 1 || c.count > 0x10000) c.count = 0x10000;
    if (first.next_transition_time !== -1n && !first.irq_disabled) this.#timer.mod(first.next_transition_time);
    else this.#timer.del();
    return wrong && 'i8254: a channel counts down from what does not fit 16 bits';
  }

  /** The HPET takes channel 0's interrupt over, or gives it back. Source: pit_irq_control. */
  readonly irqControl: Irq = (enable) => {
    this.channels[0]!.irq_disabled = enable ? 0 : 1;
    if (enable) this.#update(this.#now());
    else this.#timer.del();
  };

  /** Source: pit_set_channel_gate. Counting does not stop while the gate is low, as in QEMU. */
  setGate(channel: number, gate: number): void {
    const c = this.channels[channel]!;
    const triggered = c.mode === 1 || c.mode === 2 || c.mode === 3 || c.mode === 5;
    if (triggered && c.gate < gate) this.#restart(c);
    c.gate = gate;
  }

  /** Source: pit_get_channel_info. */
  channelInfo(channel: number): PITChannelInfo {
    const c = this.channels[channel]!;
    return { gate: c.gate, mode: c.mode, initial_count: c.count, out: output(c, this.#now()) };
  }

  #now(): bigint {
    return this.#host.clocks.virtual.now();
  }

  #restart(c: PITChannelState): void {
    c.count_load_time = this.#now();
    if (c === this.channels[0]) this.#update(c.count_load_time);
  }

  #loadCount(c: PITChannelState, value: number): void {
    c.count = value === 0 ? 0x10000 : value;
    this.#restart(c);
  }

  /** Source: pit_irq_timer_update. */
  #update(now: bigint): void {
    const first = this.channels[0]!;
    if (first.irq_disabled) return;
    first.next_transition_time = nextTransition(first, now);
    this.#out(output(first, now));
    if (first.next_transition_time !== -1n) this.#timer.mod(first.next_transition_time);
    else this.#timer.del();
  }

  #latchCount(c: PITChannelState): void {
    if (c.count_latched) return;
    c.latched_count = currentCount(c, this.#now()) & 0xffff;
    c.count_latched = c.rw_mode;
  }

  #latchStatus(c: PITChannelState): void {
    if (c.status_latched) return;
    c.status = (output(c, this.#now()) << 7) | (c.rw_mode << 4) | (c.mode << 1) | c.bcd;
    c.status_latched = 1;
  }

  #write(at: number, value: number): void {
    if (at === 3) {
      this.#control(value);
      return;
    }
    const c = this.channels[at]!;
    switch (c.write_state) {
      case MSB:
        this.#loadCount(c, value << 8);
        break;
      case WORD0:
        c.write_latch = value;
        c.write_state = WORD1;
        break;
      case WORD1:
        this.#loadCount(c, c.write_latch | (value << 8));
        c.write_state = WORD0;
        break;
      default:
        this.#loadCount(c, value);
    }
  }

  #control(value: number): void {
    const channel = value >> 6;
    if (channel === 3) {
      // Read-back: bits 5 and 4 are active low.
      this.channels.forEach((c, n) => {
        if (!(value & (2 << n))) return;
        if (!(value & 0x20)) this.#latchCount(c);
        if (!(value & 0x10)) this.#latchStatus(c);
      });
      return;
    }
    const c = this.channels[channel]!;
    const access = (value >> 4) & 3;
    if (access === 0) {
      this.#latchCount(c);
      return;
    }
    c.rw_mode = c.read_state = c.write_state = access;
    c.mode = (value >> 1) & 7;
    c.bcd = value & 1;
  }

  #read(at: number): number {
    if (at === 3) return 0;
    const c = this.channels[at]!;
    if (c.status_latched) {
      c.status_latched = 0;
      return c.status;
    }
    if (c.count_latched) {
      const high = c.count_latched === MSB;
      c.count_latched = c.count_latched === WORD0 ? MSB : 0;
      return high ? c.latched_count >> 8 : c.latched_count & 0xff;
    }
    const count = currentCount(c, this.#now());
    if (c.read_state === WORD0) {
      c.read_state = WORD1;
      return count & 0xff;
    }
    const high = c.read_state === MSB || c.read_state === WORD1;
    if (c.read_state === WORD1) c.read_state = WORD0;
    return high ? (count >> 8) & 0xff : count & 0xff;
  }
}
