import { expect, test } from 'vitest';
import { vmstate_cirrus_vga, vmstate_pci_cirrus_vga } from '../../../../../src/lib/emulator/hw/display/cirrus_vga.ts';
import { pciDevice } from '../../../../support/pci.ts';
import { bitsOf, hex, roundTrip, zeros } from '../../../../support/sections.ts';

const BODY = [
  '00000000 07' + zeros(4) + '06' + zeros(251),
  '06 11 22' + zeros(4) + '0e' + zeros(249),
  '20' + zeros(21) + '00000000 0e' + zeros(256),
  zeros(4 + 4 + 3 + 768 + 4),
  '00 ff 00000010 00000020'
].join('');

test('the graphics registers begin at 2, as the first two are kept aside', () => {
  const { row } = roundTrip(vmstate_cirrus_vga, hex(BODY));
  expect(row('cirrus_shadow_gr1')?.value).toBe(0x22);
  expect(bitsOf(row('vga.gr[4]'))).toEqual({ chain_odd_even: 1, memory_map: 'b8000-bffff' });
  expect(row('vga.hw_cursor_y')?.value).toBe(0x20);
});

test('the PCI card has it behind its configuration space', () => {
  expect(roundTrip(vmstate_pci_cirrus_vga, hex(pciDevice({}), BODY)).row('cirrus_vga.vga.sr')).toMatchObject({
    start: 281
  });
});
