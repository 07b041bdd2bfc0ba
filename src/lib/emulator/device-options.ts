/**
 * -device and -global: which properties a device of the command line has here. What QEMU has besides is refused by name;
 * a list of values is what the model is like anyway. Source: the property tables of QEMU's devices, hw/core/qdev-properties.c.
 */
import { DEVICE_NAMES as ISA_NAMES } from './isa-options.ts';
import { checkProperties, numberOf, OptionError, type Known } from './system/qemu-option.ts';
import type { DeviceSpec, MachineOptions } from './system/vl.ts';

const PCI: Known = { addr: 'any', bus: ['pci.0'], multifunction: ['off'] };
const VIRTIO: Known = {
  ...PCI,
  ...{ vectors: 'any', 'disable-legacy': ['on', 'off', 'auto'], 'disable-modern': 'flag', ioeventfd: 'flag' },
  ...{ packed: ['off'], iommu_platform: ['off'], ats: ['off'], event_idx: ['on'], indirect_desc: ['on'] }
};
/** Cards have no ROM to start from a network. */
const NIC: Known = { mac: 'any', netdev: 'any', romfile: [''], rombar: ['0'] };
const DRIVE: Known = {
  ...{ drive: 'any', bootindex: 'any', 'write-cache': ['on', 'auto'], 'share-rw': 'flag' },
  ...{ logical_block_size: ['512'], physical_block_size: ['512'] }
};
const PORT: Known = { bus: 'any', nr: 'any', chardev: 'any', name: 'any' };

const DEVICES: Readonly<Record<string, Known>> = {
  'virtio-blk-pci': { ...VIRTIO, ...DRIVE, serial: 'any', 'num-queues': 'any', 'queue-size': 'any' },
  'ide-hd': { ...DRIVE, bus: 'any', unit: 'any' },
  'ide-cd': { ...DRIVE, bus: 'any', unit: 'any' },
  'virtio-rng-pci': { ...VIRTIO, rng: 'any' },
  'virtio-serial-pci': { ...VIRTIO, max_ports: 'any' },
  'virtio-net-pci': { ...VIRTIO, ...NIC, mq: 'flag' },
  e1000: { ...PCI, ...NIC },
  virtserialport: PORT,
  virtconsole: PORT
};
const VGA = 'VGA';

/** What -device takes. */
export const DEVICE_NAMES: readonly string[] = [...Object.keys(DEVICES), VGA, ...ISA_NAMES];

/** Aliases and generations of virtio have the properties of the driver. Source: system/qdev-monitor.c qdev_alias_table. */
function driverOf(name: string): string {
  const [, virtio] = /^(virtio-(?:blk|rng|serial|net))(?:-pci)?(?:-(?:non-)?transitional)?$/.exec(name) ?? [];
  return virtio === undefined ? name : `${virtio}-pci`;
}

function check(option: string, { driver, properties }: DeviceSpec): void {
  const name = driverOf(driver);
  if (!Object.hasOwn(DEVICES, name)) return;
  checkProperties(option, properties, DEVICES[name]!, (property) => `Property '${driver}.${property}' not found`);
}

/** What -global says of a driver, as the properties of a device that comes by itself. */
export const globalSpec = ({ globals }: Pick<MachineOptions, 'globals'>, driver: string): DeviceSpec => ({
  ...{ driver, id: undefined },
  properties: new Map(
    globals.flatMap((global) =>
      global.get('driver') === driver ? [[global.get('property')!, global.get('value')!]] : []
    )
  )
});

/** A device with what -global says of all that are like it. */
export function withGlobals(options: Pick<MachineOptions, 'globals'>, spec: DeviceSpec): DeviceSpec {
  const { properties } = globalSpec(options, spec.driver);
  return { ...spec, properties: new Map([...properties, ...spec.properties]) };
}

/** The devices of the command line, with their properties known. @throws OptionError */
export function devicesOf(options: Pick<MachineOptions, 'devices' | 'globals'>): readonly DeviceSpec[] {
  for (const global of options.globals) {
    const driver = global.get('driver')!;
    if (!DEVICE_NAMES.includes(driverOf(driver)))
      throw new OptionError(`-global ${driver}.${global.get('property')}: '${driver}' is not supported here`);
    check('-global', globalSpec({ globals: [global] }, driver));
  }
  const ids = new Set<string>();
  return options.devices.map((device) => {
    const { id } = device;
    if (id !== undefined && ids.has(id))
      throw new OptionError(`-device ${device.driver},id=${id}: Duplicate device ID '${id}'`);
    if (id !== undefined) ids.add(id);
    const spec = withGlobals(options, device);
    check(`-device ${spec.driver}`, spec);
    return spec;
  });
}

/** A number among the properties of a device. @param most inclusive; @throws OptionError */
export const deviceNumber = (spec: DeviceSpec | undefined, name: string, otherwise: number, most: number): number =>
  spec ? numberOf(`-device ${spec.driver}`, spec.properties, name, otherwise, most) : otherwise;

const MAX_VECTORS = 2048;
/** How many MSI-X vectors a virtio device has. @throws OptionError */
export const vectorsOf = (spec: DeviceSpec | undefined, otherwise: number): number =>
  deviceNumber(spec, 'vectors', otherwise, MAX_VECTORS);

/** The slot that a device wants: `addr=5`, `addr=05.0`; undefined: any. Source: set_pci_devfn. @throws OptionError */
export function slotOf(spec: DeviceSpec | undefined): number | undefined {
  const addr = spec?.properties.get('addr');
  if (addr === undefined) return undefined;
  const [, slot] = /^(?:0x)?([\da-f]{1,2})(?:\.0)?$/i.exec(addr) ?? [];
  if (slot === undefined)
    throw new OptionError(`-device ${spec!.driver}: Property '${spec!.driver}.addr' doesn't take value '${addr}'`);
  return Number.parseInt(slot, 16);
}
