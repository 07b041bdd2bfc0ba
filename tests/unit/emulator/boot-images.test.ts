/** CDs and kernels that SeaBIOS starts, from Debian's packages. */
import { describe, expect, test } from 'vitest';
import { bootImages } from '../../../scripts/boot-images.mjs';
import { findFirmware } from '../../../src/bridge/firmware.ts';
import { boot, BY_INSTRUCTIONS, LINUX_APPEND, type BootedMachine } from '../../support/boot.ts';

const images = bootImages();
const bios = findFirmware('bios-256k.bin', []);
if (!images) console.warn('SKIPPED: no guests to boot; get them with: node scripts/boot-images.mjs');
if (!bios) console.warn('SKIPPED: no SeaBIOS; get it with: node scripts/qemu/install.mjs');

async function ending(machine: BootedMachine, during: (machine: BootedMachine) => Promise<void>): Promise<void> {
  try {
    await during(machine);
  } finally {
    await machine.end();
  }
}

describe.skipIf(!images || !bios)("GRUB's rescue CD", () => {
  test('comes to its menu and to its shell on the serial port', { timeout: 180_000 }, async () => {
    await ending(boot(...BY_INSTRUCTIONS, '-m', '64', '-cdrom', images!.grubCd), async ({ says, type }) => {
      await says(/GNU GRUB {2}version 2\.\d+[\s\S]*will be executed automatically/, 60);
      type('c');
      await says(/grub> /, 20);
      // The BIOS keeps no more than 15 keys.
      type('ls /\n');
      await says(/ls \/\r\n[^\r]*boot\//, 20);
    });
  });

  test('shows its menu on the screen of a machine that has one', { timeout: 180_000 }, async () => {
    await ending(
      boot(...BY_INSTRUCTIONS, '-m', '64', '-serial', 'null', '-cdrom', images!.grubCd),
      async ({ shows }) => {
        expect(await shows(/Use the .* keys to select which entry/, 60)).toMatch(/GNU GRUB {2}version 2\.\d+/);
      }
    );
  });
});

describe.skipIf(!images || !bios)("GRUB's rescue floppy", () => {
  test('comes to its menu', { timeout: 180_000 }, async () => {
    await ending(boot(...BY_INSTRUCTIONS, '-m', '64', '-fda', images!.grubFloppy, '-boot', 'a'), async ({ says }) => {
      await says(/GNU GRUB {2}version 2\.\d+/, 150);
    });
  });
});

describe.skipIf(!images || !bios)('Memtest86+', () => {
  test('runs from its CD, on the screen', { timeout: 180_000 }, async () => {
    await ending(
      boot(...BY_INSTRUCTIONS, '-m', '32', '-serial', 'null', '-cdrom', images!.memtestCd),
      async ({ shows }) => {
        const screen = await shows(/#[3-9] +\[/, 150);
        expect(screen).toMatch(/Memtest86\+ v6\.10/);
        expect(screen).toMatch(/Errors: +0/);
      }
    );
  });

  test('runs by -kernel, on the serial port', { timeout: 180_000 }, async () => {
    const words = ['-m', '16', '-vga', 'none', '-kernel', images!.memtest64, '-append', 'console=ttyS0,115200'];
    await ending(boot(...BY_INSTRUCTIONS, ...words), async ({ says }) => {
      const said = await says(/#[3-9] +\[/, 150);
      expect(said).toMatch(/Errors: 0/);
      expect(said).not.toMatch(/Errors: +[1-9]/);
    });
  });
});

describe.skipIf(!images || !bios)("Debian's i386 kernel", () => {
  test('starts at its PVH entry by the firmware, to a shell that answers', { timeout: 300_000 }, async () => {
    const { vmlinux686, initrd686 } = images!;
    const words = ['-m', '256', '-vga', 'none', '-kernel', vmlinux686, '-initrd', initrd686];
    await ending(boot(...BY_INSTRUCTIONS, ...words, '-append', LINUX_APPEND), async ({ says, type, output }) => {
      await says(/# /, 220);
      type('uname -m; echo $((6*7))-there\n');
      expect(await says(/42-there\r/, 30)).toMatch(/i686\r\n/);
      expect(output()).not.toMatch(/Oops|Kernel panic|BUG:/);
    });
  });
});
