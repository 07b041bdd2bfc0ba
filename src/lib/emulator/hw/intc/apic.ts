/** Section "apic": the local APIC of a CPU. Source: QEMU hw/intc/apic_common.c, apic.c; SDM 3A, APIC. */
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
      doc: 'The CPU has not yet been started.',
      fields: [
        apic('sipi_vector', i32, { doc: 'page at which to begin', radix: 16 }),
        apic('wait_for_sipi', i32, { values: { 0: 'started', 1: 'waits for a start-up interrupt' } })
      ]
    }
  ]
};
