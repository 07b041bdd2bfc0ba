/** Kernels of Debian's without firmware: each way in, to a shell or a running test. */
import { existsSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { bootImages } from '../../../scripts/boot-images.mjs';
import { linuxGuest } from '../../../scripts/qemu/linux.mjs';
import { installed } from '../../../scripts/qemu/qemu.mjs';
import { boot, BY_INSTRUCTIONS, LINUX_APPEND, type BootedMachine } from '../../support/boot.ts';

const images = bootImages();
const guest = installed('bookworm') ? linuxGuest() : undefined;
if (!images) console.warn('SKIPPED: no guests to boot; get them with: node scripts/boot-images.mjs');
if (!guest || !existsSync(guest.kernel))
  console.warn('SKIPPED: no Linux guest; get it with: node scripts/qemu/install.mjs');

const DIRECT = ['-bios', 'none', '-vga', 'none', ...BY_INSTRUCTIONS];
/** Seconds: quiet machines need a quarter. */
const LONG = 220;

/** Its shell computes, and knows what it runs on. */
async function answers(machine: BootedMachine, what: RegExp): Promise<void> {
  await machine.says(/# /, LONG);
  machine.type('uname -m; cat /proc/cmdline; dmesg | grep -c "DMI: QEMU Standard PC"; echo $((6*7))-there\n');
  expect(await machine.says(/42-there\r/, 60)).toMatch(what);
  expect(machine.output()).not.toMatch(/Oops|Kernel panic|BUG:/);
}

describe.skipIf(!guest)("Debian's amd64 kernel", () => {
  test('starts by the 64-bit protocol, with ACPI and SMBIOS tables of ours', { timeout: 300_000 }, async () => {
    const append = `${LINUX_APPEND} rdinit=/bin/busybox -- sh`;
    const machine = boot(...DIRECT, '-m', '256', '-kernel', guest!.kernel, '-initrd', guest!.initrd, '-append', append);
    try {
      await machine.says(/# /, LONG);
      machine.type(
        'busybox uname -m; busybox dmesg | busybox grep -e DMI: -e "ACPI: [A-Z]* 0x"; echo $((6*7))-there\n'
      );
      const said = await machine.says(/42-there\r/, 60);
      expect(said).toMatch(/x86_64\r\n/);
      expect(said).toMatch(/DMI: QEMU Standard PC \(i440FX \+ PIIX, 1996\)/);
      for (const table of ['RSDP', 'FACP', 'DSDT', 'APIC', 'HPET']) expect(said).toContain(`ACPI: ${table} 0x`);
      expect(said).not.toMatch(/Oops|Kernel panic|BUG:/);
    } finally {
      await machine.end();
    }
  });
});

describe.skipIf(!images)("Debian's i386 kernel", () => {
  test('starts at its PVH entry, to a shell that answers', { timeout: 300_000 }, async () => {
    const { vmlinux686, initrd686 } = images!;
    const words = ['-m', '256', '-kernel', vmlinux686, '-initrd', initrd686, '-append', LINUX_APPEND];
    const machine = boot(...DIRECT, ...words);
    try {
      await answers(machine, /i686\r\nconsole=ttyS0 quiet [^\r]*\r\n1\r\n/);
    } finally {
      await machine.end();
    }
  });
});

describe.skipIf(!images)('Memtest86+', () => {
  test.each([
    ['the 64-bit protocol', 'memtest64'],
    ['the 32-bit protocol', 'memtest32']
  ] as const)('starts by %s and finds no errors', { timeout: 180_000 }, async (_, image) => {
    const machine = boot(...DIRECT, '-m', '16', '-kernel', images![image], '-append', 'console=ttyS0,115200');
    try {
      const said = await machine.says(/#[3-9] +\[/, 150);
      expect([...said.matchAll(/Errors: (\d+)/g)].map(([, errors]) => errors)).not.toEqual([]);
      expect(said).not.toMatch(/Errors: +[1-9]/);
    } finally {
      await machine.end();
    }
  });
});
