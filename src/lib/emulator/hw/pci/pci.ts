/**
 * The PCI part of every PCI device, and the bus's interrupt counters. QEMU sends the configuration space as one opaque
 * `pci config`; here its registers and capabilities are rows below it.
 * Source: QEMU hw/pci/pci.c (vmstate_pci_device, vmstate_pcibus).
 */
import { fieldsOf, struct, type Codec, type Meaning, type VMStateDescription } from '../../../vmstate/vmstate.ts';
import { arrayOf, i32 } from '../../../vmstate/vmstate-types.ts';
import { reg16, reg32, reg64, reg8, regBlock, registerBlock, type RegisterInfo } from '../core/register.ts';
import { PCI_CLASSES, PCI_DEVICES, PCI_VENDORS } from './pci_ids.ts';
import {
  BAR_IO,
  barMemory,
  CAPABILITIES,
  EXTENDED_CAPABILITIES,
  HEADER_BRIDGE,
  HEADER_DEVICE,
  PCI_CAP_ID_EXP,
  PCI_COMMAND,
  PCI_HEADER_TYPE,
  PCI_STATUS,
  type CapabilityInfo
} from './pci_regs.ts';

const PCI_CONFIG_SPACE_SIZE = 0x100;
const PCIE_CONFIG_SPACE_SIZE = 0x1000;

export interface PCIDevice {
  version_id: number;
  config: Uint8Array;
  irq_state: number[];
}

const le16At = (bytes: Uint8Array, at: number): number => bytes[at]! | (bytes[at + 1]! << 8);

/** What a configuration space's capability list says: id and place, in the list's order. Stops at a loop. */
export function capabilitiesOf(config: Uint8Array): { id: number; at: number }[] {
  const found: { id: number; at: number }[] = [];
  const seen = new Set<number>();
  const hasList = (le16At(config, 0x06) & 0x10) !== 0;
  for (let at = hasList ? config[0x34]! & 0xfc : 0; at >= 0x40 && !seen.has(at); at = config[at + 1]! & 0xfc) {
    seen.add(at);
    found.push({ id: config[at]!, at });
  }
  return found;
}

/** Place of the first capability of a kind, or undefined. */
export const pci_find_capability = (config: Uint8Array, id: number): number | undefined =>
  capabilitiesOf(config).find((capability) => capability.id === id)?.at;

function extendedCapabilitiesOf(config: Uint8Array): { id: number; at: number }[] {
  const found: { id: number; at: number }[] = [];
  const seen = new Set<number>();
  for (let at = 0x100; at >= 0x100 && at + 4 <= config.length && !seen.has(at);) {
    seen.add(at);
    const id = le16At(config, at);
    if (id === 0) break;
    found.push({ id, at });
    at = (le16At(config, at + 2) >> 4) & 0xffc;
  }
  return found;
}

const CAPABILITY_NAMES = Object.fromEntries(
  Object.entries(CAPABILITIES).map(([id, { doc, name }]) => [id, doc ?? name])
);

/** A capability as a nested block; two of a kind are told apart by their place. */
function capability(
  config: Uint8Array,
  at: number,
  info: CapabilityInfo | undefined,
  id: number,
  twice: boolean,
  head: readonly RegisterInfo[]
): RegisterInfo {
  const known = info ?? { name: `cap_${id.toString(16)}`, size: head.length === 2 ? 2 : 4 };
  const size = typeof known.size === 'function' ? known.size(config, at) : known.size;
  const registers = typeof known.registers === 'function' ? known.registers(config, at) : (known.registers ?? []);
  const end = at < PCI_CONFIG_SPACE_SIZE ? PCI_CONFIG_SPACE_SIZE : config.length;
  const name = twice ? `${known.name}_${at.toString(16)}` : known.name;
  const about = { ...(known.doc === undefined ? {} : { doc: known.doc }) };
  return regBlock(at, Math.min(size, end - at), name, [...head, ...registers], about);
}

function capabilityBlocks(config: Uint8Array): RegisterInfo[] {
  const plain = capabilitiesOf(config);
  const extended = config.length > PCI_CONFIG_SPACE_SIZE ? extendedCapabilitiesOf(config) : [];
  const twice = (list: { id: number }[], id: number): boolean => list.filter((other) => other.id === id).length > 1;
  return [
    ...plain.map(({ id, at }) =>
      capability(config, at, CAPABILITIES[id], id, twice(plain, id), [
        reg8(0, 'id', { values: CAPABILITY_NAMES }),
        reg8(1, 'next', { radix: 16 })
      ])
    ),
    ...extended.map(({ id, at }) =>
      capability(config, at, EXTENDED_CAPABILITIES[id], id, twice(extended, id), [
        reg32(0, 'header', {
          bits: [
            { name: 'id', bit: 0, width: 16 },
            { name: 'version', bit: 16, width: 4 },
            { name: 'next', bit: 20, width: 12 }
          ]
        })
      ])
    )
  ];
}

/** Base address registers: 64-bit ones take the place of two. */
function bars(config: Uint8Array, count: number): RegisterInfo[] {
  const out: RegisterInfo[] = [];
  for (let i = 0; i < count; i++) {
    const addr = 0x10 + 4 * i;
    const low = config[addr]!;
    if (low & 1) {
      out.push(reg32(addr, `BAR${i}`, BAR_IO));
    } else if ((low & 6) === 4 && i + 1 < count) {
      out.push(reg64(addr, `BAR${i}`, barMemory(low)));
      i++;
    } else {
      out.push(reg32(addr, `BAR${i}`, barMemory(low)));
    }
  }
  return out;
}

const HEX: Meaning = { radix: 16 };

/** All registers of a configuration space, in order; the device's own ones give way to its capabilities. */
function configRegisters(config: Uint8Array, own: readonly RegisterInfo[]): readonly RegisterInfo[] {
  const isBridge = (config[0x0e]! & 0x7f) === 1;
  const vendor = le16At(config, 0);
  const devices = PCI_DEVICES[vendor];
  const blocks = capabilityBlocks(config);
  const covered = (addr: number): boolean => blocks.some((b) => addr >= b.addr && addr < b.addr + b.size);
  return [
    reg16(0x00, 'vendor_id', { values: PCI_VENDORS, radix: 16 }),
    reg16(0x02, 'device_id', devices ? { values: devices, radix: 16 } : HEX),
    reg16(0x04, 'command', PCI_COMMAND),
    reg16(0x06, 'status', PCI_STATUS),
    reg8(0x08, 'revision_id'),
    reg8(0x09, 'class_prog', { doc: 'programming interface', radix: 16 }),
    reg16(0x0a, 'class_device', { values: PCI_CLASSES, radix: 16 }),
    reg8(0x0c, 'cache_line_size', { doc: 'in units of 4 bytes' }),
    reg8(0x0d, 'latency_timer'),
    reg8(0x0e, 'header_type', PCI_HEADER_TYPE),
    reg8(0x0f, 'bist'),
    ...bars(config, isBridge ? 2 : 6),
    ...(isBridge ? HEADER_BRIDGE : HEADER_DEVICE),
    ...[...own.filter((r) => !covered(r.addr)), ...blocks].sort((a, b) => a.addr - b.addr)
  ];
}

/** A configuration space with the registers that only this device has. */
const pciConfig = (size: number, own: readonly RegisterInfo[] = []): Codec<Uint8Array> =>
  registerBlock(size, (config) => configRegisters(config, own), 'pci config');

/**
 * A configuration space whose length is told by what is in it: virtio devices have the long one just where they have
 * the PCI Express capability (QEMU: virtio_pci_realize).
 */
const pciConfigOfEitherSize: Codec<Uint8Array> = {
  type: 'pci config',
  read(file, into, place) {
    const head = file.buffer(PCI_CONFIG_SPACE_SIZE);
    file.pos -= PCI_CONFIG_SPACE_SIZE;
    const isExpress = pci_find_capability(head, PCI_CAP_ID_EXP) !== undefined;
    return pciConfig(isExpress ? PCIE_CONFIG_SPACE_SIZE : PCI_CONFIG_SPACE_SIZE).read(file, into, place);
  },
  // Whether an interrupt is pending is told by irq_state. Source: pci_device_save.
  write(file, value) {
    const bytes = value.slice();
    bytes[0x06]! &= ~0x08;
    file.buffer(bytes);
  }
};

const irqState: Codec<number[]> = {
  ...arrayOf(i32, 4, { abouts: ['INTA', 'INTB', 'INTC', 'INTD'].map((doc) => ({ doc })) }),
  type: 'pci irq state'
};
const i32LessEqual: Codec<number> = { ...i32, type: 'int32 le' };

const device = fieldsOf<PCIDevice>();
const vmstatePciDevice = (config: Codec<Uint8Array>, configName: string): VMStateDescription<PCIDevice> => ({
  name: 'PCIDevice',
  version: 2,
  minimumVersion: 1,
  fields: [
    device('version_id', i32LessEqual, {
      doc: 'Version of this struct',
      check: (s) =>
        s.version_id < 0 || s.version_id > 2 ? `PCIDevice of version ${s.version_id}, at most 2` : undefined
    }),
    device('config', config, {
      name: configName,
      doc: 'Configuration space. The receiver refuses it where bytes that the guest cannot write differ from its own',
      source: 'hw/pci/pci.c get_pci_config_device'
    }),
    device('irq_state', irqState, {
      since: 2,
      doc: 'Levels of the four interrupt pins as the device drives them',
      check: (s) => (s.irq_state.some((level) => level !== 0 && level !== 1) ? 'a pin is neither 0 nor 1' : undefined)
    })
  ]
});

/** VMSTATE_PCI_DEVICE of a conventional device, with registers of its own. */
export const pciDevice = (own: readonly RegisterInfo[] = []): Codec<PCIDevice> =>
  struct(vmstatePciDevice(pciConfig(PCI_CONFIG_SPACE_SIZE, own), 'config[0]'));

/** VMSTATE_PCI_DEVICE of a PCI Express device. */
export const pcieDevice = (own: readonly RegisterInfo[] = []): Codec<PCIDevice> =>
  struct(vmstatePciDevice(pciConfig(PCIE_CONFIG_SPACE_SIZE, own), 'config[1]'));

/** What pci_device_save writes inside a virtio device. */
export const pciDeviceOfEitherSize: Codec<PCIDevice> = struct(vmstatePciDevice(pciConfigOfEitherSize, 'config'));

export interface PCIBus {
  nirq: number;
  irq_count: number[];
}
const bus = fieldsOf<PCIBus>();
export const vmstate_pcibus: VMStateDescription<PCIBus> = {
  name: 'PCIBUS',
  version: 1,
  minimumVersion: 1,
  fields: [
    bus('nirq', { ...i32, type: 'int32 equal' }, { doc: 'Interrupt lines of the bus; the receiver must have as many' }),
    bus('irq_count', (s) => arrayOf(i32, s.nirq), { doc: 'How many devices assert each line' })
  ]
};

/** Interrupt routing of a PCI to ISA bridge: PIRQx of PIIX and ICH. */
export const PIRQ_ROUTE: Meaning = {
  bits: [
    { name: 'irq', bit: 0, width: 4 },
    { name: 'disabled', bit: 7 }
  ]
};
