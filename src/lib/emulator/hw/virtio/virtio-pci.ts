/** Virtio over PCI. Source: QEMU hw/virtio/virtio-pci.c; virtio 1.2 section 4.1. */
import { fieldsOf, struct, unused, type Codec, type VMStateDescription } from '../../../vmstate/vmstate.ts';
import { arrayOf, bool, u16, u32 } from '../../../vmstate/vmstate-types.ts';
import { msix_nr_vectors, msixState, type MSIXState } from '../pci/msix.ts';
import { pciDeviceOfEitherSize, type PCIDevice } from '../pci/pci.ts';
import { VIRTIO_QUEUE_MAX, type VirtioBus, type VirtIODevice, type VirtQueue } from './virtio.ts';

export interface VirtIOPCIQueue {
  num: number;
  enabled: boolean;
  desc: number[];
  avail: number[];
  used: number[];
}
export interface VirtIOPCIProxy {
  pci_dev: PCIDevice;
  msix: MSIXState;
  dfselect: number;
  gfselect: number;
  guest_features: number[];
  vqs: VirtIOPCIQueue[];
  /** Whether it speaks virtio 1.0: never sent, so that only a device that runs has it. */
  readonly modern?: boolean;
}
/** A virtio device behind PCI. */
export interface VirtIOPCIDevice extends VirtIODevice {
  proxy: VirtIOPCIProxy;
  config_vector: number;
}

/** VIRTIO_NO_VECTOR, or the number of an MSI-X vector. */
const VECTOR = { values: { 0xffff: 'none' } };
const vectors = (s: VirtIOPCIDevice): number => msix_nr_vectors(s.proxy.pci_dev.config);
const noSuchVector = (vector: number, count: number): string | undefined =>
  vector !== 0xffff && vector >= count ? `vector ${vector} of a device with ${count}` : undefined;

const vq = fieldsOf<VirtIOPCIQueue>();
const RING = { doc: 'Low and high half', pointer: 'gpa', radix: 16 } as const;
const modernQueue = struct<VirtIOPCIQueue>({
  name: 'virtio_pci/modern_queue_state',
  version: 1,
  minimumVersion: 1,
  fields: [
    vq('num', u16, { doc: 'Descriptors as the driver wants them' }),
    unused(1),
    vq('enabled', bool),
    vq('desc', arrayOf(u32, 2, { abouts: [RING, { radix: 16 }] })),
    vq('avail', arrayOf(u32, 2, { abouts: [RING, { radix: 16 }] })),
    vq('used', arrayOf(u32, 2, { abouts: [RING, { radix: 16 }] }))
  ]
});

const p = fieldsOf<VirtIOPCIProxy>();
const vmstate_virtio_pci: VMStateDescription<VirtIOPCIProxy> = {
  name: 'virtio_pci',
  version: 1,
  minimumVersion: 1,
  fields: [],
  subsections: [
    {
      name: 'virtio_pci/modern_state',
      version: 1,
      minimumVersion: 1,
      doc: 'Registers of the common configuration (virtio 1.0 and later)',
      needed: (s) => s.modern,
      fields: [
        p('dfselect', u32, { doc: 'Which 32 device features are shown' }),
        p('gfselect', u32, { doc: 'Which 32 driver features are shown' }),
        p('guest_features', arrayOf(u32, 2), { doc: 'Features as the driver has written them', radix: 16 }),
        p('vqs', arrayOf(modernQueue, VIRTIO_QUEUE_MAX))
      ],
      subsections: [
        {
          name: 'virtio_pci/modern_state/features128',
          version: 1,
          minimumVersion: 1,
          needed: (s) => (s.modern === undefined ? undefined : s.guest_features.some((word, i) => i > 1 && word !== 0)),
          fields: [p('guest_features', arrayOf(u32, 2, { from: 2 }), { doc: 'Features 64 to 127', radix: 16 })]
        }
      ]
    }
  ]
};

const d = fieldsOf<VirtIOPCIDevice>();
const q = fieldsOf<VirtQueue>();

export const virtio_pci_bus: VirtioBus<VirtIOPCIDevice> = {
  hasAlign: false,
  config: [
    d('proxy.pci_dev', pciDeviceOfEitherSize),
    d('proxy.msix', (s) => msixState(vectors(s)), { when: (s) => vectors(s) > 0 }),
    d('config_vector', u16, {
      doc: 'MSI-X vector of configuration changes',
      ...VECTOR,
      when: (s) => vectors(s) > 0,
      check: (s) => noSuchVector(s.config_vector, vectors(s))
    })
  ],
  queue: (device) => {
    const count = vectors(device);
    if (count === 0) return [];
    return [q('vector', u16, { doc: 'MSI-X vector', ...VECTOR, check: (s) => noSuchVector(s.vector, count) })];
  },
  extraState: d('proxy', { ...struct(vmstate_virtio_pci), type: 'virtqueue_extra_state' } as Codec<VirtIOPCIProxy>, {
    name: 'extra_state'
  })
};
