import { expect, test } from 'vitest';
import { vmstate_ich9_smb } from '../../../../../src/lib/emulator/hw/i2c/smbus_ich9.ts';
import { bitsOf, hex, roundTrip, zeros } from '../../../../support/sections.ts';

test('the SMBus function of a Q35', () => {
  const config = '8680 3029' + zeros(0x3c) + '01' + zeros(0xbf);
  const smb = roundTrip(vmstate_ich9_smb, hex('00000002', config, zeros(16), '01', zeros(48)));
  expect(bitsOf(smb.row('dev.config[0].HOSTC'))).toEqual({ HST_EN: 1 });
  expect(smb.row('irq_enabled')).toMatchObject({ start: 276, value: true });
});
