/** The USB stick, bulk-only transport. Source: QEMU hw/usb/dev-storage.c, include/hw/usb/msd.h. */
import { fieldsOf, type VMStateDescription } from '../../../vmstate/vmstate.ts';
import { u32, u8 } from '../../../vmstate/vmstate-types.ts';
import { usbDevice, type USBDevice } from './bus.ts';

export interface MSDState {
  dev: USBDevice;
  mode: number;
  scsi_len: number;
  scsi_off: number;
  data_len: number;
  csw: { sig: number; tag: number; residue: number; status: number };
}
const d = fieldsOf<MSDState>();
export const vmstate_usb_msd: VMStateDescription<MSDState> = {
  name: 'usb-storage',
  version: 1,
  minimumVersion: 1,
  fields: [
    d('dev', usbDevice),
    d('mode', u32, { values: { 0: 'command', 1: 'data to device', 2: 'data to host', 3: 'status' } }),
    d('scsi_len', u32, { unit: 'bytes' }),
    d('scsi_off', u32, { unit: 'bytes' }),
    d('data_len', u32, { unit: 'bytes' }),
    d('csw.sig', u32, { values: { 0x53425355: 'USBS' }, radix: 16 }),
    d('csw.tag', u32, { radix: 16 }),
    d('csw.residue', u32, { unit: 'bytes' }),
    d('csw.status', u8, { values: { 0: 'passed', 1: 'failed', 2: 'phase error' } })
  ]
};
