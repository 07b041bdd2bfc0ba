/** A folder of the host as a file system. Source: QEMU hw/9pfs/virtio-9p-device.c. */
import { reg16 } from '../core/register.ts';
import { virtio_pci_bus } from '../virtio/virtio-pci.ts';
import { virtioSection } from '../virtio/virtio.ts';

export const vmstate_virtio_9p = virtioSection(virtio_pci_bus, {
  name: 'virtio-9p',
  version: 1,
  features: [{ name: 'MOUNT_TAG', bit: 0 }],
  config: [reg16(0, 'tag_len', { unit: 'bytes', doc: 'The tag follows' })]
});
