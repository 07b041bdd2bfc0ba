import { expect, test } from 'vitest';
import { vmstate_timers } from '../../../../src/lib/emulator/system/cpu-timers.ts';
import { hex, roundTrip, subsection } from '../../../support/sections.ts';

const CLOCKS = '0000000026c0a7b8 0000000000000000 000000000eed4f3d';

test('the clocks of QEMU 7.2 under TCG', () => {
  const timers = roundTrip(vmstate_timers, hex(CLOCKS));
  expect(timers.row('cpu_ticks_offset')).toMatchObject({ value: 0x26c0a7b8n, about: { clock: true, unit: 'ticks' } });
  expect(timers.row('cpu_clock_offset')).toMatchObject({ start: 16, end: 24, value: 0xeed4f3dn });
});

test('version 1 has no virtual clock', () => {
  expect(roundTrip(vmstate_timers, hex(CLOCKS).subarray(0, 16), 1).row('cpu_clock_offset')).toBeUndefined();
});

test('counted instructions with all that adjusts their rate', () => {
  const timers = roundTrip(
    vmstate_timers,
    hex(
      CLOCKS,
      subsection(
        'timer/icount',
        1,
        '0000000000000001 0000000000000002' +
          subsection('timer/icount/warp_timer', 1, 'ffffffffffffffff 0000000000000003') +
          subsection('timer/icount/timers', 1, '0000000000000004 ffffffffffffffff') +
          subsection('timer/icount/shift', 2, 'fffe 0000000000000006')
      )
    )
  );
  expect(timers.row('timer/icount.timer/icount/shift.icount_time_shift')).toMatchObject({ type: 'int16', value: -2 });
});
