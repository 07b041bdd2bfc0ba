import { expect, test } from 'vitest';
import {
  infoBlock,
  infoLapic,
  infoMtree,
  infoPci,
  infoPic,
  infoQtree
} from '../../../../src/lib/emulator/monitor/info.ts';
import { smallMachine } from '../../../support/small-machine.ts';

const machine = smallMachine({
  virtioBlk: [
    {
      ...{ id: 'virtio0', slot: 3, vectors: 2, disableLegacy: false, disableModern: false },
      ...{ numQueues: 1, queueSize: 256, discard: true, writeZeroes: true, size: 1 << 20 }
    }
  ]
});

test('info pic shows both 8259s as they were programmed', () => {
  machine.board.pc.ports.write(0x20, 0x11, 1);
  machine.board.pc.ports.write(0x21, 0x08, 1);
  machine.board.pc.ports.write(0x21, 0x04, 1);
  machine.board.pc.ports.write(0x21, 0x01, 1);
  machine.board.pc.ports.write(0x21, 0xb8, 1);
  const lines = infoPic(machine).split('\n');
  expect(lines[0]).toBe('pic0: irr=00 imr=b8 isr=00 hprio=0 irq_base=08 rr_sel=0 elcr=00 fnm=0');
  expect(lines[1]).toMatch(/^pic1: /);
  expect(lines.filter((line) => line.startsWith('  pin '))).toHaveLength(24);
});

test('A masked pin of the I/O APIC is shown as QEMU shows its bits', () => {
  expect(infoPic(machine)).toContain('  pin 4  0x0000000000010000 dest=0 vec=0 active-hi edge masked (physical)');
});

test('A level-triggered pin says level', () => {
  machine.board.pc.ioapic.ioredtbl[5] = 0x0300_0000_0000_a931n;
  expect(infoPic(machine)).toContain('  pin 5  0x030000000000a931 dest=3 vec=49 active-lo level (logical)');
});

test('info lapic names each local vector', () => {
  const text = infoLapic(machine);
  for (const name of ['LVTT', 'LVT0', 'LVT1', 'LVTPC', 'LVTERR', 'LVTTHMR', 'SPIV']) {
    expect(text).toMatch(new RegExp(`^${name} +0x[\\da-f]{8}$`, 'm'));
  }
  expect(text).toMatch(/^ISR +\(none\)$/m);
});

test('info mtree -f begins with RAM at 0 and has the BIOS below 4 GiB', () => {
  const lines = infoMtree(machine, '-f').split('\n');
  expect(lines[2]).toMatch(/^ {2}0{16}-[\da-f]{16} \(prio 0, ram\): pc\.ram$/);
  expect(lines.some((line) => line.startsWith('  00000000fffc0000-00000000ffffffff'))).toBe(true);
  expect(infoMtree(machine, '')).toContain('address-space: I/O');
});

test('info pci lists the bridges, and the disk with its place', () => {
  const text = infoPci(machine);
  expect(text).toContain('  Bus  0, device   0, function 0:\n    Host bridge: PCI device 8086:1237');
  expect(text).toContain('  Bus  0, device   1, function 0:\n    ISA bridge: PCI device 8086:7000');
  expect(text).toContain('  Bus  0, device   3, function 0:\n    SCSI controller: PCI device 1af4:1001');
});

test('info block says of a drive without an image how large it must be', () => {
  expect(infoBlock(machine)).toBe(
    'virtio0: [no image: one of 1048576 bytes is wanted]\n    Attached to:      virtio-blk-pci at 00:03.0'
  );
});

test('info qtree tells devices that run from sections that are kept as they came', () => {
  machine.layout = [{ name: 'vmmouse', instance: 0, sectionId: 9, version: 0, frozen: new Uint8Array(4) }];
  const text = infoQtree(machine);
  expect(text).toContain('  dev: i8254/0');
  expect(text).toContain('  dev: vmmouse/0 (frozen: kept as it came, nothing here models it)');
});
