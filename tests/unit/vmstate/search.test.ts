import { expect, test } from 'vitest';
import { searchSnapshot, type SearchHit, type SearchOptions } from '../../../src/lib/vmstate/search.ts';
import type { Snapshot } from '../../../src/lib/vmstate/snapshot.ts';
import { configSpace, page, snapshot, table } from '../../support/snapshots.ts';

const MiB = 2 ** 20;
async function find(s: Snapshot, query: string, options?: SearchOptions): Promise<SearchHit[]> {
  const all: SearchHit[] = [];
  const n = await searchSnapshot(s, query, (hits) => all.push(...hits), options);
  expect(n).toBe(all.length);
  return all;
}

const devices = snapshot({
  machine: 'pc-i440fx-7.2',
  sections: [
    { name: 'i8254', version: 3, fields: { channels: { '[0]': { count: 65536 }, '[1]': { count: 18 } } } },
    {
      name: '0000:00:03.0/virtio-blk',
      fields: { status: 15, blob: new TextEncoder().encode('..login:..') },
      about: { status: { doc: 'driver is ready' } }
    }
  ]
});

test('words find sections and fields, in names and in what they are about', async () => {
  expect(await find(devices, 'I8254')).toMatchObject([{ kind: 'section', title: 'i8254/0', section: 0 }]);
  expect(await find(devices, 'i8254 count')).toMatchObject([
    { kind: 'field', path: 'channels[0].count', start: 16, end: 20 },
    { kind: 'field', path: 'channels[1].count' }
  ]);
  expect(await find(devices, 'driver ready')).toMatchObject([{ path: 'status', section: 1 }]);
});

test('a field is found by its name and by its value', async () => {
  expect((await find(devices, 'field:count')).map((h) => h.path)).toEqual(['channels[0].count', 'channels[1].count']);
  expect((await find(devices, 'field:count=0x12')).map((h) => h.path)).toEqual(['channels[1].count']);
  expect((await find(devices, 'field:count=65536')).map((h) => h.path)).toEqual(['channels[0].count']);
  expect((await find(devices, 'section:virtio')).map((h) => h.title)).toEqual(['0000:00:03.0/virtio-blk/0']);
});

test('text in device state is found at its place in the stream', async () => {
  const [hit] = await find(devices, 'text:"login:"');
  expect(hit).toMatchObject({ kind: 'bytes', section: 1, detail: expect.stringContaining('..login:..') });
  expect(hit!.end! - hit!.start!).toBe(6);
});

const allRam = configSpace({ 0x58: 0x33333000, 0x5c: 0x33333333 });
const memory = snapshot({
  machine: 'pc-i440fx-7.2',
  blocks: { 'pc.ram': 2 * MiB, 'pc.bios': 0x10000 },
  pages: {
    'pc.ram:4096': page({ 100: 'needle', 4093: 'nee' }),
    'pc.ram:8192': page({ 0: 'dle', 200: [0x00, 0x00, 0x00, 0x81, 0xff, 0xff, 0xff, 0xff] }),
    // Sent before the others, shows behind them.
    'pc.ram:0': [page({ 0: 'needle' }), page({ 0: 'gone now' })],
    'pc.bios:0': page({ 50: 'needle' })
  },
  sections: [{ name: '0000:00:00.0/I440FX', fields: { config: allRam } }]
});

test('memory is searched in physical order, as it was at the end, across page boundaries', async () => {
  const hits = await find(memory, 'text:"needle"');
  expect(hits.map((h) => h.gpa)).toEqual([4096 + 100, 8192 - 3, 0xffff0000 + 50]);
  expect(hits[0]).toMatchObject({ kind: 'memory', page: 1, detail: expect.stringContaining('pc.ram + 0x1064') });
  expect(hits[1]).toMatchObject({ page: 1, detail: expect.stringContaining('across a page boundary') });
  expect(hits[0]!.end! - hits[0]!.start!).toBe(6);
  expect(hits[1]!.end! - hits[1]!.start!).toBe(3);
});

test('pointers are found where they are aligned', async () => {
  expect((await find(memory, 'ptr:0xffffffff81000000')).map((h) => h.gpa)).toEqual([8192 + 200]);
});

test('a match begins in one block and ends in the next when physical memory does', async () => {
  const s = snapshot({
    machine: 'pc-q35-10.0',
    blocks: { ram0: MiB, ram1: MiB },
    pages: { [`ram0:${MiB - 4096}`]: page({ 4094: 'ab' }), 'ram1:0': page({ 0: 'cd' }) }
  });
  expect(await find(s, 'text:abcd')).toMatchObject([
    { gpa: MiB - 2, detail: expect.stringContaining('ram0 + 0xffffe') }
  ]);
});

test('neighbours in a block that the PCI hole parts are no neighbours', async () => {
  const GiB = 2 ** 30;
  const s = snapshot({
    machine: 'pc-q35-10.0',
    blocks: { 'pc.ram': 3 * GiB },
    pages: { [`pc.ram:${2 * GiB - 4096}`]: page({ 4094: 'ab' }), [`pc.ram:${2 * GiB}`]: page({ 0: 'cd' }) }
  });
  expect(await find(s, 'text:abcd')).toEqual([]);
});

test('what matches zeros is found in pages that were never sent, up to the limit', async () => {
  const s = snapshot({ machine: 'microvm', blocks: { 'microvm.ram': 64 * MiB } });
  const hits = await find(s, 'hex:00 00', { limit: 5000 });
  expect(hits).toHaveLength(5000);
  expect(hits[4096]).toMatchObject({ gpa: 4096 });
});

test('addresses lead to their place', async () => {
  const s = snapshot({
    machine: 'microvm',
    blocks: { 'microvm.ram': 4 * MiB },
    pages: { 'microvm.ram:4096': table({ 0: 0x2007n }), 'microvm.ram:8192': table({ 0: 0x87n }) },
    sections: [
      {
        name: 'cpu',
        fields: { 'env.cr[0]': 0x80000001n, 'env.cr[3]': 0x1000n, 'env.cr[4]': 0x20n, 'env.efer': 0x500n }
      }
    ]
  });
  expect(await find(s, '0x2003')).toMatchObject([{ kind: 'memory', gpa: 0x2003, page: 2, start: 4096 + 3 }]);
  expect(await find(s, '0xffffffff81000000')).toEqual([]);
  expect(await find(s, 'gpa:0x1000')).toMatchObject([{ gpa: 0x1000, page: 1 }]);
  expect(await find(s, 'gpa:0xfffffffffffff000')).toEqual([]);
  expect(await find(s, 'file:8200')).toMatchObject([{ kind: 'bytes', start: 8200 }]);
});

test('a search can be cancelled', async () => {
  const cancel = new AbortController();
  const run = searchSnapshot(memory, 'text:needle', () => cancel.abort(), { signal: cancel.signal });
  await expect(run).rejects.toThrow(/abort/i);
});
