import { expect, test } from 'vitest';
import { planOfOptions, type OptionsPlan } from '../../../src/lib/emulator/machine-options.ts';
import { machineVersion } from '../../../src/lib/emulator/machine-plan.ts';
import { parseOptions } from '../../../src/lib/emulator/system/vl.ts';

const planned = (line: string, received?: string): OptionsPlan =>
  planOfOptions(parseOptions(line.split(' ').filter(Boolean)), received);

test('pc stands for the machine type that comes in', () => {
  expect(planned('-M pc -nic none', 'pc-i440fx-11.1').plan.machine).toBe('pc-i440fx-11.1');
  expect(planned('-M pc-i440fx-7.2 -nic none', 'pc-i440fx-11.1').plan.machine).toBe('pc-i440fx-7.2');
});

test('Memory, CPU and HPET are as the options say', () => {
  expect(planned('-M pc,hpet=off -m 64 -cpu max -nic none').plan).toMatchObject({
    ...{ memory: 64 << 20, cpu: 'max', hpet: false, ramName: 'pc.ram', biosSize: 0x40000, serials: [true] }
  });
});

test('Disks take the free slots behind the bridges and the VGA', () => {
  const disks = '-drive file=a,if=virtio,format=raw -drive file=b,if=virtio,format=raw';
  const slots = (options: string): number[] =>
    planned(`-nic none ${disks} ${options}`).plan.virtioBlk.map(({ slot }) => slot);
  expect(slots('')).toEqual([3, 4]);
  expect(slots('-vga none')).toEqual([2, 3]);
  expect(slots('-nodefaults')).toEqual([2, 3]);
});

test('-device takes its slot, queues and generation from its properties', () => {
  const { plan, drives } = planned(
    '-nic none -drive file=a,if=none,id=d0,format=raw -device virtio-blk-pci-non-transitional,drive=d0,addr=1f,num-queues=4'
  );
  expect(plan.virtioBlk).toMatchObject([
    { ...{ id: 'd0', slot: 31, numQueues: 4, vectors: 5, disableLegacy: true, disableModern: false } }
  ]);
  expect(drives.get('d0')).toMatchObject({ file: 'a', format: 'raw' });
});

test.each([
  ['-M q35 -nic none', '-M q35: unsupported machine type'],
  ['-M pc,x-foo=1 -nic none', "Property 'x-foo' is not supported"],
  ['-nic none -device rtl8139', "-device rtl8139: 'rtl8139' is not supported"],
  ['-nic none -device virtio-blk-pci,drive=d0', 'drive property not set, or no such drive'],
  ['-nic none -fda a -drive file=b,if=floppy,index=0', 'there is no such floppy drive'],
  ['-nic none -M pc,memory-backend=m', 'memory-backend=m: there is no such object'],
  ['-nic none -drive file=a,if=none,id=d -device virtio-blk-pci,drive=d,addr=1', 'PCI: slot 1 is not available'],
  ['-nic none -drive file=a,if=none,id=d -device virtio-blk-pci,drive=d,addr=20', 'PCI: slot 32 is not available'],
  ['-nic none -drive file=a,if=none,id=d -device virtio-blk-pci,drive=d,addr=zz', "doesn't take value 'zz'"],
  ['-nic none -drive file=a,if=none,id=d -device virtio-blk-pci,drive=d,addr=5.1', "doesn't take value '5.1'"],
  ['-nic none -drive file=a,if=none,id=d -device virtio-blk-pci,drive=d,x=1', "Property 'virtio-blk-pci.x' not found"],
  [
    '-nic none -drive file=a,if=none,id=d -device virtio-blk-pci,drive=d,num-queues=two',
    "Parameter 'num-queues' expects"
  ],
  [
    '-nic none -drive file=a,if=none,id=d -device virtio-blk-pci,drive=d,queue-size=3',
    'must be a power of 2 (max 1024)'
  ],
  ['-nic none -drive file=a,if=none,id=d -device virtio-blk-pci,drive=d,packed=on', 'packed=on is not supported'],
  ['-nic none -device virtio-rng-pci,id=a -device virtio-rng-pci,id=a', "Duplicate device ID 'a'"],
  ['-nic none -device virtio-rng-pci,rng=r', "Device 'r' not found"],
  ['-nic none -device virtio-serial-pci -device virtserialport,bus=v.0', "Bus 'v.0' not found"],
  ['-nic none -device e1000,romfile=x.rom', 'romfile=x.rom is not supported'],
  ['-nic none -global e1000.x=1', "-global: Property 'e1000.x' not found"],
  ['-nic none -global PIIX4_PM.disable_s3=1', "-global PIIX4_PM.disable_s3: 'PIIX4_PM' is not supported here"],
  ['-nic none -M pc,accel=kvm', 'accel=kvm is not supported; there is: tcg'],
  ['-nic none -M pc,hpet=maybe', "Parameter 'hpet' expects 'on' or 'off'"],
  ['-nic none -cpu i486', "-cpu i486: unable to find CPU model 'i486'"],
  ['-nic none -cpu qemu64,+nope', "Property 'qemu64-x86_64-cpu.nope' not found"]
])('%s is refused by name: %s', (line, message) => {
  expect(() => planned(line)).toThrow(message);
});

test('-global speaks for devices that come by themselves, and yields to -device', () => {
  expect(planned('-global VGA.vgamem_mb=32 -global e1000.mac=52:54:00:00:00:09').plan).toMatchObject({
    vga: { vramSize: 32 << 20 },
    pci: [{ kind: 'e1000', mac: Uint8Array.of(0x52, 0x54, 0, 0, 0, 9) }]
  });
  const disk =
    '-nic none -global virtio-blk-pci.num-queues=2 -drive file=a,if=none,id=d -device virtio-blk-pci,drive=d';
  expect(planned(disk).plan.virtioBlk).toMatchObject([{ numQueues: 2 }]);
  expect(planned(`${disk},num-queues=4,serial=S1`).plan.virtioBlk).toMatchObject([{ numQueues: 4, serial: 'S1' }]);
});

test('What a guest cannot see of its host is taken, and devices by their short names', () => {
  const memory =
    '-object memory-backend-file,id=r,size=64M,mem-path=f,align=2M -M pc,memory-backend=r,aux-ram-share=on';
  const { plan } = planned(
    `-m 64M ${memory} -cpu host,migratable=on -nic none -device virtio-serial -device virtio-rng`
  );
  expect(plan.pci.map(({ kind }) => kind)).toEqual(['virtio-serial', 'virtio-rng']);
});

test('Ports of virtio-serial go to the bus that they name', () => {
  const line = '-nic none -device virtio-serial-pci,id=a -device virtio-serial-pci -device virtconsole,bus=a.0';
  expect(planned(`${line} -device virtserialport`).plan.pci).toMatchObject([
    { ports: [{ id: 0, isConsole: true }] },
    { ports: [{ id: 1, isConsole: false }] }
  ]);
});

test('A memory backend says how much memory there is, and -m may not say otherwise', () => {
  const backend = '-nic none -M pc,memory-backend=m -object memory-backend-ram,id=m,size=64M';
  expect(planned(backend).plan).toMatchObject({ memory: 64 << 20, ramName: 'm' });
  expect(planned(`${backend} -m 64`).plan.memory).toBe(64 << 20);
  expect(() => planned(`${backend} -m 32`)).toThrow('does not match the size of the memory backend');
});

test('More disks than slots are refused', () => {
  expect(() => planned(`-nic none ${'-drive file=a,if=virtio '.repeat(40)}`)).toThrow('PCI: slot 32 is not available');
});

test('The version of a machine type is a number that grows', () => {
  expect(['pc-i440fx-2.12', 'pc-i440fx-7.2', 'pc-i440fx-11.1', 'q35'].map(machineVersion)).toEqual([
    ...[212, 702, 1101, Infinity]
  ]);
});
