/** What the HID keyboard, mouse and tablet remember. Source: QEMU hw/input/hid.c; USB HID 1.11. */
import { fieldsOf, struct, type VMStateDescription } from '../../../vmstate/vmstate.ts';
import { arrayOf, buffer, i32, u16, u32, u8 } from '../../../vmstate/vmstate-types.ts';

const QUEUE_LENGTH = 16;

interface HIDPointerEvent {
  xdx: number;
  ydy: number;
  dz: number;
  buttons_state: number;
}
export interface HIDState {
  ptr: { queue: HIDPointerEvent[] };
  kbd: { keycodes: number[]; modifiers: number; leds: number; key: Uint8Array; keys: number };
  head: number;
  n: number;
  protocol: number;
  idle: number;
}

const e = fieldsOf<HIDPointerEvent>();
const pointerEvent = struct<HIDPointerEvent>({
  name: 'HIDPointerEventQueue',
  version: 1,
  minimumVersion: 1,
  fields: [
    e('xdx', i32, { doc: 'Position of a tablet, movement of a mouse' }),
    e('ydy', i32, { doc: 'Position of a tablet, movement of a mouse' }),
    e('dz', i32, { doc: 'Wheel' }),
    e('buttons_state', i32, {
      bits: [
        { name: 'left', bit: 0 },
        { name: 'right', bit: 1 },
        { name: 'middle', bit: 2 }
      ]
    })
  ]
});

const h = fieldsOf<HIDState>();
const tail = [h('head', u32, { doc: 'Place of the oldest event' }), h('n', u32, { doc: 'Events that wait' })] as const;
const PROTOCOL = h('protocol', i32, { values: { 0: 'boot', 1: 'report' } });
const IDLE = h('idle', u8, { doc: 'Reports are repeated, in units of 4 ms; 0 only on change' });

export const vmstate_hid_ptr_device: VMStateDescription<HIDState> = {
  name: 'HIDPointerDevice',
  version: 1,
  minimumVersion: 1,
  fields: [h('ptr.queue', arrayOf(pointerEvent, QUEUE_LENGTH)), ...tail, PROTOCOL, IDLE]
};

export const vmstate_hid_keyboard_device: VMStateDescription<HIDState> = {
  name: 'HIDKeyboardDevice',
  version: 1,
  minimumVersion: 1,
  fields: [
    h('kbd.keycodes', arrayOf(u32, QUEUE_LENGTH), { doc: 'Set 1 scan codes', radix: 16 }),
    ...tail,
    h('kbd.modifiers', u16, {
      bits: [
        { name: 'left_ctrl', bit: 0 },
        { name: 'left_shift', bit: 1 },
        { name: 'left_alt', bit: 2 },
        { name: 'left_meta', bit: 3 },
        { name: 'right_ctrl', bit: 4 },
        { name: 'right_shift', bit: 5 },
        { name: 'right_alt', bit: 6 },
        { name: 'right_meta', bit: 7 }
      ]
    }),
    h('kbd.leds', u8, {
      bits: [
        { name: 'num_lock', bit: 0 },
        { name: 'caps_lock', bit: 1 },
        { name: 'scroll_lock', bit: 2 }
      ]
    }),
    h('kbd.key', buffer(16, 'uint8'), { doc: 'HID usages of the keys held down' }),
    h('kbd.keys', i32, { doc: 'How many keys are held down' }),
    PROTOCOL,
    IDLE
  ]
};
