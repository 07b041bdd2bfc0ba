/** PCI hotplug by ACPI. Source: QEMU hw/acpi/pcihp.c, docs/specs/acpi_pci_hotplug.rst. */
import { fieldsOf, struct, type Codec, type Meaning, type VMStateDescription } from '../../../vmstate/vmstate.ts';
import { arrayOf, u32 } from '../../../vmstate/vmstate-types.ts';

export const ACPI_PCIHP_MAX_HOTPLUG_BUS = 256;

export interface AcpiPciHpPciStatus {
  up: number;
  down: number;
}
export interface AcpiPciHpState {
  hotplug_select: number;
  acpi_pcihp_pci_status: AcpiPciHpPciStatus[];
  acpi_index: number;
}

const status = fieldsOf<AcpiPciHpPciStatus>();
const vmstatePciStatus = (name: string): VMStateDescription<AcpiPciHpPciStatus> => ({
  name,
  version: 1,
  minimumVersion: 1,
  fields: [
    status('up', u32, { doc: 'slots with a device that the guest has not yet seen, a bit each', radix: 16 }),
    status('down', u32, { doc: 'slots to be unplugged, a bit each', radix: 16 })
  ]
});

/** Every bus that can be plugged into. */
export const acpiPcihpPciStatus: Codec<AcpiPciHpPciStatus[]> = arrayOf(
  struct(vmstatePciStatus('acpi_pcihp_pci_status')),
  ACPI_PCIHP_MAX_HOTPLUG_BUS
);
/** The root bus alone, where bridges are not plugged into. */
export const pciStatus: Codec<AcpiPciHpPciStatus> = struct(vmstatePciStatus('pci_status'));

export const HOTPLUG_SELECT: Meaning = { doc: 'bus that the registers show' };
export const ACPI_INDEX: Meaning = { doc: 'acpi-index of the slot last asked for; 0 without' };
