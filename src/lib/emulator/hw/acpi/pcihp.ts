/** PCI hotplug by ACPI. Source: QEMU hw/acpi/pcihp.c, docs/specs/acpi_pci_hotplug.rst. */
import { fieldsOf, struct, type Codec, type Meaning, type VMStateDescription } from '../../../vmstate/vmstate.ts';
import { arrayOf, u32 } from '../../../vmstate/vmstate-types.ts';
import { MemoryRegion } from '../../system/memory.ts';
import type { PCIRootBus } from '../pci/pci_bus.ts';
import type { PCIFunction } from '../pci/pci_device.ts';

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

const IO_LEN = 0x18;
/** PCIHP registers by offset. */
const UP = 0x00;
const DOWN = 0x04;
const EJECT = 0x08;
const REMOVABLE = 0x0c;
const SELECT = 0x10;
const INDEX = 0x14;
/** Number of the root bus; there is no other one. */
const ROOT = 0;

export interface AcpiPciHpWiring {
  readonly bus: PCIRootBus;
  /** acpi-pci-hotplug-with-bridge-support: the selector is a number of a bus, and reading `up` clears it. */
  readonly bridges: boolean;
  /** Something was plugged, or is to be unplugged: raises an SCI. */
  readonly sendEvent: () => void;
  /** The guest has let a device go. */
  readonly unplug: (device: PCIFunction) => void;
}

export class AcpiPciHp implements AcpiPciHpState {
  hotplug_select = ROOT;
  acpi_pcihp_pci_status: AcpiPciHpPciStatus[] = Array.from({ length: ACPI_PCIHP_MAX_HOTPLUG_BUS }, () => ({
    up: 0,
    down: 0
  }));
  acpi_index = 0;
  readonly io: MemoryRegion;
  readonly #wiring: AcpiPciHpWiring;

  constructor(wiring: AcpiPciHpWiring) {
    this.#wiring = wiring;
    this.io = MemoryRegion.io('acpi-pci-hotplug', IO_LEN, {
      valid: { min: 4, max: 4 },
      read: (addr) => this.#read(addr),
      write: (addr, value) => this.#write(addr, value)
    });
  }

  /** What is to be unplugged goes at a reset. */
  reset(): void {
    for (let slot = 0; slot < 32; slot++)
      if (this.acpi_pcihp_pci_status[ROOT]!.down & (1 << slot)) this.#eject(ROOT, slot);
    for (const status of this.acpi_pcihp_pci_status) status.down = 0;
  }

  /** A device was plugged in while the machine runs. */
  plugged({ slot }: PCIFunction): void {
    const root = this.acpi_pcihp_pci_status[ROOT]!;
    root.up = (root.up | (1 << slot)) >>> 0;
    this.#wiring.sendEvent();
  }

  /** The guest is asked to let a device go. */
  unplugRequest({ slot }: PCIFunction): void {
    const root = this.acpi_pcihp_pci_status[ROOT]!;
    root.down = (root.down | (1 << slot)) >>> 0;
    this.#wiring.sendEvent();
  }

  /** Slots of a bus whose devices may go, a bit each. Source: acpi_pcihp_update_hotplug_bus. */
  #removable(bus: number): number {
    let slots = 0xffff_ffff;
    if (bus === ROOT) {
      for (const device of this.#wiring.bus.devices) {
        if (device && !device.hotpluggable) slots = (slots & ~(1 << device.slot)) >>> 0;
      }
    }
    return slots;
  }

  #eject(bus: number, slot: number): void {
    const status = this.acpi_pcihp_pci_status[bus]!;
    status.down = (status.down & ~(1 << slot)) >>> 0;
    status.up = (status.up & ~(1 << slot)) >>> 0;
    if (bus !== ROOT) return;
    for (const device of this.#wiring.bus.devices) {
      if (device?.slot === slot && device.hotpluggable) this.#wiring.unplug(device);
    }
  }

  #read(addr: number): number {
    const status = this.acpi_pcihp_pci_status[this.hotplug_select];
    if (!status) return 0;
    switch (addr) {
      case UP: {
        const { up } = status;
        if (this.#wiring.bridges) status.up = 0;
        return up;
      }
      case DOWN:
        return status.down;
      case REMOVABLE:
        return this.#removable(this.hotplug_select);
      case SELECT:
        return this.hotplug_select;
      case INDEX: {
        const index = this.acpi_index;
        this.acpi_index = 0;
        return index;
      }
      default:
        return 0;
    }
  }

  /** No device has an acpi-index: asking for one gives 0. */
  #write(addr: number, value: number): void {
    this.acpi_index = 0;
    if (addr === SELECT) this.hotplug_select = this.#wiring.bridges ? value >>> 0 : ROOT;
    else if (addr === EJECT && value !== 0 && this.hotplug_select < ACPI_PCIHP_MAX_HOTPLUG_BUS) {
      this.#eject(this.hotplug_select, 31 - Math.clz32(value & -value));
    }
  }
}
