/** Virtio at fixed addresses, as machine microvm has it. Source: QEMU hw/virtio/virtio-mmio.c; virtio 1.2 section 4.2. */
import { fieldsOf, struct, type Codec, type VMStateDescription } from '../../../vmstate/vmstate.ts';
import { arrayOf, bool, u16, u32 } from '../../../vmstate/vmstate-types.ts';
import { VIRTIO_QUEUE_MAX, type VirtioBus, type VirtIODevice } from './virtio.ts';

interface VirtIOMMIOQueue {
  num: number;
  enabled: boolean;
  desc: number[];
  avail: number[];
  used: number[];
}
interface VirtIOMMIOProxy {
  host_features_sel: number;
  guest_features_sel: number;
  guest_page_shift: number;
  guest_features: number[];
  vqs: VirtIOMMIOQueue[];
}
export interface VirtIOMMIODevice extends VirtIODevice {
  mmio: VirtIOMMIOProxy;
}

const RING = { doc: 'Low and high half', pointer: 'gpa', radix: 16 } as const;
const HALVES = { abouts: [RING, { radix: 16 }] } as const;
const vq = fieldsOf<VirtIOMMIOQueue>();
const queue = struct<VirtIOMMIOQueue>({
  name: 'virtio_mmio/queue_state',
  version: 1,
  minimumVersion: 1,
  fields: [
    vq('num', u16, { doc: 'Descriptors as the driver wants them' }),
    vq('enabled', bool),
    vq('desc', arrayOf(u32, 2, HALVES)),
    vq('avail', arrayOf(u32, 2, HALVES)),
    vq('used', arrayOf(u32, 2, HALVES))
  ]
});

const p = fieldsOf<VirtIOMMIOProxy>();
const vmstate_virtio_mmio: VMStateDescription<VirtIOMMIOProxy> = {
  name: 'virtio_mmio',
  version: 1,
  minimumVersion: 1,
  fields: [],
  subsections: [
    {
      name: 'virtio_mmio/state',
      version: 1,
      minimumVersion: 1,
      fields: [
        p('guest_features', arrayOf(u32, 2), { doc: 'Features as the driver has written them', radix: 16 }),
        p('vqs', arrayOf(queue, VIRTIO_QUEUE_MAX))
      ]
    }
  ]
};

const d = fieldsOf<VirtIOMMIODevice>();
export const virtio_mmio_bus: VirtioBus<VirtIOMMIODevice> = {
  config: [
    d('mmio.host_features_sel', u32, { doc: 'Which 32 device features are shown' }),
    d('mmio.guest_features_sel', u32, { doc: 'Which 32 driver features are shown' }),
    d('mmio.guest_page_shift', u32, { doc: 'Legacy: size of a guest page, as a power of two' })
  ],
  hasAlign: true,
  queue: () => [],
  extraState: d('mmio', { ...struct(vmstate_virtio_mmio), type: 'virtqueue_extra_state' } as Codec<VirtIOMMIOProxy>, {
    name: 'extra_state'
  })
};
