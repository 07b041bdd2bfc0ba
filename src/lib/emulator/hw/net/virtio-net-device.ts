/**
 * The virtio network card as it runs. What comes in goes to the first pair of queues, as QEMU's user network has but one.
 * Offloads need no work: a frame comes whole, and whoever answers here looks at no checksum of UDP and at no TCP.
 * Source: QEMU hw/net/virtio-net.c; virtio 1.2 section 5.1.
 */
import { ETH_ALEN, type NetBackend, type NetFrontend } from '../../net/net.ts';
import type { DeviceHost } from '../core/qdev.ts';
import { bit, VirtioDevice } from '../virtio/virtio-device.ts';
import { VIRTIO_F_VERSION_1 } from '../virtio/virtio.ts';
import { lengthOf, readSegments, skipSegments, writeSegments, type VirtioRing } from '../virtio/virtqueue.ts';
import type { NetState, VirtIONet } from './virtio-net.ts';

const F = {
  CTRL_GUEST_OFFLOADS: 2n,
  MAC: 5n,
  MQ: 22n,
  GSO: 6n,
  MRG_RXBUF: 15n,
  STATUS: 16n,
  CTRL_VQ: 17n,
  CTRL_RX: 18n,
  CTRL_VLAN: 19n,
  CTRL_RX_EXTRA: 20n,
  GUEST_ANNOUNCE: 21n,
  CTRL_MAC_ADDR: 23n
} as const;
const allOf = (features: readonly bigint[]): bigint => features.reduce((all, feature) => all | bit(feature), 0n);
const { MQ: _, ...ALWAYS } = F;
const OFFERED = allOf(Object.values(ALWAYS));
/** CSUM, TSO and ECN, USO, for the guest to receive and for the host to. */
const GUEST_OFFLOADS = allOf([1n, 7n, 8n, 9n, 54n, 55n]);
const OFFLOADS = GUEST_OFFLOADS | allOf([0n, 11n, 12n, 13n, 56n]);
const GUEST_UFO = bit(10n);
const UFO = GUEST_UFO | bit(14n);

const LINK_UP = 1;
const ANNOUNCE = 2;
const MAC_TABLE_ENTRIES = 64;
const MAX_VLAN = 1 << 12;
const CONFIG_STATUS = 6;
const CONFIG_PAIRS = 8;
/** Of the header before a frame. */
const HEADER = 10;
const HEADER_MERGEABLE = 12;
/** Longer ones are dropped. Source: include/net/net.h NET_BUFSIZE. */
const LONGEST_FRAME = 4096 + 65536;
const RX_QUEUE = 256;
const CTRL_QUEUE = 64;
/** What a command may bring: the filter's table and its counts. */
const LONGEST_COMMAND = 1 << 16;
const [OK, ERR] = [0, 1];
const CLASS = { rx: 0, mac: 1, vlan: 2, announce: 3, mq: 4, offloads: 5 } as const;
const RX_MODES = ['promisc', 'allmulti', 'alluni', 'nomulti', 'nouni', 'nobcast'] as const;

export interface VirtIONetOptions {
  readonly backend: NetBackend;
  readonly mac: Uint8Array;
  /** Bytes of the configuration that it has: 8 without MQ and speed. */
  readonly configLength?: number;
  /** Pairs of queues, at least 1. Source: max_queue_pairs. */
  readonly pairs?: number;
  /** The host's side takes virtio headers, and with them offloads; UDP fragmentation, too. */
  readonly vnetHdr?: boolean;
  readonly ufo?: boolean;
  /** Machine types from 7.2 on. */
  readonly queueReset?: boolean;
}

const emptyState = ({ mac, pairs = 1, vnetHdr = false, ufo = false }: VirtIONetOptions): NetState => ({
  ...{ mac: mac.slice(), mergeable_rx_bufs: 0, status: LINK_UP },
  vqs: Array.from({ length: pairs }, () => ({ tx_waiting: 0 })),
  ...{ promisc: 1, allmulti: 0, alluni: 0, nomulti: 0, nouni: 0, nobcast: 0 },
  mac_table: { in_use: 0, macs: new Uint8Array(0), multi_overflow: 0, uni_overflow: 0 },
  vlans: new Uint8Array(MAX_VLAN >> 3).fill(0xff),
  ...{ has_vnet_hdr: vnetHdr ? 1 : 0, has_ufo: ufo ? 1 : 0 },
  ...{ max_queue_pairs: pairs, curr_queue_pairs: 1, curr_guest_offloads: 0n },
  rss_data: {
    ...{ enabled: false, redirect: false, populate_hash: false, hash_types: 0, indirections_len: 0, default_queue: 0 },
    ...{ key: new Uint8Array(40), indirections_table: [] }
  }
});

export class VirtioNetDevice extends VirtioDevice implements VirtIONet, NetFrontend {
  readonly name = 'virtio-net';
  readonly net: NetState;
  readonly #o: VirtIONetOptions;
  readonly #backend: NetBackend;
  readonly pairs: number;
  /** The driver knows of all pairs. Without it there is but one, and the control queue is the third. */
  #multiqueue = false;
  readonly #rx: VirtioRing;
  /** Where multicast addresses begin in the filter. */
  #firstMulti = 0;

  constructor(host: DeviceHost, options: VirtIONetOptions) {
    const { backend, pairs = 1, configLength = CONFIG_PAIRS, queueReset = true } = options;
    super(host, { deviceId: 1, configLength, queueReset });
    this.#o = { ...options, mac: options.mac.slice() };
    this.#backend = backend;
    this.pairs = pairs;
    this.net = emptyState(this.#o);
    this.#rx = this.addQueue(this.#sizeOf(0), (ring) => this.#serve(ring));
    for (let n = 1; n < 2 * pairs + 1; n++) this.addQueue(this.#sizeOf(n), (ring) => this.#serve(ring));
    backend.attach(this);
  }

  get #controlIndex(): number {
    return 2 * (this.#multiqueue ? this.pairs : 1);
  }
  /** Descriptors of a queue, 0 while it is not there. Source: virtio_net_change_num_queues. */
  #sizeOf(index: number): number {
    if (index === this.#controlIndex) return CTRL_QUEUE;
    return index < this.#controlIndex ? RX_QUEUE : 0;
  }

  #serve(ring: VirtioRing): void {
    if (ring.index === this.#controlIndex) this.#control(ring);
    else if (ring.index & 1) this.#transmit(ring);
    else this.#backend.flush();
  }

  protected override getFeatures(features: bigint): bigint {
    const { vnetHdr, ufo } = this.#o;
    const mq = this.config_len >= CONFIG_PAIRS + 2 ? bit(F.MQ) : 0n;
    return features | OFFERED | mq | (vnetHdr ? OFFLOADS | (ufo ? UFO : 0n) : 0n);
  }

  /** Source: virtio_net_supported_guest_offloads. */
  get #guestOffloads(): bigint {
    return this.guest_features & (GUEST_OFFLOADS | GUEST_UFO);
  }

  /** Source: virtio_net_set_features. */
  protected override featuresSet(): void {
    const loading = this.#vlanFilter === undefined;
    this.net.mergeable_rx_bufs = this.has(F.MRG_RXBUF) ? 1 : 0;
    const filters = this.has(F.CTRL_VLAN);
    if (!loading && this.#vlanFilter !== filters) this.net.vlans.fill(filters ? 0 : 0xff);
    this.#vlanFilter = filters;
    if (this.#o.vnetHdr && !(loading && this.has(F.CTRL_GUEST_OFFLOADS)))
      this.net.curr_guest_offloads = this.#guestOffloads;
    const multiqueue = this.has(F.MQ);
    if (this.#multiqueue === multiqueue) return;
    this.#multiqueue = multiqueue;
    if (!loading && this.pairs > 1) for (const ring of this.rings) ring.resize(this.#sizeOf(ring.index));
  }
  /** Undefined while a state is loaded: its filter stays as it is. */
  #vlanFilter: boolean | undefined = false;

  override preLoad(): void {
    super.preLoad();
    this.#vlanFilter = undefined;
    // Which queues there are, the stream says. Source: virtio_net_pre_load_queues.
    for (const { vring } of this.rings) vring.num = 0;
  }

  protected override onReset(): void {
    Object.assign(this.net, emptyState(this.#o), { status: this.net.status & LINK_UP });
    this.#firstMulti = 0;
  }

  protected override getConfig(config: Uint8Array): void {
    config.set(this.net.mac);
    config[CONFIG_STATUS] = this.net.status;
    config[CONFIG_STATUS + 1] = 0;
    if (config.length >= CONFIG_PAIRS + 2) config.set([this.pairs & 0xff, this.pairs >> 8], CONFIG_PAIRS);
  }
  protected override configWritten(config: Uint8Array): void {
    if (!this.has(F.CTRL_MAC_ADDR) && !this.has(VIRTIO_F_VERSION_1)) this.net.mac = config.slice(0, ETH_ALEN);
  }

  override saveLocal(): unknown {
    return this.#backend.pending;
  }
  override loadLocal(frames: readonly Uint8Array[]): void {
    this.#backend.pending = frames;
  }

  /** Source: virtio_net_post_load_device. */
  protected override loaded(): string | undefined {
    const { net } = this;
    if (net.has_vnet_hdr && !this.#o.vnetHdr) return 'virtio-net: saved image requires vnet_hdr=on';
    if (this.num !== this.#controlIndex + 1) return `virtio-net: ${this.num} queues of ${this.#controlIndex + 1}`;
    if (net.max_queue_pairs !== this.pairs) return `virtio-net: saved image has ${net.max_queue_pairs} queue pairs`;
    if (net.curr_queue_pairs > net.max_queue_pairs)
      return `virtio-net: curr_queue_pairs ${net.curr_queue_pairs} > max_queue_pairs ${net.max_queue_pairs}`;
    while (net.vqs.length < this.pairs) net.vqs.push({ tx_waiting: 0 });
    if (net.has_ufo && !this.#o.ufo) return 'virtio-net: saved image requires TUN_F_UFO support';
    if (net.mac_table.in_use > MAC_TABLE_ENTRIES) {
      net.mac_table.in_use = 0;
      net.mac_table.macs = new Uint8Array(0);
    }
    this.#findFirstMulti();
    return undefined;
  }

  #findFirstMulti(): void {
    const { in_use, macs } = this.net.mac_table;
    this.#firstMulti = 0;
    while (this.#firstMulti < in_use && !(macs[this.#firstMulti * ETH_ALEN]! & 1)) this.#firstMulti++;
  }

  get #header(): number {
    return this.net.mergeable_rx_bufs || this.has(VIRTIO_F_VERSION_1) ? HEADER_MERGEABLE : HEADER;
  }

  // To the guest.

  canReceive(): boolean {
    if (!this.running || !this.driverOk || this.isDisabled || !this.#rx.isReady) return false;
    return !this.#rx.isEmpty;
  }

  /** Source: virtio_net_receive_rcu. */
  receive(frame: Uint8Array): void {
    const [ring, header, mergeable] = [this.#rx, this.#header, this.net.mergeable_rx_bufs !== 0];
    if (!this.canReceive() || !this.#accepts(frame)) return;
    if (mergeable && ring.availBytes(header + frame.length, 0).in < header + frame.length) return;
    const bytes = new Uint8Array(header + frame.length);
    bytes.set(frame, header);
    const taken: { readonly element: NonNullable<ReturnType<VirtioRing['pop']>>; readonly length: number }[] = [];
    for (let done = 0; done < bytes.length;) {
      const element = ring.pop();
      if (!element || element.in.length === 0) {
        if (element) {
          this.error('virtio-net receive queue contains no in buffers');
          ring.detach();
        } else if (taken.length > 0) this.error('virtio-net unexpected empty queue');
        for (const _ of taken) ring.detach();
        return;
      }
      const room = Math.min(lengthOf(element.in), bytes.length - done);
      if (room < bytes.length - done && !mergeable) {
        // It does not fit: dropped, and the buffer is there for the next one.
        ring.rewind(1);
        return;
      }
      taken.push({ element, length: writeSegments(this.memory, element.in, bytes.subarray(done, done + room)) });
      done += room;
    }
    if (header === HEADER_MERGEABLE) {
      const count = Uint8Array.of(taken.length & 0xff, taken.length >> 8);
      writeSegments(this.memory, skipSegments(taken[0]!.element.in, HEADER), count);
    }
    for (const { element, length } of taken) ring.push(element, length);
    this.notify(ring);
  }

  /** Source: receive_filter. */
  #accepts(frame: Uint8Array): boolean {
    const { net } = this;
    if (net.promisc) return true;
    if (frame[12] === 0x81 && frame[13] === 0) {
      const vid = ((frame[14]! << 8) | frame[15]!) & (MAX_VLAN - 1);
      if (!(net.vlans[vid >> 3]! & (1 << (vid & 7)))) return false;
    }
    const is = (macs: Uint8Array, n: number): boolean =>
      frame.subarray(0, ETH_ALEN).every((byte, i) => macs[n * ETH_ALEN + i] === byte);
    const listed = (from: number, to: number): boolean => {
      for (let n = from; n < to; n++) if (is(net.mac_table.macs, n)) return true;
      return false;
    };
    if (frame[0]! & 1) {
      if (frame.subarray(0, ETH_ALEN).every((byte) => byte === 0xff)) return !net.nobcast;
      if (net.nomulti) return false;
      return net.allmulti !== 0 || net.mac_table.multi_overflow !== 0 || listed(this.#firstMulti, net.mac_table.in_use);
    }
    if (net.nouni) return false;
    return net.alluni !== 0 || net.mac_table.uni_overflow !== 0 || is(net.mac, 0) || listed(0, this.#firstMulti);
  }

  // From the guest.

  /** Source: virtio_net_handle_tx_bh, virtio_net_flush_tx. */
  #transmit(ring: VirtioRing): void {
    const queue = this.net.vqs[ring.index >> 1]!;
    if (!this.driverOk) return;
    queue.tx_waiting = this.running ? 0 : 1;
    if (!this.running) return;
    let any = false;
    for (let element = ring.pop(); element; element = ring.pop()) {
      const length = lengthOf(element.out);
      if (element.out.length < 1 || length < this.#header) {
        this.error('virtio-net header not in first element');
        ring.detach();
        return;
      }
      if (length <= LONGEST_FRAME) {
        const bytes = new Uint8Array(length);
        readSegments(this.memory, element.out, bytes);
        this.#backend.send(bytes.subarray(this.#header));
      }
      ring.push(element, 0);
      any = true;
    }
    if (any) this.notify(ring);
  }

  /** Source: virtio_net_handle_ctrl. */
  #control(ring: VirtioRing): void {
    for (let element = ring.pop(); element; element = ring.pop()) {
      if (lengthOf(element.in) < 1 || lengthOf(element.out) < 2) {
        this.error('virtio-net ctrl missing headers');
        ring.detach();
        return;
      }
      const command = new Uint8Array(Math.min(LONGEST_COMMAND, lengthOf(element.out)));
      readSegments(this.memory, element.out, command);
      const status = this.#command(command[0]!, command[1]!, command.subarray(2));
      writeSegments(this.memory, element.in, Uint8Array.of(status));
      ring.push(element, 1);
      this.notify(ring);
    }
  }

  #command(kind: number, command: number, data: Uint8Array): number {
    const { net } = this;
    if (kind === CLASS.rx) {
      const mode = RX_MODES[command];
      if (mode === undefined || data.length < 1) return ERR;
      net[mode] = data[0] ? 1 : 0;
    } else if (kind === CLASS.mac) {
      if (command === 1) {
        if (data.length !== ETH_ALEN) return ERR;
        net.mac = data.slice();
      } else return command === 0 ? this.#setMacTable(data) : ERR;
    } else if (kind === CLASS.vlan) {
      const vid = data[0]! | (data[1]! << 8);
      if (data.length < 2 || vid >= MAX_VLAN || command > 1) return ERR;
      const mask = 1 << (vid & 7);
      net.vlans[vid >> 3] = command === 0 ? net.vlans[vid >> 3]! | mask : net.vlans[vid >> 3]! & ~mask;
    } else if (kind === CLASS.announce) {
      if (command !== 0 || !(net.status & ANNOUNCE)) return ERR;
      net.status &= ~ANNOUNCE;
    } else if (kind === CLASS.mq) {
      const wanted = data[0]! | (data[1]! << 8);
      if (command !== 0 || data.length < 2 || !this.#multiqueue || wanted < 1 || wanted > this.pairs) return ERR;
      net.curr_queue_pairs = wanted;
    } else if (kind === CLASS.offloads) {
      if (command !== 0 || data.length < 8 || !this.has(F.CTRL_GUEST_OFFLOADS) || !net.has_vnet_hdr) return ERR;
      const offloads = new DataView(data.buffer, data.byteOffset).getBigUint64(0, true);
      if (offloads & ~this.#guestOffloads) return ERR;
      net.curr_guest_offloads = offloads;
    } else return ERR;
    return OK;
  }

  /** Two lists, unicast and multicast, each with its count; one too long lets all through. Source: virtio_net_handle_mac. */
  #setMacTable(data: Uint8Array): number {
    const view = new DataView(data.buffer, data.byteOffset, data.length);
    const macs: number[] = [];
    const overflow = [0, 0];
    let at = 0;
    for (const list of [0, 1]) {
      if (at + 4 > data.length) return ERR;
      const bytes = view.getUint32(at, true) * ETH_ALEN;
      at += 4;
      if (at + bytes > data.length) return ERR;
      if (macs.length + bytes <= MAC_TABLE_ENTRIES * ETH_ALEN) macs.push(...data.subarray(at, at + bytes));
      else overflow[list] = 1;
      at += bytes;
    }
    const [uni_overflow, multi_overflow] = overflow as [number, number];
    const table = { in_use: macs.length / ETH_ALEN, macs: Uint8Array.from(macs), multi_overflow, uni_overflow };
    Object.assign(this.net.mac_table, table);
    this.#findFirstMulti();
    return OK;
  }
}
