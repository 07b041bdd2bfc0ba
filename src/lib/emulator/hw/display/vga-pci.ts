/** The standard PCI VGA. Source: QEMU hw/display/vga-pci.c. */
import { fieldsOf, struct, type VMStateDescription } from '../../../vmstate/vmstate.ts';
import { pciDevice, type PCIDevice } from '../pci/pci.ts';
import { vmstate_vga_common, type VGACommonState } from './vga.ts';

export interface PCIVGAState {
  dev: PCIDevice;
  vga: VGACommonState;
}
const d = fieldsOf<PCIVGAState>();
export const vmstate_vga_pci: VMStateDescription<PCIVGAState> = {
  name: 'vga',
  version: 2,
  minimumVersion: 2,
  fields: [d('dev', pciDevice()), d('vga', struct(vmstate_vga_common))]
};
