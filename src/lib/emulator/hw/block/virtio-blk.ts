/** The virtio disk. Source: QEMU hw/block/virtio-blk.c; virtio 1.2 section 5.2. */
import { fieldsOf, struct, type VMStateDescription } from '../../../vmstate/vmstate.ts';
import { qtailq, u32 } from '../../../vmstate/vmstate-types.ts';
import { reg16, reg32, reg64, reg8 } from '../core/register.ts';
import { virtioSection } from '../virtio/virtio-bus.ts';
import { virtQueueElement, type VirtQueueElement, type VirtIODevice } from '../virtio/virtio.ts';

export interface VirtIOBlockReq {
  vq_idx: number;
  elem: VirtQueueElement;
}
export interface VirtIOBlock extends VirtIODevice {
  rq: VirtIOBlockReq[];
}

/** struct virtio_blk_config. */
const CONFIG = [
  reg64(0, 'capacity', { doc: 'in units of 512 bytes', unit: 'sectors' }),
  reg32(8, 'size_max', { unit: 'bytes' }),
  reg32(12, 'seg_max', { doc: 'Buffers in a request' }),
  reg16(16, 'geometry.cylinders'),
  reg8(18, 'geometry.heads'),
  reg8(19, 'geometry.sectors'),
  reg32(20, 'blk_size', { unit: 'bytes' }),
  reg8(24, 'physical_block_exp'),
  reg8(25, 'alignment_offset'),
  reg16(26, 'min_io_size'),
  reg32(28, 'opt_io_size'),
  reg8(32, 'wce', { doc: 'Write cache', values: { 0: 'write through', 1: 'write back' } }),
  reg8(33, 'unused'),
  reg16(34, 'num_queues'),
  reg32(36, 'max_discard_sectors', { unit: 'sectors' }),
  reg32(40, 'max_discard_seg'),
  reg32(44, 'discard_sector_alignment', { unit: 'sectors' }),
  reg32(48, 'max_write_zeroes_sectors', { unit: 'sectors' }),
  reg32(52, 'max_write_zeroes_seg'),
  reg8(56, 'write_zeroes_may_unmap'),
  reg32(60, 'max_secure_erase_sectors', { unit: 'sectors' }),
  reg32(64, 'max_secure_erase_seg'),
  reg32(68, 'secure_erase_sector_alignment', { unit: 'sectors' })
];

const r = fieldsOf<VirtIOBlockReq>();
const request = (queues: number): VMStateDescription<VirtIOBlockReq> => ({
  name: 'VirtIOBlockReq',
  version: 0,
  minimumVersion: 0,
  fields: [
    r('vq_idx', u32, {
      doc: 'Queue it came from',
      when: () => queues > 1,
      check: (s) =>
        s.vq_idx >= queues ? `Invalid virtqueue index in request list: 0x${s.vq_idx.toString(16)}` : undefined
    }),
    r('elem', virtQueueElement)
  ]
});

const d = fieldsOf<VirtIOBlock>();
export const vmstate_virtio_blk = virtioSection<VirtIOBlock>({
  name: 'virtio-blk',
  version: 2,
  features: [
    { name: 'BARRIER', bit: 0 },
    { name: 'SIZE_MAX', bit: 1 },
    { name: 'SEG_MAX', bit: 2 },
    { name: 'GEOMETRY', bit: 4 },
    { name: 'RO', bit: 5, doc: 'read-only' },
    { name: 'BLK_SIZE', bit: 6 },
    { name: 'SCSI', bit: 7 },
    { name: 'FLUSH', bit: 9 },
    { name: 'TOPOLOGY', bit: 10 },
    { name: 'CONFIG_WCE', bit: 11 },
    { name: 'MQ', bit: 12, doc: 'more than one queue' },
    { name: 'DISCARD', bit: 13 },
    { name: 'WRITE_ZEROES', bit: 14 },
    { name: 'LIFETIME', bit: 15 },
    { name: 'SECURE_ERASE', bit: 16 },
    { name: 'ZONED', bit: 17 }
  ],
  config: CONFIG,
  fields: [
    d('rq', (s) => qtailq(struct(request(s.num)), 'VirtIOBlockReq'), {
      doc: 'Requests that failed or were held back; they are started again when the machine goes on'
    })
  ]
});
