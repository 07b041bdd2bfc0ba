/** tests/native/system.S: the image, and what native QEMU's processor makes of it. */
import { spawnSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, readSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { qemus, type Qemu } from '../../scripts/qemu/qemu.mjs';
import { firmware } from './firmware.ts';

/** Where the image is linked to, and where it is seen. */
export const IMAGE_AT = 0xf0000;
const NOTES_AT = 0x600;
const NOTES_BYTES = 40;
const RECORDS_AT = 0x3_0000;
const RECORD_BYTES = 24;
const MOST_RECORDS = 1000;
const END = 0xffff_ffff;

/** 64 KiB, entered at its last 16 bytes. */
export function systemImage(): { readonly bytes: Uint8Array; readonly path: string } {
  const path = firmware('system');
  return { bytes: readFileSync(path), path };
}

/** What the program wrote down: real mode's notes, then its records. */
export interface Outcome {
  readonly notes: string;
  readonly records: readonly (readonly number[])[];
}

/** @param read memory by guest-physical address */
export function outcomeOf(read: (address: number, length: number) => Uint8Array): Outcome {
  const records: number[][] = [];
  for (let at = RECORDS_AT; records.length < MOST_RECORDS; at += RECORD_BYTES) {
    const words = Buffer.from(read(at, RECORD_BYTES));
    if (words.readUInt32LE(0) === END) break;
    records.push([0, 4, 8, 12, 16, 20].map((offset) => words.readUInt32LE(offset)));
  }
  return { notes: Buffer.from(read(NOTES_AT, NOTES_BYTES)).toString('hex'), records };
}

export const installedQemus: readonly Qemu[] = qemus();

/** Runs it with TCG until it says that it is through. */
export function runNatively({ argv, firmwareArgs }: Qemu, image: string): Outcome {
  const folder = mkdtempSync(join(tmpdir(), 'system-'));
  const memory = join(folder, 'ram');
  const [command, ...before] = argv;
  const machine = ['-M', 'pc,usb=off,memory-backend=ram', '-accel', 'tcg', '-cpu', 'qemu64', '-m', '16'];
  const backend = ['-object', `memory-backend-file,id=ram,size=16M,share=on,mem-path=${memory}`];
  const exit = ['-device', 'isa-debug-exit,iobase=0xf4', '-no-reboot'];
  const rest = ['-nodefaults', '-display', 'none', '-bios', image];
  try {
    spawnSync(command!, [...before, ...firmwareArgs, ...machine, ...backend, ...exit, ...rest], { timeout: 30_000 });
    const fd = openSync(memory, 'r');
    try {
      return outcomeOf((address, length) => {
        const bytes = new Uint8Array(length);
        readSync(fd, bytes, 0, length, address);
        return bytes;
      });
    } finally {
      closeSync(fd);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
}
