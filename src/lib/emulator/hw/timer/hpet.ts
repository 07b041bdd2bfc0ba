/** Section "hpet". Source: QEMU hw/timer/hpet.c; IA-PC HPET specification 1.0a section 2.3. */
import { fieldsOf, struct, type VMStateDescription } from '../../../vmstate/vmstate.ts';
import { arrayOf, timer, u64, u8 } from '../../../vmstate/vmstate-types.ts';

export interface HPETTimer {
  tn: number;
  config: bigint;
  cmp: bigint;
  fsb: bigint;
  period: bigint;
  wrap_flag: number;
  qemu_timer: bigint;
}
export interface HPETState {
  config: bigint;
  isr: bigint;
  hpet_counter: bigint;
  num_timers_save: number;
  timer: HPETTimer[];
  rtc_irq_level: number;
  hpet_offset: bigint;
}

const HPET_MIN_TIMERS = 3;
const HPET_MAX_TIMERS = 32;

const t = fieldsOf<HPETTimer>();
const vmstate_hpet_timer: VMStateDescription<HPETTimer> = {
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
      fields: [hpet('rtc_irq_level', u8, { doc: 'the RTC asserts its interrupt' })]
    },
    {
      name: 'hpet/offset',
      version: 1,
      minimumVersion: 1,
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
