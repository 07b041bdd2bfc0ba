import { expect, test } from 'vitest';
import { vmstate_e1000 } from '../../../../../src/lib/emulator/hw/net/e1000.ts';
import { block, pciDevice } from '../../../../support/pci.ts';
import { bitsOf, hex, roundTrip, subsection, zeros } from '../../../../support/sections.ts';

/** The registers that are sent one by one; CTRL, IMS, RDBAL and STATUS have values. */
const REGISTERS = block(37 * 4, { 0: '40140240', 32: '0000009d', 64: '01000000', 80: '80080783' });
const HEAD = [
  pciDevice({ 0: '8680 0e10' }),
  zeros(4),
  '00000800 00000000' + zeros(14),
  '0e 18 0000 22 32 0000 00000400 36 05b4',
  '0000 0000 03 01 01',
  zeros(256 + 0x10000)
].join('');
const TAIL =
  '5254 0012 3456' + zeros(122) + '1140 796d' + zeros(60) + REGISTERS + '12005452 80005634' + zeros(120) + zeros(1024);

test('registers by name, ring addresses to be followed', () => {
  const { row } = roundTrip(vmstate_e1000, hex(HEAD, TAIL));
  expect(bitsOf(row('mac_reg[CTRL]'))).toMatchObject({ SLU: 1, SPD_SEL: '1 Gbit/s', VME: 1 });
  expect(bitsOf(row('mac_reg[IMS]'))).toEqual({ TXDW: 1, LSC: 1, RXSEQ: 1, RXDMT0: 1, RXT0: 1 });
  expect(row('mac_reg[RDBAL]')).toMatchObject({ value: 0x1000000, about: { pointer: 'gpa' } });
  expect(bitsOf(row('mac_reg[STATUS]'))).toMatchObject({ FD: 1, LU: 1, SPEED: '1 Gbit/s' });
});

test('parts of the register file are named as in the stream', () => {
  const { row, state } = roundTrip(vmstate_e1000, hex(HEAD, TAIL));
  expect(row('mac_reg[0][1]')).toMatchObject({ value: 0x80005634 });
  expect(state.mac_reg[0x5404 >> 2]).toBe(0x80005634);
  expect(row('phy_reg[1]')?.about?.doc).toBe('BMSR: status');
  expect(row('mig_props.mss')).toMatchObject({ value: 1460, about: { unit: 'bytes' } });
});

test('mitigation, offload state and the whole register file are subsections', () => {
  const all = block(0x8000 * 4, {
    0: '40140240',
    0xd0: '0000009d',
    0x2800: '01000000',
    0x8: '80080783',
    0x5400: '12005452 80005634',
    0x282c: '00000010'
  });
  const body = hex(
    HEAD,
    TAIL,
    subsection('e1000/mit_state', 1, '00000000 00000010 00000000 00000000 01'),
    subsection('e1000/full_mac_state', 1, all),
    subsection('e1000/tx_tso_state', 1, '0e 18 0000 22 32 0000 00000400 36 05b4 01 01')
  );
  const { row } = roundTrip(vmstate_e1000, body);
  expect(row('e1000/mit_state.mac_reg[RADV]')?.value).toBe(16);
  expect(row('e1000/full_mac_state.mac_reg[2]')?.about?.doc).toBe('STATUS: device status');
  expect(row('e1000/tx_tso_state.tx.tso_props.tcp')?.about?.values?.[1]).toBe('TCP');
});

test('version 1 has the instance id that later ones dropped', () => {
  const at = HEAD.replaceAll(' ', '');
  const old = hex(at.slice(0, 552), '00000000', at.slice(552), TAIL);
  expect(roundTrip(vmstate_e1000, old, 1).row('unused[0]')).toMatchObject({ start: 276, end: 280 });
});
