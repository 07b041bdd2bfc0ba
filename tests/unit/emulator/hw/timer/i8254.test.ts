import { expect, test } from 'vitest';
import { vmstate_pit } from '../../../../../src/lib/emulator/hw/timer/i8254.ts';
import { hex, roundTrip } from '../../../../support/sections.ts';

/** SeaBIOS of QEMU 7.2: 18.2 Hz on channel 0. */
const CHANNELS = [
  '00010000 0000 00 00 00 03 03 00 03 02 00 01 0000000004b7755c 0000000011cfd6c0',
  '00010000 0000 00 00 00 00 00 00 00 03 00 01 0000000000000000 0000000000000000',
  '00010000 0000 00 00 00 00 00 00 00 03 00 00 0000000000000000 0000000000000000'
];

test('the timer as SeaBIOS sets it', () => {
  const pit = roundTrip(vmstate_pit, hex('00000000', ...CHANNELS, '0000000011cfd6c0'));
  expect(pit.row('channels[0].count')).toMatchObject({ start: 4, value: 65536, about: { unit: 'ticks' } });
  expect(pit.row('channels[0].mode')?.about?.values?.[2]).toBe('rate generator');
  expect(pit.row('channels[2]')?.about?.doc).toBe('speaker');
});

test('the interrupt that the HPET has taken over comes first and stays', () => {
  const pit = roundTrip(vmstate_pit, hex('00000001', ...CHANNELS, '0000000011cfd6c0'));
  expect(pit.state.channels[0]?.irq_disabled).toBe(1);
  expect(pit.fields[0]).toMatchObject({ name: 'channels[0].irq_disabled', start: 0, end: 4 });
});

test('version 2 does not know the HPET', () => {
  expect(roundTrip(vmstate_pit, hex(...CHANNELS, '0000000011cfd6c0'), 2).fields[0]?.name).toBe('channels');
});
