import { expect, test } from 'vitest';
import { vmstate_virtio_net } from '../../../../../src/lib/emulator/hw/net/virtio-net.ts';
import { bitsOf, hex, roundTrip, subsection, zeros } from '../../../../support/sections.ts';
import { modern, virtio } from '../../../../support/virtio.ts';

const MAC = '525400123456';
const CONFIG = MAC + '0100 0100';
const HEAD = MAC + '00000001 00000001 0001 00 00 00000001 01005e000001' + zeros(512);
const TAIL = '00000001 00 00 00 00 00 00 00';

test('one pair of queues without offloads', () => {
  const net = roundTrip(vmstate_virtio_net, hex(virtio({ config: CONFIG, queues: 3, device: HEAD + TAIL })));
  expect(bitsOf(net.row('virtio.config.status'))).toEqual({ LINK_UP: 1 });
  expect(net.row('virtio.virtio-net-device.mac_table.macs')?.value).toEqual(hex('01005e000001'));
  expect(net.row('virtio.virtio-net-device.virtio-net-vnet.has_vnet_hdr')?.value).toBe(1);
  expect(net.row('virtio.virtio-net-device.max_queue_pairs')).toBeUndefined();
});

test('guest offloads follow where the feature was accepted', () => {
  const device = HEAD + TAIL + '0000000000000082' + modern('0000000100000004');
  const net = roundTrip(vmstate_virtio_net, hex(virtio({ features: '00000004', config: CONFIG, queues: 3, device })));
  expect(bitsOf(net.row('virtio.virtio-net-device.curr_guest_offloads'))).toEqual({ GUEST_CSUM: 1, GUEST_TSO4: 1 });
  expect(bitsOf(net.row('virtio.virtio/64bit_features.guest_features'))).toEqual({
    CTRL_GUEST_OFFLOADS: 1,
    VERSION_1: 1
  });
});

test('more pairs: how many are in use, and whether they wait', () => {
  const device = HEAD + TAIL + '0004 0003 00000001 00000000';
  const net = roundTrip(vmstate_virtio_net, hex(virtio({ config: MAC + '0100 0400', queues: 9, device })));
  expect(net.row('virtio.virtio-net-device.curr_queue_pairs')?.value).toBe(3);
  expect(net.state.virtio.net.vqs.map((q) => q.tx_waiting)).toEqual([1, 1, 0]);
});

test('a card of several pairs whose configuration is too short to say so has the queues to tell', () => {
  const device = HEAD + TAIL + '0002 0002 00000000';
  const net = roundTrip(vmstate_virtio_net, hex(virtio({ config: MAC + '0100', queues: 5, device })));
  expect(net.row('virtio.virtio-net-device.max_queue_pairs')?.value).toBe(2);
});

test('receive side scaling', () => {
  const rss = '01 01 00 00000007 0002 0000' + zeros(40) + '0000 0001';
  const device = HEAD + TAIL + subsection('virtio-net-device/rss', 1, rss);
  const net = roundTrip(vmstate_virtio_net, hex(virtio({ config: CONFIG, queues: 3, device })));
  const path = 'virtio.virtio-net-device.virtio-net-device/rss.rss_data';
  expect(bitsOf(net.row(`${path}.hash_types`))).toEqual({ IPv4: 1, TCPv4: 1, UDPv4: 1 });
  expect(net.row(`${path}.indirections_table[1]`)?.value).toBe(1);
});
