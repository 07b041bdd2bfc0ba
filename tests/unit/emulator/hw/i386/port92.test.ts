import { expect, test } from 'vitest';
import { vmstate_port92_isa } from '../../../../../src/lib/emulator/hw/i386/port92.ts';
import { bitsOf, hex, roundTrip } from '../../../../support/sections.ts';

test('address line 20 is let through', () => {
  expect(bitsOf(roundTrip(vmstate_port92_isa, hex('02')).row('outport'))).toEqual({ A20: 1 });
});
