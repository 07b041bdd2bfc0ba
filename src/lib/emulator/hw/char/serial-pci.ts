/** A serial port on a PCI card. Source: QEMU hw/char/serial-pci.c. */
import { fieldsOf, struct, type VMStateDescription } from '../../../vmstate/vmstate.ts';
import { pciDevice, type PCIDevice } from '../pci/pci.ts';
import { vmstate_serial, type SerialState } from './serial.ts';

export interface PCISerialState {
  dev: PCIDevice;
  state: SerialState;
}
const pci = fieldsOf<PCISerialState>();
export const vmstate_pci_serial: VMStateDescription<PCISerialState> = {
  name: 'pci-serial',
  version: 1,
  minimumVersion: 1,
  fields: [pci('dev', pciDevice()), pci('state', struct(vmstate_serial))]
};
