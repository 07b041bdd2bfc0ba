import { expect, test } from 'vitest';
import { vmstate_virtio_rng } from '../../../../../src/lib/emulator/hw/virtio/virtio-rng.ts';
import { hex, roundTrip, subsection, zeros } from '../../../../support/sections.ts';

const CORE = '0f 01 0000 00000000 00000000 00000001 00000008 00001000 0000000000100000 0007';

test('a legacy device of a microvm: selectors first, and an alignment in each queue', () => {
  const { row } = roundTrip(vmstate_virtio_rng, hex('00000001 00000000 0000000c', CORE));
  expect(row('virtio.mmio.guest_page_shift')?.value).toBe(12);
  expect(row('virtio.vq[0].vring.align')).toMatchObject({ value: 4096, about: { unit: 'bytes' } });
  expect(row('virtio.vq[0].vring.desc')).toMatchObject({ value: 0x100000n, about: { pointer: 'gpa' } });
});

test('a modern one sends its registers', () => {
  const state =
    '30000000 00000001' + '0008 01 00100000 00000000 00101000 00000000 00102000 00000000' + zeros(1023 * 27);
  const extra = subsection('virtio/extra_state', 1, subsection('virtio_mmio/state', 1, state));
  const { row } = roundTrip(vmstate_virtio_rng, hex('00000000 00000001 00000000', CORE, extra));
  const at = 'virtio.virtio/extra_state.extra_state.virtio_mmio/state';
  expect(row(`${at}.guest_features[1]`)?.value).toBe(1);
  expect(row(`${at}.vqs[0].used[0]`)).toMatchObject({ value: 0x102000, about: { pointer: 'gpa' } });
});
