import { expect, test } from 'vitest';
import { vmstate_ioapic } from '../../../../../src/lib/emulator/hw/intc/ioapic.ts';
import { bitsOf, hex, roundTrip, zeros } from '../../../../support/sections.ts';

test('redirections with a destination in their upper half', () => {
  const ioapic = roundTrip(
    vmstate_ioapic,
    hex('00 18', zeros(8), '00000004 ff0000000000a930 0100000000010000', zeros(22 * 8))
  );
  expect(ioapic.row('ioredtbl[0]')).toMatchObject({ start: 14, end: 22, value: 0xff00_0000_0000_a930n });
  expect(bitsOf(ioapic.row('ioredtbl[0]'))).toEqual({
    vector: 0x30,
    delivery: 'lowest priority',
    'destination mode': 'logical',
    polarity: 'active low',
    trigger: 'level',
    destination: 0xff
  });
  expect(bitsOf(ioapic.row('ioredtbl[1]'))).toEqual({ masked: 1, destination: 1 });
  expect(ioapic.row('ioredtbl[4]')?.about?.doc).toBe('pin 4: COM1');
  expect(bitsOf(ioapic.row('irr'))).toEqual({ 'pin 2': 1 });
});

test('version 1 is without the pins', () => {
  expect(roundTrip(vmstate_ioapic, hex('00 00', zeros(192)), 1).row('irr')).toBeUndefined();
});
