/** PCI function 1f.3 of the ICH9. Source: QEMU hw/i2c/smbus_ich9.c; ICH9 datasheet 19.1. */
import { fieldsOf, struct, type VMStateDescription } from '../../../vmstate/vmstate.ts';
import { bool } from '../../../vmstate/vmstate-types.ts';
import { reg8 } from '../core/register.ts';
import { pciDevice, type PCIDevice } from '../pci/pci.ts';
import { vmstate_pmsmb, type PMSMBus } from './pm_smbus.ts';

const REGISTERS = [
  reg8(0x40, 'HOSTC', {
    doc: 'Host configuration',
    bits: [
      { name: 'HST_EN', bit: 0 },
      { name: 'SMB_SMI_EN', bit: 1 },
      { name: 'I2C_EN', bit: 2 },
      { name: 'SSRESET', bit: 3 }
    ]
  })
];

export interface ICH9SMBState {
  dev: PCIDevice;
  irq_enabled: boolean;
  smb: PMSMBus;
}
const d = fieldsOf<ICH9SMBState>();
export const vmstate_ich9_smb: VMStateDescription<ICH9SMBState> = {
  name: 'ich9_smb',
  version: 1,
  minimumVersion: 1,
  fields: [d('dev', pciDevice(REGISTERS)), d('irq_enabled', bool), d('smb', struct(vmstate_pmsmb))]
};
