/** Section "timer": the clocks of the machine. Source: QEMU system/cpu-timers.c (softmmu/cpu-timers.c before 9.0). */
import { fieldsOf, unused, type VMStateDescription } from '../../vmstate/vmstate.ts';
import { i16, i64, timer } from '../../vmstate/vmstate-types.ts';

export interface TimersState {
  cpu_ticks_offset: bigint;
  cpu_clock_offset: bigint;
  qemu_icount_bias: bigint;
  qemu_icount: bigint;
  vm_clock_warp_start: bigint;
  icount_warp_timer: bigint;
  icount_rt_timer: bigint;
  icount_vm_timer: bigint;
  icount_time_shift: number;
  last_delta: bigint;
}

const t = fieldsOf<TimersState>();
const vmstate_icount_timers: VMStateDescription<TimersState> = {
  name: 'timer/icount',
  version: 1,
  minimumVersion: 1,
  doc: 'The machine counts instructions (-icount).',
  fields: [
    t('qemu_icount_bias', i64, { doc: 'virtual time beyond what instructions took', unit: 'ns', clock: true }),
    t('qemu_icount', i64, { doc: 'instructions so far', clock: true })
  ],
  subsections: [
    {
      name: 'timer/icount/warp_timer',
      version: 1,
      minimumVersion: 1,
      doc: 'All CPUs sleep and virtual time is to jump.',
      fields: [
        t('vm_clock_warp_start', i64, { unit: 'ns', clock: true, values: { [-1]: 'not warping' } }),
        t('icount_warp_timer', timer, { unit: 'ns', clock: true })
      ]
    },
    {
      name: 'timer/icount/timers',
      version: 1,
      minimumVersion: 1,
      doc: 'When the rate is adjusted next.',
      fields: [
        t('icount_rt_timer', timer, { doc: 'of the real clock', unit: 'ms', clock: true }),
        t('icount_vm_timer', timer, { doc: 'of the virtual clock', unit: 'ns', clock: true })
      ]
    },
    {
      name: 'timer/icount/shift',
      version: 2,
      minimumVersion: 2,
      doc: 'The rate, where it adjusts itself.',
      fields: [
        t('icount_time_shift', i16, { doc: 'an instruction takes 2 to the power of this ns' }),
        t('last_delta', i64, { doc: 'how far the guest was behind', unit: 'ns', clock: true })
      ]
    }
  ]
};

export const vmstate_timers: VMStateDescription<TimersState> = {
  name: 'timer',
  version: 2,
  minimumVersion: 1,
  doc: 'Clocks of the machine; all timers of devices are relative to these.',
  fields: [
    t('cpu_ticks_offset', i64, { doc: 'time stamp counter', unit: 'ticks', clock: true }),
    unused(8, { doc: 'was ticks_per_sec' }),
    t('cpu_clock_offset', i64, {
      since: 2,
      doc: 'virtual clock: time that the machine has run',
      unit: 'ns',
      clock: true
    })
  ],
  subsections: [vmstate_icount_timers]
};
