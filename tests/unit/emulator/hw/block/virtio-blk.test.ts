import { expect, test } from 'vitest';
import { vmstate_virtio_blk } from '../../../../../src/lib/emulator/hw/block/virtio-blk.ts';
import { bitsOf, hex, roundTrip } from '../../../../support/sections.ts';
import { virtio } from '../../../../support/virtio.ts';

/** struct virtio_blk_config as far as QEMU 7.2 sends it: 57 bytes. */
const CONFIG =
  '0040000000000000 00000000 fe000000 1000 10 3f 00020000 00 00 0000 00000000 01 00 0100' +
  'ffff3f00 01000000 01000000 ffff3f00 01000000 01';

test('the disk in its configuration', () => {
  const { row } = roundTrip(vmstate_virtio_blk, hex(virtio({ features: '00000e54', config: CONFIG, device: '00' })));
  expect(row('virtio.config.capacity')).toMatchObject({ value: 0x4000n, about: { unit: 'sectors' } });
  expect(row('virtio.config.wce')?.about?.values?.[1]).toBe('write back');
  expect(row('virtio.config.write_zeroes_may_unmap')?.value).toBe(1);
  expect(row('virtio.config.max_secure_erase_seg')).toBeUndefined();
  expect(bitsOf(row('virtio.guest_features_lo'))).toEqual({
    SEG_MAX: 1,
    GEOMETRY: 1,
    BLK_SIZE: 1,
    FLUSH: 1,
    TOPOLOGY: 1,
    CONFIG_WCE: 1
  });
});
