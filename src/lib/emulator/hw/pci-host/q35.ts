/** The Q35 memory controller hub. Source: QEMU hw/pci-host/q35.c, include/hw/pci-host/q35.h. */
import { fieldsOf, unused, type VMStateDescription } from '../../../vmstate/vmstate.ts';
import { reg16, reg64, reg8 } from '../core/register.ts';
import { pciDevice, type PCIDevice } from '../pci/pci.ts';
import { pamRegisters, SMRAM } from './pam.ts';

const MCH_REGISTERS = [
  reg16(0x50, 'EXT_TSEG_MBYTES', { doc: 'Size of extended TSEG in MiB, shown after 0xffff was written' }),
  reg64(0x60, 'PCIEXBAR', {
    doc: 'Where the memory-mapped configuration space lies',
    radix: 16,
    bits: [
      { name: 'ENABLE', bit: 0 },
      { name: 'LENGTH', bit: 1, width: 2, values: { 0: '256 MiB', 1: '128 MiB', 2: '64 MiB' } },
      { name: 'base', bit: 26, width: 10, doc: 'in units of 64 MiB' }
    ]
  }),
  ...pamRegisters(0x90),
  reg8(0x9c, 'F_SMBASE', {
    doc: 'RAM at 0x30000 for SMM',
    bits: [
      { name: 'IN_RAM', bit: 0 },
      { name: 'LCK', bit: 1 }
    ]
  }),
  reg8(0x9d, 'SMRAM', SMRAM),
  reg8(0x9e, 'ESMRAMC', {
    doc: 'Extended SMRAM',
    bits: [
      { name: 'T_EN', bit: 0, doc: 'TSEG exists' },
      { name: 'TSEG_SZ', bit: 1, width: 2, values: { 0: '1 MiB', 1: '2 MiB', 2: '8 MiB', 3: 'extended' } },
      { name: 'SM_L2', bit: 3 },
      { name: 'SM_L1', bit: 4 },
      { name: 'SM_CACHE', bit: 5 },
      { name: 'E_SMERR', bit: 6 },
      { name: 'H_SMRAME', bit: 7 }
    ]
  })
];

export interface MCHPCIState {
  parent_obj: PCIDevice;
}
const d = fieldsOf<MCHPCIState>();
export const vmstate_mch: VMStateDescription<MCHPCIState> = {
  name: 'mch',
  version: 1,
  minimumVersion: 1,
  fields: [d('parent_obj', pciDevice(MCH_REGISTERS)), unused(1, { doc: 'Once smm_enabled' })]
};
