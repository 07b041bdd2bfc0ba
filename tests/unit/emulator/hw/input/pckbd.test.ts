import { expect, test } from 'vitest';
import { vmstate_kbd_isa } from '../../../../../src/lib/emulator/hw/input/pckbd.ts';
import { bitsOf, hex, roundTrip, subsection } from '../../../../support/sections.ts';

test('the controller as SeaBIOS leaves it', () => {
  const extended = subsection('pckbd/extended_state', 0, '00000000 00000001 fa 00');
  const { row } = roundTrip(vmstate_kbd_isa, hex('00 1c 61 00', extended));
  expect(bitsOf(row('kbd.status'))).toEqual({ SELFTEST: 1, CMD: 1, UNLOCKED: 1 });
  expect(bitsOf(row('kbd.mode'))).toEqual({ KBD_INT: 1, DISABLE_MOUSE: 1, KCC: 1 });
  expect(bitsOf(row('kbd.pckbd/extended_state.obsrc'))).toEqual({ KBD: 1 });
  expect(row('kbd.pckbd/extended_state.obdata')?.value).toBe(0xfa);
});

test('a command waits for its byte, and the output port has changed', () => {
  const { row } = roundTrip(vmstate_kbd_isa, hex('d4 1c 61 20', subsection('pckbd_outport', 1, 'dd')));
  expect(row('kbd.write_cmd')?.about?.values?.[0xd4]).toBe('WRITE_MOUSE');
  expect(bitsOf(row('kbd.pending_tmp'))).toEqual({ AUX: 1 });
  expect(bitsOf(row('kbd.pckbd_outport.outport'))).toEqual({ RESET: 1, OBF: 1 });
});
