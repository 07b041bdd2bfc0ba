import { expect, test } from 'vitest';
import { vmstate_virtio_console } from '../../../../../src/lib/emulator/hw/char/virtio-serial-bus.ts';
import { hex, roundTrip, zeros } from '../../../../support/sections.ts';
import { virtio } from '../../../../support/virtio.ts';

const CONFIG = '0000 0000 1f000000 00000000';
const PORTS = '0000 0000 0000001f 00000003 00000002 00000000 01 01 00000000';

test('ports of a guest agent, the second one half sent', () => {
  const element = Buffer.alloc(49168);
  element.writeUInt32LE(9, 0);
  const device = PORTS + '00000001 01 00 00000001 00000002 0000000000000010' + element.toString('hex');
  const { row } = roundTrip(vmstate_virtio_console, hex(virtio({ config: CONFIG, queues: 4, device })));
  expect(row('virtio.ports_map[0]')?.value).toBe(3);
  expect(row('virtio.ports[0].host_connected')?.about?.values?.[1]).toBe('open');
  expect(row('virtio.ports[1].iov_offset')?.value).toBe(16n);
  expect(row('virtio.ports[1].elem.index')?.value).toBe(9);
});

test('more ports than there may be are refused', () => {
  const device = '0000 0000 00000001 00000001 00000002' + ('00000000 01 01 00000000' + zeros(0)).repeat(2);
  const { complaints } = roundTrip(vmstate_virtio_console, hex(virtio({ config: CONFIG, queues: 4, device })));
  expect(complaints[0]?.message).toBe('2 ports of at most 1');
});
