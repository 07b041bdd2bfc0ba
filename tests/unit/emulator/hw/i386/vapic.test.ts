import { expect, test } from 'vitest';
import { vmstate_vapic } from '../../../../../src/lib/emulator/hw/i386/vapic.ts';
import { hex, roundTrip, zeros } from '../../../../support/sections.ts';

test('a PC that waits for Windows XP', () => {
  const vapic = roundTrip(vmstate_vapic, hex(zeros(124), '00000002 00000000 00000000 00000000 000ca020'));
  expect(vapic.row('state')?.about?.values?.[2]).toBe('standby');
  expect(vapic.row('rom_state_paddr')).toMatchObject({ start: 140, value: 0xca020, about: { pointer: 'gpa' } });
  expect(vapic.row('rom_state.mp.get_tpr[7]')).toMatchObject({ start: 116, end: 120, about: { pointer: 'gva' } });
});
