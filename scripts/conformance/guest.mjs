// The guest that the programs run in: Debian's kernel at a shell under `-cpu max`, as QEMU runs them in user mode too.
// Native QEMU boots it once; where it goes on is the caller's choice.
import { linkSync, mkdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { withMachine, toFile } from '../qemu/machine.mjs';
import { runOf } from '../qemu/qemu.mjs';
import { APPEND, seedMachine } from '../qemu/linux.mjs';
import { outputOf, RUN, runWords } from './run.mjs';

/** @typedef {import('./programs.mjs').Program} Program */
/** @typedef {import('./run.mjs').Run} Run */

/** QEMU's user mode has all that TCG can do too. Linux would save MPX's registers, which no program uses. */
export const CPU = 'max,-mpx';

/** Milliseconds to boot, on a busy machine. */
const BOOT = 300_000;
const PROGRAMS_BYTES = 256 << 20;
const RESULTS_BYTES = 64 << 20;

const SETUP =
  'ifconfig lo 127.0.0.1; mkdir /tmp/programs /tmp/out; mount -t ext4 -o ro /dev/vdb /tmp/programs; dmesg -n 1';
const FETCH = 'tar -c -C /tmp/out . > /dev/vdc';

/**
 * A disk with the programs.
 * @param {readonly Program[]} programs
 * @param {string} disk
 */
function makeDisk(programs, disk) {
  const tree = `${disk}.tree`;
  rmSync(tree, { recursive: true, force: true });
  mkdirSync(tree, { recursive: true });
  writeFileSync(join(tree, 'run'), RUN);
  for (const { arch, name, file } of programs) {
    mkdirSync(join(tree, arch), { recursive: true });
    linkSync(file, join(tree, arch, name));
  }
  writeFileSync(disk, '');
  truncateSync(disk, PROGRAMS_BYTES);
  runOf('bookworm', 'sbin/mke2fs', ['-q', '-F', '-t', 'ext4', '-O', '^has_journal', '-d', tree, disk]);
  rmSync(tree, { recursive: true });
}

/**
 * The guest's files, and its state at the shell with the programs mounted.
 * @typedef {object} Guest
 * @property {readonly string[]} machine QEMU's options without kernel and results
 * @property {string} state
 * @property {string} folder
 */

/** @param {string} disk */
const resultsDrive = (disk) => ['-drive', `if=virtio,format=raw,file=${disk}`];

/** An empty disk for a run's outputs. @param {string} path */
function emptyResults(path) {
  rmSync(path, { force: true });
  writeFileSync(path, '');
  truncateSync(path, RESULTS_BYTES);
  return path;
}

/**
 * Has native QEMU boot the guest and save it.
 * @param {import('../qemu/qemu.mjs').Qemu} qemu
 * @param {readonly Program[]} programs
 * @param {string} folder
 * @returns {Promise<Guest>}
 */
export async function makeGuest(qemu, programs, folder) {
  mkdirSync(folder, { recursive: true });
  const disk = join(folder, 'programs.ext4');
  const state = join(folder, 'state');
  makeDisk(programs, disk);
  const seed = seedMachine({ append: `${APPEND} vsyscall=emulate` });
  const kernelAt = seed.indexOf('-kernel');
  const machine = [...seed.slice(0, kernelAt), '-cpu', CPU, '-drive', `if=virtio,format=raw,file=${disk},readonly=on`];
  const results = resultsDrive(emptyResults(join(folder, 'boot.results')));
  await withMachine(qemu, [...machine, ...results, ...seed.slice(kernelAt)], async (native) => {
    await native.waitFor('\n# ', { timeout: BOOT });
    await native.shell(SETUP);
    await native.migrate(toFile(state));
  });
  return { machine, state, folder };
}

/**
 * Resumes the guest in a QEMU or what stands in for one, and runs programs there, one after the other.
 * @param {import('../qemu/qemu.mjs').Qemu} qemu
 * @param {Guest} guest
 * @param {readonly Program[]} programs
 * @param {{ seconds: number, each?: (program: Program, status: string, took: number) => void }} options `seconds`: of
 *   the guest, for each program
 * @returns {Promise<ReadonlyMap<Program, Run>>} without those that were not reached, where the guest died
 */
export async function runInGuest(qemu, { machine, state, folder }, programs, { seconds, each }) {
  const results = emptyResults(join(folder, `${qemu.suite}.results`));
  const args = [...machine, ...resultsDrive(results), '-incoming', `exec:cat ${state}`];
  /** @type {Map<Program, string>} */
  const statuses = new Map();
  await withMachine(qemu, args, async (guest) => {
    // busybox's line editor takes the first key for an answer of the terminal.
    await guest.shell('  true', BOOT);
    for (const program of programs) {
      const from = guest.serial.length;
      const began = Date.now();
      const words = runWords(program, '/tmp/out', `/tmp/programs/${program.arch}/${program.name}`, seconds);
      try {
        await guest.shell(['sh', '/tmp/programs/run', ...words].join(' '), 3 * seconds * 1000);
      } catch (error) {
        statuses.set(program, 'the guest hung');
        each?.(program, String(error), Date.now() - began);
        break;
      }
      const status = /\nstatus=(\d+)/.exec(guest.serial.slice(from))?.[1] ?? 'none';
      statuses.set(program, status);
      each?.(program, status, Date.now() - began);
    }
    await guest.shell(FETCH, BOOT).catch(() => undefined);
  });
  const outputs = untar(readFileSync(results));
  return new Map(
    [...statuses].map(([program, status]) => [program, { status, output: outputs.get(outputOf(program)) ?? '' }])
  );
}

/**
 * The files of a tar archive (POSIX ustar) as Latin-1, by name.
 * @param {Buffer} archive
 */
function untar(archive) {
  /** @type {Map<string, string>} */
  const files = new Map();
  const text = (/** @type {number} */ at, /** @type {number} */ length) =>
    archive.toString('latin1', at, at + length).replace(/\0[^]*/, '');
  for (let at = 0; at + 512 <= archive.length && archive[at] !== 0;) {
    const size = parseInt(text(at + 124, 12), 8) || 0;
    files.set(text(at, 100).replace(/^\.\//, ''), archive.toString('latin1', at + 512, at + 512 + size));
    at += 512 + Math.ceil(size / 512) * 512;
  }
  return files;
}
