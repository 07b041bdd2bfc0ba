import { expect, test } from 'vitest';
import { diffSnapshots } from '../../../src/lib/vmstate/diff.ts';
import type { Snapshot } from '../../../src/lib/vmstate/snapshot.ts';
import { page, snapshot, type SectionSpec } from '../../support/snapshots.ts';

const devices = (...sections: SectionSpec[]): Snapshot => snapshot({ machine: 'pc-i440fx-7.2', sections });

test('a changed field is found whatever the order of sections, with its place on both sides', async () => {
  const left = devices(
    { name: 'timer', fields: { x: 1 } },
    { name: 'pit', instance: 1, fields: { count: 5, other: 2 } }
  );
  const right = devices(
    { name: 'pit', instance: 1, fields: { count: 6, other: 2 } },
    { name: 'timer', fields: { x: 1 } }
  );
  const { fields, fieldCount } = await diffSnapshots(left, right);
  expect(fields).toEqual([
    {
      section: 'pit/1',
      path: 'count',
      kind: 'changed',
      left: '5',
      right: '6',
      noise: false,
      leftStart: 41,
      rightStart: 16
    }
  ]);
  expect(fieldCount).toBe(1);
});

test('fields and sections of one side only are told, a section as one row', async () => {
  const left = devices(
    { name: 'a', fields: { one: 1, two: { x: 1, y: 2 } } },
    { name: 'hpet', fields: { p: 1, q: 2 } }
  );
  const right = devices({ name: 'a', fields: { one: 1, three: 3 } });
  const { fields } = await diffSnapshots(left, right);
  expect(fields.map((f) => [f.section, f.path, f.kind, f.left, f.right])).toEqual([
    ['a/0', 'two.x', 'only-left', '1', undefined],
    ['a/0', 'two.y', 'only-left', '2', undefined],
    ['a/0', 'three', 'only-right', undefined, '3'],
    ['hpet/0', '', 'only-left', '2 fields', undefined]
  ]);
});

test('clocks are noise: by their meaning, as timers, and by name where nothing gives a meaning', async () => {
  const make = (n: bigint): Snapshot =>
    devices({
      name: 'd',
      fields: { load: n, 'timer.expiry': n, cpu_clock_offset: n, last_time_zone: Number(n), value: n, status: n },
      about: { load: { clock: true }, status: { doc: 'a meaning, and no clock' } }
    });
  const { fields } = await diffSnapshots(make(1n), make(2n));
  expect(fields.filter((f) => f.noise).map((f) => f.path)).toEqual(['load', 'timer.expiry', 'cpu_clock_offset']);
  expect(fields.filter((f) => !f.noise).map((f) => f.path)).toEqual(['last_time_zone', 'value', 'status']);
});

test('what QEMU renamed between versions is the same field, text in a longer buffer the same text', async () => {
  const runstate = (n: number): Uint8Array => {
    const bytes = new Uint8Array(n);
    bytes.set(new TextEncoder().encode('running'));
    return bytes;
  };
  const old = devices(
    { name: 'hpet', fields: { num_timers: 3 } },
    { name: 'globalstate', fields: { runstate: runstate(100) } }
  );
  const now = devices(
    { name: 'hpet', fields: { num_timers_save: 3 } },
    { name: 'globalstate', fields: { runstate: runstate(32) } }
  );
  expect((await diffSnapshots(old, now)).fields).toEqual([]);
});

test('of long buffers what differs is shown, with its offset', async () => {
  const buffer = (...changes: readonly (readonly [at: number, ...bytes: number[]])[]): Uint8Array => {
    const bytes = new Uint8Array(256);
    for (const [at, ...own] of changes) bytes.set(own, at);
    return bytes;
  };
  const sides = async (a: Uint8Array, b: Uint8Array) => {
    const make = (data: Uint8Array): Snapshot => devices({ name: 'ps2kbd', fields: { data } });
    const { fields } = await diffSnapshots(make(a), make(b));
    return fields.map(({ left, right }) => [left, right]);
  };
  expect(await sides(buffer(), buffer([0x80, 0xfa, 1], [0xff, 3]))).toEqual([
    ['3 of 256 bytes, 0x80: 00 00, 0xff: 00', '3 of 256 bytes, 0x80: fa 01, 0xff: 03']
  ]);
  const many = buffer([0, ...new Array<number>(17).fill(1)], ...[0x40, 0x50, 0x60, 0x70].map((at) => [at, 9] as const));
  expect((await sides(buffer(), many))[0]![1]).toBe(
    `21 of 256 bytes, 0x0: ${'01 '.repeat(16)}…, 0x40: 09, 0x50: 09, 0x60: 09, …`
  );
  expect((await sides(buffer().subarray(0, 100), buffer([0, 1])))[0]![1]).toMatch(/^01 00 .* … 256 bytes$/);
});

test('a device in another slot is compared with itself, and the move is noted', async () => {
  const at = (slot: string, status: number) => devices({ name: `0000:00:${slot}.0/virtio-blk`, fields: { status } });
  const { fields, notes } = await diffSnapshots(at('03', 15), at('04', 7));
  expect(fields).toMatchObject([{ path: 'status', left: '0xf', right: '7' }]);
  expect(notes).toEqual(['0000:00:03.0/virtio-blk/0 is 0000:00:04.0/virtio-blk/0 on the right']);
});

test('machine and versions are compared too', async () => {
  const left = snapshot({ machine: 'pc-i440fx-7.2', sections: [{ name: 'a', version: 2 }] });
  const right = snapshot({
    machine: 'pc-q35-10.0',
    capabilities: ['x-ignore-shared'],
    sections: [{ name: 'a', version: 3 }]
  });
  const { fields, notes } = await diffSnapshots(left, right);
  expect(fields.map((f) => f.path)).toEqual(['machine', 'capabilities']);
  expect(notes).toContain('a/0 has version 2 on the left, 3 on the right');
});

const ram = (pages: Record<string, Uint8Array | readonly Uint8Array[]>, blocks = { 'pc.ram': 0x10000 }): Snapshot =>
  snapshot({ blocks, pages });

test('pages are matched by block and offset, and their bytes counted; zeros need no record', async () => {
  const left = ram({ 'pc.ram:4096': page({ 0: 'same' }), 'pc.ram:8192': page({ 0: 'abc' }), 'pc.ram:12288': page({}) });
  const right = ram({
    'pc.ram:4096': page({ 0: 'same' }),
    'pc.ram:8192': page({ 0: 'axc' }),
    'pc.ram:0': page({ 9: 'hi' })
  });
  const { pages, pageCount } = await diffSnapshots(left, right);
  expect(pages).toEqual([
    { page: 0, block: 'pc.ram', offset: 0, bytes: 2 },
    { page: 2, block: 'pc.ram', offset: 8192, bytes: 1 }
  ]);
  expect(pageCount).toBe(2);
});

test('two rounds of one stream differ in what was sent between them', async () => {
  const s = ram({ 'pc.ram:0': [page({ 0: 'one' }), page({ 0: 'two' })], 'pc.ram:4096': page({ 0: 'x' }) });
  const { pages, fields, notes } = await diffSnapshots(s, s, 0, 1);
  expect(pages).toEqual([{ page: 0, block: 'pc.ram', offset: 0, bytes: 3 }]);
  expect(fields).toEqual([]);
  expect(notes[0]).toMatch('Two moments of one stream');
});

test('the list of pages is cut, their number is not', async () => {
  const size = { 'pc.ram': 4096 * 10_500 };
  const filled = Object.fromEntries(Array.from({ length: 10_500 }, (_, i) => [`pc.ram:${i * 4096}`, page({ 0: [1] })]));
  const { pages, pageCount } = await diffSnapshots(ram({}, size), ram(filled, size));
  expect(pages).toHaveLength(10_000);
  expect(pageCount).toBe(10_500);
  expect(pages.at(-1)).toEqual({ page: 9999, block: 'pc.ram', offset: 9999 * 4096, bytes: 1 });
});

test('blocks of one side, and of other sizes, are noted', async () => {
  const { notes } = await diffSnapshots(
    snapshot({ blocks: { 'pc.ram': 0x2000, 'pc.rom': 0x1000 } }),
    snapshot({ blocks: { 'pc.ram': 0x4000, ram0: 0x1000 } })
  );
  expect(notes).toEqual([
    'RAM block pc.ram has 8192 bytes on the left, 16384 on the right',
    'RAM block pc.rom is on the left only (4096 bytes)',
    'RAM block ram0 is on the right only (4096 bytes)'
  ]);
});
