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
  ['-nic none -drive file=a,if=none,id=d -device virtio-blk-pci,drive=d,addr=zz', 'PCI: slot NaN is not available']
])('%s is refused by name: %s', (line, message) => {
  expect(() => planned(line)).toThrow(message);
});

test('More disks than slots are refused', () => {
  expect(() => planned(`-nic none ${'-drive file=a,if=virtio '.repeat(40)}`)).toThrow('PCI: slot 32 is not available');
});

test('The version of a machine type is a number that grows', () => {
  expect(['pc-i440fx-2.12', 'pc-i440fx-7.2', 'pc-i440fx-11.1', 'q35'].map(machineVersion)).toEqual([
    ...[212, 702, 1101, Infinity]
  ]);
});
