/** SeaBIOS and vgabios of Debian with the VGA: what stands on the screen in the end. */
import { describe, expect, test } from 'vitest';
import { findFirmware } from '../../../../../src/bridge/firmware.ts';
import { prepareBoot } from '../../../../../src/lib/emulator/boot.ts';
import { machineOf } from '../../../../support/machine.ts';

const bios = findFirmware('bios-256k.bin', []);
const vgaRom = findFirmware('vgabios-stdvga.bin', []);
if (!bios || !vgaRom) console.warn('SKIPPED: no SeaBIOS; get it with: node scripts/qemu/install.mjs');

const LINE = 160;
/** The 25 lines of text mode, by what the CPU reads at b8000. */
function screen(memory: { read(addr: number, size: number): number }): string {
  const line = (y: number): string =>
    String.fromCharCode(...Array.from({ length: 80 }, (_, x) => memory.read(0xb8000 + y * LINE + 2 * x, 1))).trimEnd();
  return Array.from({ length: 25 }, (_, y) => line(y)).join('\n');
}

describe.skipIf(!bios || !vgaRom)('SeaBIOS with a VGA', () => {
  test('prints on the screen until there is "No bootable device"', { timeout: 60_000 }, async () => {
    const { machine } = machineOf(['-m', '64', '-nic', 'none']);
    prepareBoot(machine, { bios: bios!, vgaRom, roms: new Map(), graphics: true });
    machine.reset();
    machine.start();
    try {
      const { memory } = machine.board.pc;
      const deadline = Date.now() + 50_000;
      while (!screen(memory).includes('No bootable device.') && Date.now() < deadline) {
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
      expect(screen(memory)).toMatch(/^SeaBIOS \(version [\s\S]*Booting from Hard Disk[\s\S]*No bootable device\./);
    } finally {
      await machine.stop();
      machine.destroy();
    }
  });
});
