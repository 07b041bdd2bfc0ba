import { expect, test } from 'vitest';
import { vmstate_pcihost } from '../../../../../src/lib/emulator/hw/pci/pci_host.ts';
import { bitsOf, hex, roundTrip } from '../../../../support/sections.ts';

test('the address register points at a configuration register', () => {
  const { row } = roundTrip(vmstate_pcihost, hex('80000940'));
  expect(bitsOf(row('config_reg'))).toEqual({ register: 0x40, function: 1, device: 1, enable: 1 });
});
