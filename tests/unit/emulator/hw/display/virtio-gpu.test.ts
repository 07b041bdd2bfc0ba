import { expect, test } from 'vitest';
import { vmstate_virtio_gpu } from '../../../../../src/lib/emulator/hw/display/virtio-gpu.ts';
import { placedAt } from '../../../../../src/lib/vmstate/vmstate.ts';
import { hex, roundTrip, zeros } from '../../../../support/sections.ts';
import { virtio } from '../../../../support/virtio.ts';

const CORE = virtio({ config: '00000000 00000000 01000000 00000000', queues: 2 });
const RESOURCE = '00000001 00000002 00000001 00000002 00000001 0000000000200000 00000008' + '1122330044556600';
const SCANOUT = '00000001 00000002 00000001 00000000 00000000' + zeros(20);

test('pictures, and what each output shows', () => {
  const { row } = roundTrip(vmstate_virtio_gpu, hex(CORE, RESOURCE, '00000000', '00000001 00000001', SCANOUT));
  expect(row('virtio.config.num_scanouts')?.value).toBe(1);
  expect(row('virtio-gpu.reslist[0].iov[0].addr')).toMatchObject({ value: 0x200000n, about: { pointer: 'gpa' } });
  expect(row('virtio-gpu.reslist[0].image')?.value).toEqual(hex('1122330044556600'));
  expect(row('virtio-gpu.reslist[0].format')?.about?.values?.[2]).toBe('B8G8R8X8');
});

test('newer machines add the frame buffer, which only the end of the section tells', () => {
  const frame = '00000002 00000000 00000002 00000001 00000008 00000000';
  const { fields } = roundTrip(vmstate_virtio_gpu, hex(CORE, '00000000', '00000001 00000001', SCANOUT, frame));
  expect(placedAt(fields, 'virtio-gpu.virtio-gpu-scanouts.parent_obj.scanout[0].fb.stride')?.value).toBe(8);
});
