/**
 * A virtio device as it runs, whichever transport it is behind: feature negotiation, status, configuration space,
 * rings. What it is for is a subclass's business.
 * Source: QEMU hw/virtio/virtio.c; virtio 1.2 chapters 2 and 3.
 */
import type { DeviceHost } from '../core/qdev.ts';
import type { AddressSpace } from '../../system/memory.ts';
import {
  VIRTIO_F_ANY_LAYOUT,
  VIRTIO_F_BAD_FEATURE,
  VIRTIO_F_NOTIFY_ON_EMPTY,
  VIRTIO_F_RING_RESET,
  VIRTIO_F_VERSION_1,
  VIRTIO_QUEUE_MAX,
  VIRTIO_RING_F_EVENT_IDX,
  VIRTIO_RING_F_INDIRECT_DESC,
  type VirtIODevice,
  type VirtQueue
} from './virtio.ts';
import { VIRTIO_NO_VECTOR, VirtioRing, type RingOwner } from './virtqueue.ts';

/** Bits of the device status. */
export const S_ACKNOWLEDGE = 1;
export const S_DRIVER = 2;
export const S_DRIVER_OK = 4;
export const S_FEATURES_OK = 8;
const S_NEEDS_RESET = 0x40;

const ISR_QUEUE = 1;
const ISR_CONFIG = 2;
const ENDIAN_LITTLE = 1;
const LOW = 0xffff_ffffn;

export const bit = (number: bigint): bigint => 1n << number;

/** Offered to legacy drivers alone. Source: VIRTIO_LEGACY_FEATURES. */
export const LEGACY_FEATURES = bit(VIRTIO_F_BAD_FEATURE) | bit(VIRTIO_F_NOTIFY_ON_EMPTY) | bit(VIRTIO_F_ANY_LAYOUT);

/** Interrupts of a device. Source: VirtioBusClass.notify. */
export interface VirtioTransport {
  /** The isr changed; VIRTIO_NO_VECTOR where only the level of INTx is to be brought up to date. */
  notify(vector: number): void;
}

export interface VirtioOptions {
  /** Number of the device type. Source: virtio 1.2 chapter 5. */
  readonly deviceId: number;
  /** Bytes of the device-specific configuration. */
  readonly configLength: number;
  /** VIRTIO_F_RING_RESET: machine types from 7.2 on. */
  readonly queueReset?: boolean;
}

export abstract class VirtioDevice implements VirtIODevice, RingOwner {
  /** Its section's name: `virtio-blk`. */
  abstract readonly name: string;
  readonly deviceId: number;
  readonly memory: AddressSpace;
  status = 0;
  isr = 0;
  queue_sel = 0;
  config_len: number;
  config: Uint8Array;
  num = 0;
  readonly vq: VirtQueue[];
  device_endian = ENDIAN_LITTLE;
  guest_features = 0n;
  guest_features_ex = [0n, 0n];
  broken = false;
  started = false;
  disabled = false;
  host_features: bigint;
  config_vector = VIRTIO_NO_VECTOR;
  /** Counts changes of the configuration, so that a driver sees when it read half of one. */
  generation = 0;
  /** The machine runs. */
  protected running = false;
  protected readonly host: DeviceHost;
  readonly rings: VirtioRing[] = [];
  #startOnKick = false;
  #transport: VirtioTransport = { notify: () => {} };

  constructor(host: DeviceHost, { deviceId, configLength, queueReset = true }: VirtioOptions) {
    this.host = host;
    this.memory = host.memory;
    this.deviceId = deviceId;
    this.config_len = configLength;
    this.config = new Uint8Array(configLength);
    this.host_features =
      bit(VIRTIO_RING_F_INDIRECT_DESC) |
      bit(VIRTIO_RING_F_EVENT_IDX) |
      bit(VIRTIO_F_NOTIFY_ON_EMPTY) |
      bit(VIRTIO_F_ANY_LAYOUT) |
      (queueReset ? bit(VIRTIO_F_RING_RESET) : 0n);
    this.vq = Array.from({ length: VIRTIO_QUEUE_MAX }, noQueue);
  }

  /** Source: virtio_add_queue. */
  protected addQueue(size: number, handleOutput: (ring: VirtioRing) => void): VirtioRing {
    const ring: VirtioRing = new VirtioRing(this, this.num, size, () => handleOutput(ring));
    this.vq[this.num++] = ring;
    this.rings.push(ring);
    return ring;
  }

  /** What the device offers, given what rings and transport do. Source: VirtioDeviceClass.get_features. */
  protected getFeatures(features: bigint): bigint {
    return features;
  }
  protected featuresSet(): void {}
  /** The driver writes the status; `status` still has the old one. */
  protected statusWritten(_status: number): void {}
  protected onReset(): void {}
  /** Brings the configuration up to date before it is read. */
  protected getConfig(_config: Uint8Array): void {}
  protected configWritten(_config: Uint8Array): void {}
  /** What lies behind it and in no stream, for coming back to this moment. */
  saveLocal(): unknown {
    return undefined;
  }
  loadLocal(_value: unknown): void {}
  /** After a load, when rings are where they belong. Returns why it must not run. */
  protected loaded(): string | undefined {
    return undefined;
  }

  /** Wires it to its transport. Source: virtio_bus_device_plugged. */
  plug(transport: VirtioTransport, modern: boolean): void {
    this.#transport = transport;
    const features = this.host_features | bit(VIRTIO_F_BAD_FEATURE) | (modern ? bit(VIRTIO_F_VERSION_1) : 0n);
    this.host_features = this.getFeatures(features);
  }

  has(feature: bigint): boolean {
    return ((this.guest_features >> feature) & 1n) !== 0n;
  }
  offers(feature: bigint): boolean {
    return ((this.host_features >> feature) & 1n) !== 0n;
  }
  get isDisabled(): boolean {
    return this.disabled || this.broken;
  }
  get driverOk(): boolean {
    return (this.status & S_DRIVER_OK) !== 0;
  }

  get guest_features_lo(): number {
    return Number(this.guest_features & LOW);
  }
  set guest_features_lo(low: number) {
    this.guest_features = BigInt(low);
  }

  /** Nothing goes on until the driver resets the device. Source: virtio_error. */
  error(message: string): void {
    this.host.log(this.name, message);
    if (this.has(VIRTIO_F_VERSION_1)) {
      this.status |= S_NEEDS_RESET;
      this.notifyConfig();
    }
    this.broken = true;
  }

  /** Features that the driver wants; ours alone count. Source: virtio_set_features_ex. */
  setFeatures(features: bigint): void {
    if (this.status & S_FEATURES_OK) return;
    const fine = this.#acceptFeatures(features);
    if (this.has(VIRTIO_RING_F_EVENT_IDX)) for (const ring of this.rings) ring.map();
    if (fine && !this.started && !this.has(VIRTIO_F_VERSION_1)) this.#startOnKick = true;
  }

  #acceptFeatures(features: bigint): boolean {
    this.guest_features = features & this.host_features;
    this.guest_features_ex[0] = this.guest_features;
    this.featuresSet();
    return this.guest_features === features;
  }

  setStatus(status: number): void {
    if ((this.status ^ status) & S_DRIVER_OK) this.#setStarted((status & S_DRIVER_OK) !== 0);
    this.statusWritten(status);
    this.status = status;
  }

  #setStarted(started: boolean): void {
    if (started) this.#startOnKick = false;
    this.started = started;
  }

  /** The bus was told that the device may, or may not, be its master. */
  setDisabled(disabled: boolean): void {
    this.disabled = disabled;
  }

  /** Source: virtio_reset. */
  reset(): void {
    this.setStatus(0);
    this.device_endian = ENDIAN_LITTLE;
    this.onReset();
    this.#startOnKick = this.started = this.broken = this.disabled = false;
    this.#acceptFeatures(0n);
    this.guest_features_ex[1] = 0n;
    this.queue_sel = 0;
    this.isr = 0;
    this.config_vector = VIRTIO_NO_VECTOR;
    this.#notifyVector(VIRTIO_NO_VECTOR);
    for (const ring of this.rings) ring.reset();
  }

  /** Source: virtio_queue_reset. */
  resetQueue(index: number): void {
    this.rings[index]?.reset();
  }

  /** The driver kicks a queue. Source: virtio_queue_notify. */
  notifyQueue(index: number): void {
    const ring = this.rings[index];
    if (!ring?.isReady || this.broken) return;
    ring.handleOutput();
    if (this.#startOnKick) this.#setStarted(true);
  }

  #notifyVector(vector: number): void {
    if (!this.isDisabled) this.#transport.notify(vector);
  }

  /** Tells the driver that requests were returned, where it wants to know. Source: virtio_notify. */
  notify(ring: VirtioRing): void {
    if (!ring.shouldNotify()) return;
    this.isr |= ISR_QUEUE;
    this.#notifyVector(ring.vector);
  }

  /** Tells the driver that the configuration has changed. */
  notifyConfig(): void {
    if (!this.driverOk) return;
    this.isr |= ISR_QUEUE | ISR_CONFIG;
    this.generation = (this.generation + 1) & 0xff;
    this.#notifyVector(this.config_vector);
  }

  /** Reading the interrupt status clears it. */
  takeIsr(): number {
    const { isr } = this;
    this.isr = 0;
    return isr;
  }

  /** @param size 1, 2 or 4; all ones behind the end */
  readConfig(addr: number, size: number): number {
    if (addr + size > this.config.length) return 0xffff_ffff;
    this.getConfig(this.config);
    let value = 0;
    for (let i = size; i-- > 0;) value = value * 256 + this.config[addr + i]!;
    return value;
  }
  writeConfig(addr: number, value: number, size: number): void {
    if (addr + size > this.config.length) return;
    for (let i = 0; i < size; i++) this.config[addr + i] = value >>> (8 * i);
    this.configWritten(this.config);
  }

  preSave(): void {
    const none = this.vq.findIndex(({ vring }) => vring.num === 0);
    this.num = none < 0 ? this.vq.length : none;
  }

  /** What subsections would say. */
  preLoad(): void {
    this.broken = this.started = this.disabled = false;
    this.device_endian = ENDIAN_LITTLE;
    this.guest_features_ex[1] = 0n;
    for (const ring of this.rings) ring.preLoad();
  }

  /** Source: the end of virtio_load. */
  postLoad(): string | undefined {
    const offered = `0x${this.host_features.toString(16)}`;
    const asked = this.guest_features;
    if (!this.#acceptFeatures(asked))
      return `Features 0x${asked.toString(16)} unsupported. Allowed features: ${offered}`;
    if (!this.started && !this.has(VIRTIO_F_VERSION_1)) this.#startOnKick = true;
    for (const ring of this.rings) {
      const refusal = ring.postLoad();
      if (refusal) return refusal;
    }
    return this.loaded();
  }

  /** What waits in the rings is looked at when the machine goes on. Source: virtio_vmstate_change. */
  vmStateChange(running: boolean): void {
    this.running = running;
    const backend = running && this.started;
    this.setStatus(this.status);
    if (backend) for (const ring of this.rings) this.notifyQueue(ring.index);
  }
}

const noQueue = (): VirtQueue => ({
  vring: { num: 0, num_default: 0, align: 0, desc: 0n, avail: 0n, used: 0n },
  vector: VIRTIO_NO_VECTOR,
  last_avail_idx: 0,
  last_avail_wrap_counter: true,
  used_idx: 0,
  used_wrap_counter: true,
  inuse: 0
});
