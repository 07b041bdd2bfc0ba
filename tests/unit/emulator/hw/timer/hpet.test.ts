import { expect, test } from 'vitest';
import { vmstate_hpet } from '../../../../../src/lib/emulator/hw/timer/hpet.ts';
import { bitsOf, hex, roundTrip, subsection, zeros } from '../../../../support/sections.ts';

const RUNNING = '0000000000000003 0000000000000000 000000001e2652c6';
const PERIODIC = '00 0000000400000138 000000001e27abfa 0000000000000000 0000000000061a80 00 00000001cd167615';
const IDLE = (n: string): string => `${n} 0000000400000030 ffffffffffffffff ${zeros(16)} 00 ffffffffffffffff`;

test('the HPET under Linux', () => {
  const hpet = roundTrip(
    vmstate_hpet,
    hex(RUNNING, '03', PERIODIC, IDLE('01'), IDLE('02'), subsection('hpet/offset', 1, 'ffffffff607641af'))
  );
  expect(bitsOf(hpet.row('config'))).toEqual({ ENABLE_CNF: 1, LEG_RT_CNF: 1 });
  expect(bitsOf(hpet.row('timer[0].config'))).toMatchObject({ TYPE: 'periodic', '32MODE': 1, INT_ROUTE_CAP: 4 });
  expect(hpet.row('timer[0].period')).toMatchObject({ value: 400_000n, about: { unit: 'ticks' } });
  expect(hpet.state.hpet_offset).toBe(0xffffffff607641afn);
});

test('as many timers as the section says', () => {
  const hpet = roundTrip(vmstate_hpet, hex(RUNNING, '04', PERIODIC, IDLE('01'), IDLE('02'), IDLE('03')));
  expect(hpet.row('timer[3].tn')).toMatchObject({ start: 25 + 3 * 42, value: 3 });
});

test('a number of timers that no HPET has is refused, not obeyed for ever', () => {
  const hpet = roundTrip(vmstate_hpet, hex(RUNNING, '00'));
  expect(hpet.complaints).toMatchObject([{ at: 24, path: 'num_timers_save' }]);
});

test('version 1 has three timers', () => {
  expect(roundTrip(vmstate_hpet, hex(RUNNING, PERIODIC, IDLE('01'), IDLE('02')), 1).state.timer).toHaveLength(3);
});

test('an RTC interrupt that the HPET holds', () => {
  const hpet = roundTrip(
    vmstate_hpet,
    hex(RUNNING, '03', IDLE('00'), IDLE('01'), IDLE('02'), subsection('hpet/rtc_irq_level', 1, '01'))
  );
  expect(hpet.state.rtc_irq_level).toBe(1);
});
