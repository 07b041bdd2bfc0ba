/** PCI function 01.3 of the PIIX4: power management and SMBus. Source: QEMU hw/acpi/piix4.c. */
import type { QemuFileReader } from '../../../vmstate/qemu-file.ts';
import { fieldsOf, struct, type Codec, type VMStateDescription } from '../../../vmstate/vmstate.ts';
import { i64, timer, u16, u32 } from '../../../vmstate/vmstate-types.ts';
import type { IOPortSpace } from '../../system/ioport.ts';
import { MemoryRegion, memoryTransaction } from '../../system/memory.ts';
import type { Irq } from '../core/irq.ts';
import type { Device, DeviceHost } from '../core/qdev.ts';
import { reg16, reg32, reg8 } from '../core/register.ts';
import { sectionEndsAt, subsectionAt, type Behind } from '../core/section-end.ts';
import type { I2CBusModel } from '../i2c/core.ts';
import { PMSMBusModel, vmstate_pmsmb, type PMSMBus } from '../i2c/pm_smbus.ts';
import { APM, vmstate_apm, type APMState } from '../isa/apm.ts';
import { pciDevice, type PCIDevice } from '../pci/pci.ts';
import type { PCIRootBus } from '../pci/pci_bus.ts';
import { get32, overlaps, PCIFunction } from '../pci/pci_device.ts';
import {
  ACPIRegs,
  GPE0,
  PM1_CONTROL,
  PM1_ENABLE,
  PM1_STATUS,
  PM_OVERFLOW_TIME,
  PM_TIMER,
  type ACPIWiring
} from './core.ts';
import { CPUHotplug, cpuHotplug, type CPUHotplugState } from './cpu.ts';
import { legacyCpuHotplug } from './cpu_hotplug.ts';
import { MemHotplug, memoryHotplug, type MemHotplugState } from './memory_hotplug.ts';
import { ACPI_INDEX, AcpiPciHp, acpiPcihpPciStatus, HOTPLUG_SELECT, pciStatus, type AcpiPciHpState } from './pcihp.ts';

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
  /** Which interface of CPU hotplug is on: never sent, so that only a device that runs has it. */
  readonly cpu_hotplug_legacy?: boolean;
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
      needed: (s) => (s.cpu_hotplug_legacy === undefined ? undefined : true),
      fields: [pm('acpi_memory_hotplug', memoryHotplug(BEHIND))]
    },
    {
      name: 'piix4_pm/cpuhp',
      version: 1,
      minimumVersion: 1,
      needed: (s) => (s.cpu_hotplug_legacy === undefined ? undefined : !s.cpu_hotplug_legacy),
      fields: [pm('cpuhp_state', cpuHotplug(BEHIND))]
    }
  ]
};

const PMBA = 0x40;
const DEVACTB = 0x5b;
/** Which legacy devices the chip has seen, as QEMU notes it for the guest's ACPI tables. */
const PARALLEL_PRESENT = 0x5f;
const SERIAL_PRESENT = 0x67;
const PMREGMISC = 0x80;
const SMBBA = 0x90;
const SMBHSTCFG = 0xd2;

export const GPE_BASE = 0xafe0;
const GPE_LEN = 4;
const PCIHP_BASE = 0xae00;
const CPU_HOTPLUG_BASE = 0xaf00;
const MEMORY_HOTPLUG_BASE = 0x0a00;
const ACPI_ENABLE = 0xf1;
const ACPI_DISABLE = 0xf0;
const APMC_EN = 0x02;
/** Events of AcpiEventStatusBits. */
const PCI_HOTPLUG = 0x02;

export interface PIIX4PMWiring extends Omit<ACPIWiring, 'clock' | 's4' | 'acpiOnly'> {
  readonly host: Pick<DeviceHost, 'ports' | 'clocks'>;
  readonly smbus: I2CBusModel;
  /** Calls the CPU into system management mode. */
  readonly smi: Irq;
  /** The machine has system management mode. */
  readonly smm?: boolean;
  readonly cpus?: number;
  readonly maxcpus?: number;
  readonly memorySlots?: number;
  readonly layout?: PIIX4PMLayout;
  readonly s4?: number;
  /** The guest has let a device go. */
  readonly unplug?: (device: PCIFunction) => void;
}

/** Power management of the i440FX machine. */
export class PIIX4PM implements PIIX4PMState, Device {
  readonly vmsd = vmstate_acpi;
  readonly idstr: string;
  readonly parent_obj: PCIFunction;
  layout: PIIX4PMLayout;
  readonly ar: ACPIRegs;
  readonly apm: APM;
  readonly smb: PMSMBusModel;
  readonly acpi_pci_hotplug: AcpiPciHp;
  readonly acpi_memory_hotplug: MemHotplug;
  cpu_hotplug_legacy = true;
  readonly #layout: PIIX4PMLayout;
  readonly #ports: IOPortSpace;
  readonly #smm: boolean;
  readonly #maxcpus: number;
  readonly #cpuHotplug: CPUHotplug;
  readonly #legacyCpuHotplug: MemoryRegion;
  readonly #pm = MemoryRegion.container('piix4-pm', 64);

  constructor(bus: PCIRootBus, devfn: number, wiring: PIIX4PMWiring) {
    const { host, smm = true, layout = CURRENT, cpus = 1, maxcpus = cpus, memorySlots = 0, s4 = 2 } = wiring;
    this.parent_obj = new PCIFunction(bus, devfn, {
      name: 'PIIX4_PM',
      vendor_id: 0x8086,
      device_id: 0x7113,
      revision: 3,
      class_id: 0x0680,
      hotpluggable: false
    });
    this.idstr = `${this.parent_obj.path}/${vmstate_acpi.name}`;
    this.layout = this.#layout = layout;
    this.#ports = host.ports;
    this.#smm = smm;
    this.#maxcpus = maxcpus;
    const { config } = this.parent_obj;
    config.set([0x80, 0x02], 0x06);
    this.parent_obj.interruptPin = 1;
    config.set([0x01, 0xb1], SMBBA);
    config[SMBHSTCFG] = 0x09;

    this.ar = new ACPIRegs({ ...wiring, clock: host.clocks.virtual, s4, acpiOnly: !smm });
    this.ar.addRegions(this.#pm);
    this.#pm.setEnabled(false);
    host.ports.register(0, this.#pm);
    this.apm = new APM(host.ports, (command) => this.#apmCommand(command, wiring.smi));
    this.smb = new PMSMBusModel(wiring.smbus, true);
    host.ports.register(0, this.smb.io);
    const gpe = MemoryRegion.io('acpi-gpe0', GPE_LEN, {
      valid: { min: 1, max: 4 },
      impl: { min: 1, max: 1 },
      read: (addr) => this.ar.readGpe(addr),
      write: (addr, value) => this.ar.writeGpe(addr, value)
    });
    host.ports.register(GPE_BASE, gpe);
    this.acpi_pci_hotplug = new AcpiPciHp({
      bus,
      bridges: layout.bridges,
      sendEvent: () => this.ar.sendGpeEvent(PCI_HOTPLUG),
      unplug: wiring.unplug ?? ((device) => bus.detach(device))
    });
    host.ports.register(PCIHP_BASE, this.acpi_pci_hotplug.io);
    this.#cpuHotplug = new CPUHotplug(cpus, maxcpus);
    this.#legacyCpuHotplug = legacyCpuHotplug(cpus, () => this.#useModernCpuHotplug());
    host.ports.register(CPU_HOTPLUG_BASE, this.#legacyCpuHotplug);
    this.acpi_memory_hotplug = new MemHotplug(memorySlots);
    if (memorySlots > 0) host.ports.register(MEMORY_HOTPLUG_BASE, this.acpi_memory_hotplug.io);

    this.parent_obj.onConfigWrite((addr, _value, length) => {
      const touches = (at: number, size: number): boolean => overlaps(addr, length, at, size);
      if (touches(PMREGMISC, 1) || touches(PMBA, 4) || touches(SMBHSTCFG, 1) || touches(SMBBA, 4)) this.#mapPorts();
    });
    this.#mapPorts();
  }

  get cpuhp_state(): CPUHotplug {
    return this.#cpuHotplug;
  }
  /** Its subsection has come: the guest had the new interface on. Source: vmstate_cpuhp_pre_load. */
  set cpuhp_state(_loaded: CPUHotplugState) {
    this.#useModernCpuHotplug();
  }

  #useModernCpuHotplug(): void {
    if (!this.cpu_hotplug_legacy) return;
    this.cpu_hotplug_legacy = false;
    memoryTransaction(() => {
      this.#ports.root.delSubregion(this.#legacyCpuHotplug);
      this.#ports.register(CPU_HOTPLUG_BASE, this.#cpuHotplug.io);
    });
  }

  /** Source: apm_ctrl_changed. */
  #apmCommand(command: number, smi: Irq): void {
    if (command === ACPI_ENABLE || command === ACPI_DISABLE) this.ar.enableSci(command === ACPI_ENABLE);
    else if (this.parent_obj.config[DEVACTB]! & APMC_EN) smi(1);
  }

  /** Source: pm_io_space_update, smbus_io_space_update. */
  #mapPorts(): void {
    const { config } = this.parent_obj;
    memoryTransaction(() => {
      this.#pm.setEnabled((config[PMREGMISC]! & 1) !== 0);
      this.#pm.setAddress(get32(config, PMBA) & 0xffc0);
      this.smb.io.setEnabled((config[SMBHSTCFG]! & 1) !== 0);
      this.smb.io.setAddress(get32(config, SMBBA) & 0xffc0);
    });
  }

  /** Source: piix4_pm_reset, piix4_pm_machine_ready. */
  reset(): void {
    const { config } = this.parent_obj;
    config.fill(0, 0x58, 0x5c);
    config[PMBA] = 0x01;
    config[PMREGMISC] = 0;
    if (!this.#smm) config[DEVACTB] = APMC_EN;
    const present = (port: number): boolean => this.#ports.space.find(port)?.region !== this.#ports.root;
    config[PARALLEL_PRESENT] = 0x10 | (present(0x378) ? 0x80 : 0);
    config[0x63] = 0x60;
    config[SERIAL_PRESENT] = (present(0x3f8) ? 0x08 : 0) | (present(0x2f8) ? 0x90 : 0);
    this.ar.reset();
    this.#mapPorts();
    this.acpi_pci_hotplug.reset();
    this.parent_obj.reset();
  }

  preSave(): void {
    this.layout = this.#layout;
  }

  postLoad(): string | undefined {
    this.#mapPorts();
    const { length } = this.#cpuHotplug.devs;
    const refusal = this.parent_obj.postLoad();
    if (refusal) return refusal;
    if (length === this.#maxcpus) return undefined;
    this.#cpuHotplug.clear(this.#maxcpus);
    return `piix4_pm of a machine with ${length} possible CPUs, not ${this.#maxcpus}`;
  }

  /** First port of the PM registers, wherever they are mapped. */
  get pmBase(): number {
    return get32(this.parent_obj.config, PMBA) & 0xffc0;
  }

  /** The power button. */
  powerDown(): void {
    this.ar.powerDown();
  }
}
