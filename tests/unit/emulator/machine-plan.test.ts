import { expect, test } from 'vitest';
import { planOf } from '../../../src/lib/emulator/machine-plan.ts';
import { configSpace, snapshot, type SnapshotSpec } from '../../support/snapshots.ts';

const RAM = { 'pc.ram': 64 << 20, 'pc.bios': 0x20000 };
const plain: SnapshotSpec = { machine: 'pc-i440fx-7.2', blocks: RAM, sections: [{ name: 'cpu' }] };
const codes = (spec: SnapshotSpec): string[] => planOf(snapshot(spec)).problems.map((p) => `${p.severity} ${p.code}`);

test('Machine type, memory and firmware are those of the stream', () => {
  const { plan, problems } = planOf(snapshot(plain));
  expect(problems).toEqual([]);
  expect(plan).toMatchObject({
    ...{ machine: 'pc-i440fx-7.2', ramName: 'pc.ram', memory: 64 << 20, biosSize: 0x20000, cpu: 'qemu64' },
    ...{ hpet: false, serials: [false, false, false, false], virtioBlk: [] }
  });
});

test('Serial ports and HPET are there where they have a section', () => {
  const sections = [{ name: 'cpu' }, { name: 'hpet' }, { name: 'serial' }, { name: 'serial', instance: 2 }];
  expect(planOf(snapshot({ ...plain, sections })).plan).toMatchObject({
    ...{ hpet: true, serials: [true, false, true, false] }
  });
});

test('A memory backend of another name is the RAM', () => {
  const blocks = { 'pc.bios': 0x40000, '0000:00:02.0/vga.vram': 128 << 20, mem0: 32 << 20 };
  expect(planOf(snapshot({ ...plain, blocks })).plan).toMatchObject({ ramName: 'mem0', memory: 32 << 20 });
});

test('A guest that has set CR4.OSXSAVE gets the CPU model with XSAVE', () => {
  const fields = { env: { 'cr[4]': 1n << 18n } };
  expect(planOf(snapshot({ ...plain, sections: [{ name: 'cpu', fields }] })).plan?.cpu).toBe('max');
});

test('A guest that has set CR4.PCIDE, which TCG has not, gets the CPU model that has it', () => {
  const fields = { env: { 'cr[4]': (1n << 18n) | (1n << 17n) } };
  expect(planOf(snapshot({ ...plain, sections: [{ name: 'cpu', fields }] })).plan?.cpu).toBe('host');
});

const blk = (config: Readonly<Record<number, number>>, length = 60) => ({
  name: '0000:00:04.0/virtio-blk',
  fields: {
    virtio: {
      proxy: { pci_dev: { config: configSpace(config) } },
      ...{ config_len: length, num: 1 },
      config: { capacity: 32768n }
    }
  }
});
/** Vendor and device; the first capability at 0x40: vendor's, then MSI-X with two vectors at 0x50. */
const TRANSITIONAL = { 0: 0x1001_1af4, 0x34: 0x40, 0x40: 0x5009, 0x50: 0x0001_0011 };

test('A transitional virtio disk has its slot, vectors and size from what the guest sees', () => {
  const { plan, problems } = planOf(snapshot({ ...plain, sections: [{ name: 'cpu' }, blk(TRANSITIONAL)] }));
  expect(problems).toEqual([]);
  expect(plan!.virtioBlk).toEqual([
    {
      ...{ id: 'virtio0', slot: 4, vectors: 2, disableLegacy: false, disableModern: false, numQueues: 1 },
      ...{ queueSize: 256, discard: true, writeZeroes: true, size: 16 << 20 }
    }
  ]);
});

test.each([
  ['0x1042 is modern alone', { ...TRANSITIONAL, 0: 0x1042_1af4 }, { disableLegacy: true, disableModern: false }],
  ['without vendor capabilities it is legacy alone', { 0: 0x1001_1af4 }, { disableModern: true, vectors: 0 }]
])('Of a virtio disk, %s', (_what, config, expected) => {
  const { plan } = planOf(snapshot({ ...plain, sections: [{ name: 'cpu' }, blk(config)] }));
  expect(plan!.virtioBlk[0]).toMatchObject(expected);
});

test('A short configuration has neither discard nor write zeroes', () => {
  const { plan } = planOf(snapshot({ ...plain, sections: [{ name: 'cpu' }, blk(TRANSITIONAL, 36)] }));
  expect(plan!.virtioBlk[0]).toMatchObject({ discard: false, writeZeroes: false });
});

test('A capability list that loops ends', () => {
  const looping = { 0: 0x1001_1af4, 0x34: 0x40, 0x40: 0x4009 };
  expect(planOf(snapshot({ ...plain, sections: [{ name: 'cpu' }, blk(looping)] })).plan!.virtioBlk).toHaveLength(1);
});

test.each<[string, SnapshotSpec, string]>([
  ['two vCPUs', { ...plain, sections: [{ name: 'cpu' }, { name: 'cpu', instance: 1 }] }, 'fatal cpus'],
  ['no vCPU', { ...plain, sections: [] }, 'fatal no-cpu'],
  ['q35', { ...plain, machine: 'pc-q35-7.2' }, 'fatal machine-unsupported'],
  ['a name that only begins like pc', { ...plain, machine: 'pc2' }, 'fatal machine-unsupported'],
  ['a disk on another bus', { ...plain, sections: [{ name: 'cpu' }, { name: 'x/virtio-blk' }] }, 'fatal device'],
  [
    'a disk without configuration space',
    { ...plain, sections: [{ name: 'cpu' }, { name: '0000:00:04.0/virtio-blk' }] },
    'fatal device'
  ],
  ['KVM', { ...plain, sections: [{ name: 'cpu' }, { name: 'kvmclock' }] }, 'note kvm']
])('Of %s the plan says what keeps it from running', (_what, spec, code) => {
  expect(codes(spec)).toEqual([code]);
});

test('Without RAM there is no plan', () => {
  const { plan, problems } = planOf(snapshot({ machine: 'pc-i440fx-7.2' }));
  expect(plan).toBeUndefined();
  expect(problems.map((p) => p.code)).toEqual(['no-ram']);
});
