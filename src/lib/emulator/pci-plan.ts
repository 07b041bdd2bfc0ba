/**
 * PCI devices of a machine beside its disks and display: what a stream or a command line says of them.
 * Source: QEMU hw/virtio/virtio-{rng,net,serial}-pci.c, hw/net/e1000.c, net/net.c.
 */
import { isOn } from '../vmstate/command-line.ts';
import { sectionLabel, type Section, type Snapshot } from '../vmstate/snapshot.ts';
import { placedAt } from '../vmstate/vmstate.ts';
import type { SerialPortOptions } from './hw/char/virtio-serial-device.ts';
import { defaultMac, ETH_ALEN, parseMac } from './net/net.ts';
import { deviceNumber, globalSpec, vectorsOf, withGlobals } from './device-options.ts';
import { numberOf, OptionError } from './system/qemu-option.ts';
import type { DeviceSpec, MachineOptions } from './system/vl.ts';

/** What virtio over PCI is like. */
export interface VirtioPlan {
  readonly slot: number;
  /** MSI-X vectors; 0: none. */
  readonly vectors: number;
  readonly disableLegacy: boolean;
  readonly disableModern: boolean;
}
/** A port; `chardev` is the id of the -chardev behind it, a name of its own where it came in a stream. */
export type SerialPortPlan = Omit<SerialPortOptions, 'chr'> & { readonly chardev: string | undefined };

export type PCIDevicePlan =
  | (VirtioPlan & { readonly kind: 'virtio-rng' })
  | (VirtioPlan & {
      readonly kind: 'virtio-serial';
      readonly maxPorts: number;
      readonly ports: readonly SerialPortPlan[];
    })
  | (VirtioPlan & {
      readonly kind: 'virtio-net';
      readonly mac: Uint8Array;
      readonly configLength: number;
      /** Of queues. */
      readonly pairs: number;
      /** What the network behind it took where it ran: virtio headers, fragmentation of UDP. */
      readonly vnetHdr: boolean;
      readonly ufo: boolean;
    })
  | { readonly kind: 'e1000'; readonly slot: number; readonly mac: Uint8Array };

const CAP_ID_MSIX = 0x11;
const VENDOR_CAPABILITY = 9;
const [LEGACY_FIRST, MODERN_FIRST] = [0x1000, 0x1040];
const [DEFAULT_PORTS, MAX_PORTS] = [31, 511];
/** Configuration of a card without mq=on: MAC and status; with it, how many pairs of queues. */
const [NET_CONFIG, NET_CONFIG_MQ] = [8, 10];
/** Features of a network card that take other queues than those that are modelled: MQ, HASH_REPORT, RSS. */
const [F_MQ, F_SPREADING] = [1n << 22n, (1n << 57n) | (1n << 60n)];

/** Offsets of the capabilities of a configuration space; a loop in the list ends it. */
export function capabilitiesOf(config: Uint8Array): number[] {
  const found: number[] = [];
  for (let at = config[0x34]! & 0xfc; at >= 0x40 && !found.includes(at); at = config[at + 1]! & 0xfc) found.push(at);
  return found;
}

/** What the configuration space of a virtio device shows. Undefined where there is none. */
export function virtioOf(section: Section): VirtioPlan | undefined {
  const [, slot] = /^0000:00:([\da-f]{2})\.0\//.exec(section.name) ?? [];
  const config = placedAt(section.fields, 'virtio.proxy.pci_dev.config')?.value;
  if (slot === undefined || !(config instanceof Uint8Array)) return undefined;
  const device = config[2]! | (config[3]! << 8);
  const capabilities = capabilitiesOf(config);
  const msix = capabilities.find((at) => config[at] === CAP_ID_MSIX);
  return {
    slot: Number.parseInt(slot, 16),
    vectors: msix === undefined ? 0 : ((config[msix + 2]! | (config[msix + 3]! << 8)) & 0x7ff) + 1,
    disableLegacy: device >= MODERN_FIRST,
    disableModern: device >= LEGACY_FIRST && !capabilities.some((at) => config[at] === VENDOR_CAPABILITY)
  };
}

/** What makes a plan of a section; undefined: it stays frozen. */
const READERS: Readonly<Record<string, (section: Section) => PCIDevicePlan | undefined>> = {
  'virtio-rng'(section) {
    const virtio = virtioOf(section);
    return virtio && { kind: 'virtio-rng', ...virtio };
  },
  'virtio-console'(section) {
    const virtio = virtioOf(section);
    const value = (path: string): unknown => placedAt(section.fields, `virtio.${path}`)?.value;
    const count = Number(value('nr_active_ports'));
    const maxPorts = Number(value('max_nr_ports'));
    if (!virtio || !(maxPorts >= 1 && maxPorts < 512 && count <= maxPorts)) return undefined;
    const ports = Array.from({ length: count }, (_, n): SerialPortPlan => {
      const id = Number(value(`ports[${n}].id`));
      // A console takes port 0 as long as it is free, and nothing else gets it by itself.
      const chardev = value(`ports[${n}].host_connected`) ? `${sectionLabel(section)}.${id}` : undefined;
      return { id, isConsole: id === 0, chardev };
    });
    if (ports.some(({ id }) => !(id < maxPorts))) return undefined;
    return { kind: 'virtio-serial', ...virtio, maxPorts, ports };
  },
  // The 82540EM; its kin have other devices' ids.
  e1000(section) {
    const [, slot] = /^0000:00:([\da-f]{2})\.0\//.exec(section.name) ?? [];
    const config = placedAt(section.fields, 'parent_obj.config[0]')?.value;
    const words = [0, 1, 2].map((n) => placedAt(section.fields, `eeprom_data[${n}]`)?.value as number);
    if (slot === undefined || !(config instanceof Uint8Array) || (config[2]! | (config[3]! << 8)) !== 0x100e)
      return undefined;
    const mac = Uint8Array.from(words.flatMap((word) => [word & 0xff, word >> 8]));
    return { kind: 'e1000', slot: Number.parseInt(slot, 16), mac };
  },
  'virtio-net'(section) {
    const virtio = virtioOf(section);
    const value = (path: string): unknown => placedAt(section.fields, `virtio.${path}`)?.value;
    const [mac, configLength] = [value('virtio-net-device.mac'), Number(value('config_len'))];
    const device = (name: string): number => Number(value(`virtio-net-device.${name}`) ?? 0);
    const pairs = device('max_queue_pairs') || 1;
    const wide = value('virtio/64bit_features.guest_features');
    const features = typeof wide === 'bigint' ? wide : BigInt(Number(value('guest_features_lo')) || 0);
    // Pairs, and the control queue.
    const queues = 2 * (features & F_MQ ? pairs : 1) + 1;
    const fits = mac instanceof Uint8Array && mac.length === ETH_ALEN && Number(value('num')) === queues;
    if (!virtio || !fits || features & F_SPREADING || !(configLength >= ETH_ALEN && configLength <= 24))
      return undefined;
    const vnetHdr = device('virtio-net-vnet.has_vnet_hdr') !== 0;
    const ufo = device('virtio-net-ufo.has_ufo') !== 0;
    return { kind: 'virtio-net', ...virtio, mac, configLength, pairs, vnetHdr, ufo };
  }
};

/** Those of a stream that are modelled. */
export function pciOf({ sections }: Snapshot): readonly PCIDevicePlan[] {
  const slots = new Set<number>();
  return sections.flatMap((section) => {
    const reader = section.kind === 'full' ? READERS[section.name.replace(/^.*\//, '')] : undefined;
    const plan = reader?.(section);
    if (!plan || slots.has(plan.slot)) return [];
    slots.add(plan.slot);
    return [plan];
  });
}

const DRIVER = /^(virtio-(?:rng|serial|net))(?:-pci(-(?:non-)?transitional)?)?$/;
const SERIAL_PORT = /^(virtserialport|virtconsole)$/;

const DEFAULT_CARD = 'e1000';

/**
 * Collects PCI devices of the command line, in its order.
 * @param slotFor the slot of a device: as it wants, or the next free one
 */
export class PCIOptions {
  readonly plans: PCIDevicePlan[] = [];
  readonly #options: MachineOptions;
  readonly #slotFor: (spec?: DeviceSpec) => number;
  #cards = 0;
  /** Names of the virtio-serial buses, in their order among the plans. */
  readonly #buses: string[] = [];

  constructor(options: MachineOptions, slotFor: (spec?: DeviceSpec) => number) {
    this.#options = options;
    this.#slotFor = slotFor;
  }

  /** Cards of -nic, and the one that comes by itself. */
  addNics(): void {
    const { network, nodefaults, nics } = this.#options;
    if (network && !nodefaults) this.#card(DEFAULT_CARD, globalSpec(this.#options, DEFAULT_CARD));
    for (const nic of nics) {
      const driver = nic.properties.get('model') ?? DEFAULT_CARD;
      this.#card(driver, withGlobals(this.#options, { ...nic, driver }));
    }
  }

  /** Whether it was one of these. @throws OptionError for what is wrong with it */
  take(spec: DeviceSpec): boolean {
    const [, kind, variant] = DRIVER.exec(spec.driver) ?? [];
    if (SERIAL_PORT.test(spec.driver)) this.#addPort(spec);
    else if (kind === 'virtio-rng') this.#addRng(spec, variant);
    else if (kind === 'virtio-serial') {
      const maxPorts = deviceNumber(spec, 'max_ports', DEFAULT_PORTS, MAX_PORTS);
      if (maxPorts < 1) throw new OptionError(`-device ${spec.driver}: maximum ports supported: ${MAX_PORTS}`);
      this.#buses.push(spec.id === undefined ? `virtio-serial-bus.${this.#buses.length}` : `${spec.id}.0`);
      this.plans.push({ kind, ...this.#virtio(spec, variant, 2), maxPorts, ports: [] });
    } else if (kind === 'virtio-net' || spec.driver === 'e1000') this.#card(kind ?? spec.driver, spec, variant);
    else return false;
    return true;
  }

  /** A card with the next MAC, unless it names one. */
  #card(driver: string, spec?: DeviceSpec, variant?: string): void {
    const given = spec?.properties.get('mac');
    const mac = given === undefined ? defaultMac(this.#cards++) : parseMac(given);
    if (!mac) throw new OptionError(`-device ${driver}: Invalid MAC address '${given}'`);
    this.#netdev(spec);
    if (/^virtio(-net(-pci)?)?$/.test(driver)) {
      const virtio = this.#virtio(spec, variant, 4);
      const configLength = isOn(spec?.properties.get('mq')) ? NET_CONFIG_MQ : NET_CONFIG;
      this.plans.push({ kind: 'virtio-net', ...virtio, mac, configLength, pairs: 1, vnetHdr: false, ufo: false });
    } else if (driver === 'e1000') this.plans.push({ kind: 'e1000', slot: this.#slotFor(spec), mac });
    else throw new OptionError(`Unsupported NIC model: ${driver}; there are: e1000, virtio-net-pci`);
  }

  #netdev(spec: DeviceSpec | undefined): void {
    const id = spec?.properties.get('netdev');
    if (id === undefined) return;
    const netdev = this.#options.netdevs.find((n) => n.id === id);
    if (!netdev) throw new OptionError(`Property '${spec!.driver}.netdev' can't find value '${id}'`);
  }

  #virtio(spec: DeviceSpec | undefined, variant: string | undefined, vectors: number): VirtioPlan {
    const on = (name: string): boolean | undefined => isOn(spec?.properties.get(name));
    return {
      slot: this.#slotFor(spec),
      vectors: vectorsOf(spec, vectors),
      disableLegacy: on('disable-legacy') ?? variant === '-non-transitional',
      disableModern: on('disable-modern') ?? false
    };
  }

  #addRng(spec: DeviceSpec, variant: string | undefined): void {
    const rng = spec.properties.get('rng');
    if (rng !== undefined && !this.#options.objects.some(({ id, driver }) => id === rng && driver.startsWith('rng-')))
      throw new OptionError(`-device ${spec.driver}: Device '${rng}' not found`);
    this.plans.push({ kind: 'virtio-rng', ...this.#virtio(spec, variant, 2) });
  }

  /** On the bus that it names, or the last virtio-serial before it; a console gets port 0 when it is free. */
  #addPort({ driver, properties, id }: DeviceSpec): void {
    const wanted = properties.get('bus');
    const buses = this.plans.flatMap((plan, n) => (plan.kind === 'virtio-serial' ? [n] : []));
    const at = buses.at(wanted === undefined ? -1 : this.#buses.indexOf(wanted)) ?? -1;
    const bus = this.plans[at];
    if (wanted !== undefined && !this.#buses.includes(wanted))
      throw new OptionError(`-device ${driver}: Bus '${wanted}' not found`);
    if (bus?.kind !== 'virtio-serial')
      throw new OptionError(`-device ${driver}: No 'virtio-serial-bus' bus found for device`);
    const isConsole = driver === 'virtconsole';
    const taken = new Set(bus.ports.map((port) => port.id));
    let nr = isConsole && !taken.has(0) ? 0 : 1;
    while (taken.has(nr)) nr++;
    nr = numberOf(`-device ${driver}`, properties, 'nr', nr, MAX_PORTS);
    if (!(nr < bus.maxPorts) || taken.has(nr))
      throw new OptionError(`-device ${driver}: virtio-serial-bus: port ${nr} is not available`);
    const chardev = properties.get('chardev');
    const port = { id: nr, isConsole, name: properties.get('name'), chardev: chardev ?? undefined };
    if (chardev !== undefined && !this.#options.chardevs.has(chardev))
      throw new OptionError(`-device ${driver}${id === undefined ? '' : `,id=${id}`}: chardev '${chardev}' not found`);
    this.plans[at] = { ...bus, ports: [...bus.ports, port] };
  }
}
