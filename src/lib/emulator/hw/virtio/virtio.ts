/**
 * The core of every virtio device. QEMU's vmdescription calls all of it one opaque `virtio`; here it is taken apart by
 * the rules of virtio_save, with the names of the C structs.
 *
 *   virtio ::= transport status:u8 isr:u8 queue_sel:u16 features:u32 config_len:u32 config num:u32 queue{num}
 *              device-part subsection*
 *   queue  ::= num:u32 align:u32? desc:u64 last_avail_idx:u16 vector:u16?
 *
 * Source: QEMU hw/virtio/virtio.c; virtio 1.2 chapter 2.
 */
import {
  fieldsOf,
  struct,
  type Bits,
  type Codec,
  type Field,
  type VMStateDescription
} from '../../../vmstate/vmstate.ts';
import { arrayOf, bool, u16, u32, u64, u8 } from '../../../vmstate/vmstate-types.ts';
import { reg32, reg64, registerBlock, type RegisterInfo } from '../core/register.ts';

export const VIRTIO_QUEUE_MAX = 1024;
export const VIRTQUEUE_MAX_SIZE = 1024;

/** Numbers of the feature bits that the rings and the transport know. Source: virtio 1.2 chapter 6. */
export const VIRTIO_F_NOTIFY_ON_EMPTY = 24n;
export const VIRTIO_F_ANY_LAYOUT = 27n;
export const VIRTIO_RING_F_INDIRECT_DESC = 28n;
export const VIRTIO_RING_F_EVENT_IDX = 29n;
export const VIRTIO_F_BAD_FEATURE = 30n;
export const VIRTIO_F_VERSION_1 = 32n;
export const VIRTIO_F_RING_PACKED = 34n;
export const VIRTIO_F_RING_RESET = 40n;

export interface VirtQueue {
  vring: { num: number; num_default: number; align: number; desc: bigint; avail: bigint; used: bigint };
  vector: number;
  last_avail_idx: number;
  last_avail_wrap_counter: boolean;
  used_idx: number;
  used_wrap_counter: boolean;
  inuse: number;
}
export interface VirtIODevice {
  status: number;
  isr: number;
  queue_sel: number;
  guest_features_lo: number;
  config_len: number;
  config: Uint8Array;
  num: number;
  vq: VirtQueue[];
  device_endian: number;
  guest_features: bigint;
  guest_features_ex: bigint[];
  broken: boolean;
  started: boolean;
  disabled: boolean;
  /** What the device offers: never sent, so that only a device that runs has it. */
  readonly host_features?: bigint;
}

/** What a transport adds. */
export interface VirtioBus<S extends VirtIODevice> {
  /** VirtioBusClass.save_config: rows before all else. */
  readonly config: readonly Field<S>[];
  /** VirtioBusClass.has_variable_vring_alignment. */
  readonly hasAlign: boolean;
  /** VirtioBusClass.save_queue: rows at the end of each queue. */
  readonly queue: (device: S) => readonly Field<VirtQueue>[];
  /** VirtioBusClass.save_extra_state: the field of `virtio/extra_state`. */
  readonly extraState: Field<S>;
}

/** What a kind of device adds. */
export interface VirtioDeviceClass<S extends VirtIODevice> {
  /** Its section's name and versions. */
  readonly name: string;
  readonly version: number;
  /** Its own feature bits, from 0 to 23 and from 50 on. */
  readonly features: readonly Bits[];
  readonly config: readonly RegisterInfo[];
  /** The device part: QEMU's VirtioDeviceClass.save or .vmsd. */
  readonly fields?: readonly Field<S>[];
  /** What the section has behind `virtio`. */
  readonly behind?: readonly Field<{ virtio: S }>[];
}

/** Feature bits that belong to the transport and the rings. Source: virtio 1.2 chapter 6. */
const RING_FEATURES: readonly Bits[] = [
  { name: 'NOTIFY_ON_EMPTY', bit: 24 },
  { name: 'ANY_LAYOUT', bit: 27 },
  { name: 'INDIRECT_DESC', bit: 28, doc: 'descriptors may point at tables of descriptors' },
  { name: 'EVENT_IDX', bit: 29, doc: 'notifications are asked for by index' },
  { name: 'BAD_FEATURE', bit: 30 },
  { name: 'VERSION_1', bit: 32, doc: 'virtio 1.0, not legacy' },
  { name: 'ACCESS_PLATFORM', bit: 33, doc: 'addresses go through the IOMMU' },
  { name: 'RING_PACKED', bit: 34, doc: 'packed instead of split rings' },
  { name: 'IN_ORDER', bit: 35 },
  { name: 'ORDER_PLATFORM', bit: 36 },
  { name: 'SR_IOV', bit: 37 },
  { name: 'NOTIFICATION_DATA', bit: 38 },
  { name: 'NOTIF_CONFIG_DATA', bit: 39 },
  { name: 'RING_RESET', bit: 40 },
  { name: 'ADMIN_VQ', bit: 41 }
];

const STATUS: readonly Bits[] = [
  { name: 'ACKNOWLEDGE', bit: 0 },
  { name: 'DRIVER', bit: 1 },
  { name: 'DRIVER_OK', bit: 2, doc: 'the driver works' },
  { name: 'FEATURES_OK', bit: 3 },
  { name: 'NEEDS_RESET', bit: 6 },
  { name: 'FAILED', bit: 7 }
];

const q = fieldsOf<VirtQueue>();
const queue = (hasAlign: boolean, transport: readonly Field<VirtQueue>[]): VMStateDescription<VirtQueue> => ({
  name: 'VirtQueue',
  version: 0,
  minimumVersion: 0,
  fields: [
    q('vring.num', u32, { doc: 'Descriptors' }),
    ...(hasAlign ? [q('vring.align', u32, { unit: 'bytes' })] : []),
    q('vring.desc', u64, { doc: 'Descriptor table, or the packed ring', pointer: 'gpa', radix: 16 }),
    q('last_avail_idx', u16, {
      doc: 'How many buffers the device has taken, modulo 65536',
      check: (s) =>
        s.vring.desc === 0n && s.last_avail_idx !== 0
          ? `VQ address 0x0 inconsistent with Host index 0x${s.last_avail_idx.toString(16)}`
          : undefined
    }),
    ...transport
  ]
});

const d = fieldsOf<VirtIODevice>();
/** A subsection, and when a device that runs sends it. */
const subsection = (
  name: string,
  needed: (device: VirtIODevice, hostFeatures: bigint) => boolean,
  ...fields: Field<VirtIODevice>[]
): VMStateDescription<VirtIODevice> => ({
  name,
  version: 1,
  minimumVersion: 1,
  fields,
  needed: (s) => (s.host_features === undefined ? undefined : needed(s, s.host_features))
});
/** A subsection with a struct for each of the 1024 possible queues. */
const queues = (
  name: string,
  needed: (device: VirtIODevice, hostFeatures: bigint) => boolean,
  element: string,
  fields: readonly Field<VirtQueue>[]
): VMStateDescription<VirtIODevice> =>
  subsection(
    name,
    needed,
    d('vq', arrayOf(struct<VirtQueue>({ name: element, version: 1, minimumVersion: 1, fields }), VIRTIO_QUEUE_MAX))
  );
const DEVICE_ENDIAN_LITTLE = 1;
const offers =
  (bit: bigint) =>
  (_: VirtIODevice, hostFeatures: bigint): boolean =>
    ((hostFeatures >> bit) & 1n) !== 0n;

/** vmstate_virtio's subsections, in the order of sending. */
const subsections = <S extends VirtIODevice>(
  bits: readonly Bits[],
  extraState: Field<S>
): readonly VMStateDescription<S>[] => [
  subsection(
    'virtio/device_endian',
    (s) => s.device_endian !== DEVICE_ENDIAN_LITTLE,
    d('device_endian', u8, { values: { 0: 'unknown', 1: 'little', 2: 'big' } })
  ),
  subsection(
    'virtio/128bit_features',
    () => false,
    d('guest_features_ex[1]', u64, { doc: 'Features 64 to 127 that the driver has accepted', radix: 16 })
  ),
  subsection(
    'virtio/64bit_features',
    (_, hostFeatures) => hostFeatures >> 32n !== 0n,
    d('guest_features', u64, { doc: 'Features that the driver has accepted', radix: 16, bits })
  ),
  queues('virtio/virtqueues', offers(VIRTIO_F_VERSION_1), 'virtqueue_state', [
    q('vring.avail', u64, { doc: 'Available ring, or the driver events', pointer: 'gpa', radix: 16 }),
    q('vring.used', u64, { doc: 'Used ring, or the device events', pointer: 'gpa', radix: 16 })
  ]),
  queues('virtio/ringsize', (s) => s.vq.some(({ vring }) => vring.num !== vring.num_default), 'ringsize_state', [
    q('vring.num_default', u32, { doc: 'Descriptors after a reset' })
  ]),
  subsection(
    'virtio/broken',
    (s) => s.broken,
    d('broken', bool, { doc: 'The driver did what it must not, and the device has stopped' })
  ),
  {
    name: 'virtio/extra_state',
    version: 1,
    minimumVersion: 1,
    needed: (s) => (s.host_features === undefined ? undefined : true),
    fields: [extraState]
  },
  subsection('virtio/started', (s) => s.started, d('started', bool)),
  queues('virtio/packed_virtqueues', offers(VIRTIO_F_RING_PACKED), 'packed_virtqueue_state', [
    q('last_avail_idx', u16),
    q('last_avail_wrap_counter', bool),
    q('used_idx', u16),
    q('used_wrap_counter', bool),
    q('inuse', u32, { doc: 'Buffers that the device has taken and not returned' })
  ]),
  subsection('virtio/disabled', (s) => s.disabled, d('disabled', bool))
];

/** The whole of a virtio device as one struct (QEMU: virtio_save). */
export function vmstateVirtio<S extends VirtIODevice>(
  bus: VirtioBus<S>,
  { features, config, fields = [] }: VirtioDeviceClass<S>
): VMStateDescription<S> {
  const bits = [...features, ...RING_FEATURES].sort((a, b) => a.bit - b.bit);
  const vq: Field<S> = {
    path: 'vq',
    codec: (s) => arrayOf(struct(queue(bus.hasAlign, bus.queue(s))), s.num) as unknown as Codec<never>,
    options: {}
  };
  return {
    name: 'virtio',
    version: 1,
    minimumVersion: 1,
    fields: [
      ...bus.config,
      d('status', u8, { doc: 'Device status', bits: STATUS }),
      d('isr', u8, {
        bits: [
          { name: 'QUEUE', bit: 0 },
          { name: 'CONFIG', bit: 1 }
        ]
      }),
      d('queue_sel', u16, {
        doc: 'Queue that the registers show',
        check: (s) => (s.queue_sel >= VIRTIO_QUEUE_MAX ? `no queue ${s.queue_sel}` : undefined)
      }),
      d('guest_features_lo', u32, {
        doc: 'Features that the driver has accepted, the low 32 bits',
        radix: 16,
        bits: bits.filter(({ bit }) => bit < 32)
      }),
      d('config_len', u32, { unit: 'bytes' }),
      d('config', (s) => registerBlock(s.config_len, config), { doc: 'Device-specific configuration' }),
      d('num', u32, {
        doc: 'Queues of the device',
        check: (s) => (s.num > VIRTIO_QUEUE_MAX ? `Invalid number of virtqueues: 0x${s.num.toString(16)}` : undefined)
      }),
      vq,
      ...fields
    ],
    subsections: subsections(bits, bus.extraState)
  };
}

/** A request that the device has taken from a ring and not answered yet. */
export interface VirtQueueElement {
  /** Descriptors it takes; sent where the device offers packed rings. */
  ndescs: number | undefined;
  old: Uint8Array;
}

/** VirtQueueElementOld: index, counts, then four arrays of 1024, of which only the first few entries count. */
const ELEMENT_SIZE = 16 + 2 * VIRTQUEUE_MAX_SIZE * 8 + 2 * VIRTQUEUE_MAX_SIZE * 16;
const IN_ADDR = 16;
const OUT_ADDR = IN_ADDR + VIRTQUEUE_MAX_SIZE * 8;
const IN_SG = OUT_ADDR + VIRTQUEUE_MAX_SIZE * 8;
const OUT_SG = IN_SG + VIRTQUEUE_MAX_SIZE * 16;

const elementOld = registerBlock(ELEMENT_SIZE, (bytes) => {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const out = Math.min(view.getUint32(4, true), VIRTQUEUE_MAX_SIZE);
  const in_ = Math.min(view.getUint32(8, true), VIRTQUEUE_MAX_SIZE);
  const each = (count: number, make: (i: number) => RegisterInfo) => Array.from({ length: count }, (_, i) => make(i));
  return [
    reg32(0, 'index', { doc: 'Head descriptor' }),
    reg32(4, 'out_num', { doc: 'Buffers that the device reads' }),
    reg32(8, 'in_num', { doc: 'Buffers that the device fills' }),
    ...each(in_, (i) => reg64(IN_ADDR + 8 * i, `in_addr[${i}]`, { pointer: 'gpa', radix: 16 })),
    ...each(out, (i) => reg64(OUT_ADDR + 8 * i, `out_addr[${i}]`, { pointer: 'gpa', radix: 16 })),
    ...each(in_, (i) => reg64(IN_SG + 16 * i + 8, `in_sg[${i}].iov_len`, { unit: 'bytes' })),
    ...each(out, (i) => reg64(OUT_SG + 16 * i + 8, `out_sg[${i}].iov_len`, { unit: 'bytes' }))
  ];
});

/** A stretch of guest memory. */
export interface Segment {
  readonly addr: number;
  readonly length: number;
}

/** What VirtQueueElementOld says, without what is not used of its arrays. */
export interface ElementSegments {
  readonly index: number;
  /** What the device reads, and what it fills. */
  readonly out: readonly Segment[];
  readonly in: readonly Segment[];
}

/** Source: qemu_get_virtqueue_element. */
export function segmentsOf({ old }: VirtQueueElement): ElementSegments {
  const view = new DataView(old.buffer, old.byteOffset);
  const segments = (count: number, addr: number, sg: number): Segment[] =>
    Array.from({ length: Math.min(view.getUint32(count, true), VIRTQUEUE_MAX_SIZE) }, (_, i) => ({
      addr: Number(view.getBigUint64(addr + 8 * i, true)),
      length: Number(view.getBigUint64(sg + 16 * i + 8, true))
    }));
  return { index: view.getUint32(0, true), out: segments(4, OUT_ADDR, OUT_SG), in: segments(8, IN_ADDR, IN_SG) };
}

/** Source: qemu_put_virtqueue_element. */
export function elementOf({ index, out, in: in_ }: ElementSegments, ndescs?: number): VirtQueueElement {
  const old = new Uint8Array(ELEMENT_SIZE);
  const view = new DataView(old.buffer);
  view.setUint32(0, index, true);
  view.setUint32(4, out.length, true);
  view.setUint32(8, in_.length, true);
  const put = (segments: readonly Segment[], addr: number, sg: number): void =>
    segments.forEach((segment, i) => {
      view.setBigUint64(addr + 8 * i, BigInt(segment.addr), true);
      view.setBigUint64(sg + 16 * i + 8, BigInt(segment.length), true);
    });
  put(in_, IN_ADDR, IN_SG);
  put(out, OUT_ADDR, OUT_SG);
  return { ndescs, old };
}

/**
 * A request in flight. Whether `ndescs` precedes it depends on what the host offers, which is not sent: an index is
 * below 1024 and little-endian, `ndescs` is from 1 to 1024 and big-endian.
 * Source: QEMU qemu_put_virtqueue_element.
 */
export const virtQueueElement: Codec<VirtQueueElement> = {
  type: 'VirtQueueElement',
  read(file, _into, place) {
    const isCount = !file.peek(0) && !file.peek(1) && (file.peek(2) !== 0 || file.peek(3) !== 0);
    const ndescs = isCount ? place.read(file, 'ndescs', u32, undefined, { doc: 'Descriptors' }) : undefined;
    const at = file.offset;
    const old = elementOld.read(file, undefined, place);
    const view = new DataView(old.buffer, old.byteOffset);
    if (view.getUint32(4, true) > VIRTQUEUE_MAX_SIZE || view.getUint32(8, true) > VIRTQUEUE_MAX_SIZE) {
      place.complain(at, `a request of more than ${VIRTQUEUE_MAX_SIZE} buffers`);
    }
    return { ndescs, old };
  },
  write(file, { ndescs, old }) {
    if (ndescs !== undefined) u32.write(file, ndescs);
    elementOld.write(file, old);
  }
};
