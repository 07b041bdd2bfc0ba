/** The two ports of a PCI host bridge. Source: QEMU hw/pci/pci_host.c. */
import { fieldsOf, type VMStateDescription } from '../../../vmstate/vmstate.ts';
import { u32 } from '../../../vmstate/vmstate-types.ts';

export interface PCIHostState {
  config_reg: number;
}
const host = fieldsOf<PCIHostState>();
export const vmstate_pcihost: VMStateDescription<PCIHostState> = {
  name: 'PCIHost',
  version: 1,
  minimumVersion: 1,
  fields: [
    host('config_reg', u32, {
      doc: 'Port 0xcf8: which configuration register port 0xcfc shows',
      radix: 16,
      bits: [
        { name: 'register', bit: 0, width: 8 },
        { name: 'function', bit: 8, width: 3 },
        { name: 'device', bit: 11, width: 5 },
        { name: 'bus', bit: 16, width: 8 },
        { name: 'enable', bit: 31 }
      ],
      source: 'PCI 3.0 3.2.2.3.2'
    })
  ]
};
