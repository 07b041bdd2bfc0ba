/** Programs of tests/native that are a machine's firmware: here, and on native QEMU. */
import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Qemu } from '../../scripts/qemu/qemu.mjs';
import { prepareBoot } from '../../src/lib/emulator/boot.ts';
import { HostMemory } from '../../src/lib/emulator/host/memory.ts';
import { HostPace } from '../../src/lib/emulator/host/pace.ts';
import { planOfOptions } from '../../src/lib/emulator/machine-options.ts';
import { Machine } from '../../src/lib/emulator/machine.ts';
import { parseOptions } from '../../src/lib/emulator/system/vl.ts';
import { built } from './built.ts';

const AT = 'f0000';

/** Why none can be made here, undefined where they can. */
export const noAssembler: string | undefined =
  spawnSync('as', ['--version']).status === 0 && spawnSync('ld', ['--version']).status === 0
    ? undefined
    : 'needs as and ld: apt-get install binutils';

/** Path of 64 KiB, made of tests/native/NAME.S, that are entered at their last 16 bytes. */
export function firmware(name: string): string {
  const source = fileURLToPath(new URL(`../native/${name}.S`, import.meta.url));
  return built(`${name}.bin`, (path) => {
    const object = `${path}.o`;
    execFileSync('as', ['--64', '-mx86-used-note=no', source, '-o', object]);
    const place = ['-m', 'elf_x86_64', '-e', '0', '-Ttext', AT];
    execFileSync('ld', [...place, '--oformat', 'binary', object, '-o', path]);
    rmSync(object);
  });
}

/** The port noise, with these ports for half of its accesses. */
export function portNoise(ports: readonly number[], seed: number): Uint8Array {
  const bytes = new Uint8Array(readFileSync(firmware('port-noise')));
  const view = new DataView(bytes.buffer);
  const [LIST, ENTRIES] = [0x8000, 0x400];
  view.setUint32(LIST - 4, seed, true);
  for (let i = 0; i < ENTRIES; i++) view.setUint16(LIST + 2 * i, ports[i % ports.length]!, true);
  return bytes;
}

/** A machine that has just been reset into a firmware. @param words as of qemu-system-x86_64 */
export function machineWith(bios: Uint8Array, words: readonly string[]): Machine {
  const { plan } = planOfOptions(parseOptions(words));
  const environment = { host: new HostMemory(), pace: new HostPace(), hostTime: 1_700_000_000_000_000_000n };
  const machine = new Machine({ ...plan, biosSize: bios.length }, environment);
  prepareBoot(machine, { bios, roms: new Map(), graphics: false });
  machine.reset();
  return machine;
}

/** What it says on its debug port under native QEMU's TCG, and the status that it ends with. */
export function saidNatively({ argv, firmwareArgs }: Qemu, words: readonly string[]): { said: string; status: number } {
  const [command, ...before] = argv;
  const all = [...before, ...firmwareArgs, '-accel', 'tcg', ...words, '-display', 'none', '-debugcon', 'stdio'];
  const { stdout, status } = spawnSync(command!, all, { timeout: 60_000, encoding: 'latin1' });
  return { said: stdout, status: status ?? -1 };
}
