/**
 * What all devices have in common: a state with a description, a reset, and their place in the migration stream.
 * Source: QEMU hw/core/qdev.c, migration/savevm.c (SaveStateEntry, savevm_state_handler_insert, vmstate_load),
 * include/migration/vmstate.h (MigrationPriority).
 */
import { QemuFileReader, QemuFileWriter } from '../../../vmstate/qemu-file.ts';
import { load, save, type Loaded, type VMStateDescription } from '../../../vmstate/vmstate.ts';
import type { IOPortSpace } from '../../system/ioport.ts';
import type { AddressSpace } from '../../system/memory.ts';
import type { PhysMem } from '../../system/physmem.ts';
import type { Clocks } from '../../util/qemu-timer.ts';

/** Who is sent earlier: higher goes first, equals in the order in which they were registered. */
export const MigrationPriority = {
  MIG_PRI_LOW: 1,
  MIG_PRI_DEFAULT: 2,
  MIG_PRI_IOMMU: 3,
  MIG_PRI_PCI_BUS: 4,
  MIG_PRI_VIRTIO_MEM: 5,
  MIG_PRI_APIC: 6
} as const;

/** A device as the machine and the migration see it. */
export interface Device {
  /** Name of its section: the description's, behind a device path where the bus has one (`0000:00:02.0/vga`). */
  readonly idstr: string;
  readonly instance?: number;
  /** How its state lies in the stream; none where QEMU sends nothing. */
  readonly vmsd?: VMStateDescription<never>;
  /** What the description reads and writes: as a rule the device itself. */
  readonly state?: object;
  readonly priority?: number;
  reset?(): void;
  /** Gives what a stream may leave out the value that this stands for (QEMU: pre_load). */
  preLoad?(): void;
  /** Brings fields that exist for the stream alone up to date (QEMU: pre_save). */
  preSave?(): void;
  /** After a load: puts timers, lines and mappings where the state says (QEMU: post_load). Returns why it must not run. */
  postLoad?(version: number): string | undefined | void;
  /** What a stream does not carry and the guest may notice: for coming back to this moment in this machine. */
  saveLocal?(): unknown;
  loadLocal?(value: never): void;
  /** The machine goes on, or has been stopped (QEMU: qdev_add_vm_change_state_handler). */
  vmStateChange?(running: boolean): void;
}

/** Guest errors by device (QEMU: qemu_log_mask(LOG_GUEST_ERROR)). Never throws. */
export type GuestErrorLog = (device: string, message: string) => void;

/** What a machine gives its devices; interrupt lines they get one by one. */
export interface DeviceHost {
  readonly clocks: Clocks;
  readonly physmem: PhysMem;
  /** What DMA and MSI go to: system memory without SMM (QEMU: address_space_memory). */
  readonly memory: AddressSpace;
  readonly ports: IOPortSpace;
  readonly log: GuestErrorLog;
}

/** A device's place in the stream. */
export interface SaveStateEntry {
  readonly idstr: string;
  readonly instance_id: number;
  /** In the order of registration, whatever the order in the stream. */
  readonly section_id: number;
  readonly device: Device;
}

/** The devices of a machine: reset in the order in which they came, sent by priority. */
export class DeviceList {
  readonly #devices: Device[] = [];
  readonly #entries: SaveStateEntry[] = [];
  #nextSection: number;

  /** @param firstSection section ids before it belong to what is no device (QEMU counts them together) */
  constructor(firstSection = 0) {
    this.#nextSection = firstSection;
  }

  /** Registers a device. Throws where two would share a section. */
  add<D extends Device>(device: D): D {
    const { idstr, instance = 0, vmsd, priority = MigrationPriority.MIG_PRI_DEFAULT } = device;
    this.#devices.push(device);
    if (!vmsd) return device;
    if (this.find(idstr, instance))
      throw new Error(`Detected duplicate SaveStateEntry: id=${idstr}, instance_id=${instance}`);
    const entry = { idstr, instance_id: instance, section_id: this.#nextSection++, device };
    const before = this.#entries.findIndex((e) => (e.device.priority ?? MigrationPriority.MIG_PRI_DEFAULT) < priority);
    this.#entries.splice(before < 0 ? this.#entries.length : before, 0, entry);
    return device;
  }

  /** Unplugs one. */
  remove(device: Device): void {
    this.#devices.splice(this.#devices.indexOf(device), 1);
    const at = this.#entries.findIndex((e) => e.device === device);
    if (at >= 0) this.#entries.splice(at, 1);
  }

  /** In the order of the stream. */
  get entries(): readonly SaveStateEntry[] {
    return this.#entries;
  }

  find(idstr: string, instance = 0): Device | undefined {
    return this.#entries.find((e) => e.idstr === idstr && e.instance_id === instance)?.device;
  }

  reset(): void {
    for (const device of this.#devices) device.reset?.();
  }

  vmStateChange(running: boolean): void {
    for (const device of this.#devices) device.vmStateChange?.(running);
  }
}

/** What loading a device came to. */
export interface LoadedDevice extends Loaded<object> {
  /** Why the machine must not run with it. */
  readonly refusal?: string;
}

/** Fills a device from a section's body. Never throws for what the bytes say. Source: vmstate_load. */
export function loadDevice(device: Device, file: QemuFileReader, version: number): LoadedDevice {
  const vmsd = device.vmsd as VMStateDescription<object> | undefined;
  if (!vmsd) return { state: {}, fields: [], complaints: [], refusal: `${device.idstr} has no state` };
  device.preLoad?.();
  const loaded = load(file, vmsd, version, device.state ?? device);
  const refusal = loaded.failure ? loaded.failure.message : device.postLoad?.(version);
  return refusal ? { ...loaded, refusal } : loaded;
}

/** Whether a device has a section now. Source: vmstate_section_needed. */
export function isSent(device: Device): boolean {
  const vmsd = device.vmsd as VMStateDescription<object> | undefined;
  return vmsd?.needed?.(device.state ?? device) ?? vmsd !== undefined;
}

/** The body of a device's section. Source: vmstate_save. */
export function saveDevice(device: Device, file = new QemuFileWriter()): QemuFileWriter {
  const vmsd = device.vmsd as VMStateDescription<object> | undefined;
  device.preSave?.();
  if (vmsd) save(file, vmsd, device.state ?? device);
  return file;
}
