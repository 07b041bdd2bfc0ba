import { expect, test } from 'vitest';
import { vmstate_ps2_keyboard, vmstate_ps2_mouse } from '../../../../../src/lib/emulator/hw/input/ps2.ts';
import { bitsOf, hex, roundTrip, subsection, zeros } from '../../../../support/sections.ts';

const QUEUE = 'ffffffff 00000002 00000003 00000001' + '0000 1e' + zeros(253);

test('a keyboard with a key in its queue', () => {
  const { row } = roundTrip(vmstate_ps2_keyboard, hex(QUEUE, '00000001 00000001 00000002'));
  expect(row('parent_obj.write_cmd')).toMatchObject({ value: -1 });
  expect(row('parent_obj.queue.data')).toMatchObject({ start: 16, end: 272 });
  expect(row('scancode_set')?.about?.values?.[2]).toBe('AT');
});

test('lights, a half-translated key, and replies to commands', () => {
  const body = hex(
    QUEUE,
    '00000001 00000001 00000002',
    subsection('ps2kbd/ledstate', 3, '00000006'),
    subsection('ps2kbd/need_high_bit', 1, '01'),
    subsection('ps2kbd/command_reply_queue', 0, '00000003')
  );
  const { row, state } = roundTrip(vmstate_ps2_keyboard, body);
  expect(bitsOf(row('ps2kbd/ledstate.ledstate'))).toEqual({ num_lock: 1, caps_lock: 1 });
  expect(state.need_high_bit).toBe(true);
  expect(state.parent_obj.queue.cwptr).toBe(3);
});

test('version 2 does not say its scan code set', () => {
  expect(roundTrip(vmstate_ps2_keyboard, hex(QUEUE, '00000001 00000001'), 2).state.scancode_set).toBeUndefined();
});

test('a mouse that reports', () => {
  const { row } = roundTrip(vmstate_ps2_mouse, hex(QUEUE, '20 02 64 00 03 00 00000005 fffffffb 00000000 01'));
  expect(bitsOf(row('mouse_status'))).toEqual({ ENABLED: 1 });
  expect(row('mouse_sample_rate')).toMatchObject({ value: 100, about: { unit: 'Hz' } });
  expect(row('mouse_dy')?.value).toBe(-5);
  expect(bitsOf(row('mouse_buttons'))).toEqual({ left: 1 });
});
