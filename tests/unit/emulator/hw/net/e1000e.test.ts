import { expect, test } from 'vitest';
import { vmstate_e1000e } from '../../../../../src/lib/emulator/hw/net/e1000e.ts';
import { block, MSIX_OF_TWO, pciDevice, TWO_VECTORS } from '../../../../support/pci.ts';
import { bitsOf, hex, roundTrip, zeros } from '../../../../support/sections.ts';

const TIMER = 'ffffffffffffffff 00';
const body = (pending: string, timadj: string): Uint8Array =>
  hex(
    pciDevice({ 0: '8680 d310', ...TWO_VECTORS }, 0x1000),
    MSIX_OF_TWO,
    '00000000 00000000 10 00000800 00000000 00000000 00000000 00000800',
    '5254 0012 3456' + zeros(122),
    '1140 796d' + zeros(444),
    block(0x20000, { 0: '40140240', 0xc0: '80000004' }),
    '525400123456 00000000 0000 8086',
    TIMER.repeat(5),
    '000000000012d687 01' + pending,
    TIMER.repeat(5) + pending + zeros(4),
    '00000000' + zeros(20) + '0081',
    zeros(42),
    timadj
  );

test('registers are told by their places', () => {
  const { row } = roundTrip(vmstate_e1000e, body('01', '0000000000000005'));
  expect(bitsOf(row('core.mac[0]'))).toMatchObject({ SLU: 1 });
  expect(row('core.mac[48]')?.about?.doc).toBe('ICR: interrupt causes');
  expect(bitsOf(row('core.mac[48]'))).toEqual({ LSC: 1, INT_ASSERTED: 1 });
  expect(row('parent_obj[1].msix.msix_table[1].data')).toBeDefined();
  expect(row('core.itr.timer')).toMatchObject({ value: 1234567n, about: { clock: true } });
  expect(row('core.itr_intr_pending')?.value).toBe(true);
  expect(row('core.timadj')?.value).toBe(5n);
});

test('older machine types end before the adjustment', () => {
  expect(roundTrip(vmstate_e1000e, body('00', '')).state.core.timadj).toBeUndefined();
});
