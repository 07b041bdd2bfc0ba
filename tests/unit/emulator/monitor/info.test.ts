import { afterAll, expect, test } from 'vitest';
import { infoBlock, infoPci } from '../../../../src/lib/emulator/monitor/info.ts';
import { smallMachine } from '../../../support/small-machine.ts';

const machine = smallMachine({
  virtioBlk: [
    {
      ...{ id: 'virtio0', slot: 3, vectors: 2, disableLegacy: false, disableModern: false },
      ...{ numQueues: 1, queueSize: 256, discard: true, writeZeroes: true, size: 1 << 20 }
    }
  ],
  ide: [undefined, undefined, { id: 'ide1-cd0', kind: 'cd', size: undefined }]
});
afterAll(() => machine.destroy());

test('info pci lists the bridges, and the disk with its place', () => {
  const text = infoPci(machine);
  const bridge = ['    Host bridge: PCI device 8086:1237', '      PCI subsystem 1af4:1100', '      id ""'];
  expect(text).toContain(['  Bus  0, device   0, function 0:', ...bridge].join('\n'));
  expect(text).toContain('  Bus  0, device   1, function 0:\n    ISA bridge: PCI device 8086:7000');
  expect(text).toContain('  Bus  0, device   3, function 0:\n    SCSI controller: PCI device 1af4:1001');
  expect(text).toContain('      BAR1: 32 bit memory (not mapped)\n      BAR4: 64 bit prefetchable memory (not mapped)');
});

test('info block says of a drive without an image how large it must be, and of a CD whether its tray is shut', () => {
  expect(infoBlock(machine)).toBe(
    [
      'virtio0: [no image: one of 1048576 bytes is wanted]',
      '    Attached to:      virtio-blk-pci at 00:03.0',
      '',
      'ide1-cd0: [not inserted]',
      '    Attached to:      ide-cd at 00:01.1',
      '    Removable device: not locked, tray closed'
    ].join('\n')
  );
});
