#!/usr/bin/env node
// npm run samples: boots Debian's kernel with busybox under native QEMU, as QEMU Wasm's migration example does, and
// puts compressed snapshots and their disk under static/samples for the app to list. They hold Debian's binaries, so
// they are never committed; the manifest names the exact Debian source packages.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { installDirty } from '../guests/dirty.mjs';
import { withMachine } from './qemu/machine.mjs';
import { kernelSymbols, linuxGuest, seedMachine } from './qemu/linux.mjs';
import { installed, qemus, repository, runOf } from './qemu/qemu.mjs';

/** The suite whose QEMU makes them: the oldest one with the example's `migrate file:`. */
const SUITE = 'trixie';
const folder = join(repository, 'static', 'samples', 'linux');
const MEGABYTE = 1 << 20;
const LIMIT_OF_ONE = 30 * MEGABYTE;
const LIMIT_OF_ALL = 100 * MEGABYTE;

/**
 * @typedef {object} Sample
 * @property {string} id
 * @property {string} title
 * @property {string} description
 * @property {string} memory
 * @property {readonly string[]} [extra] further options of the machine
 * @property {readonly string[]} [capabilities]
 * @property {boolean} [workload] its shell takes `dirty RATE SIZE PATTERN`
 * @property {boolean} [ramFile] memory stays in the file `ram`
 * @property {(machine: import('./qemu/machine.mjs').Machine) => Promise<any[]>} take from the shell's prompt to the end
 *   of the migration; gives the samples of query-migrate
 */

/** What booting left in free memory is not worth its bytes; zeros travel as nine bytes a page. */
const ZERO_FREE_MEMORY =
  "dd if=/dev/zero of=/tmp/zero bs=1M count=$(awk '/MemFree/ {print int($2 / 1024) - 20}' /proc/meminfo) 2> /dev/null; rm /tmp/zero";
const BEFORE_MIGRATION = 'echo test > /tmp/before-migration';

/** Faster than the link takes them, and slower. */
const WRITING = 'dirty 20000 16M seq';
const SLACKENED = 'dirty 300 16M seq';
const ROUNDS = 10;
const SLOW_LINK = { 'max-bandwidth': 32 * MEGABYTE, 'downtime-limit': 20 };

/** @type {readonly Sample[]} */
const samples = [
  {
    id: 'linux-idle',
    title: 'Linux at its shell',
    description:
      "Debian's kernel and busybox on the default pc machine, after QEMU Wasm's migration example: booted, `echo test > " +
      '/tmp/before-migration`, then `migrate file:vm.state`.',
    memory: '512M',
    take: (machine) => machine.migrate('file:state')
  },
  {
    id: 'linux-load',
    title: 'Linux under memory load, several rounds',
    description:
      `The same guest, migrated live at 32 MiB/s while \`${WRITING}\` (guests/linux) rewrote 16 MiB of memory faster than ` +
      `they were sent; after ${ROUNDS} rounds \`${SLACKENED}\` let it converge. Its rate can be set in the migration lab.`,
    memory: '512M',
    capabilities: ['events'],
    workload: true,
    take: async (machine) => {
      for (const command of [...installDirty, WRITING]) await machine.shell(command);
      await machine.qmp('migrate-set-parameters', SLOW_LINK);
      let slackened = false;
      return machine.migrate('file:state', {
        each: async ({ ram }) => {
          if (slackened || !ram || ram['dirty-sync-count'] < ROUNDS) return;
          slackened = true;
          await machine.shell(SLACKENED);
        }
      });
    }
  },
  {
    id: 'linux-template',
    title: 'Linux as a template for clones',
    description:
      'A paused guest whose memory stayed in a file (capability x-ignore-shared): the stream holds the devices, the other ' +
      'file the memory.',
    memory: '256M',
    extra: ['-object', 'memory-backend-file,id=mem0,size=256M,mem-path=ram,share=on', '-numa', 'node,memdev=mem0'],
    capabilities: ['x-ignore-shared'],
    ramFile: true,
    take: async (machine) => {
      await machine.qmp('stop');
      return machine.migrate('file:state');
    }
  }
];

/**
 * Compresses a file into the samples' folder.
 * @param {string} from
 * @param {string} name
 * @param {string} role
 */
function keep(from, name, role) {
  const path = join(folder, name);
  runOf(SUITE, 'usr/bin/zstd', ['-q', '-f', '-19', '-T0', from, '-o', path]);
  // QEMU makes its files private; the site's must be readable.
  chmodSync(path, 0o644);
  const bytes = readFileSync(path);
  if (bytes.length > LIMIT_OF_ONE) throw new Error(`${name} has ${bytes.length} bytes, more than a sample may`);
  return { name, role, bytes: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') };
}

/** The Debian packages whose contents are in the guests' memory and disk, with their sources. */
function packages() {
  const guest = /^(linux-image-.*|busybox-static)$/;
  const firmware = /^(seabios|qemu-system-data)$/;
  const from = (/** @type {string} */ suite, /** @type {RegExp} */ names) =>
    (installed(suite)?.packages ?? []).filter(({ name }) => names.test(name));
  return [...from('bookworm', guest), ...from(SUITE, firmware)].map(({ name, version, source }) => {
    const [sourceName = '', sourceVersion] = source.split(' ');
    // The signed kernel's own source package is only the signatures.
    if (sourceName.startsWith('linux-signed')) return { name, version, source: 'linux', sourceVersion: version };
    return { name, version, source: sourceName, sourceVersion };
  });
}

/**
 * The command line as a person would type it, beside its files.
 * @param {readonly string[]} commandLine
 */
function readable(commandLine) {
  const { kernel, initrd, disk } = linuxGuest();
  const words = commandLine.map((word) =>
    word.replace(kernel, 'vmlinuz').replace(initrd, 'initrd.gz').replace(disk, 'rootfs.ext4')
  );
  return words.map((word) => (/[\s;|&$"]/.test(word) ? `'${word}'` : word)).join(' ');
}

/**
 * Loads the snapshot and asks its shell for what was written before. The guest then goes on in its RAM file, if any.
 * @param {import('./qemu/qemu.mjs').Qemu} qemu
 * @param {readonly string[]} args
 * @param {Pick<Sample, 'capabilities' | 'workload'>} sample
 * @param {string} scratch
 */
async function check(qemu, args, { capabilities = [], workload }, scratch) {
  const ask = async (/** @type {import('./qemu/machine.mjs').Machine} */ machine) => {
    await machine.capabilities(capabilities);
    await machine.qmp('migrate-incoming', { uri: 'file:state' });
    await machine.migrated();
    await machine.qmp('cont');
    machine.type('cat /tmp/before-migration\r');
    await machine.waitFor('\ntest\r');
    if (!workload) return;
    machine.type('dirty\r');
    await machine.waitFor(' written\r');
  };
  await withMachine(qemu, [...args, '-incoming', 'defer'], ask, { cwd: scratch });
}

/**
 * @param {import('./qemu/qemu.mjs').Qemu} qemu
 * @param {Sample} sample
 * @param {string} scratch
 */
async function take(qemu, sample, scratch) {
  const { id, title, description, memory, extra = [], capabilities = [], workload, ramFile, take } = sample;
  const start = Date.now();
  const args = [...seedMachine({ memory }), ...extra];
  const use = async (/** @type {import('./qemu/machine.mjs').Machine} */ machine) => {
    await machine.waitFor('\n# ');
    writeFileSync(join(scratch, 'symbols'), await kernelSymbols(machine));
    await machine.shell(ZERO_FREE_MEMORY);
    await machine.shell(BEFORE_MIGRATION);
    await machine.capabilities(capabilities);
    const migration = (await take(machine)).at(-1);
    return { commandLine: readable(machine.commandLine), rounds: migration.ram['dirty-sync-count'] };
  };
  const { commandLine, rounds } = await withMachine(qemu, args, use, { cwd: scratch });
  const files = [keep(join(scratch, 'state'), `${id}.vmstate.zst`, 'state')];
  files.push(keep(join(scratch, 'symbols'), `${id}.System.map.zst`, 'system-map'));
  if (ramFile) files.push(keep(join(scratch, 'ram'), `${id}.ram.zst`, 'ram'));
  await check(qemu, args, sample, scratch);
  const seconds = ((Date.now() - start) / 1000).toFixed(1);
  const sizes = files.map(({ name, bytes }) => `${name} ${(bytes / MEGABYTE).toFixed(1)} MiB`).join(', ');
  console.log(`${id}: ${sizes}, ${rounds} dirty syncs, ${seconds} s`);
  const made = { id, title, description, files, qemu: qemu.version, commandLine, capabilities };
  return { ...made, ...(workload && { workload }), dirtySyncCount: rounds };
}

execFileSync(process.execPath, [join(repository, 'scripts/qemu/install.mjs'), 'bookworm', SUITE], { stdio: 'inherit' });
const qemu = qemus().find(({ suite }) => suite === SUITE);
if (!qemu) process.exit(1);
const scratch = mkdtempSync(join(tmpdir(), 'migrascope-'));
process.on('exit', () => rmSync(scratch, { recursive: true, force: true }));
rmSync(folder, { recursive: true, force: true });
mkdirSync(folder, { recursive: true });
const shared = keep(linuxGuest().disk, 'rootfs.ext4.zst', 'disk');
const made = [];
for (const sample of samples) {
  const { files, ...rest } = await take(qemu, sample, scratch);
  made.push({ ...rest, files: [...files, shared], packages: packages() });
}
const all = readdirSync(folder).reduce((sum, name) => sum + statSync(join(folder, name)).size, 0);
if (all > LIMIT_OF_ALL) throw new Error(`the samples have ${all} bytes, more than they may`);
writeFileSync(join(folder, 'manifest.json'), `${JSON.stringify({ samples: made }, undefined, 2)}\n`);
console.log(`static/samples/linux: ${(all / MEGABYTE).toFixed(1)} MiB`);
