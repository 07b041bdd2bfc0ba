/** Section "i8254": the PIT. Source: QEMU hw/timer/i8254_common.c, i8254.c. */
import { fieldsOf, struct, type VMStateDescription } from '../../../vmstate/vmstate.ts';
import { arrayOf, i32, i64, u16, u32, u8 } from '../../../vmstate/vmstate-types.ts';

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
