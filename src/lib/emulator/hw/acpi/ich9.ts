/** Power management of the ICH9, inside its LPC bridge. Source: QEMU hw/acpi/ich9.c; ICH9 datasheet 13.8.3. */
import { fieldsOf, struct, type Bits, type Meaning, type VMStateDescription } from '../../../vmstate/vmstate.ts';
import { arrayOf, i64, timer, u16, u32, u8 } from '../../../vmstate/vmstate-types.ts';
import type { Behind } from '../core/section-end.ts';
import { GPE0, PM1_CONTROL, PM1_ENABLE, PM1_STATUS, PM_OVERFLOW_TIME, PM_TIMER } from './core.ts';
import { cpuHotplug, type CPUHotplugState } from './cpu.ts';
import { vmstate_tco_io_sts, type TCOIORegs } from './ich9_tco.ts';
import { memoryHotplug, type MemHotplugState } from './memory_hotplug.ts';
import { ACPI_INDEX, acpiPcihpPciStatus, HOTPLUG_SELECT, type AcpiPciHpState } from './pcihp.ts';

export interface ICH9LPCPMRegs {
  acpi_regs: {
    pm1: { evt: { sts: number; en: number }; cnt: { cnt: number } };
    tmr: { timer: bigint; overflow_time: bigint };
    gpe: { sts: number[]; en: number[] };
  };
  smi_en: number;
  smi_sts: number;
  acpi_memory_hotplug: MemHotplugState;
  tco_regs: TCOIORegs;
  cpuhp_state: CPUHotplugState;
  acpi_pci_hotplug: AcpiPciHpState;
}

const SMI: readonly Bits[] = [
  { bit: 2, name: 'BIOS' },
  { bit: 3, name: 'LEGACY_USB' },
  { bit: 4, name: 'SLP_SMI' },
  { bit: 5, name: 'APM', doc: 'write to port b2' },
  { bit: 6, name: 'SWSMI_TMR', doc: 'software SMI timer' },
  { bit: 11, name: 'MCSMI' },
  { bit: 13, name: 'TCO' },
  { bit: 14, name: 'PERIODIC' },
  { bit: 17, name: 'LEGACY_USB2' },
  { bit: 18, name: 'INTEL_USB2' }
];
const SMI_EN: Meaning = {
  bits: [{ bit: 0, name: 'GBL_SMI', doc: 'SMIs at all' }, { bit: 1, name: 'EOS', doc: 'end of SMI' }, ...SMI]
};
const SMI_STS: Meaning = { bits: SMI };
/** One byte a row; the first one holds QEMU's events. */
const gpeBytes = arrayOf(u8, 16, { abouts: [{ source: 'AcpiEventStatusBits', bits: GPE0 }] });

/** Behind the pm struct LPC has chip_config and sci_level. Source: hw/isa/lpc_ich9.c vmstate_ich9_lpc. */
const BEHIND: Behind = { sibling: 'ich9_pm/', rest: 16384 + 4, parent: 'ICH9LPC/' };

const pm = fieldsOf<ICH9LPCPMRegs>();
export const vmstate_ich9_pm: VMStateDescription<ICH9LPCPMRegs> = {
  name: 'ich9_pm',
  version: 1,
  minimumVersion: 1,
  doc: 'ACPI: power management, hotplug, watchdog.',
  fields: [
    pm('acpi_regs.pm1.evt.sts', u16, PM1_STATUS),
    pm('acpi_regs.pm1.evt.en', u16, PM1_ENABLE),
    pm('acpi_regs.pm1.cnt.cnt', u16, PM1_CONTROL),
    pm('acpi_regs.tmr.timer', timer, PM_TIMER),
    pm('acpi_regs.tmr.overflow_time', i64, PM_OVERFLOW_TIME),
    pm('acpi_regs.gpe.sts', gpeBytes, { doc: 'events' }),
    pm('acpi_regs.gpe.en', gpeBytes, { doc: 'events that raise an SCI' }),
    pm('smi_en', u32, SMI_EN),
    pm('smi_sts', u32, SMI_STS)
  ],
  subsections: [
    {
      name: 'ich9_pm/memhp',
      version: 1,
      minimumVersion: 1,
      fields: [pm('acpi_memory_hotplug', memoryHotplug(BEHIND))]
    },
    { name: 'ich9_pm/tco', version: 1, minimumVersion: 1, fields: [pm('tco_regs', struct(vmstate_tco_io_sts))] },
    { name: 'ich9_pm/cpuhp', version: 1, minimumVersion: 1, fields: [pm('cpuhp_state', cpuHotplug(BEHIND))] },
    {
      name: 'ich9_pm/pcihp',
      version: 1,
      minimumVersion: 1,
      fields: [
        pm('acpi_pci_hotplug.hotplug_select', u32, HOTPLUG_SELECT),
        pm('acpi_pci_hotplug.acpi_pcihp_pci_status', acpiPcihpPciStatus),
        pm('acpi_pci_hotplug.acpi_index', u32, ACPI_INDEX)
      ]
    }
  ]
};
