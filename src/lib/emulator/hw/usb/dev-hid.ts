/** USB keyboard, mouse and tablet. Source: QEMU hw/usb/dev-hid.c. */
import { fieldsOf, struct, type VMStateDescription } from '../../../vmstate/vmstate.ts';
import { vmstate_hid_keyboard_device, vmstate_hid_ptr_device, type HIDState } from '../input/hid.ts';
import { usbDevice, type USBDevice } from './bus.ts';

export interface USBHIDState {
  dev: USBDevice;
  hid: HIDState;
}
const d = fieldsOf<USBHIDState>();

/** Mouse and tablet. */
export const vmstate_usb_ptr: VMStateDescription<USBHIDState> = {
  name: 'usb-ptr',
  version: 1,
  minimumVersion: 1,
  fields: [d('dev', usbDevice), d('hid', struct(vmstate_hid_ptr_device))]
};

export const vmstate_usb_kbd: VMStateDescription<USBHIDState> = {
  name: 'usb-kbd',
  version: 1,
  minimumVersion: 1,
  fields: [d('dev', usbDevice), d('hid', struct(vmstate_hid_keyboard_device))]
};
