import { expect, test } from 'vitest';
import { vmstate_i440fx } from '../../../../../src/lib/emulator/hw/pci-host/i440fx.ts';
import { pciDevice } from '../../../../support/pci.ts';
import { bitsOf, hex, roundTrip } from '../../../../support/sections.ts';

/** As SeaBIOS leaves it: the option ROM area shadowed and closed for writes, the last 32 KiB in RAM. */
const AFTER_BIOS = pciDevice({ 0: '8680 3712', 0x59: '10 11 11 11 11 33 00', 0x72: '0a' });

test('shadowed ROM is told from RAM and from PCI', () => {
  const { row } = roundTrip(vmstate_i440fx, hex(AFTER_BIOS, '00'));
  const pam = (n: number) => bitsOf(row(`parent_obj.config[0].PAM${n}`));
  const shadow = 'reads from RAM, writes to PCI: shadowed ROM';
  expect(pam(0)).toEqual({ 'f0000-fffff': shadow });
  expect(pam(1)).toEqual({ 'c0000-c3fff': shadow, 'c4000-c7fff': shadow });
  expect(pam(5)).toEqual({ 'e0000-e3fff': 'RAM', 'e4000-e7fff': 'RAM' });
  expect(row('parent_obj.config[0].PAM6')).toMatchObject({
    value: 0,
    about: { bits: [{ values: { 0: 'PCI (ROM)' } }, {}] }
  });
});

test('SMRAM is enabled and hidden', () => {
  const { row } = roundTrip(vmstate_i440fx, hex(AFTER_BIOS, '00'));
  expect(row('parent_obj.config[0].SMRAM')).toMatchObject({ start: 4 + 0x72, end: 4 + 0x73 });
  expect(bitsOf(row('parent_obj.config[0].SMRAM'))).toEqual({ C_BASE_SEG: 'a0000', G_SMRAME: 1 });
});
