import { expect, test } from 'vitest';
import { vmstate_rtc } from '../../../../../src/lib/emulator/hw/rtc/mc146818rtc.ts';
import { bitsOf, hex, roundTrip, subsection, zeros } from '../../../../support/sections.ts';

/** A PC with 512 MiB on Friday, 20 November 2026, 10:30:55. */
const CMOS = [
  '55 00 30 00 10 00 06 20 11 26 26 02 00 80 00 00',
  '50 00 00 00 07 80 02 ff ff 00 00 00 00 00 00 00',
  zeros(16),
  'ff ff 20 00 00 1f 00 00 30 00 00 00 00 12 00 00',
  zeros(27),
  '00 00 00 00 03',
  zeros(32)
];
const REST = [
  '0f',
  zeros(28),
  'ffffffffffffffff 0000000000000000',
  zeros(24),
  '00000000 00000000 000000006b00215f 18e9ba333daf6e78 0000000000000000 18e9ba33794a3878 18e9e65a012a7878'
];

test('the clock and the memory of a PC', () => {
  const rtc = roundTrip(vmstate_rtc, hex(...CMOS, ...REST));
  expect(rtc.row('cmos_data')).toMatchObject({ type: 'buffer', start: 0, end: 128 });
  expect(rtc.row('cmos_data')?.value).toHaveLength(128);
  expect(rtc.row('cmos_data.hours')).toMatchObject({ start: 4, value: 0x10, about: { radix: 16, clock: true } });
  expect(rtc.row('cmos_data.century')).toMatchObject({ start: 0x32, value: 0x20 });
  expect(rtc.row('cmos_data.memory_above_16M')).toMatchObject({ start: 0x34, value: 496 * 16 });
  expect(rtc.row('cmos_data.base_memory')).toMatchObject({ value: 640 });
  expect(rtc.row('cmos_data.cpus')).toMatchObject({ start: 0x5f, value: 3 });
  expect(bitsOf(rtc.row('cmos_data.boot'))).toEqual({ first: 'hard disk', second: 'floppy' });
  expect(bitsOf(rtc.row('cmos_data.B'))).toEqual({ '24/12': '24 hours' });
  expect(bitsOf(rtc.row('cmos_data.floppy_drives'))).toEqual({ A: '2.88 MiB' });
  expect(rtc.row('base_rtc')).toMatchObject({ value: 1_795_170_655n, about: { unit: 's' } });
});

test('bytes that are skipped are told apart as in the vmdescription', () => {
  const rtc = roundTrip(vmstate_rtc, hex(...CMOS, ...REST));
  expect(rtc.row('unused[0]')).toMatchObject({ start: 129, end: 157 });
  expect(rtc.row('unused[1]')).toMatchObject({ start: 173, end: 197 });
});

test('version 1 ends behind the old timers', () => {
  const rtc = roundTrip(vmstate_rtc, hex(...CMOS, ...REST).subarray(0, 197), 1);
  expect(rtc.row('irq_coalesced')).toBeUndefined();
});

test('interrupts given again when the guest acknowledges', () => {
  const rtc = roundTrip(
    vmstate_rtc,
    hex(...CMOS, ...REST, subsection('mc146818rtc/irq_reinject_on_ack_count', 1, '0003'))
  );
  expect(rtc.state.irq_reinject_on_ack_count).toBe(3);
});
