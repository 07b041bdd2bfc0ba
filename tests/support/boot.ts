/** Machines that start from nothing, as `migrascope system` starts them. */
import { openSync } from 'node:fs';
import { bootFilesOf } from '../../src/bridge/boot-files.ts';
import { findFirmware } from '../../src/bridge/firmware.ts';
import { fileSource } from '../../src/bridge/file-source.ts';
import { RawImage } from '../../src/lib/emulator/block/raw.ts';
import { prepareBoot } from '../../src/lib/emulator/boot.ts';
import { parseOptions } from '../../src/lib/emulator/system/vl.ts';
import { machineOf, type TestMachine } from './machine.ts';

export interface BootedMachine extends TestMachine {
  /** Types at the first serial port. */
  type(text: string): void;
  /** What it has said on -debugcon. */
  debugcon(): string;
  /** The text on the screen, where it is in text mode: 25 lines of 80 characters. */
  screen(): string;
  /** Resolves with the screen when that matches. @throws Error after so many seconds */
  shows(what: RegExp, seconds: number): Promise<string>;
  /** The status that the guest ends with. */
  readonly exited: Promise<number | undefined>;
  end(): Promise<void>;
}

/** Options: time goes by instructions, so Linux measures its clocks rightly on a busy machine too. */
export const BY_INSTRUCTIONS = ['-icount', 'shift=5'] as const;

/** Spares Debian's kernels four billion instructions of trying their ciphers and checking their certificates. */
export const LINUX_APPEND = 'console=ttyS0 quiet cryptomgr.notests initcall_blacklist=load_system_certificate_list';

const COLUMNS = 80;
const LINES = 25;

/** What the memory of text modes has. */
function textOf({ memory }: TestMachine['machine']): string {
  const cells = new Uint8Array(2 * COLUMNS * LINES);
  memory.readBytes(0xb8000, cells);
  return Array.from({ length: LINES }, (_, y) =>
    String.fromCharCode(
      ...cells.subarray(2 * COLUMNS * y, 2 * COLUMNS * (y + 1)).filter((_byte, i) => i % 2 === 0)
    ).trimEnd()
  ).join('\n');
}

/** Starts a machine without a network card. @param words as of qemu-system-x86_64 */
export function boot(...words: string[]): BootedMachine {
  const all = ['-nographic', '-nic', 'none', ...words];
  const options = parseOptions(all);
  const made = machineOf(all);
  const { machine } = made;
  try {
    const romfile = machine.plan.vga?.romfile;
    const vgaRom = romfile === undefined ? undefined : findFirmware(romfile, options.firmwarePaths);
    prepareBoot(machine, { ...bootFilesOf(options, false)!, vgaRom });
  } catch (error) {
    machine.destroy();
    throw error;
  }
  for (const { plan, blk } of machine.drives) {
    const file = options.drives.find((drive) => drive.id === plan.id)?.file;
    if (file !== undefined) blk.insert(new RawImage(fileSource(openSync(file, 'r'))));
  }
  let debugcon = '';
  for (const chr of machine.chardevs.values())
    chr.onOutput = (bytes) => (debugcon += Buffer.from(bytes).toString('latin1'));
  const exited = new Promise<number | undefined>((resolve) => (machine.onShutdown = resolve));
  machine.reset();
  machine.start();
  return {
    ...made,
    type: (text) => machine.serialInput(0, new TextEncoder().encode(text)),
    debugcon: () => debugcon,
    screen: () => textOf(machine),
    async shows(what, seconds) {
      const deadline = Date.now() + seconds * 1000;
      while (!what.test(textOf(machine))) {
        if (Date.now() > deadline) throw new Error(`not shown: ${String(what)}; but:\n${textOf(machine)}`);
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
      return textOf(machine);
    },
    exited,
    async end() {
      await machine.stop();
      machine.destroy();
    }
  };
}
