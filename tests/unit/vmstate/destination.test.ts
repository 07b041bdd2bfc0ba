import { expect, test } from 'vitest';
import { machines } from '../../../src/lib/emulator/hw/i386/machines.ts';
import { planOf, type Destination } from '../../../src/lib/vmstate/destination.ts';

const plan = (commandLine: string, more: Destination = {}) =>
  planOf({ commandLine: `qemu-system-x86_64 ${commandLine}`, qemuVersion: '7.2.22', ...more }, machines);
const devices = (commandLine: string) => plan(commandLine).devices!.map((d) => `${d.path ?? '-'} ${d.model}`);

test('without options it is a pc of the QEMU’s version with QEMU’s defaults', () => {
  expect(plan('')).toMatchObject({
    ...{ machine: 'pc-i440fx-7.2', memory: 2 ** 27, cpus: 1, maxCpus: 1, serials: 1, parallels: 1, userNets: 1 },
    ...{ backends: [], kvm: false, uuid: undefined, unknown: [] }
  });
  expect(devices('')).toEqual(['0000:00:02.0 VGA', '0000:00:03.0 e1000']);
});

test('an alias is only resolved when the version is known', () => {
  expect(plan('-M q35,hpet=off', { qemuVersion: '10.0' })).toMatchObject({ machine: 'pc-q35-10.0' });
  expect(planOf({ machine: 'q35' }, machines)).toMatchObject({ machine: undefined, family: { alias: 'q35' } });
  expect(plan('-machine type=pc-q35-6.2,accel=kvm')).toMatchObject({ machine: 'pc-q35-6.2', kvm: true });
});

test('slots are handed out in order: display, -nic, -device, -drive if=virtio', () => {
  expect(devices('-drive if=virtio,file=d -device virtio-rng-pci -device nvme,addr=5 -device edu')).toEqual([
    '0000:00:02.0 VGA',
    '0000:00:03.0 e1000',
    '0000:00:04.0 virtio-rng-pci',
    '0000:00:05.0 nvme',
    '0000:00:06.0 edu',
    '0000:00:07.0 virtio-blk-pci'
  ]);
  expect(devices('-M q35 -nic none -device virtio-blk-pci,addr=0x1e.1')).toEqual([
    '0000:00:01.0 VGA',
    '0000:00:1e.1 virtio-blk-pci'
  ]);
});

test('defaults go when told so, or when something takes their place', () => {
  expect(devices('-nodefaults')).toEqual([]);
  expect(plan('-nodefaults')).toMatchObject({ serials: 0, parallels: 0, userNets: 0 });
  expect(devices('-nic none -device VGA,vgamem_mb=32')).toEqual(['0000:00:02.0 VGA']);
  expect(devices('-nic none -vga virtio')).toEqual(['0000:00:02.0 virtio-vga']);
  expect(devices('-vga none -netdev user,id=n -device e1000,netdev=n')).toEqual(['0000:00:02.0 e1000']);
  expect(plan('-serial none -parallel none')).toMatchObject({ serials: 0, parallels: 0 });
  expect(plan('-serial stdio -serial null')).toMatchObject({ serials: 2 });
});

test('processors come from cpus or from the topology, possible ones from maxcpus', () => {
  expect(plan('-smp 4')).toMatchObject({ cpus: 4, maxCpus: 4 });
  expect(plan('-smp 2,maxcpus=8')).toMatchObject({ cpus: 2, maxCpus: 8 });
  expect(plan('-smp sockets=2,cores=3')).toMatchObject({ cpus: 6 });
});

test('a part of a command line says nothing about memory', () => {
  expect(planOf({ commandLine: '-device e1000' }, machines).memory).toBeUndefined();
  expect(planOf({ commandLine: '-m 1G,slots=2,maxmem=4G -device e1000' }, machines).memory).toBe(2 ** 30);
  expect(planOf({ memory: 2 ** 28 }, machines)).toMatchObject({ memory: 2 ** 28, devices: undefined });
});

test('memory backends and globals are found', () => {
  const p = plan('-M pc,memory-backend=m0 -object memory-backend-ram,id=m0,size=256M -global e1000.romsize=524288');
  expect(p).toMatchObject({ backends: ['m0'], objects: new Map([['m0', 2 ** 28]]) });
  expect(p.devices!.find((d) => d.model === 'e1000')!.properties.get('romsize')).toBe('524288');
  expect(plan('-numa node,memdev=a -numa node,memdev=b').backends).toEqual(['a', 'b']);
});

test('models that are not known are told', () => {
  expect(plan('-device vfio-pci,host=01:00.0').unknown).toEqual(['vfio-pci']);
});
