import { expect, test } from 'vitest';
import { vmstate_virtio_input } from '../../../../../src/lib/emulator/hw/input/virtio-input.ts';
import { hex, roundTrip, zeros } from '../../../../support/sections.ts';
import { virtio } from '../../../../support/virtio.ts';

test('what the driver has selected', () => {
  const { row } = roundTrip(
    vmstate_virtio_input,
    hex(virtio({ config: '11 01 09 0000000000 fe' + zeros(127), queues: 2 }))
  );
  expect(row('virtio.config.select')?.about?.values?.[0x11]).toBe('EV_BITS');
  expect(row('virtio.config.size')?.value).toBe(9);
  expect(row('virtio.config.u')?.value).toHaveLength(128);
});
