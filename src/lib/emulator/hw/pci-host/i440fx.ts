/** The 82441FX host bridge (PMC). Source: QEMU hw/pci-host/i440fx.c. */
import { fieldsOf, unused, type VMStateDescription } from '../../../vmstate/vmstate.ts';
import { reg8 } from '../core/register.ts';
import { pciDevice, type PCIDevice } from '../pci/pci.ts';
import { pamRegisters, SMRAM } from './pam.ts';

export interface PCII440FXState {
  parent_obj: PCIDevice;
}
const d = fieldsOf<PCII440FXState>();
export const vmstate_i440fx: VMStateDescription<PCII440FXState> = {
  name: 'I440FX',
  version: 3,
  minimumVersion: 3,
  fields: [
    d('parent_obj', pciDevice([...pamRegisters(0x59), reg8(0x72, 'SMRAM', SMRAM)])),
    unused(1, { doc: 'Once smm_enabled' })
  ]
};
