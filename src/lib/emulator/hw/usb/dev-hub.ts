/** The USB hub. Source: QEMU hw/usb/dev-hub.c; USB 2.0 section 11.24.2.7. */
import { fieldsOf, struct, type VMStateDescription } from '../../../vmstate/vmstate.ts';
import { arrayOf, timer, u16 } from '../../../vmstate/vmstate-types.ts';
import { usbDevice, type USBDevice } from './bus.ts';

const MAX_PORTS = 8;

interface USBHubPort {
  wPortStatus: number;
  wPortChange: number;
}
export interface USBHubState {
  dev: USBDevice;
  ports: USBHubPort[];
  port_timer: bigint;
}

const p = fieldsOf<USBHubPort>();
const port = struct<USBHubPort>({
  name: 'usb-hub-port',
  version: 1,
  minimumVersion: 1,
  fields: [
    p('wPortStatus', u16, {
      bits: [
        { name: 'CONNECTION', bit: 0 },
        { name: 'ENABLE', bit: 1 },
        { name: 'SUSPEND', bit: 2 },
        { name: 'OVERCURRENT', bit: 3 },
        { name: 'RESET', bit: 4 },
        { name: 'POWER', bit: 8 },
        { name: 'LOW_SPEED', bit: 9 }
      ]
    }),
    p('wPortChange', u16, {
      bits: [
        { name: 'CONNECTION', bit: 0 },
        { name: 'ENABLE', bit: 1 },
        { name: 'SUSPEND', bit: 2 },
        { name: 'OVERCURRENT', bit: 3 },
        { name: 'RESET', bit: 4 }
      ]
    })
  ]
});

const d = fieldsOf<USBHubState>();
export const vmstate_usb_hub: VMStateDescription<USBHubState> = {
  name: 'usb-hub',
  version: 1,
  minimumVersion: 1,
  fields: [d('dev', usbDevice), d('ports', arrayOf(port, MAX_PORTS))],
  subsections: [
    {
      name: 'usb-hub/port-timer',
      version: 1,
      minimumVersion: 1,
      fields: [d('port_timer', timer, { unit: 'ns', clock: true })]
    }
  ]
};
