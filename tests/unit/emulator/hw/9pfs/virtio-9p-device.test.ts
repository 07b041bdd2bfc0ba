import { expect, test } from 'vitest';
import { vmstate_virtio_9p } from '../../../../../src/lib/emulator/hw/9pfs/virtio-9p-device.ts';
import { hex, roundTrip } from '../../../../support/sections.ts';
import { virtio } from '../../../../support/virtio.ts';

test('the tag and its length', () => {
  expect(
    roundTrip(vmstate_virtio_9p, hex(virtio({ config: '0400 686f6d65' }))).row('virtio.config.tag_len')?.value
  ).toBe(4);
});
