/** Machines that start from nothing, with Debian's firmware. */
import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { findFirmware } from '../../../src/bridge/firmware.ts';
import { BootError, prepareBoot } from '../../../src/lib/emulator/boot.ts';
import { DEFAULT_BOOT } from '../../../src/lib/emulator/boot-order.ts';
import { KERNEL_ROMS } from '../../../src/lib/emulator/hw/i386/load-linux.ts';
import { FW_CFG } from '../../../src/lib/emulator/hw/nvram/fw_cfg.ts';
import { installed } from '../../../scripts/qemu/qemu.mjs';
import { linuxGuest } from '../../../scripts/qemu/linux.mjs';
import { LINUX_APPEND } from '../../support/boot.ts';
import { machineOf } from '../../support/machine.ts';

const bios = findFirmware('bios-256k.bin', []);
const linuxboot = findFirmware(KERNEL_ROMS.linux, []);
const guest = bios && linuxboot && installed('bookworm') ? linuxGuest() : undefined;
if (!bios) console.warn('SKIPPED: no SeaBIOS; get it with: node scripts/qemu/install.mjs');
if (!guest || !existsSync(guest.kernel))
  console.warn('SKIPPED: no Linux guest; get it with: node scripts/qemu/install.mjs');

const booted = { roms: new Map<string, Uint8Array>(), graphics: false };

describe.skipIf(!bios)('SeaBIOS', () => {
  test('runs from the reset vector to "No bootable device" on the serial port', { timeout: 60_000 }, async () => {
    const { machine, says } = machineOf(['-m', '128', '-nographic', '-nic', 'none']);
    prepareBoot(machine, { ...booted, bios: bios! });
    machine.reset();
    machine.start();
    try {
      expect(await says(/No bootable device\./, 50)).toMatch(/SeaBIOS \(version [\s\S]*Booting from Hard Disk/);
    } finally {
      await machine.stop();
      machine.destroy();
    }
  });
});

describe.skipIf(!guest)('-kernel', () => {
  test("boots Debian's kernel to a shell that answers", { timeout: 180_000 }, async () => {
    const { machine, says, output } = machineOf(['-m', '256', '-nographic', '-nic', 'none']);
    const [kernel, initrd] = [guest!.kernel, guest!.initrd].map((path) => new Uint8Array(readFileSync(path)));
    prepareBoot(machine, {
      ...{ ...booted, bios: bios!, roms: new Map([[KERNEL_ROMS.linux, linuxboot!]]) },
      // A shell of the initrd: without the disk's driver it would wait for a disk.
      linux: { kernel: kernel!, initrd, append: `${LINUX_APPEND} rdinit=/bin/busybox -- sh` }
    });
    machine.reset();
    machine.start();
    try {
      await says(/# /, 150);
      machine.serialInput(0, new TextEncoder().encode('busybox echo $((6*7))-there\n'));
      await says(/42-there/, 20);
      expect(output()).not.toMatch(/Oops|Kernel panic|BUG:/);
    } finally {
      await machine.stop();
      machine.destroy();
    }
  });
});

test('firmware of another size than the machine has room for is refused', () => {
  const { machine } = machineOf(['-m', '16', '-nographic', '-nic', 'none']);
  expect(() => prepareBoot(machine, { ...booted, bios: new Uint8Array(0x10000) })).toThrow(BootError);
  machine.destroy();
});

test('the firmware is told of screen, menu and UUID, and lies at both its places', () => {
  const { machine } = machineOf([
    '-m',
    '16',
    '-nographic',
    '-nic',
    'none',
    '-uuid',
    '01020304-0506-0708-090a-0b0c0d0e0f10'
  ]);
  const image = new Uint8Array(0x40000).map((_, i) => i >> 8);
  const uuid = Uint8Array.from({ length: 16 }, (_, i) => i + 1);
  prepareBoot(machine, { ...booted, bios: image, boot: { ...DEFAULT_BOOT, menu: true, splashTime: 0x1234 } });
  const { ports, memory } = machine.board.pc;
  const item = (key: number, bytes: number): number[] => {
    ports.write(0x510, key, 2);
    return Array.from({ length: bytes }, () => ports.read(0x511, 1));
  };
  expect(item(FW_CFG.NOGRAPHIC, 3)).toEqual([1, 0, 0]);
  expect(item(FW_CFG.BOOT_MENU, 3)).toEqual([1, 0, 0]);
  expect(item(FW_CFG.UUID, 16)).toEqual([...uuid]);
  expect(item(FW_CFG.RAM_SIZE, 8)).toEqual([0, 0, 0, 1, 0, 0, 0, 0]);
  expect(memory.read(0xffff_fff0, 1)).toBe(0xff);
  expect(memory.read(0xfffc_0100, 1)).toBe(0x01);
  expect(memory.read(0xe_0300, 1)).toBe(0x03);
  machine.destroy();
});
