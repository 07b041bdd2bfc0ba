import { expect, test } from 'vitest';
import { vmstate_ehci_pci } from '../../../../../src/lib/emulator/hw/usb/hcd-ehci.ts';
import { pciDevice } from '../../../../support/pci.ts';
import { bitsOf, hex, roundTrip } from '../../../../support/sections.ts';

test('schedules and ports', () => {
  const body = hex(
    pciDevice({ 0: '8680 3a29', 0x60: '20 20' }),
    '00080021 0000a000 00000000 00000000 00000037 00000100 00000000 00200000 00201000 00000001',
    '00001005 00001000 00001000 00001000 00001000 00003000',
    '0000000000989680 0000000000980000 00000000 000003e9 000003e8 00201000 00000000'
  );
  const { row } = roundTrip(vmstate_ehci_pci, body);
  expect(bitsOf(row('ehci.usbcmd'))).toEqual({ RUNSTOP: 1, ASE: 1, ITC: 8 });
  expect(bitsOf(row('ehci.portsc[5]'))).toEqual({ PPOWER: 1, POWNER: 1 });
  expect(row('ehci.astate')?.about?.values?.[1001]).toBe('active');
  expect(row('ehci.asynclistaddr')).toMatchObject({ value: 0x201000, about: { pointer: 'gpa' } });
});
