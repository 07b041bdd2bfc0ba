/**
 * The PCI function in front of a virtio device: legacy registers in ports (BAR 0), modern ones in memory (BAR 4), MSI-X
 * (BAR 1), and the window onto the modern ones in configuration space.
 * Source: QEMU hw/virtio/virtio-pci.c; virtio 1.2 section 4.1.
 */
import type { VMStateDescription } from '../../../vmstate/vmstate.ts';
import { MemoryRegion, type MemoryRegionOps } from '../../system/memory.ts';
import type { Device } from '../core/qdev.ts';
import { MSIX } from '../pci/msix.ts';
import type { PCIRootBus } from '../pci/pci_bus.ts';
import {
  BAR_MEM_PREFETCH,
  BAR_MEM_TYPE_64,
  BAR_SPACE_IO,
  get32,
  overlaps,
  PCIFunction,
  set16,
  set32
} from '../pci/pci_device.ts';
import { VIRTIO_F_BAD_FEATURE, VIRTIO_QUEUE_MAX } from './virtio.ts';
import {
  bit,
  LEGACY_FEATURES,
  S_ACKNOWLEDGE,
  S_DRIVER,
  S_DRIVER_OK,
  type VirtioDevice,
  type VirtioTransport
} from './virtio-device.ts';
import type { VirtIOPCIProxy, VirtIOPCIQueue } from './virtio-pci.ts';
import { VIRTIO_NO_VECTOR } from './virtqueue.ts';

const VENDOR = 0x1af4;
const CAP_VENDOR = 0x09;
const COMMAND = 4;
const COMMAND_MASTER = 4;

const LEGACY_BAR = 0;
const MSIX_BAR = 1;
const MODERN_BAR = 4;
/** PCI_DEVICE_ID_VIRTIO_10_BASE. */
const MODERN_ID = 0x1040;

/** Transitional device id and PCI class by device type. Source: virtio_pci_id_info. */
const IDS: Readonly<Record<number, { readonly transitional: number; readonly class_id: number }>> = {
  1: { transitional: 0x1000, class_id: 0x0200 },
  2: { transitional: 0x1001, class_id: 0x0100 },
  3: { transitional: 0x1003, class_id: 0x0780 },
  4: { transitional: 0x1005, class_id: 0x00ff },
  5: { transitional: 0x1002, class_id: 0x00ff },
  8: { transitional: 0x1004, class_id: 0x0100 },
  9: { transitional: 0x1009, class_id: 0x0002 }
};

/** Modern regions in their BAR, in the order of their capabilities: cfg_type, offset. Each has 4 KiB. */
const REGION_SIZE = 0x1000;
const COMMON = 0x0000;
const ISR = 0x1000;
const DEVICE = 0x2000;
const NOTIFY = 0x3000;
const CAP_COMMON = 1;
const CAP_NOTIFY = 2;
const CAP_ISR = 3;
const CAP_DEVICE = 4;
const CAP_PCI_CFG = 5;
const CAP_LENGTH = 16;
/** Bytes between the doorbells of two queues. */
const NOTIFY_MULTIPLIER = 4;
/** Offsets in a capability. */
const CAP_BAR = 4;
const CAP_OFFSET = 8;
const CAP_REGION_LENGTH = 12;
const CAP_EXTRA = 16;
/** Devices that are called otherwise than their sections. */
const TYPES: Readonly<Record<string, string>> = { 'virtio-console': 'virtio-serial' };

export interface VirtioPCIOptions {
  /** MSI-X vectors, 0 without. */
  readonly vectors: number;
  readonly disableLegacy?: boolean;
  readonly disableModern?: boolean;
  /** The PCI class where it is not the device type's own. */
  readonly class_id?: number;
}

export class VirtioPCI implements VirtIOPCIProxy, VirtioTransport, Device {
  readonly idstr: string;
  readonly vmsd: VMStateDescription<never>;
  readonly state: object;
  readonly pci_dev: PCIFunction;
  readonly msix: MSIX;
  readonly device: VirtioDevice;
  readonly modern: boolean;
  readonly legacy: boolean;
  dfselect = 0;
  gfselect = 0;
  guest_features = [0, 0, 0, 0];
  vqs: VirtIOPCIQueue[] = Array.from({ length: VIRTIO_QUEUE_MAX }, emptyQueue);
  /** Modern regions by offset, for the window in configuration space. */
  readonly #regions = new Map<number, MemoryRegionOps>();
  #cfgCap = 0;

  constructor(
    bus: PCIRootBus,
    devfn: number,
    device: VirtioDevice,
    vmsd: VMStateDescription<never>,
    { vectors, disableLegacy = false, disableModern = false, class_id }: VirtioPCIOptions
  ) {
    this.device = device;
    this.legacy = !disableLegacy;
    this.modern = !disableModern;
    const ids = IDS[device.deviceId];
    this.pci_dev = new PCIFunction(bus, devfn, {
      name: `${TYPES[device.name] ?? device.name}-pci`,
      vendor_id: VENDOR,
      device_id: this.legacy && ids ? ids.transitional : MODERN_ID + device.deviceId,
      revision: this.legacy ? 0 : 1,
      class_id: class_id ?? ids?.class_id ?? 0xff
    });
    if (this.legacy) set16(this.pci_dev.config, 0x2e, device.deviceId);
    this.pci_dev.interruptPin = 1;
    device.plug(this, this.modern);
    if (this.modern) this.#addModern();
    this.msix = new MSIX(this.pci_dev, vectors, MSIX_BAR);
    if (this.legacy) this.#addLegacy();
    this.pci_dev.onConfigWrite((addr, _value, length) => this.#configWritten(addr, length));
    this.pci_dev.onConfigRead((addr, length) => this.#configRead(addr, length));

    this.vmsd = vmsd;
    this.idstr = `${this.pci_dev.path}/${device.name}`;
    this.state = { virtio: Object.assign(device, { proxy: this }) };
  }

  /** Source: virtio_pci_notify. */
  notify(vector: number): void {
    if (!this.msix.enabled) this.pci_dev.irq(this.device.isr & 1);
    else if (vector !== VIRTIO_NO_VECTOR) this.msix.notify(vector);
  }

  saveLocal(): unknown {
    return this.device.saveLocal();
  }
  loadLocal(value: unknown): void {
    this.device.loadLocal(value);
  }

  reset(): void {
    this.#resetDevice();
    this.pci_dev.reset();
  }

  /** What the driver asks for by writing 0 to the status. Source: virtio_pci_reset. */
  #resetDevice(): void {
    this.device.reset();
    this.msix.unuseAll();
    this.guest_features.fill(0);
    for (const queue of this.vqs) Object.assign(queue, emptyQueue());
  }

  preSave(): void {
    this.device.preSave();
  }
  preLoad(): void {
    this.device.preLoad();
    this.guest_features.fill(0);
  }

  postLoad(): string | undefined {
    const refusal = this.pci_dev.postLoad();
    const { device, msix } = this;
    msix.unuseAll();
    msix.postLoad();
    const vectors = [device.config_vector, ...device.rings.map((ring) => ring.vector)];
    const wrong = vectors.find((vector) => vector !== VIRTIO_NO_VECTOR && vector >= msix.vectors);
    for (const vector of vectors) msix.use(vector);
    if (refusal) return refusal;
    if (wrong !== undefined) return `vector ${wrong} of a device with ${msix.vectors}`;
    return device.postLoad();
  }

  vmStateChange(running: boolean): void {
    this.device.vmStateChange(running);
  }

  /** A vendor capability that says where a region is. Source: virtio_pci_add_mem_cap. */
  #addCapability(type: number, offset: number, length = CAP_LENGTH): number {
    const { config } = this.pci_dev;
    const at = this.pci_dev.addCapability(CAP_VENDOR, 0, length);
    config[at + 2] = length;
    config[at + 3] = type;
    if (type === CAP_PCI_CFG) return at;
    config[at + CAP_BAR] = MODERN_BAR;
    set32(config, at + CAP_OFFSET, offset);
    set32(config, at + CAP_REGION_LENGTH, REGION_SIZE);
    return at;
  }

  /** Source: virtio_pci_device_plugged. */
  #addModern(): void {
    const bar = MemoryRegion.container('virtio-pci', 4 * REGION_SIZE);
    const { name } = this.device;
    const add = (what: string, type: number, offset: number, ops: MemoryRegionOps, length?: number): number => {
      const whole = { impl: { min: 1, max: 4 }, reentrant: true, ...ops };
      bar.addSubregion(offset, MemoryRegion.io(`virtio-pci-${what}-${name}`, REGION_SIZE, whole));
      this.#regions.set(offset, whole);
      return this.#addCapability(type, offset, length);
    };
    add('common', CAP_COMMON, COMMON, {
      read: (addr) => this.#readCommon(addr),
      write: (addr, value) => this.#writeCommon(addr, value)
    });
    add('isr', CAP_ISR, ISR, { read: () => this.#takeIsr(), write: () => {} });
    add('device', CAP_DEVICE, DEVICE, {
      read: (addr, size) => this.device.readConfig(addr, size),
      write: (addr, value, size) => this.device.writeConfig(addr, value, size)
    });
    const doorbells = {
      read: () => 0,
      write: (addr: number) => this.device.notifyQueue(Math.floor(addr / NOTIFY_MULTIPLIER))
    };
    const notify = add('notify', CAP_NOTIFY, NOTIFY, doorbells, CAP_EXTRA + 4);
    set32(this.pci_dev.config, notify + CAP_EXTRA, NOTIFY_MULTIPLIER);
    this.pci_dev.registerBar(MODERN_BAR, BAR_MEM_TYPE_64 | BAR_MEM_PREFETCH, bar);

    this.#cfgCap = this.#addCapability(CAP_PCI_CFG, 0, CAP_EXTRA + 4);
    const { wmask } = this.pci_dev;
    wmask[this.#cfgCap + CAP_BAR] = 0xff;
    for (const at of [CAP_OFFSET, CAP_REGION_LENGTH, CAP_EXTRA]) set32(wmask, this.#cfgCap + at, 0xffff_ffff);
  }

  #takeIsr(): number {
    const isr = this.device.takeIsr();
    this.pci_dev.irq(0);
    return isr;
  }

  /** A vector that there is, or none; counts who uses it. */
  #vector(old: number, wanted: number): number {
    this.msix.unuse(old);
    if (wanted >= this.msix.vectors) return VIRTIO_NO_VECTOR;
    this.msix.use(wanted);
    return wanted;
  }
  #setConfigVector(vector: number): void {
    this.device.config_vector = this.#vector(this.device.config_vector, vector);
  }
  #setQueueVector(vector: number): void {
    const queue = this.#selected;
    queue.vector = this.#vector(queue.vector, vector);
  }

  get #selected() {
    return this.device.vq[this.device.queue_sel]!;
  }

  #setStatus(status: number): void {
    this.device.setStatus(status & 0xff);
    if (status & S_DRIVER_OK) for (const ring of this.device.rings) this.device.notifyQueue(ring.index);
    if (this.device.status === 0) this.#resetDevice();
  }

  #select(queue: number): void {
    if (queue < VIRTIO_QUEUE_MAX) this.device.queue_sel = queue;
  }

  /** How many words of features can be selected. Source: virtio_pci_select_max. */
  static readonly #FEATURE_WORDS = 2;

  /** Source: virtio_pci_common_read. */
  #readCommon(addr: number): number {
    const { device } = this;
    const queue = this.vqs[device.queue_sel]!;
    switch (addr) {
      case 0:
        return this.dfselect;
      case 4: {
        if (this.dfselect >= VirtioPCI.#FEATURE_WORDS) return 0;
        const offered = device.host_features & ~LEGACY_FEATURES;
        return Number((offered >> BigInt(32 * this.dfselect)) & 0xffff_ffffn);
      }
      case 8:
        return this.gfselect;
      case 12:
        return this.gfselect < VirtioPCI.#FEATURE_WORDS ? this.guest_features[this.gfselect]! : 0;
      case 16:
        return device.config_vector;
      case 18:
        return device.rings.findLastIndex((ring) => ring.vring.num !== 0) + 1;
      case 20:
        return device.status;
      case 21:
        return device.generation;
      case 22:
        return device.queue_sel;
      case 24:
        return this.#selected.vring.num;
      case 26:
        return this.#selected.vector;
      case 28:
        return queue.enabled ? 1 : 0;
      case 30:
        return device.queue_sel;
      case 32:
      case 36:
        return queue.desc[(addr >> 2) & 1]!;
      case 40:
      case 44:
        return queue.avail[(addr >> 2) & 1]!;
      case 48:
      case 52:
        return queue.used[(addr >> 2) & 1]!;
      default:
        return 0;
    }
  }

  /** Source: virtio_pci_common_write. */
  #writeCommon(addr: number, value: number): void {
    const { device } = this;
    const queue = this.vqs[device.queue_sel]!;
    const ring = device.rings[device.queue_sel];
    switch (addr) {
      case 0:
        this.dfselect = value >>> 0;
        return;
      case 8:
        this.gfselect = value >>> 0;
        return;
      case 12:
        if (this.gfselect >= VirtioPCI.#FEATURE_WORDS) return;
        this.guest_features[this.gfselect] = value >>> 0;
        device.setFeatures(BigInt(this.guest_features[0]!) | (BigInt(this.guest_features[1]!) << 32n));
        return;
      case 16:
        this.#setConfigVector(value);
        return;
      case 20:
        this.#setStatus(value);
        return;
      case 22:
        this.#select(value);
        return;
      case 24:
        queue.num = value & 0xffff;
        ring?.setNum(queue.num);
        ring?.map();
        return;
      case 26:
        this.#setQueueVector(value);
        return;
      case 28:
        if (value !== 1) {
          device.error(`wrong value for queue_enable ${value.toString(16)}`);
          return;
        }
        ring?.setNum(queue.num);
        ring?.setRings(whole(queue.desc), whole(queue.avail), whole(queue.used));
        queue.enabled = true;
        return;
      case 32:
      case 36:
        queue.desc[(addr >> 2) & 1] = value >>> 0;
        return;
      case 40:
      case 44:
        queue.avail[(addr >> 2) & 1] = value >>> 0;
        return;
      case 48:
      case 52:
        queue.used[(addr >> 2) & 1] = value >>> 0;
        return;
      case 58:
        if (value !== 1) return;
        device.resetQueue(device.queue_sel);
        queue.enabled = false;
    }
  }

  #addLegacy(): void {
    const bytes = 24 + this.device.config_len;
    const ops: MemoryRegionOps = {
      impl: { min: 1, max: 4 },
      reentrant: true,
      read: (addr, size) => {
        const config = this.#legacyConfig;
        return addr < config ? this.#readLegacy(addr) : this.device.readConfig(addr - config, size);
      },
      write: (addr, value, size) => {
        const config = this.#legacyConfig;
        if (addr < config) this.#writeLegacy(addr, value);
        else this.device.writeConfig(addr - config, value, size);
      }
    };
    const region = MemoryRegion.io('virtio-pci', 2 ** Math.ceil(Math.log2(bytes)), ops);
    this.pci_dev.registerBar(LEGACY_BAR, BAR_SPACE_IO, region);
  }

  /** Where the device's configuration begins: the vector registers are there only while MSI-X is on. */
  get #legacyConfig(): number {
    return this.msix.enabled ? 24 : 20;
  }

  /** Source: virtio_ioport_read. */
  #readLegacy(addr: number): number {
    const { device } = this;
    switch (addr) {
      case 0:
        return Number(device.host_features & 0xffff_ffffn);
      case 4:
        return device.guest_features_lo;
      case 8:
        return Number((this.#selected.vring.desc >> 12n) & 0xffff_ffffn);
      case 12:
        return this.#selected.vring.num;
      case 14:
        return device.queue_sel;
      case 18:
        return device.status;
      case 19:
        return this.#takeIsr();
      case 20:
        return device.config_vector;
      case 22:
        return this.#selected.vector;
      default:
        return 0xffff_ffff;
    }
  }

  /** Source: virtio_ioport_write. */
  #writeLegacy(addr: number, value: number): void {
    const { device } = this;
    switch (addr) {
      case 4:
        // A driver that accepts this one does not negotiate at all: it gets nothing.
        device.setFeatures(BigInt(value >>> 0) & bit(VIRTIO_F_BAD_FEATURE) ? 0n : BigInt(value >>> 0));
        return;
      case 8:
        if (value === 0) this.#resetDevice();
        else device.rings[device.queue_sel]?.setAddress(BigInt(value >>> 0) << 12n);
        return;
      case 14:
        this.#select(value);
        return;
      case 16:
        device.notifyQueue(value & 0xffff);
        return;
      case 18:
        this.#setStatus(value);
        // Linux before 2.6.34 did not make the device bus master.
        if (value === (S_ACKNOWLEDGE | S_DRIVER)) {
          this.pci_dev.writeConfig(COMMAND, this.pci_dev.config[COMMAND]! | COMMAND_MASTER, 1);
        }
        return;
      case 20:
        this.#setConfigVector(value);
        return;
      case 22:
        this.#setQueueVector(value);
    }
  }

  /** Source: virtio_write_config. */
  #configWritten(addr: number, length: number): void {
    if (overlaps(addr, length, COMMAND, 1)) {
      const master = this.pci_dev.isMaster;
      this.device.setDisabled(!master);
      if (!master) this.device.setStatus(this.device.status & ~S_DRIVER_OK);
    }
    this.#window(addr, length, (ops, at, size) => {
      const { config } = this.pci_dev;
      const word = get32(config, this.#cfgCap + CAP_EXTRA);
      ops.write(at, size === 4 ? word : word & ((1 << (8 * size)) - 1), size);
    });
  }

  #configRead(addr: number, length: number): void {
    this.#window(addr, length, (ops, at, size) => {
      const value = ops.read(at, size);
      for (let i = 0; i < size; i++) this.pci_dev.config[this.#cfgCap + CAP_EXTRA + i] = value >>> (8 * i);
    });
  }

  /** An access to the data of VIRTIO_PCI_CAP_PCI_CFG is one to the modern registers. Source: virtio_address_space_lookup. */
  #window(addr: number, length: number, access: (ops: MemoryRegionOps, at: number, size: number) => void): void {
    if (!this.#cfgCap || !overlaps(addr, length, this.#cfgCap + CAP_EXTRA, 4)) return;
    const { config } = this.pci_dev;
    const size = get32(config, this.#cfgCap + CAP_REGION_LENGTH);
    if (size !== 1 && size !== 2 && size !== 4) return;
    const place = get32(config, this.#cfgCap + CAP_OFFSET);
    const at = place - (place % size);
    const ops = this.#regions.get(at - (at % REGION_SIZE));
    if (ops) access(ops, at % REGION_SIZE, size);
  }
}

const emptyQueue = (): VirtIOPCIQueue => ({ num: 0, enabled: false, desc: [0, 0], avail: [0, 0], used: [0, 0] });
const whole = (halves: readonly number[]): bigint => (BigInt(halves[1]!) << 32n) | BigInt(halves[0]!);
