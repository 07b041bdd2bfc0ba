/** The virtio network card. Source: QEMU hw/net/virtio-net.c; virtio 1.2 section 5.1. */
import { fieldsOf, struct, type Bits, type Codec, type VMStateDescription } from '../../../vmstate/vmstate.ts';
import { arrayOf, bool, buffer, u16, u32, u64, u8 } from '../../../vmstate/vmstate-types.ts';
import { reg16, reg32, reg8, regBytes } from '../core/register.ts';
import { virtioSection } from '../virtio/virtio-bus.ts';
import type { VirtIODevice } from '../virtio/virtio.ts';

const ETH_ALEN = 6;
const MAX_VLAN = 1 << 12;
const VIRTIO_NET_RSS_MAX_KEY_SIZE = 40;
const VIRTIO_NET_F_CTRL_GUEST_OFFLOADS = 2;

interface VirtIONetQueue {
  tx_waiting: number;
}
/** vmstate_virtio_net_device. */
export interface NetState {
  mac: Uint8Array;
  vqs: VirtIONetQueue[];
  mergeable_rx_bufs: number;
  status: number;
  promisc: number;
  allmulti: number;
  mac_table: { in_use: number; macs: Uint8Array; multi_overflow: number; uni_overflow: number };
  vlans: Uint8Array;
  has_vnet_hdr: number;
  alluni: number;
  nomulti: number;
  nouni: number;
  nobcast: number;
  has_ufo: number;
  max_queue_pairs: number;
  curr_queue_pairs: number;
  curr_guest_offloads: bigint;
  rss_data: {
    enabled: boolean;
    redirect: boolean;
    populate_hash: boolean;
    hash_types: number;
    indirections_len: number;
    default_queue: number;
    key: Uint8Array;
    indirections_table: number[];
  };
}
export interface VirtIONet extends VirtIODevice {
  net: NetState;
  /** Pairs of queues that it has: a model knows. */
  readonly pairs?: number;
}

const GUEST_OFFLOADS: readonly Bits[] = [
  { name: 'GUEST_CSUM', bit: 1 },
  { name: 'GUEST_TSO4', bit: 7 },
  { name: 'GUEST_TSO6', bit: 8 },
  { name: 'GUEST_ECN', bit: 9 },
  { name: 'GUEST_UFO', bit: 10 },
  { name: 'GUEST_USO4', bit: 54 },
  { name: 'GUEST_USO6', bit: 55 }
];
const FEATURES: readonly Bits[] = [
  { name: 'CSUM', bit: 0, doc: 'the device completes checksums' },
  { name: 'CTRL_GUEST_OFFLOADS', bit: VIRTIO_NET_F_CTRL_GUEST_OFFLOADS },
  { name: 'MTU', bit: 3 },
  { name: 'MAC', bit: 5 },
  { name: 'GSO', bit: 6 },
  ...GUEST_OFFLOADS,
  { name: 'HOST_TSO4', bit: 11 },
  { name: 'HOST_TSO6', bit: 12 },
  { name: 'HOST_ECN', bit: 13 },
  { name: 'HOST_UFO', bit: 14 },
  { name: 'MRG_RXBUF', bit: 15, doc: 'a packet may take several buffers' },
  { name: 'STATUS', bit: 16 },
  { name: 'CTRL_VQ', bit: 17 },
  { name: 'CTRL_RX', bit: 18 },
  { name: 'CTRL_VLAN', bit: 19 },
  { name: 'CTRL_RX_EXTRA', bit: 20 },
  { name: 'GUEST_ANNOUNCE', bit: 21, doc: 'the guest announces itself after a migration' },
  { name: 'MQ', bit: 22, doc: 'more than one queue pair' },
  { name: 'CTRL_MAC_ADDR', bit: 23 },
  { name: 'DEVICE_STATS', bit: 50 },
  { name: 'VQ_NOTF_COAL', bit: 52 },
  { name: 'NOTF_COAL', bit: 53 },
  { name: 'HOST_USO', bit: 56 },
  { name: 'HASH_REPORT', bit: 57 },
  { name: 'GUEST_HDRLEN', bit: 59 },
  { name: 'RSS', bit: 60 },
  { name: 'RSC_EXT', bit: 61 },
  { name: 'STANDBY', bit: 62 },
  { name: 'SPEED_DUPLEX', bit: 63 }
];

const LINK: readonly Bits[] = [
  { name: 'LINK_UP', bit: 0 },
  { name: 'ANNOUNCE', bit: 1, doc: 'the guest is asked to announce itself' }
];
const HASH_TYPES: readonly Bits[] = [
  { name: 'IPv4', bit: 0 },
  { name: 'TCPv4', bit: 1 },
  { name: 'UDPv4', bit: 2 },
  { name: 'IPv6', bit: 3 },
  { name: 'TCPv6', bit: 4 },
  { name: 'UDPv6', bit: 5 },
  { name: 'IP_EX', bit: 6 },
  { name: 'TCP_EX', bit: 7 },
  { name: 'UDP_EX', bit: 8 }
];

/** struct virtio_net_config. */
const CONFIG = [
  regBytes(0, ETH_ALEN, 'mac', { doc: 'MAC address' }),
  reg16(6, 'status', { bits: LINK }),
  reg16(8, 'max_virtqueue_pairs'),
  reg16(10, 'mtu', { unit: 'bytes' }),
  reg32(12, 'speed', { doc: 'Mbit/s', values: { 0xffffffff: 'unknown' } }),
  reg8(16, 'duplex', { values: { 0: 'half', 1: 'full', 0xff: 'unknown' } }),
  reg8(17, 'rss_max_key_size', { unit: 'bytes' }),
  reg16(18, 'rss_max_indirection_table_length'),
  reg32(20, 'supported_hash_types', { bits: HASH_TYPES })
];

/**
 * Queue pairs that the card has, not those in use: in a stream's configuration where that is long enough, else from its
 * queues, of which one is for control.
 */
const queuePairs = ({ pairs, config, num }: VirtIONet): number =>
  pairs ?? (config.length >= 10 ? config[8]! | (config[9]! << 8) : Math.max(1, num >> 1));

const waiting = fieldsOf<VirtIONetQueue>();
const txWaiting = struct<VirtIONetQueue>({
  name: 'virtio-net-queue-tx_waiting',
  version: 0,
  minimumVersion: 0,
  fields: [waiting('tx_waiting', u32, { doc: 'Packets wait to be sent' })]
});

/** VMSTATE_WITH_TMP: a struct of one field. */
const only = <T>(name: string, field: string, codec: Codec<T>): Codec<T> => ({
  type: name,
  read: (file, into, place) => place.read(file, field, codec, into, {}),
  write: (file, value) => codec.write(file, value)
});

const n = fieldsOf<NetState>();
const netDevice = (device: VirtIONet): VMStateDescription<NetState> => {
  const pairs = queuePairs(device);
  return {
    name: 'virtio-net-device',
    version: 11,
    minimumVersion: 11,
    fields: [
      n('mac', buffer(ETH_ALEN, 'uint8'), { doc: 'MAC address' }),
      n('vqs', arrayOf(txWaiting, 1), { doc: 'First queue pair' }),
      n('mergeable_rx_bufs', u32),
      n('status', u16, { bits: LINK }),
      n('promisc', u8, { doc: 'All packets are received' }),
      n('allmulti', u8, { doc: 'All multicast packets are received' }),
      n('mac_table.in_use', u32, { doc: 'Addresses in the filter' }),
      n('mac_table.macs', (s) => buffer(s.mac_table.in_use * ETH_ALEN), { doc: 'Filter: 6 bytes each' }),
      n('vlans', buffer(MAX_VLAN >> 3), { doc: 'Filter: a bit for each VLAN' }),
      n('has_vnet_hdr', only('tmp', 'has_vnet_hdr', u32), {
        name: 'virtio-net-vnet',
        doc: 'The host side takes virtio headers'
      }),
      n('mac_table.multi_overflow', u8),
      n('mac_table.uni_overflow', u8),
      n('alluni', u8),
      n('nomulti', u8),
      n('nouni', u8),
      n('nobcast', u8),
      n('has_ufo', only('tmp', 'has_ufo', u8), { name: 'virtio-net-ufo' }),
      n('max_queue_pairs', { ...u16, type: 'uint16 equal' }, { when: () => pairs > 1 }),
      n('curr_queue_pairs', u16, { when: () => pairs > 1, doc: 'Queue pairs in use' }),
      n('vqs', (s) => arrayOf(txWaiting, Math.max(0, s.curr_queue_pairs - 1), { from: 1 }), {
        name: 'virtio-net-tx_waiting',
        when: (s) => pairs > 1 && s.curr_queue_pairs > 1,
        doc: 'Further queue pairs'
      }),
      n('curr_guest_offloads', u64, {
        when: () => (device.guest_features_lo & (1 << VIRTIO_NET_F_CTRL_GUEST_OFFLOADS)) !== 0,
        bits: GUEST_OFFLOADS,
        radix: 16
      })
    ],
    subsections: [
      {
        name: 'virtio-net-device/rss',
        version: 1,
        minimumVersion: 1,
        doc: 'Packets are spread over the queues by hash',
        fields: [
          n('rss_data.enabled', bool),
          n('rss_data.redirect', bool),
          n('rss_data.populate_hash', bool),
          n('rss_data.hash_types', u32, { bits: HASH_TYPES }),
          n('rss_data.indirections_len', u16),
          n('rss_data.default_queue', u16),
          n('rss_data.key', buffer(VIRTIO_NET_RSS_MAX_KEY_SIZE, 'uint8')),
          n('rss_data.indirections_table', (s) => arrayOf(u16, s.rss_data.indirections_len))
        ]
      }
    ]
  };
};

const d = fieldsOf<VirtIONet>();
export const vmstate_virtio_net = virtioSection<VirtIONet>({
  name: 'virtio-net',
  version: 11,
  features: FEATURES,
  config: CONFIG,
  fields: [d('net', (s) => struct(netDevice(s)), { name: 'virtio-net-device' })]
});
