/** A source of random numbers. Source: QEMU hw/virtio/virtio-rng.c; virtio 1.2 section 5.4. */
import { virtio_pci_bus } from './virtio-pci.ts';
import { virtioSection } from './virtio.ts';

export const vmstate_virtio_rng = virtioSection(virtio_pci_bus, {
  name: 'virtio-rng',
  version: 1,
  features: [],
  config: []
});
