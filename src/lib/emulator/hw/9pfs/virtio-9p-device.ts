/** A folder of the host as a file system. Source: QEMU hw/9pfs/virtio-9p-device.c. */
import { reg16 } from '../core/register.ts';
import { virtioSection } from '../virtio/virtio-bus.ts';

export const vmstate_virtio_9p = virtioSection({
  name: 'virtio-9p',
  version: 1,
  features: [{ name: 'MOUNT_TAG', bit: 0 }],
  config: [reg16(0, 'tag_len', { unit: 'bytes', doc: 'The tag follows' })]
});
