/** The part that all USB devices share. Source: QEMU hw/usb/bus.c, include/hw/usb.h; USB 2.0 chapter 9. */
import { fieldsOf, struct, type Codec, type VMStateDescription } from '../../../vmstate/vmstate.ts';
import { i32, u8 } from '../../../vmstate/vmstate-types.ts';
import { reg16, reg8, registerBlock } from '../core/register.ts';

export interface USBDevice {
  addr: number;
  state: number;
  remote_wakeup: number;
  setup_state: number;
  setup_len: number;
  setup_index: number;
  setup_buf: Uint8Array;
}

/** Of USBDevice.data_buf. */
const DATA_BUF_SIZE = 4096;

const SETUP_PACKET = [
  reg8(0, 'bmRequestType', {
    bits: [
      { name: 'recipient', bit: 0, width: 5, values: { 0: 'device', 1: 'interface', 2: 'endpoint' } },
      { name: 'type', bit: 5, width: 2, values: { 0: 'standard', 1: 'class', 2: 'vendor' } },
      { name: 'direction', bit: 7, values: { 0: 'to device', 1: 'to host' } }
    ]
  }),
  reg8(1, 'bRequest', {
    values: {
      0: 'GET_STATUS',
      1: 'CLEAR_FEATURE',
      3: 'SET_FEATURE',
      5: 'SET_ADDRESS',
      6: 'GET_DESCRIPTOR',
      8: 'GET_CONFIGURATION',
      9: 'SET_CONFIGURATION',
      10: 'GET_INTERFACE',
      11: 'SET_INTERFACE'
    }
  }),
  reg16(2, 'wValue', { radix: 16 }),
  reg16(4, 'wIndex', { radix: 16 }),
  reg16(6, 'wLength', { unit: 'bytes' })
];

const d = fieldsOf<USBDevice>();
const vmstate_usb_device: VMStateDescription<USBDevice> = {
  name: 'USBDevice',
  version: 1,
  minimumVersion: 1,
  fields: [
    d('addr', u8, { doc: 'Address on the bus' }),
    d('state', i32, {
      values: {
        0: 'not attached',
        1: 'attached',
        2: 'powered',
        3: 'default',
        4: 'addressed',
        5: 'configured',
        6: 'suspended'
      }
    }),
    d('remote_wakeup', i32),
    d('setup_state', i32, { values: { 0: 'idle', 1: 'setup', 2: 'data', 3: 'ack', 4: 'parameter' } }),
    d('setup_len', i32, { doc: 'Of the control transfer', unit: 'bytes' }),
    d('setup_index', i32, {
      doc: 'How far the control transfer has come',
      unit: 'bytes',
      check: (s) =>
        s.setup_index < 0 || s.setup_index > s.setup_len || s.setup_len > DATA_BUF_SIZE
          ? `control transfer at ${s.setup_index} of ${s.setup_len}`
          : undefined
    }),
    d('setup_buf', registerBlock(8, SETUP_PACKET, 'uint8'), { doc: 'Setup packet' })
  ]
};
/** VMSTATE_USB_DEVICE. */
export const usbDevice: Codec<USBDevice> = struct(vmstate_usb_device);
