// The guests that the programs run in: Debian's kernel at a shell under `-cpu max`, as QEMU runs them in user mode too.
// Native QEMU boots each once; where it goes on is the caller's choice.
import { execFileSync } from 'node:child_process';
import { linkSync, mkdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { bootImages } from '../boot-images.mjs';
import { APPEND, cpio, seedMachine } from '../qemu/linux.mjs';
import { toFile, withMachine } from '../qemu/machine.mjs';
import { repository, runOf } from '../qemu/qemu.mjs';
import { outputOf, RUN, runWords } from './run.mjs';

/** @typedef {import('./programs.mjs').Program} Program */
/** @typedef {import('./run.mjs').Run} Run */

/** QEMU's user mode has all that TCG can do too. Linux would save MPX's registers, which no program uses. */
export const CPU = 'max,-mpx';

/** The cloud kernel has no 16-bit segments (CONFIG_X86_16BIT); these use them, and so run on Debian's i386 kernel. */
const SIXTEEN_BIT = new Set(['test-i386']);

/** Milliseconds to boot, on a busy machine. */
const BOOT = 300_000;
const PROGRAMS_BYTES = 256 << 20;

const PROGRAMS = '/tmp/programs';
const OUT = '/tmp/out';
const QUIET = 'dmesg -n 1';
const SETUP = `ifconfig lo 127.0.0.1; mkdir ${PROGRAMS} ${OUT}; mount -t ext4 -o ro /dev/vdb ${PROGRAMS}; ${QUIET}`;
const FETCH = `tar -c -C ${OUT} . | gzip | base64`;

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
 * A guest at its shell.
 * @typedef {object} Guest
 * @property {readonly string[]} machine QEMU's options without the kernel
 * @property {string} state
 * @property {readonly Program[]} programs
 */

/**
 * Has native QEMU boot a guest and save it.
 * @param {import('../qemu/qemu.mjs').Qemu} qemu
 * @param {readonly Program[]} programs
 * @param {{ machine: readonly string[], kernel: readonly string[], setup: string, state: string }} what
 * @returns {Promise<Guest>}
 */
async function boot(qemu, programs, { machine, kernel, setup, state }) {
  await withMachine(qemu, [...machine, ...kernel], async (native) => {
    await native.waitFor('\n# ', { timeout: BOOT });
    await native.shell(setup);
    await native.migrate(toFile(state));
  });
  return { machine, state, programs };
}

/**
 * 64 bits, with the programs on a disk.
 * @param {import('../qemu/qemu.mjs').Qemu} qemu
 * @param {readonly Program[]} programs
 * @param {string} folder
 */
function makeAmd64(qemu, programs, folder) {
  const disk = join(folder, 'programs.ext4');
  makeDisk(programs, disk);
  const seed = seedMachine({ append: `${APPEND} vsyscall=emulate` });
  const kernelAt = seed.indexOf('-kernel');
  const machine = [...seed.slice(0, kernelAt), '-cpu', CPU, '-drive', `if=virtio,format=raw,file=${disk},readonly=on`];
  return boot(qemu, programs, {
    machine,
    kernel: seed.slice(kernelAt),
    setup: SETUP,
    state: join(folder, 'amd64.state')
  });
}

/**
 * 32 bits, with the programs in the initrd.
 * @param {import('../qemu/qemu.mjs').Qemu} qemu
 * @param {readonly Program[]} programs
 * @param {string} folder
 */
function makeI386(qemu, programs, folder) {
  execFileSync(process.execPath, [join(repository, 'scripts/boot-images.mjs')], {
    stdio: ['ignore', 'ignore', 'inherit']
  });
  const images = bootImages();
  if (!images) throw new Error("Debian's i386 kernel is not there");
  const places = ['/tmp', OUT, PROGRAMS, `${PROGRAMS}/i386`].map((path) => ({ name: path.slice(1), mode: 0o40755 }));
  const files = programs.map(({ arch, name, file }) => ({
    ...{ name: `${PROGRAMS}/${arch}/${name}`.slice(1), mode: 0o100755, data: readFileSync(file) }
  }));
  const run = { name: `${PROGRAMS}/run`.slice(1), mode: 0o100644, data: Buffer.from(RUN) };
  const initrd = join(folder, 'i386.initrd.gz');
  // The kernel takes one archive behind the other.
  writeFileSync(initrd, Buffer.concat([readFileSync(images.initrd686), gzipSync(cpio([...places, run, ...files]))]));
  const kernel = ['-kernel', images.kernel686, '-initrd', initrd, '-append', 'console=ttyS0 quiet'];
  const machine = ['-m', '256M', '-nic', 'none', '-cpu', CPU];
  return boot(qemu, programs, { machine, kernel, setup: QUIET, state: join(folder, 'i386.state') });
}

/**
 * @param {import('../qemu/qemu.mjs').Qemu} qemu
 * @param {readonly Program[]} programs
 * @param {string} folder
 * @returns {Promise<readonly Guest[]>}
 */
export async function makeGuests(qemu, programs, folder) {
  mkdirSync(folder, { recursive: true });
  const old = programs.filter(({ name }) => SIXTEEN_BIT.has(name));
  const rest = programs.filter((program) => !old.includes(program));
  return [
    ...(rest.length > 0 ? [await makeAmd64(qemu, rest, folder)] : []),
    ...(old.length > 0 ? [await makeI386(qemu, old, folder)] : [])
  ];
}

/**
 * Resumes a guest in a QEMU or what stands in for one, and runs its programs there, one after the other.
 * @param {import('../qemu/qemu.mjs').Qemu} qemu
 * @param {Guest} guest
 * @param {{ seconds: number, each?: (program: Program, status: string, took: number) => void }} options `seconds`: of
 *   the guest, for each program
 * @returns {Promise<ReadonlyMap<Program, Run>>} without those that were not reached, where the guest died
 */
export async function runInGuest(qemu, { machine, state, programs }, { seconds, each }) {
  /** @type {Map<Program, string>} */
  const statuses = new Map();
  /** @type {ReadonlyMap<string, string>} */
  let outputs = new Map();
  await withMachine(qemu, [...machine, '-incoming', `exec:cat ${state}`], async (guest) => {
    // busybox's line editor takes the first key for an answer of the terminal.
    await guest.shell('  true', BOOT);
    for (const program of programs) {
      const from = guest.serial.length;
      const began = Date.now();
      const words = runWords(program, OUT, `${PROGRAMS}/${program.arch}/${program.name}`, seconds);
      try {
        await guest.shell(['sh', `${PROGRAMS}/run`, ...words].join(' '), 3 * seconds * 1000);
      } catch (error) {
        statuses.set(program, 'the guest died');
        each?.(program, String(error), Date.now() - began);
        return;
      }
      const status = /\nstatus=(\d+)/.exec(guest.serial.slice(from))?.[1] ?? 'none';
      statuses.set(program, status);
      each?.(program, status, Date.now() - began);
    }
    const from = guest.serial.length;
    await guest.shell(FETCH, BOOT);
    // A gzip file begins so in base64; the echoed command before it may be broken over lines.
    const [packed = ''] = /H4sI[\w+/=\r\n]*?(?=\r\ndone\.)/.exec(guest.serial.slice(from)) ?? [];
    outputs = untar(gunzipSync(Buffer.from(packed, 'base64')));
  });
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
