import { expect, test } from 'vitest';
import { vmstate_piix3, vmstate_piix4 } from '../../../../../src/lib/emulator/hw/isa/piix.ts';
import { pciDevice } from '../../../../support/pci.ts';
import { bitsOf, hex, roundTrip, subsection, zeros } from '../../../../support/sections.ts';

const CONFIG = pciDevice({ 0: '8680 0070', 0x60: '0a 0a 0b 80' });

test('PCI interrupts are routed to ISA ones', () => {
  const { row } = roundTrip(vmstate_piix3, hex(CONFIG, '00000000 00000001 00000000 00000000'));
  expect(bitsOf(row('dev.config[0].PIRQRCA'))).toEqual({ irq: 10 });
  expect(bitsOf(row('dev.config[0].PIRQRCD'))).toEqual({ disabled: 1 });
  expect(row('pci_irq_levels_vmstate[1]')).toMatchObject({ start: 280, value: 1 });
});

test('a reset request is a subsection', () => {
  const { row } = roundTrip(vmstate_piix3, hex(CONFIG, zeros(16), subsection('PIIX3/rcr', 1, '02')));
  expect(bitsOf(row('PIIX3/rcr.rcr'))).toEqual({ SRST: 1 });
});

test('version 2 has no levels', () => {
  expect(roundTrip(vmstate_piix3, hex(CONFIG), 2).fields).toHaveLength(1);
});

test('PIIX4 has the reset register always', () => {
  expect(roundTrip(vmstate_piix4, hex(CONFIG, '06')).state.rcr).toBe(6);
});
