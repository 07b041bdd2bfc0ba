/** Machines that start from nothing, as `migrascope system` starts them. */
import { openSync } from 'node:fs';
import { bootFilesOf } from '../../src/bridge/boot-files.ts';
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
  /** The status that the guest ends with. */
  readonly exited: Promise<number | undefined>;
  end(): Promise<void>;
}

/** Starts a machine without a network card. @param words as of qemu-system-x86_64 */
export function boot(...words: string[]): BootedMachine {
  const all = ['-nographic', '-nic', 'none', ...words];
  const options = parseOptions(all);
  const made = machineOf(all);
  const { machine } = made;
  try {
    prepareBoot(machine, bootFilesOf(options, false)!);
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
    exited,
    async end() {
      await machine.stop();
      machine.destroy();
    }
  };
}
