import { expect, test } from 'vitest';
import { vmstate_ide_isa } from '../../../../../src/lib/emulator/hw/ide/isa.ts';
import { hex, roundTrip } from '../../../../support/sections.ts';

test('a channel and its two drives', () => {
  const drive = '00000010 00000000' + '00 00 00000001 01 00 00 00 00 00 00 00 a0 50 00 00 00 00';
  const { row } = roundTrip(vmstate_ide_isa, hex('08 01', drive, drive));
  expect(row('bus.unit')?.value).toBe(1);
  expect(row('bus.ifs[1].select')).toMatchObject({ value: 0xa0 });
});
