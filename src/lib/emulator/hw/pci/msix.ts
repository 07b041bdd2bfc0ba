/**
 * MSI-X: the vector table and the pending bits of a device. How many vectors there are is not in the stream but in the
 * device's capability.
 * Source: QEMU hw/pci/msix.c (msix_save); PCI 3.0 section 6.8.2.
 */
import { fieldsOf, struct, type Codec, type VMStateDescription } from '../../../vmstate/vmstate.ts';
import { arrayOf, buffer } from '../../../vmstate/vmstate-types.ts';
import { le32 } from '../core/register.ts';
import { pci_find_capability, type PCIDevice } from './pci.ts';
import { MSI_DATA, PCI_CAP_ID_MSIX } from './pci_regs.ts';

interface MSIXEntry {
  addr_lo: number;
  addr_hi: number;
  data: number;
  vector_ctrl: number;
}
export interface MSIXState {
  msix_table: MSIXEntry[];
  msix_pba: Uint8Array;
}
/** A device that has sent its MSI-X state. */
export interface MSIXDevice extends PCIDevice {
  msix: MSIXState;
}

const entry = fieldsOf<MSIXEntry>();
const msixEntry = struct<MSIXEntry>({
  name: 'msix_table',
  version: 0,
  minimumVersion: 0,
  fields: [
    entry('addr_lo', le32, {
      bits: [
        { name: 'destination_mode', bit: 2, values: { 0: 'physical', 1: 'logical' } },
        { name: 'redirection_hint', bit: 3 },
        { name: 'destination', bit: 12, width: 8, doc: 'APIC id' }
      ],
      radix: 16,
      source: 'SDM 3A 11.11.1'
    }),
    entry('addr_hi', le32, { radix: 16 }),
    entry('data', le32, MSI_DATA),
    entry('vector_ctrl', le32, { bits: [{ name: 'masked', bit: 0 }] })
  ]
});

/** Vectors of a device; 0 where it has no MSI-X. */
export function msix_nr_vectors(config: Uint8Array): number {
  const at = pci_find_capability(config, PCI_CAP_ID_MSIX);
  return at === undefined ? 0 : ((config[at + 2]! | (config[at + 3]! << 8)) & 0x7ff) + 1;
}

/** What msix_save writes for so many vectors. */
export const msixState = (vectors: number): Codec<MSIXState> => {
  const table = arrayOf(msixEntry, vectors);
  const pba = buffer(Math.ceil(vectors / 8));
  return {
    type: 'msix state',
    read: (file, into, place) => ({
      msix_table: place.read(file, 'msix_table', table, into?.msix_table, { doc: 'One entry for each vector' }),
      msix_pba: place.read(file, 'msix_pba', pba, undefined, { doc: 'Pending bits, vector 0 in bit 0 of byte 0' })
    }),
    write(file, value) {
      table.write(file, value.msix_table);
      pba.write(file, value.msix_pba);
    }
  };
};

const device = fieldsOf<MSIXDevice>();
/** VMSTATE_MSIX: a row of its own behind the PCI device. */
export const vmstate_msix: VMStateDescription<MSIXDevice> = {
  name: 'msix',
  version: 0,
  minimumVersion: 0,
  fields: [device('msix', (s) => msixState(msix_nr_vectors(s.config)))]
};
