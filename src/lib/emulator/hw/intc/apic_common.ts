/** Section "apic": the state of a CPU's local APIC. Source: QEMU hw/intc/apic_common.c; SDM 3A, APIC. */
import { fieldsOf, type Bits, type Meaning, type VMStateDescription } from '../../../vmstate/vmstate.ts';
import { arrayOf, i32, i64, u32, u8 } from '../../../vmstate/vmstate-types.ts';

export interface APICCommonState {
  apicbase: number;
  id: number;
  arb_id: number;
  tpr: number;
  spurious_vec: number;
  log_dest: number;
  dest_mode: number;
  isr: number[];
  tmr: number[];
  irr: number[];
  lvt: number[];
  esr: number;
  icr: number[];
  divide_conf: number;
  count_shift: number;
  initial_count: number;
  initial_count_load_time: bigint;
  next_time: bigint;
  timer_expiry: bigint;
  sipi_vector: number;
  wait_for_sipi: number;
}

const APIC_BASE: Meaning = {
  doc: 'MSR 1b.',
  pointer: 'gpa',
  bits: [
    { bit: 8, name: 'BSP', doc: 'the CPU that boots' },
    { bit: 10, name: 'EXTD', doc: 'x2APIC' },
    { bit: 11, name: 'EN', doc: 'APIC on' },
    { bit: 12, width: 20, name: 'base', doc: 'page number of the registers' }
  ]
};
const PRIORITY: Meaning = {
  doc: 'task priority: interrupts of this class and below wait',
  bits: [
    { bit: 0, width: 4, name: 'sub-class' },
    { bit: 4, width: 4, name: 'class' }
  ]
};
const SPURIOUS: Meaning = {
  bits: [
    { bit: 0, width: 8, name: 'vector' },
    { bit: 8, name: 'enabled', doc: 'APIC on by software' },
    { bit: 9, name: 'no focus' },
    { bit: 12, name: 'directed EOI', doc: 'EOIs are not broadcast' }
  ]
};

const VECTOR: Bits = { bit: 0, width: 8, name: 'vector' };
const DELIVERY: Bits = {
  bit: 8,
  width: 3,
  name: 'delivery',
  values: { 0: 'fixed', 1: 'lowest priority', 2: 'SMI', 4: 'NMI', 5: 'INIT', 6: 'start-up', 7: 'ExtINT' }
};
const PENDING: Bits = { bit: 12, name: 'pending', doc: 'not yet accepted' };
const MASKED: Bits = { bit: 16, name: 'masked' };
const TRIGGER: Bits = { bit: 15, name: 'trigger', values: { 0: 'edge', 1: 'level' } };

const internal = (doc: string): Meaning => ({ doc, bits: [VECTOR, DELIVERY, PENDING, MASKED] });
const pin = (doc: string): Meaning => ({
  doc,
  bits: [
    VECTOR,
    DELIVERY,
    PENDING,
    { bit: 13, name: 'polarity', values: { 0: 'active high', 1: 'active low' } },
    { bit: 14, name: 'remote IRR', doc: 'accepted, EOI to come' },
    TRIGGER,
    MASKED
  ]
});
/** In QEMU's order: APIC_LVT_*. */
const LVT: readonly Meaning[] = [
  {
    doc: 'timer',
    bits: [
      VECTOR,
      PENDING,
      MASKED,
      { bit: 17, width: 2, name: 'mode', values: { 0: 'one-shot', 1: 'periodic', 2: 'TSC deadline' } }
    ]
  },
  internal('thermal sensor'),
  internal('performance counters'),
  pin('LINT0 pin'),
  pin('LINT1 pin'),
  { doc: 'error', bits: [VECTOR, PENDING, MASKED] }
];

const ICR: readonly Meaning[] = [
  {
    doc: 'low half: the interrupt sent last',
    bits: [
      VECTOR,
      DELIVERY,
      { bit: 11, name: 'destination mode', values: { 0: 'physical', 1: 'logical' } },
      PENDING,
      { bit: 14, name: 'level', values: { 0: 'de-assert', 1: 'assert' } },
      TRIGGER,
      { bit: 18, width: 2, name: 'shorthand', values: { 0: 'none', 1: 'self', 2: 'all', 3: 'all others' } }
    ]
  },
  { doc: 'high half', bits: [{ bit: 24, width: 8, name: 'destination' }] }
];

const ESR: Meaning = {
  doc: 'errors',
  bits: [
    { bit: 0, name: 'send checksum' },
    { bit: 1, name: 'receive checksum' },
    { bit: 2, name: 'send accept' },
    { bit: 3, name: 'receive accept' },
    { bit: 4, name: 'redirectable IPI' },
    { bit: 5, name: 'send illegal vector' },
    { bit: 6, name: 'received illegal vector' },
    { bit: 7, name: 'illegal register' }
  ]
};
/** Bits 0, 1 and 3 are one number. */
const DIVIDER = { 0: '2', 1: '4', 2: '8', 3: '16', 8: '32', 9: '64', 10: '128', 11: '1' };

/** 256 bits, one a vector. */
const vectors = arrayOf(u32, 8, {
  abouts: Array.from({ length: 8 }, (_, word): Meaning => ({
    radix: 16,
    bits: Array.from({ length: 32 }, (__, bit) => ({ bit, name: (word * 32 + bit).toString(16).padStart(2, '0') }))
  }))
});

const apic = fieldsOf<APICCommonState>();
/** QEMU calls it vmstate_apic_common. */
export const vmstate_apic: VMStateDescription<APICCommonState> = {
  name: 'apic',
  version: 3,
  minimumVersion: 3,
  doc: 'Local interrupt controller and timer of one CPU.',
  fields: [
    apic('apicbase', u32, APIC_BASE),
    apic('id', u8),
    apic('arb_id', u8, { doc: 'arbitration' }),
    apic('tpr', u8, PRIORITY),
    apic('spurious_vec', u32, SPURIOUS),
    apic('log_dest', u8, { doc: 'logical id', radix: 16 }),
    apic('dest_mode', u8, { doc: 'model of logical ids', values: { 0: 'cluster', 15: 'flat' } }),
    apic('isr', vectors, { doc: 'vectors in service' }),
    apic('tmr', vectors, { doc: 'vectors of level-triggered interrupts' }),
    apic('irr', vectors, { doc: 'vectors requested' }),
    apic('lvt', arrayOf(u32, 6, { abouts: LVT }), { doc: 'local vector table' }),
    apic('esr', u32, ESR),
    apic('icr', arrayOf(u32, 2, { abouts: ICR }), { doc: 'interrupt command' }),
    apic('divide_conf', u32, { doc: 'the timer counts the bus clock divided by', values: DIVIDER }),
    apic('count_shift', i32, { doc: 'a tick takes 2 to the power of this ns' }),
    apic('initial_count', u32, { unit: 'ticks' }),
    apic('initial_count_load_time', i64, { doc: 'when the count began', unit: 'ns', clock: true }),
    apic('next_time', i64, { doc: 'when the timer fires', unit: 'ns', clock: true }),
    apic('timer_expiry', i64, { unit: 'ns', clock: true, values: { [-1]: 'not armed' } })
  ],
  subsections: [
    {
      name: 'apic_sipi',
      version: 1,
      minimumVersion: 1,
      needed: ({ wait_for_sipi }) => (wait_for_sipi ?? 0) !== 0,
      doc: 'The CPU has not yet been started.',
      fields: [
        apic('sipi_vector', i32, { doc: 'page at which to begin', radix: 16 }),
        apic('wait_for_sipi', i32, { values: { 0: 'started', 1: 'waits for a start-up interrupt' } })
      ]
    }
  ]
};

/** MSR 1b: the processor that boots. */
export const BASE_BSP = 1 << 8;
export const BASE_EXTD = 1 << 10;
export const BASE_ENABLE = 1 << 11;
export const LVT_NB = 6;
export const LVT_MASKED = 1 << 16;
const LVT_TIMER_PERIODIC = 1 << 17;
const DESTINATION_FLAT = 0xf;
const DESTINATION_CLUSTER = 0;

/** Sets of vectors: 8 words of 32 bits. */
export function setBit(words: number[], n: number): void {
  words[n >> 5] = (words[n >> 5]! | (1 << (n & 31))) >>> 0;
}
export function clearBit(words: number[], n: number): void {
  words[n >> 5] = (words[n >> 5]! & ~(1 << (n & 31))) >>> 0;
}
export const testBit = (words: readonly number[], n: number): boolean => ((words[n >> 5]! >> (n & 31)) & 1) !== 0;
/** The highest vector of a set, -1 if it is empty. */
export function highest(words: readonly number[]): number {
  for (let i = 7; i >= 0; i--) if (words[i]) return i * 32 + 31 - Math.clz32(words[i]!);
  return -1;
}
const noVectors = (): number[] => new Array<number>(8).fill(0);

/** What follows from the state of a local APIC alone. */
export class APICCommon implements APICCommonState {
  /** The APIC id by construction: the number of the CPU. */
  readonly instance: number;

  apicbase = 0;
  id = 0;
  arb_id = 0;
  tpr = 0;
  spurious_vec = 0;
  log_dest = 0;
  dest_mode = 0;
  isr = noVectors();
  tmr = noVectors();
  irr = noVectors();
  lvt: number[] = [];
  esr = 0;
  icr = [0, 0];
  divide_conf = 0;
  count_shift = 0;
  initial_count = 0;
  initial_count_load_time = 0n;
  next_time = 0n;
  timer_expiry = -1n;
  sipi_vector = 0;
  wait_for_sipi = 0;

  constructor(instance: number) {
    this.instance = instance;
  }

  get enabled(): boolean {
    return (this.apicbase & BASE_ENABLE) !== 0;
  }
  get x2apicMode(): boolean {
    return (this.apicbase & BASE_EXTD) !== 0;
  }
  /** Logical id in x2APIC mode: cluster and bit. */
  get extendedLogDest(): number {
    return (((this.instance >> 4) << 16) | (1 << (this.instance & 0xf))) >>> 0;
  }

  /** Whether a message to this destination is for this APIC. Source: apic_get_delivery_bitmask. */
  isDestination(destination: number, logical: boolean): boolean {
    if (this.x2apicMode) {
      if (destination === 0xffff_ffff) return true;
      if (!logical) return destination === this.instance;
      const mine = this.extendedLogDest;
      return destination >>> 16 === mine >>> 16 && (destination & mine & 0xffff) !== 0;
    }
    const short = destination & 0xff;
    if (!logical) return destination === 0xff || destination === 0xffff_ffff || short === this.id;
    if (this.dest_mode === DESTINATION_FLAT) return (short & this.log_dest) !== 0;
    if (this.dest_mode !== DESTINATION_CLUSTER) return false;
    const cluster = (short & 0xf0) === 0xf0 || (short & 0xf0) === (this.log_dest & 0xf0);
    return cluster && (short & this.log_dest & 0x0f) !== 0;
  }

  /** Source: apic_init_reset. */
  protected resetState(): void {
    this.tpr = 0;
    this.spurious_vec = 0xff;
    this.log_dest = 0;
    this.dest_mode = DESTINATION_FLAT;
    this.isr = noVectors();
    this.tmr = noVectors();
    this.irr = noVectors();
    this.lvt = new Array<number>(LVT_NB).fill(LVT_MASKED);
    this.esr = 0;
    this.icr = [0, 0];
    this.divide_conf = this.count_shift = 0;
    this.initial_count = 0;
    this.initial_count_load_time = this.next_time = 0n;
    this.timer_expiry = -1n;
    this.wait_for_sipi = this.apicbase & BASE_BSP ? 0 : 1;
  }

  /** Processor priority: the task's or that of what is in service. Source: apic_get_ppr. */
  get ppr(): number {
    const serving = Math.max(0, highest(this.isr)) >> 4;
    return this.tpr >> 4 >= serving ? this.tpr : serving << 4;
  }

  /** Ticks since the count was written: the bus clock has 1 GHz. */
  #ticksSince(now: bigint): bigint {
    return BigInt.asIntN(64, now - this.initial_count_load_time) >> this.#shift;
  }
  get #shift(): bigint {
    return BigInt(this.count_shift & 7);
  }

  /** Sets `next_time` and `timer_expiry`, which is -1 when the timer will not fire. Source: apic_next_timer. */
  protected nextTimer(now: bigint): void {
    const lvt = this.lvt[0]!;
    const count = BigInt(this.initial_count);
    const ticks = this.#ticksSince(now);
    this.timer_expiry = -1n;
    if (lvt & LVT_MASKED) return;
    let fires = count + 1n;
    if (lvt & LVT_TIMER_PERIODIC) {
      if (count === 0n) return;
      fires *= BigInt.asUintN(64, ticks) / fires + 1n;
    } else if (ticks >= count) return;
    this.next_time = BigInt.asIntN(64, this.initial_count_load_time + (fires << this.#shift));
    this.timer_expiry = this.next_time;
  }

  /** The current count register. Source: apic_get_current_count. */
  protected currentCount(now: bigint): number {
    const count = BigInt(this.initial_count);
    const ticks = this.#ticksSince(now);
    if (this.lvt[0]! & LVT_TIMER_PERIODIC) return Number(count - (BigInt.asUintN(64, ticks) % (count + 1n)));
    return ticks >= count ? 0 : Number(BigInt.asUintN(32, count - ticks));
  }
}
