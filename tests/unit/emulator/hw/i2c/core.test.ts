import { expect, test } from 'vitest';
import { vmstate_i2c_bus, vmstate_i2c_slave } from '../../../../../src/lib/emulator/hw/i2c/core.ts';
import { hex, roundTrip } from '../../../../support/sections.ts';

test('a bus without a transfer', () => {
  const bus = roundTrip(vmstate_i2c_bus, hex('ff'));
  expect(bus.row('saved_address')?.about?.values?.[0xff]).toBe('none');
});

test('a device has its address', () => {
  expect(roundTrip(vmstate_i2c_slave, hex('50')).state).toEqual({ address: 0x50 });
});
