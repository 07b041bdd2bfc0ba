import { expect, test } from 'vitest';
import { vmstate_usb_msd } from '../../../../../src/lib/emulator/hw/usb/dev-storage.ts';
import { hex, roundTrip, zeros } from '../../../../support/sections.ts';

test('a stick that has status to give', () => {
  const { row } = roundTrip(
    vmstate_usb_msd,
    hex('01 00000003' + zeros(24), '00000003 00000000 00000000 00000000 53425355 00000007 00000000 01')
  );
  expect(row('mode')?.about?.values?.[3]).toBe('status');
  expect(row('csw.sig')?.about?.values?.[0x53425355]).toBe('USBS');
  expect(row('csw.status')?.about?.values?.[1]).toBe('failed');
});
