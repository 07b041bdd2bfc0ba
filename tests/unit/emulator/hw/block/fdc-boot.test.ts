/** A floppy disk to boot from, with Debian's SeaBIOS. */
import { describe, expect, test } from 'vitest';
import { findFirmware } from '../../../../../src/bridge/firmware.ts';
import { RawImage } from '../../../../../src/lib/emulator/block/raw.ts';
import { prepareBoot } from '../../../../../src/lib/emulator/boot.ts';
import { bytesSource } from '../../../../../src/lib/vmstate/source.ts';
import { machineOf } from '../../../../support/machine.ts';

const bios = findFirmware('bios-256k.bin', []);
if (!bios) console.warn('SKIPPED: no SeaBIOS; get it with: node scripts/qemu/install.mjs');

/** Reads sector 3 of cylinder 1, head 1 to 0:7e00 with the BIOS, and writes its text to the serial port. */
const PROGRAM = [
  ...[0x31, 0xc0, 0x8e, 0xd8, 0x8e, 0xc0], // xor ax,ax; mov ds,ax; mov es,ax
  ...[0xb8, 0x01, 0x02, 0xbb, 0x00, 0x7e], // mov ax,0x201; mov bx,0x7e00
  ...[0xb9, 0x03, 0x01, 0xba, 0x00, 0x01], // mov cx,0x103; mov dx,0x100
  ...[0xcd, 0x13, 0x72, 0x0f], // int 0x13; jc end
  ...[0xbe, 0x00, 0x7e, 0xba, 0xf8, 0x03], // mov si,0x7e00; mov dx,0x3f8
  ...[0xac, 0x84, 0xc0, 0x74, 0x03, 0xee, 0xeb, 0xf8], // lodsb; test al,al; jz end; out dx,al; jmp
  ...[0xf4, 0xeb, 0xfd] // hlt; jmp
];

function disk(): Uint8Array<ArrayBuffer> {
  const image = new Uint8Array(1440 * 1024);
  image.set(PROGRAM);
  image.set([0x55, 0xaa], 510);
  image.set(new TextEncoder().encode('read from the floppy'), ((1 * 2 + 1) * 18 + 2) * 512);
  return image;
}

describe.skipIf(!bios)('SeaBIOS', () => {
  test('boots a floppy, and reads it for who was booted', { timeout: 60_000 }, async () => {
    const { machine, says } = machineOf(['-m', '32', '-nographic', '-nic', 'none']);
    machine.drives.find(({ plan }) => plan.id === 'floppy0')!.blk.insert(new RawImage(bytesSource(disk())));
    prepareBoot(machine, { bios: bios!, roms: new Map(), graphics: false });
    machine.reset();
    machine.start();
    try {
      expect(await says(/read from the floppy/, 50)).toMatch(/Booting from Floppy/);
    } finally {
      await machine.stop();
      machine.destroy();
    }
  });
});
