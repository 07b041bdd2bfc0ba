/** Properties of devices that change what a stream may hold: the checks that QEMU's loaders make, made beforehand. */
import { isOn } from './command-line.ts';
import type { Checked } from './checks.ts';
import type { PlannedDevice, VirtioModel } from './destination.ts';
import { fieldPlace, findRow, type Finding } from './finding.ts';
import { findCapability, pciConfig } from './pci-config.ts';
import type { Section } from './snapshot.ts';
import { leaves } from './vmstate.ts';

/** Findings about one device that both sides have. */
export function checkDevice(section: Section, device: PlannedDevice, checked: Checked): Finding[] {
  const virtio = device.data?.virtio;
  if (!virtio || !section.name.endsWith(`/${device.data?.section}`)) return [];
  return [
    ...transport(section, device, checked),
    ...vectors(section, device, virtio, checked),
    ...features(section, device, virtio, checked),
    ...queueSizes(section, device, virtio, checked)
  ];
}

const PCI_CAP_ID_VNDR = 0x09;
const PCI_CAP_ID_MSIX = 0x11;

const badByte = (i: number, read: number, device: number): string =>
  `get_pci_config_device: Bad config data: i=0x${i.toString(16)} read: ${read.toString(16)} device: ${device.toString(16)}`;

/** Without the modern transport its vendor capabilities are missing, and the list begins elsewhere. */
function transport(section: Section, { properties }: PlannedDevice, { fails }: Checked): Finding[] {
  const config = pciConfig(section);
  if (!config) return [];
  const modern = findCapability(config, PCI_CAP_ID_VNDR) !== undefined;
  const wanted = isOn(properties.get('disable-modern')) !== true;
  if (modern === wanted) return [];
  // What the other side's list begins with: MSI-X alone, or the modern capabilities with MSI-X behind them.
  return [fails(badByte(0x34, config[0x34]!, wanted ? 0x98 : 0x40), section)];
}

/** The MSI-X table's size is read-only to the guest. */
function vectors(
  section: Section,
  { properties }: PlannedDevice,
  virtio: VirtioModel,
  { plan, snapshot, fails }: Checked
): Finding[] {
  const config = pciConfig(section);
  const msix = config && findCapability(config, PCI_CAP_ID_MSIX);
  if (!config || msix === undefined) return [];
  const given = properties.get('vectors');
  // num-queues follows the vCPUs from machine types 5.2 on (hw_compat_5_1).
  const [major, minor] = (/(\d+)\.(\d+)$/.exec(snapshot.configuration?.machine ?? '') ?? []).slice(1).map(Number);
  const follows = major !== undefined && (major > 5 || (major === 5 && minor! >= 2));
  const queues = Number(properties.get('num-queues')) || (follows ? plan.cpus : 1);
  const wanted = given !== undefined ? Number(given) : queues === undefined ? undefined : virtio.vectors?.(queues);
  const have = (config[msix + 2]! | ((config[msix + 3]! & 7) << 8)) + 1;
  if (wanted === undefined || !(wanted > 0) || wanted === have) return [];
  return [fails(badByte(msix + 2, have - 1, wanted - 1), section)];
}

/** Feature bits of every virtio device, and whether they are offered without being asked for. */
const commonFeatures: Readonly<Record<string, readonly [bit: number, offered: boolean]>> = {
  notify_on_empty: [24, true],
  any_layout: [27, true],
  indirect_desc: [28, true],
  event_idx: [29, true],
  iommu_platform: [33, false],
  packed: [34, false],
  in_order: [35, false]
};

/** What the guest's driver took, the destination's device must still offer. */
function features(section: Section, { properties }: PlannedDevice, virtio: VirtioModel, { fails }: Checked): Finding[] {
  const full = findRow(section.fields, (path) => path.endsWith('64bit_features.guest_features'))?.row.value;
  const low = findRow(section.fields, (path) => path.endsWith('guest_features_lo'))?.row.value;
  const value = full ?? low;
  if (typeof value !== 'bigint' && typeof value !== 'number') return [];
  const taken = BigInt(value);
  const own = Object.entries(virtio.features ?? {}).map(([name, bit]) => [name, [bit, true]] as const);
  let missing = 0n;
  for (const [name, [bit, offered]] of [...Object.entries(commonFeatures), ...own]) {
    const on = isOn(properties.get(name)) ?? offered;
    if (!on) missing |= taken & (1n << BigInt(bit));
  }
  if (missing === 0n) return [];
  const allowed = taken & ~missing;
  return [fails(`Features 0x${taken.toString(16)} unsupported. Allowed features: 0x${allowed.toString(16)}`, section)];
}

/** Up to version 10 QEMU takes the ring's size from the stream and says nothing; 11 refuses what has no room. */
function queueSizes(
  section: Section,
  { properties }: PlannedDevice,
  virtio: VirtioModel,
  { plan, fails }: Checked
): Finding[] {
  const size = Number(properties.get('queue-size')) || virtio.queueSize;
  if (size === undefined) return [];
  for (const { path, row } of leaves(section.fields)) {
    const queue = /\bvq\[(\d+)\]\.vring\.num$/.exec(path)?.[1];
    if (queue === undefined || typeof row.value !== 'number' || row.value === size) continue;
    if (plan.qemu && plan.qemu[0] >= 11 && row.value > size) {
      return [fails(`VQ ${queue} vring.num ${row.value} exceeds allocated max ${size}`, section)];
    }
    return [
      {
        severity: 'warns',
        message: `Queue ${queue} has ${row.value} entries in the stream, ${size} at the destination`,
        why: 'QEMU takes the size from the stream without a word, so the guest runs on; after its next reset the queue has another size.',
        hint: `Give the device queue-size=${row.value}.`,
        ...fieldPlace(section, path)
      }
    ];
  }
  return [];
}
