/** The virtio SCSI adapter; its requests are saved with the disks. Source: QEMU hw/scsi/virtio-scsi.c; virtio 1.2 section 5.6. */
import { reg16, reg32 } from '../core/register.ts';
import { virtioSection } from '../virtio/virtio-bus.ts';

export const vmstate_virtio_scsi = virtioSection({
  name: 'virtio-scsi',
  version: 1,
  features: [
    { name: 'INOUT', bit: 0 },
    { name: 'HOTPLUG', bit: 1 },
    { name: 'CHANGE', bit: 2 },
    { name: 'T10_PI', bit: 3 }
  ],
  config: [
    reg32(0, 'num_queues'),
    reg32(4, 'seg_max'),
    reg32(8, 'max_sectors', { unit: 'sectors' }),
    reg32(12, 'cmd_per_lun'),
    reg32(16, 'event_info_size', { unit: 'bytes' }),
    reg32(20, 'sense_size', { unit: 'bytes' }),
    reg32(24, 'cdb_size', { unit: 'bytes' }),
    reg16(28, 'max_channel'),
    reg16(30, 'max_target'),
    reg32(32, 'max_lun')
  ]
});
