/**
 * A machine from QEMU's command line: what goes where when nobody says so.
 * Source: QEMU hw/i386/pc_piix.c, system/vl.c (default_drive, qemu_create_cli_devices), hw/pci/pci.c do_pci_register_device.
 */
import { isOn, sizeOf } from '../vmstate/command-line.ts';
import { debugconDevice, isaDeviceOf } from './isa-options.ts';
import {
  ideId,
  machineVersion,
  type FloppyPlan,
  type IdePlan,
  type MachinePlan,
  type VirtioBlkPlan
} from './machine-plan.ts';
import { checkProperties, OptionError, type Known } from './system/qemu-option.ts';
import type { DeviceSpec, DriveSpec, MachineOptions } from './system/vl.ts';
import { PCIOptions } from './pci-plan.ts';
import { DEVICE_NAMES, deviceNumber, devicesOf, globalSpec, slotOf, vectorsOf } from './device-options.ts';
import { cpuError } from './target/i386/cpu-models.ts';
import { hasDefaultVga, isVga, vgaPlan } from './vga-plan.ts';

/** What `-M pc` stands for where no stream says otherwise. */
export const DEFAULT_MACHINE = 'pc-i440fx-10.0';
const BIOS_SIZE = 0x40000;
/** Host bridge, ISA bridge with its functions, VGA. */
const FIRST_FREE_SLOT = 2;
const SLOTS = 32;
/** First drive of the second channel: a CD drive when nobody says otherwise. */
const DEFAULT_CD = 2;
const DEFAULT_MEMORY = 128 * 2 ** 20;
/** Of a queue, and of queues. Source: virtio.h VIRTQUEUE_MAX_SIZE, VIRTIO_QUEUE_MAX. */
const [MAX_QUEUE_SIZE, MAX_QUEUES] = [1024, 1023];

export interface OptionsPlan {
  readonly plan: MachinePlan;
  /** Drives of the plan's devices, by id. */
  readonly drives: ReadonlyMap<string, DriveSpec>;
}

const MACHINE_PROPERTIES: Known = {
  ...{ hpet: 'flag', acpi: 'flag', vmport: ['on', 'off', 'auto'], 'memory-backend': 'any', accel: ['tcg'] },
  ...{ usb: ['off'], graphics: ['on'], smm: ['on', 'auto'], nvdimm: ['off'], 'kernel-irqchip': ['off'] },
  ...{ 'dump-guest-core': 'flag', 'mem-merge': 'flag', 'aux-ram-share': 'flag' }
};

/**
 * @param received the machine type of the stream that is to come in, which `pc` then stands for
 * @throws OptionError for what is not supported, by name
 */
export function planOfOptions(options: MachineOptions, received?: string): OptionsPlan {
  const machine = options.machine === 'pc' ? (received ?? DEFAULT_MACHINE) : options.machine;
  const version = machineVersion(machine);
  if (version === Infinity)
    throw new OptionError(`-M ${machine}: unsupported machine type; pc and pc-i440fx-X.Y are supported`);
  checkProperties(
    `-M ${machine}`,
    options.machineProperties,
    MACHINE_PROPERTIES,
    (name) => `Property '${name}' is not supported`
  );
  const wrongCpu = cpuError(options.cpu);
  if (wrongCpu !== undefined) throw new OptionError(`-cpu ${options.cpu}: ${wrongCpu}`);
  const backend = options.machineProperties.get('memory-backend');
  const devices = devicesOf(options);
  const drives = new Map<string, DriveSpec>();
  const virtioBlk: VirtioBlkPlan[] = [];
  const taken = new Set<number>([0, 1]);
  const slotFor = (spec?: DeviceSpec): number => {
    let slot = slotOf(spec) ?? FIRST_FREE_SLOT;
    if (!spec?.properties.has('addr')) while (taken.has(slot)) slot++;
    if (slot >= SLOTS || taken.has(slot)) throw new OptionError(`PCI: slot ${slot} is not available`);
    taken.add(slot);
    return slot;
  };
  let vga = hasDefaultVga(options) ? vgaPlan(version, slotFor(), globalSpec(options, 'VGA')) : undefined;
  const pci = new PCIOptions(options, slotFor);
  pci.addNics();
  const add = (drive: DriveSpec, spec?: DeviceSpec): void => {
    drives.set(drive.id, drive);
    virtioBlk.push(virtioBlkPlan(drive, slotFor(spec), spec));
  };
  const ide: (IdePlan | undefined)[] = [undefined, undefined, undefined, undefined];
  const addIde = (drive: DriveSpec, kind: 'hd' | 'cd', index: number | undefined, spec?: DeviceSpec): void => {
    const at = index ?? ide.findIndex((there) => !there);
    if (!(at in ide) || ide[at]) throw new OptionError(`drive ${drive.id}: there is no free place on the IDE channels`);
    drives.set(drive.id, drive);
    ide[at] = { id: drive.id, kind, size: undefined, bootindex: spec && bootindexOf(spec) };
  };
  const isa = options.debugcon ? [debugconDevice] : [];
  for (const device of devices) {
    const onIsa = isaDeviceOf(device);
    if (onIsa) {
      isa.push(onIsa);
      continue;
    }
    if (isVga(device)) {
      if (vga) throw new OptionError('-device VGA: one VGA is supported: give -vga none');
      vga = vgaPlan(version, slotFor(device), device);
      continue;
    }
    if (pci.take(device)) continue;
    const [, kind] = /^(virtio-blk|ide-hd|ide-cd)(?:-pci)?(-(non-)?transitional)?$/.exec(device.driver) ?? [];
    if (kind === undefined) {
      throw new OptionError(
        `-device ${device.driver}: '${device.driver}' is not supported; there are: ${DEVICE_NAMES.join(', ')}`
      );
    }
    const id = device.properties.get('drive');
    const drive = options.drives.find((d) => d.id === id);
    if (!drive) throw new OptionError(`-device ${device.driver}: drive property not set, or no such drive`);
    if (kind === 'virtio-blk') add(drive, device);
    else addIde(drive, kind === 'ide-hd' ? 'hd' : 'cd', ideIndexOf(device), device);
  }
  const floppies: (FloppyPlan | undefined)[] = [undefined, undefined];
  const addFloppy = (drive: DriveSpec): void => {
    const at = drive.index ?? floppies.findIndex((there) => !there);
    if (!(at in floppies) || floppies[at]) throw new OptionError(`drive ${drive.id}: there is no such floppy drive`);
    drives.set(drive.id, drive);
    floppies[at] = floppyPlan(drive.id);
  };
  for (const drive of options.drives) {
    if (drive.interface === 'virtio') add(drive);
    else if (drive.interface === 'ide') addIde(drive, drive.media === 'cdrom' ? 'cd' : 'hd', drive.index);
    else if (drive.interface === 'floppy') addFloppy(drive);
  }
  if (!options.nodefaults) floppies[0] ??= floppyPlan('floppy0');
  if (!options.nodefaults) ide[DEFAULT_CD] ??= { id: ideId(DEFAULT_CD, 'cd'), kind: 'cd', size: undefined };
  const serials =
    options.serials.length > 0 || options.nodefaults ? options.serials.map((s) => s.kind !== 'none') : [true];
  return {
    plan: {
      ...{ machine, ramName: backend ?? 'pc.ram', memory: memoryOf(options, backend), biosSize: BIOS_SIZE },
      cpu: options.cpu,
      uuid: options.uuid === undefined ? undefined : uuidOf(options.uuid),
      hpet: isOn(options.machineProperties.get('hpet')) ?? true,
      parallel: options.parallels.length > 0 ? options.parallels[0]!.kind !== 'none' : !options.nodefaults,
      acpi: isOn(options.machineProperties.get('acpi')) ?? true,
      tprOpt: true,
      vmport: isOn(options.machineProperties.get('vmport')) ?? true,
      ...{ serials, ide, floppies, virtioBlk, vga, isa, pci: pci.plans }
    },
    drives
  };
}

const floppyPlan = (id: string): FloppyPlan => ({ id, kind: 'floppy', type: undefined, size: undefined });

function virtioBlkPlan(drive: DriveSpec, slot: number, spec?: DeviceSpec): VirtioBlkPlan {
  const numQueues = deviceNumber(spec, 'num-queues', 1, MAX_QUEUES);
  const queueSize = deviceNumber(spec, 'queue-size', 256, MAX_QUEUE_SIZE);
  if (numQueues < 1) throw new OptionError('-device virtio-blk-pci: num-queues property must be larger than 0');
  if (queueSize < 4 || queueSize & (queueSize - 1))
    throw new OptionError(`invalid queue-size property (${queueSize}), must be a power of 2 (max ${MAX_QUEUE_SIZE})`);
  return {
    ...{ id: drive.id, slot, numQueues, queueSize, serial: spec?.properties.get('serial') },
    vectors: vectorsOf(spec, numQueues + 1),
    disableLegacy: isOn(spec?.properties.get('disable-legacy')) ?? spec?.driver.endsWith('non-transitional') ?? false,
    disableModern: isOn(spec?.properties.get('disable-modern')) ?? false,
    ...{ discard: true, writeZeroes: true, size: undefined, bootindex: spec && bootindexOf(spec) }
  };
}

/** The bytes of its text. */
const uuidOf = (text: string): Uint8Array =>
  Uint8Array.from(text.replaceAll('-', '').match(/../g)!, (byte) => Number.parseInt(byte, 16));

/** @throws OptionError */
function bootindexOf({ driver, properties }: DeviceSpec): number | undefined {
  const text = properties.get('bootindex');
  const index = Number(text ?? -1);
  if (!Number.isInteger(index) || index < -1)
    throw new OptionError(`-device ${driver}: Parameter 'bootindex' expects an integer`);
  return index < 0 ? undefined : index;
}

/** `bus=ide.1,unit=0` is the third drive; the first free one without. @throws OptionError */
function ideIndexOf({ driver, properties }: DeviceSpec): number | undefined {
  const bus = properties.get('bus');
  const [, channel] = /^ide\.([01])$/.exec(bus ?? 'ide.0') ?? [];
  const unit = properties.get('unit');
  if (channel === undefined) throw new OptionError(`-device ${driver}: Bus '${bus}' not found`);
  if (unit !== undefined && !/^[01]$/.test(unit)) throw new OptionError(`-device ${driver}: Invalid unit ${unit}`);
  return bus === undefined && unit === undefined ? undefined : 2 * Number(channel) + Number(unit ?? 0);
}

/** Source: system/vl.c qemu_resolve_machine_memdev. @throws OptionError */
function memoryOf({ memory, objects }: MachineOptions, backend: string | undefined): number {
  if (backend === undefined) return memory ?? DEFAULT_MEMORY;
  const object = objects.find(({ id, driver }) => id === backend && driver.startsWith('memory-backend-'));
  if (!object) throw new OptionError(`memory-backend=${backend}: there is no such object`);
  const size = sizeOf(object.properties.get('size'), 1);
  if (size === undefined || size < 2 ** 20)
    throw new OptionError(`-object ${object.driver},id=${backend}: size= is missing, or less than 1M`);
  if (memory !== undefined && memory !== size)
    throw new OptionError('Machine memory size does not match the size of the memory backend');
  return size;
}
