import { expect, test } from 'vitest';
import { vmstate_pmsmb } from '../../../../../src/lib/emulator/hw/i2c/pm_smbus.ts';
import { bitsOf, hex, roundTrip, zeros } from '../../../../support/sections.ts';

test('a controller that has read a byte from an EEPROM', () => {
  const smb = roundTrip(vmstate_pmsmb, hex('02 48 00 a1 80 00 00000000', zeros(32), '02 00 00 01 00 00'));
  expect(bitsOf(smb.row('smb_stat'))).toEqual({ INTR: 1 });
  expect(bitsOf(smb.row('smb_ctl'))).toEqual({ protocol: 'byte data', START: 1 });
  expect(bitsOf(smb.row('smb_addr'))).toEqual({ 'R/W': 'read', address: 0x50 });
  expect(smb.state.op_done).toBe(true);
});
