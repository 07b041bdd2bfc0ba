import { expect, test } from 'vitest';
import { vmstate_usb_kbd, vmstate_usb_ptr } from '../../../../../src/lib/emulator/hw/usb/dev-hid.ts';
import { bitsOf, hex, roundTrip, zeros } from '../../../../support/sections.ts';

const DEVICE = '02 00000003 00000000 00000000 00000008 00000008 80 06 0001 0000 4000';

test('a tablet and its last event', () => {
  const { row } = roundTrip(
    vmstate_usb_ptr,
    hex(DEVICE, '00004000 00002000 00000000 00000001', zeros(240), '00000000 00000001 00000001 00')
  );
  expect(row('dev.setup_buf.bRequest')?.about?.values?.[6]).toBe('GET_DESCRIPTOR');
  expect(row('dev.setup_buf.wLength')?.value).toBe(64);
  expect(row('hid.ptr.queue[0].xdx')?.value).toBe(0x4000);
  expect(bitsOf(row('hid.ptr.queue[0].buttons_state'))).toEqual({ left: 1 });
  expect(row('hid.n')?.value).toBe(1);
});

test('a keyboard with a key held down', () => {
  const keyboard = '0000001e' + zeros(60) + '00000000 00000001 0002 01 04' + zeros(15) + '00000001 00000001 00';
  const { row } = roundTrip(vmstate_usb_kbd, hex(DEVICE, keyboard));
  expect(bitsOf(row('hid.kbd.modifiers'))).toEqual({ left_shift: 1 });
  expect(row('hid.kbd.key')).toMatchObject({ type: 'uint8' });
  expect(row('hid.kbd.keys')?.value).toBe(1);
});

test('a control transfer beyond its end is refused', () => {
  const wrong = DEVICE.replace('00000008 00000008', '00000008 00000009');
  const { complaints } = roundTrip(vmstate_usb_ptr, hex(wrong, zeros(256), '00000000 00000000 00000001 00'));
  expect(complaints[0]).toMatchObject({ path: 'setup_index', message: 'control transfer at 9 of 8' });
});
