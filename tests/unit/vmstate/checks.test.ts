import { expect, test } from 'vitest';
import { machines } from '../../../src/lib/emulator/hw/i386/machines.ts';
import { check, type Destination } from '../../../src/lib/vmstate/checks.ts';
import { configSpace, snapshot, type SectionSpec, type SnapshotSpec } from '../../support/snapshots.ts';

const MiB = 2 ** 20;
const cpuhp = (n: number): SectionSpec => ({
  name: '0000:00:01.3/piix4_pm',
  version: 3,
  fields: {
    'piix4_pm/cpuhp': {
      cpuhp_state: {
        devs: Object.fromEntries(Array.from({ length: n }, (_, i) => [`[${i}]`, { is_inserting: false }]))
      }
    }
  }
});
/** Modern capability list: vendor at 0x40, MSI-X with two vectors at 0x98. */
const virtioConfig = configSpace({ 0x04: 0x00100000, 0x34: 0x98, 0x40: 0x00000009, 0x98: 0x00014011 });
const blk = (more: object = {}, name = '0000:00:03.0/virtio-blk'): SectionSpec => ({
  name,
  version: 2,
  fields: {
    virtio: {
      proxy: { config: virtioConfig },
      vq: { '[0]': { 'vring.num': 256 } },
      'virtio/64bit_features': { guest_features: 0x130000e54n },
      ...more
    }
  }
});
const state = (spec: SnapshotSpec = {}) =>
  snapshot({
    machine: 'pc-i440fx-7.2',
    blocks: { 'pc.ram': 512 * MiB, '0000:00:02.0/vga.vram': 16 * MiB, '0000:00:02.0/vga.rom': 65536 },
    ...spec,
    sections: [
      { name: 'configuration', kind: 'configuration', fields: { name: 'pc-i440fx-7.2' } },
      { name: 'cpu', version: 12 },
      { name: 'serial', version: 3 },
      { name: 'hpet', version: 2 },
      { name: '0000:00:02.0/vga', version: 2 },
      ...(spec.sections ?? [blk()])
    ]
  });
const MATCHING = 'qemu-system-x86_64 -m 512M -nic none -drive if=virtio,file=d';
const run = (destination: Destination | string, s = state()) =>
  check(
    s,
    typeof destination === 'string' ? { commandLine: destination, qemuVersion: '7.2.22' } : destination,
    machines
  ).map((f) => ({ ...f, start: undefined, end: undefined, source: undefined }));

test('a destination that matches passes', () => {
  expect(run(MATCHING)).toMatchObject([{ severity: 'passes' }]);
});

test('nothing given, nothing compared', () => {
  expect(run({})).toMatchObject([{ severity: 'passes', why: expect.stringContaining('no command line') }]);
});

test('another machine type fails, an alias of an unknown version cannot be told', () => {
  expect(run(`${MATCHING} -M pc-i440fx-6.2`)).toMatchObject([
    {
      severity: 'fails',
      message: "Machine type received is 'pc-i440fx-7.2' and local is 'pc-i440fx-6.2'",
      path: 'name'
    }
  ]);
  expect(run({ machine: 'pc' })).toMatchObject([{ severity: 'unknown', section: 'configuration/0' }]);
  expect(run({ machine: 'q35' })).toMatchObject([{ severity: 'fails' }]);
});

test('with another kind of machine, sections are not counted one by one', () => {
  expect(run(`${MATCHING} -M q35`).filter((f) => f.severity === 'fails')).toHaveLength(1);
});

test('memory and video memory must have the same size, blocks the same name', () => {
  expect(run(MATCHING.replace('512M', '256M'))).toMatchObject([
    { message: 'Size mismatch: pc.ram: 0x20000000 != 0x10000000: Invalid argument', section: 'ram/0', path: 'pc.ram' }
  ]);
  expect(run({ memory: 256 * MiB })).toMatchObject([{ severity: 'fails', path: 'pc.ram' }]);
  expect(run(`${MATCHING} -global VGA.vgamem_mb=32`)).toMatchObject([{ path: '0000:00:02.0/vga.vram' }]);
  expect(run(`${MATCHING} -global VGA.romfile=`)).toMatchObject([{ message: expect.stringContaining('vga.rom') }]);
  expect(run(`${MATCHING} -M pc,memory-backend=m -object memory-backend-ram,id=m,size=512M`)).toMatchObject([
    { message: 'Unknown ramblock "pc.ram", cannot accept migration' }
  ]);
});

test.each([
  ['-serial none', 'serial/0'],
  ['-M pc,hpet=off', 'hpet/0'],
  ['-no-hpet', 'hpet/0'],
  ['-nodefaults -vga std', 'serial/0']
])('%s takes a section away', (option, section) => {
  expect(run(`${MATCHING} ${option}`)).toMatchObject([{ severity: 'fails', section }]);
});

test('a disk that is missing or in another slot is an unknown section; what came instead is a warning', () => {
  const missing = { severity: 'fails', section: '0000:00:03.0/virtio-blk/0' };
  expect(run('qemu -m 512M -nic none')).toMatchObject([missing]);
  expect(run('qemu -m 512M -drive if=virtio,file=d')).toMatchObject([
    missing,
    { severity: 'warns', message: 'e1000 at 0000:00:03.0 is not in the stream' },
    { severity: 'warns', message: 'virtio-blk-pci at 0000:00:04.0 is not in the stream' }
  ]);
});

test('a device that is not known leaves open what it may have moved', () => {
  const findings = run('qemu -m 512M -nic none -device vfio-pci');
  expect(findings).toMatchObject([
    { severity: 'unknown', section: '0000:00:03.0/virtio-blk/0', why: expect.stringContaining('vfio-pci') }
  ]);
});

test('fewer processors lack sections, more of them change piix4_pm and the disk’s queues', () => {
  const two = state({ sections: [{ name: 'cpu', instance: 1, version: 12 }] });
  expect(run(`qemu -m 512M -nic none`, two)).toMatchObject([{ severity: 'fails', section: 'cpu/1' }]);
  expect(run({ smp: 1 }, two)).toMatchObject([{ severity: 'fails', section: 'cpu/1' }]);
  const s = state({ sections: [cpuhp(1), blk()] });
  expect(run(`${MATCHING} -smp 2`, s)).toMatchObject([
    {
      section: '0000:00:01.3/piix4_pm/0',
      path: 'piix4_pm/cpuhp.cpuhp_state.devs',
      message: expect.stringContaining('footer')
    },
    { section: '0000:00:03.0/virtio-blk/0', message: expect.stringContaining('i=0x9a read: 1 device: 2') }
  ]);
  expect(run({ smp: 1 }, s)).toMatchObject([{ severity: 'passes' }]);
  expect(run({ smp: 2 }, s)).toMatchObject([{ section: '0000:00:01.3/piix4_pm/0' }]);
});

const withDisk = (options: string): string => `qemu -m 512M -nic none -device virtio-blk-pci,drive=d,${options}`;

test('transport, vectors and features of a virtio device are compared', () => {
  expect(run(withDisk('disable-modern=on'))).toMatchObject([
    { message: expect.stringContaining('i=0x34 read: 98 device: 40') }
  ]);
  expect(run(withDisk('num-queues=2'))).toMatchObject([
    { message: expect.stringContaining('i=0x9a read: 1 device: 2') }
  ]);
  expect(run(withDisk('vectors=4'))).toMatchObject([{ message: expect.stringContaining('i=0x9a read: 1 device: 3') }]);
  expect(run(withDisk('indirect_desc=off,discard=off'))).toMatchObject([
    {
      message: 'Features 0x130000e54 unsupported. Allowed features: 0x120000e54',
      why: expect.stringContaining('indirect_desc')
    }
  ]);
  expect(run(withDisk('write-zeroes=off'))).toMatchObject([{ severity: 'passes' }]);
});

test('another queue size loads without a word up to version 10, and not from 11 on', () => {
  const there = { commandLine: `${withDisk('queue-size=128')} -M pc-i440fx-7.2` };
  expect(run({ ...there, qemuVersion: '10.2' })).toMatchObject([{ severity: 'warns', path: 'virtio.vq[0].vring.num' }]);
  expect(run({ ...there, qemuVersion: '11.1.3' })).toMatchObject([
    { severity: 'fails', message: 'VQ 0 vring.num 256 exceeds allocated max 128' }
  ]);
});

test('a section of a newer version fails', () => {
  const s = state({ sections: [{ name: 'i8254', version: 99 }] });
  expect(run('qemu -m 512M -nic none', s)).toMatchObject([
    { severity: 'fails', section: 'i8254/0', path: 'version_id', message: "unsupported version 99 for 'i8254' v3" }
  ]);
});

test('x-ignore-shared must be set at the destination, by -global or in the monitor', () => {
  const s = state({ capabilities: ['x-ignore-shared'] });
  expect(run(`${MATCHING} -incoming tcp:0:4444`, s)).toMatchObject([{ severity: 'fails', section: 'configuration/0' }]);
  expect(run(`${MATCHING} -incoming defer`, s)).toMatchObject([{ severity: 'warns' }]);
  expect(run(`${MATCHING} -global migration.x-ignore-shared=on`, s)).toMatchObject([{ severity: 'passes' }]);
});

test('where the stream is damaged every destination fails', () => {
  const s = {
    ...state(),
    problems: [{ code: 'truncated', severity: 'fatal', at: 100, message: 'the stream ends' }] as const
  };
  expect(check(s, {}, machines)).toMatchObject([
    { severity: 'fails', message: 'the stream ends', start: 100, end: s.end }
  ]);
});

test('a stream of unknown sections gives a bounded list', () => {
  const s = state({ sections: Array.from({ length: 5000 }, (_, i) => ({ name: `x${i}` })) });
  expect(run('qemu -m 512M -nic none', s).length).toBeLessThanOrEqual(200);
});
