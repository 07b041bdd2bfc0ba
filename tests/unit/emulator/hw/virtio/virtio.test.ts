import { expect, test } from 'vitest';
import { vmstate_virtio_blk } from '../../../../../src/lib/emulator/hw/block/virtio-blk.ts';
import { vmstate_virtio_rng } from '../../../../../src/lib/emulator/hw/virtio/virtio-rng.ts';
import { QemuFileReader, ShortRead } from '../../../../../src/lib/vmstate/qemu-file.ts';
import { load, placedAt } from '../../../../../src/lib/vmstate/vmstate.ts';
import { bitsOf, hex, roundTrip, subsection } from '../../../../support/sections.ts';
import { forQueues, modern, virtio } from '../../../../support/virtio.ts';

test('status, features and rings', () => {
  const { row } = roundTrip(vmstate_virtio_rng, hex(virtio({ features: '30000000' })));
  expect(bitsOf(row('virtio.status'))).toEqual({ ACKNOWLEDGE: 1, DRIVER: 1, DRIVER_OK: 1, FEATURES_OK: 1 });
  expect(bitsOf(row('virtio.guest_features_lo'))).toEqual({ INDIRECT_DESC: 1, EVENT_IDX: 1 });
  expect(row('virtio.vq[0].vring.desc')).toMatchObject({ value: 0x100000n, about: { pointer: 'gpa' } });
  expect(row('virtio.vq[0].last_avail_idx')?.value).toBe(7);
  expect(row('virtio.vq[0].vector')?.value).toBe(1);
});

test('the rings of virtio 1.0 and the registers behind the modern transport', () => {
  const { row } = roundTrip(vmstate_virtio_rng, hex(virtio({}), modern('0000000130000000')));
  expect(bitsOf(row('virtio.virtio/64bit_features.guest_features'))).toMatchObject({ VERSION_1: 1 });
  expect(row('virtio.virtio/virtqueues.vq[0].vring.used')).toMatchObject({
    value: 0x102000n,
    about: { pointer: 'gpa' }
  });
  const state = 'virtio.virtio/extra_state.extra_state.virtio_pci/modern_state';
  expect(row(`${state}.vqs[0].enabled`)?.value).toBe(true);
  expect(row(`${state}.vqs[0].avail[0]`)).toMatchObject({ value: 0x101000, about: { pointer: 'gpa' } });
  expect(row(`${state}.vqs[1023].num`)?.value).toBe(0);
});

test('every other subsection', () => {
  const subs = [
    subsection('virtio/device_endian', 1, '02'),
    subsection('virtio/128bit_features', 1, '0000000000000001'),
    forQueues('ringsize', '00000100'),
    subsection('virtio/broken', 1, '01'),
    subsection('virtio/extra_state', 1, ''),
    forQueues('packed_virtqueues', '0007 01 0005 01 00000002'),
    subsection('virtio/disabled', 1, '00')
  ];
  const { row, state } = roundTrip(vmstate_virtio_rng, hex(virtio({}), ...subs));
  expect(state.virtio).toMatchObject({ device_endian: 2, broken: true, disabled: false });
  expect(row('virtio.virtio/packed_virtqueues.vq[0].inuse')?.value).toBe(2);
  expect(row('virtio.virtio/128bit_features.guest_features_ex[1]')?.value).toBe(1n);
});

test('what QEMU refuses', () => {
  const bytes = hex(virtio({}).replace('0000000000100000 0007 0001', '0000000000000000 0007 0005'));
  const { complaints } = roundTrip(vmstate_virtio_rng, bytes);
  expect(complaints.map(({ message }) => message)).toEqual([
    'VQ address 0x0 inconsistent with Host index 0x7',
    'vector 5 of a device with 2'
  ]);
});

test('a count of queues beyond all bytes ends where the bytes end', () => {
  const loaded = load(
    new QemuFileReader(hex(virtio({}).replace(' 00000001 00000100', ' ffffffff 00000100'))),
    vmstate_virtio_rng,
    1
  );
  expect(loaded.failure).toBeInstanceOf(ShortRead);
  expect(loaded.complaints.map(({ message }) => message)).toContain('Invalid number of virtqueues: 0xffffffff');
  expect(placedAt(loaded.fields, 'virtio.vq[0].vring.num')?.value).toBe(256);
});

test('a device without MSI-X sends no vectors', () => {
  const plain = hex(
    '00000002' + '00'.repeat(272),
    '0f 00 0000 00000000 00000000 00000001 00000100 0000000000100000 0007'
  );
  const { row } = roundTrip(vmstate_virtio_rng, plain);
  expect(row('virtio.config_vector')).toBeUndefined();
  expect(row('virtio.vq[0].vector')).toBeUndefined();
});

test('a device behind PCI Express has a long configuration space', () => {
  const config = Buffer.alloc(4096);
  config.set(hex('f41a 4410 0000 1000'));
  config[0x34] = 0x40;
  config.set(hex('10 00 0200'), 0x40);
  const bytes = hex('00000002', config.toString('hex'), '00'.repeat(16), '00 00 0000 00000000 00000000 00000000');
  const { row } = roundTrip(vmstate_virtio_rng, bytes);
  expect(row('virtio.proxy.pci_dev.config')).toMatchObject({ start: 4, end: 4100 });
});

test('requests in flight are taken apart; the queue they came from and their length only where needed', () => {
  const element = Buffer.alloc(49168);
  element.writeUInt32LE(5, 0);
  element.writeUInt32LE(1, 4);
  element.writeUInt32LE(2, 8);
  element.writeBigUInt64LE(0x200000n, 16);
  element.writeBigUInt64LE(0x201000n, 24);
  element.writeBigUInt64LE(0x300000n, 16 + 8192);
  element.writeBigUInt64LE(512n, 16 + 16384 + 8);
  const text = element.toString('hex');

  const one = roundTrip(vmstate_virtio_blk, hex(virtio({ device: '01' + text + '01' + text + '00' })));
  expect(one.row('virtio.rq[1].elem.index')?.value).toBe(5);
  expect(one.row('virtio.rq[0].elem.in_addr[1]')).toMatchObject({ value: 0x201000n, about: { pointer: 'gpa' } });
  expect(one.row('virtio.rq[0].elem.out_addr[0]')?.value).toBe(0x300000n);
  expect(one.row('virtio.rq[0].elem.in_sg[0].iov_len')).toMatchObject({ value: 512n, about: { unit: 'bytes' } });
  expect(one.row('virtio.rq[0].elem.ndescs')).toBeUndefined();

  const two = roundTrip(vmstate_virtio_blk, hex(virtio({ queues: 2, device: '01 00000001 00000003' + text + '00' })));
  expect(two.row('virtio.rq[0].vq_idx')?.value).toBe(1);
  expect(two.row('virtio.rq[0].elem.ndescs')?.value).toBe(3);
  expect(two.row('virtio.rq[0].elem.index')?.value).toBe(5);
});

test('a request of too many buffers is refused', () => {
  const element = Buffer.alloc(49168);
  element.writeUInt32LE(1025, 8);
  const { complaints } = roundTrip(vmstate_virtio_blk, hex(virtio({ device: '01' + element.toString('hex') + '00' })));
  expect(complaints[0]?.message).toBe('a request of more than 1024 buffers');
});
