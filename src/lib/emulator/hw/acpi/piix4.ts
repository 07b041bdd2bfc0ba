/** PCI function 01.3 of the PIIX4: power management and SMBus. Source: QEMU hw/acpi/piix4.c. */
import type { QemuFileReader } from '../../../vmstate/qemu-file.ts';
import { fieldsOf, struct, type Codec, type VMStateDescription } from '../../../vmstate/vmstate.ts';
import { i64, timer, u16, u32 } from '../../../vmstate/vmstate-types.ts';
import { reg16, reg32, reg8 } from '../core/register.ts';
import { sectionEndsAt, subsectionAt, type Behind } from '../core/section-end.ts';
import { vmstate_pmsmb, type PMSMBus } from '../i2c/pm_smbus.ts';
import { vmstate_apm, type APMState } from '../isa/apm.ts';
import { pciDevice, type PCIDevice } from '../pci/pci.ts';
import { GPE0, PM1_CONTROL, PM1_ENABLE, PM1_STATUS, PM_OVERFLOW_TIME, PM_TIMER } from './core.ts';
import { cpuHotplug, type CPUHotplugState } from './cpu.ts';
import { memoryHotplug, type MemHotplugState } from './memory_hotplug.ts';
import { ACPI_INDEX, acpiPcihpPciStatus, HOTPLUG_SELECT, pciStatus, type AcpiPciHpState } from './pcihp.ts';

/** Source: 82371AB datasheet 7.1. */
const PIIX4_PM_REGISTERS = [
  reg32(0x40, 'PMBA', { doc: 'I/O ports of the ACPI registers', radix: 16 }),
  reg8(0x5b, 'DEVACTB', { doc: 'bit 1: SMM is set up', radix: 16 }),
  reg16(0x80, 'PMREGMISC', { bits: [{ name: 'PMIOSE', bit: 0, doc: 'ACPI registers on' }] }),
  reg32(0x90, 'SMBBA', { doc: 'I/O ports of the SMBus controller', radix: 16 }),
  reg8(0xd2, 'SMBHSTCFG', { bits: [{ name: 'SMB_HST_EN', bit: 0, doc: 'SMBus controller on' }] })
];

/** What a machine type and its options leave out, none of which is sent. */
export interface PIIX4PMLayout {
  /** Machine types from 4.0 on. */
  readonly smb: boolean;
  /** acpi-pci-hotplug-with-bridge-support. */
  readonly bridges: boolean;
  /** Machine types from 7.0 on. */
  readonly acpiIndex: boolean;
}

export interface PIIX4PMState {
  layout: PIIX4PMLayout;
  parent_obj: PCIDevice;
  ar: {
    pm1: { evt: { sts: number; en: number }; cnt: { cnt: number } };
    tmr: { timer: bigint; overflow_time: bigint };
    gpe: ACPIGPE;
  };
  apm: APMState;
  smb: PMSMBus;
  acpi_pci_hotplug: AcpiPciHpState;
  acpi_memory_hotplug: MemHotplugState;
  cpuhp_state: CPUHotplugState;
}

interface ACPIGPE {
  sts: number;
  en: number;
}
const gpe = fieldsOf<ACPIGPE>();
/** Two bytes each, in the order of the sender's memory: the first register is the low byte. */
const vmstate_gpe: VMStateDescription<ACPIGPE> = {
  name: 'gpe',
  version: 1,
  minimumVersion: 1,
  fields: [
    gpe('sts', u16, { doc: 'events', source: 'AcpiEventStatusBits', bits: GPE0 }),
    gpe('en', u16, { doc: 'events that raise an SCI', source: 'AcpiEventStatusBits', bits: GPE0 })
  ]
};

const BEHIND: Behind = { sibling: 'piix4_pm/', rest: 0, parent: 'piix4_pm/' };

const CURRENT: PIIX4PMLayout = { smb: true, bridges: true, acpiIndex: true };
const LAYOUTS: readonly PIIX4PMLayout[] = [
  { smb: false, bridges: false, acpiIndex: false },
  { smb: true, bridges: false, acpiIndex: false },
  { smb: false, bridges: true, acpiIndex: false },
  { smb: true, bridges: true, acpiIndex: false }
];

/** Bytes behind the PCI device: PM1 and APM, the controller, timer and GPE, hotplug. */
const bytesOf = ({ smb, bridges, acpiIndex }: PIIX4PMLayout): number =>
  8 + (smb ? 48 : 0) + 20 + (bridges ? 4 + 256 * 8 : 8) + (acpiIndex ? 4 : 0);

/** The layout with which the fields end where subsections begin or the section ends. */
function layoutOf(file: QemuFileReader): PIIX4PMLayout {
  return (
    LAYOUTS.find((layout) => {
      const end = bytesOf(layout);
      return sectionEndsAt(file, end) || subsectionAt(file, end, BEHIND.sibling);
    }) ?? CURRENT
  );
}

const device = pciDevice(PIIX4_PM_REGISTERS);
const deviceAndLayout = (state: PIIX4PMState): Codec<PCIDevice> => ({
  ...device,
  read(file, into, place) {
    const parent = device.read(file, into, place);
    state.layout = layoutOf(file);
    return parent;
  }
});

const pm = fieldsOf<PIIX4PMState>();
export const vmstate_acpi: VMStateDescription<PIIX4PMState> = {
  name: 'piix4_pm',
  version: 3,
  minimumVersion: 3,
  doc: 'ACPI: power management, hotplug, SMBus.',
  fields: [
    pm('parent_obj', deviceAndLayout),
    pm('ar.pm1.evt.sts', u16, PM1_STATUS),
    pm('ar.pm1.evt.en', u16, PM1_ENABLE),
    pm('ar.pm1.cnt.cnt', u16, PM1_CONTROL),
    pm('apm', struct(vmstate_apm)),
    pm('smb', struct(vmstate_pmsmb), { since: 3, when: (s) => s.layout.smb }),
    pm('ar.tmr.timer', timer, PM_TIMER),
    pm('ar.tmr.overflow_time', i64, PM_OVERFLOW_TIME),
    pm('ar.gpe', struct(vmstate_gpe)),
    pm('acpi_pci_hotplug.acpi_pcihp_pci_status[0]', pciStatus, {
      name: 'acpi_pci_hotplug.acpi_pcihp_pci_status[0x0]',
      when: (s) => !s.layout.bridges
    }),
    pm('acpi_pci_hotplug.hotplug_select', u32, { ...HOTPLUG_SELECT, when: (s) => s.layout.bridges }),
    pm('acpi_pci_hotplug.acpi_pcihp_pci_status', acpiPcihpPciStatus, { when: (s) => s.layout.bridges }),
    pm('acpi_pci_hotplug.acpi_index', u32, { ...ACPI_INDEX, when: (s) => s.layout.acpiIndex })
  ],
  subsections: [
    {
      name: 'piix4_pm/memhp',
      version: 1,
      minimumVersion: 1,
      fields: [pm('acpi_memory_hotplug', memoryHotplug(BEHIND))]
    },
    { name: 'piix4_pm/cpuhp', version: 1, minimumVersion: 1, fields: [pm('cpuhp_state', cpuHotplug(BEHIND))] }
  ]
};
