import { expect, test } from 'vitest';
import { vmstate_virtio_scsi } from '../../../../../src/lib/emulator/hw/scsi/virtio-scsi.ts';
import { bitsOf, hex, roundTrip } from '../../../../support/sections.ts';
import { virtio } from '../../../../support/virtio.ts';

test('limits of the adapter', () => {
  const config = '01000000 fe000000 ffff0000 80000000 10000000 60000000 20000000 0000 ff00 ff3f0000';
  const { row } = roundTrip(vmstate_virtio_scsi, hex(virtio({ features: '00000006', config, queues: 3 })));
  expect(row('virtio.config.max_target')?.value).toBe(255);
  expect(bitsOf(row('virtio.guest_features_lo'))).toEqual({ HOTPLUG: 1, CHANGE: 1 });
});
