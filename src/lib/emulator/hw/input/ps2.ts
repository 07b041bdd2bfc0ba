/** PS/2 keyboard and mouse. Source: QEMU hw/input/ps2.c; IBM PS/2 technical reference, keyboards. */
import { fieldsOf, struct, type Meaning, type VMStateDescription } from '../../../vmstate/vmstate.ts';
import { bool, buffer, i32, u8 } from '../../../vmstate/vmstate-types.ts';

const PS2_BUFFER_SIZE = 256;

interface PS2State {
  write_cmd: number;
  queue: { rptr: number; wptr: number; count: number; data: Uint8Array; cwptr: number };
}
export interface PS2KbdState {
  parent_obj: PS2State;
  scan_enabled: number;
  translate: number;
  scancode_set: number;
  ledstate: number;
  need_high_bit: boolean;
}
export interface PS2MouseState {
  parent_obj: PS2State;
  mouse_status: number;
  mouse_resolution: number;
  mouse_sample_rate: number;
  mouse_wrap: number;
  mouse_type: number;
  mouse_detect_state: number;
  mouse_dx: number;
  mouse_dy: number;
  mouse_dz: number;
  mouse_buttons: number;
}

/** Commands whose next byte is awaited. */
const WRITE_CMD: Meaning = {
  doc: 'Command that the next byte belongs to',
  radix: 16,
  values: {
    [-1]: 'none',
    0xe8: 'mouse: SET_RES',
    0xed: 'keyboard: SET_LEDS',
    0xf0: 'keyboard: SCANCODE',
    0xf3: 'SET_RATE (keyboard), SET_SAMPLE (mouse)'
  }
};

const common = fieldsOf<PS2State>();
const ps2Common = struct<PS2State>({
  name: 'PS2 Common State',
  version: 3,
  minimumVersion: 2,
  fields: [
    common('write_cmd', i32, WRITE_CMD),
    common('queue.rptr', i32, { doc: 'Place of the next byte for the guest' }),
    common('queue.wptr', i32),
    common('queue.count', i32, { unit: 'bytes' }),
    common('queue.data', buffer(PS2_BUFFER_SIZE), { doc: 'A ring; 7.2 fills it anew each time from 0' })
  ]
});

const k = fieldsOf<PS2KbdState>();
export const vmstate_ps2_keyboard: VMStateDescription<PS2KbdState> = {
  name: 'ps2kbd',
  version: 3,
  minimumVersion: 2,
  fields: [
    k('parent_obj', ps2Common),
    k('scan_enabled', i32, { doc: 'Keys are reported' }),
    k('translate', i32, { doc: 'The controller translates to scan code set 1' }),
    k('scancode_set', i32, { since: 3, values: { 1: 'XT', 2: 'AT', 3: 'PS/2' } })
  ],
  subsections: [
    {
      name: 'ps2kbd/ledstate',
      version: 3,
      minimumVersion: 2,
      fields: [
        k('ledstate', i32, {
          bits: [
            { name: 'scroll_lock', bit: 0 },
            { name: 'num_lock', bit: 1 },
            { name: 'caps_lock', bit: 2 }
          ]
        })
      ]
    },
    {
      name: 'ps2kbd/need_high_bit',
      version: 1,
      minimumVersion: 1,
      fields: [k('need_high_bit', bool, { doc: 'The next translated code is a release' })]
    },
    {
      name: 'ps2kbd/command_reply_queue',
      version: 0,
      minimumVersion: 0,
      fields: [k('parent_obj.queue.cwptr', i32, { doc: 'End of the replies to commands in the queue' })]
    }
  ]
};

const m = fieldsOf<PS2MouseState>();
export const vmstate_ps2_mouse: VMStateDescription<PS2MouseState> = {
  name: 'ps2mouse',
  version: 2,
  minimumVersion: 2,
  fields: [
    m('parent_obj', ps2Common),
    m('mouse_status', u8, {
      bits: [
        { name: 'SCALE21', bit: 4 },
        { name: 'ENABLED', bit: 5, doc: 'movements are reported' },
        { name: 'REMOTE', bit: 6, doc: 'only when asked' }
      ]
    }),
    m('mouse_resolution', u8, { values: { 0: '1/mm', 1: '2/mm', 2: '4/mm', 3: '8/mm' } }),
    m('mouse_sample_rate', u8, { unit: 'Hz' }),
    m('mouse_wrap', u8, { doc: 'Bytes are echoed' }),
    m('mouse_type', u8, { values: { 0: 'PS/2', 3: 'IntelliMouse', 4: 'IntelliMouse Explorer' } }),
    m('mouse_detect_state', u8, { doc: 'How far the magic sequence of sample rates has come' }),
    m('mouse_dx', i32),
    m('mouse_dy', i32),
    m('mouse_dz', i32),
    m('mouse_buttons', u8, {
      bits: [
        { name: 'left', bit: 0 },
        { name: 'right', bit: 1 },
        { name: 'middle', bit: 2 },
        { name: 'side', bit: 3 },
        { name: 'extra', bit: 4 }
      ]
    })
  ]
};
