/** A source of random numbers. Source: QEMU hw/virtio/virtio-rng.c; virtio 1.2 section 5.4. */
import { virtioSection } from './virtio-bus.ts';

export const vmstate_virtio_rng = virtioSection({
  name: 'virtio-rng',
  version: 1,
  features: [],
  config: []
});
