#!/usr/bin/env node
// Provokes the load errors of native QEMU that "Explain this error" must know: one stream, one change at the destination
// (or in the file), and what QEMU then says. Writes tests/golden/<version>/explain/<name>.json, and <name>.state where
// the file was changed. Needs the streams of scripts/golden.mjs and makes those it lacks.
import { execFile } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs, promisify } from 'node:util';
import { scenarios } from './golden/scenarios.mjs';
import { Machine } from './qemu/machine.mjs';
import { seedMachine } from './qemu/linux.mjs';
import { golden as goldenFolder, qemus, repository } from './qemu/qemu.mjs';

const DRIVE = ['-drive', 'if=virtio,format=raw,file=disk.raw'];
const BARE_DRIVE = ['-drive', 'if=none,id=disk0,format=raw,file=disk.raw'];
const SEED = ['-m', '512M', '-nic', 'none', ...DRIVE];
const SEED_WITHOUT_DISK = ['-m', '512M', '-nic', 'none'];

/** @param {string} options */
const seedWithDisk = (options) => [
  ...SEED_WITHOUT_DISK,
  ...BARE_DRIVE,
  '-device',
  `virtio-blk-pci,drive=disk0,${options}`
];

/**
 * @typedef {object} Fixture
 * @property {string} name
 * @property {string} change in words
 * @property {string} [of] the scenario whose stream is loaded, `pc-seed` when absent
 * @property {readonly string[] | ((version: string) => readonly string[])} [args] the destination; the seed machine when absent
 * @property {(state: Buffer) => Buffer} [edit]
 * @property {readonly string[]} [capabilities] set at the destination
 * @property {string} [to] the suite whose QEMU is the destination, when another one
 * @property {number} [since] the least major version of the stream's QEMU
 */

/**
 * Where a device's section begins in a stream.
 * @param {Buffer} state
 * @param {string} name
 */
function sectionOf(state, name) {
  const full = 4;
  for (let at = state.indexOf(name); at > 0; at = state.indexOf(name, at + 1)) {
    if (state[at - 1] === name.length && state[at - 6] === full) return at - 6;
  }
  throw new Error(`the stream has no section ${name}`);
}

/** @param {Buffer} state @param {number} offset @param {number} word */
function withWord(state, offset, word) {
  const copy = Buffer.from(state);
  copy.writeUInt32BE(word, offset);
  return copy;
}

/** @type {readonly Fixture[]} */
const fixtures = [
  { name: 'unchanged', change: 'none' },
  { name: 'memory-256m', change: '-m 256M instead of -m 512M', args: ['-m', '256M', '-nic', 'none', ...DRIVE] },
  { name: 'machine-q35', change: '-M q35', args: ['-M', 'q35', ...SEED] },
  { name: 'machine-older', change: '-M pc-i440fx-6.2', args: ['-M', 'pc-i440fx-6.2', ...SEED] },
  { name: 'no-virtio-blk', change: 'no virtio-blk disk', args: SEED_WITHOUT_DISK },
  {
    name: 'default-nic',
    change: 'without -nic none, so that a network card takes slot 3',
    args: ['-m', '512M', ...DRIVE]
  },
  { name: 'address-5', change: 'virtio-blk at addr=5', args: seedWithDisk('addr=5') },
  { name: 'serial-none', change: '-serial none', args: [...SEED, '-serial', 'none'] },
  { name: 'parallel-none', change: '-parallel none', args: [...SEED, '-parallel', 'none'] },
  { name: 'smp-2', change: '-smp 2', args: [...SEED, '-smp', '2'] },
  // The stream tells the hot-pluggable processors apart only once a guest's ACPI code has asked for them.
  { name: 'smp-2-linux', of: 'linux', change: '-smp 2', args: () => [...seedMachine({ memory: '256M' }), '-smp', '2'] },
  { name: 'hpet-off', change: '-M pc,hpet=off', args: ['-M', 'pc,hpet=off', ...SEED] },
  { name: 'vga-none', change: '-vga none', args: [...SEED, '-vga', 'none'] },
  { name: 'vga-memory', change: 'vgamem_mb=32', args: [...SEED, '-device', 'VGA,vgamem_mb=32,addr=2'] },
  { name: 'disable-modern', change: 'disable-modern=on', args: seedWithDisk('disable-modern=on') },
  { name: 'num-queues-2', change: 'num-queues=2', args: seedWithDisk('num-queues=2') },
  { name: 'queue-size-128', change: 'queue-size=128', args: seedWithDisk('queue-size=128') },
  { name: 'cpu-max', change: '-cpu max', args: [...SEED, '-cpu', 'max'] },
  {
    name: 'memory-backend',
    change: 'main memory from a backend named mem0',
    args: ['-M', 'pc,memory-backend=mem0', '-object', 'memory-backend-ram,id=mem0,size=512M', ...SEED]
  },
  {
    name: 'rom-size',
    of: 'pc',
    change: 'romsize=512K for e1000',
    args: ['-m', '64M', '-global', 'e1000.romsize=524288']
  },
  {
    name: 'other-nic',
    of: 'pc',
    change: 'rtl8139 instead of e1000',
    args: ['-m', '64M', '-nic', 'user,model=rtl8139']
  },
  {
    name: 'virtio-features-linux',
    of: 'linux',
    change: 'indirect_desc=off, event_idx=off',
    args: () => [
      ...seedMachine({ memory: '256M' }),
      '-global',
      'virtio-blk-pci.indirect_desc=off',
      '-global',
      'virtio-blk-pci.event_idx=off'
    ]
  },
  { name: 'ignore-shared-off', of: 'ignore-shared', change: 'without the capability x-ignore-shared' },
  {
    name: 'ignore-shared-empty',
    of: 'ignore-shared',
    change: 'the RAM file is empty',
    capabilities: ['x-ignore-shared']
  },
  {
    name: 'ignore-shared-no-backend',
    of: 'ignore-shared',
    change: 'no memory backend',
    args: ['-m', '64M', '-nic', 'none'],
    capabilities: ['x-ignore-shared']
  },
  {
    name: 'uuid',
    of: 'uuid',
    change: 'another -uuid',
    args: ['-m', '64M', '-nic', 'none', '-uuid', 'ffffffff-89ab-cdef-0123-456789abcdef']
  },
  {
    name: 'configuration-missing',
    of: 'pc-2.3',
    change: 'a stream of a type without configuration section',
    args: ['-m', '64M', '-nic', 'none']
  },
  { name: 'to-trixie', change: "loaded by trixie's QEMU with its own default machine type", to: 'trixie' },
  { name: 'to-bookworm', change: "loaded by bookworm's QEMU with its own default machine type", to: 'bookworm' },
  {
    name: 'to-sid-same-type',
    change: "loaded by sid's QEMU with the stream's machine type",
    to: 'sid',
    args: (version) => ['-M', `pc-i440fx-${version.split('.').slice(0, 2).join('.')}`, ...SEED]
  },
  { name: 'empty', change: 'an empty file', edit: () => Buffer.alloc(0) },
  {
    name: 'not-a-stream',
    change: 'random bytes',
    edit: (state) => Buffer.from(state.subarray(0, 4096).map((byte, index) => byte ^ (index * 167 + 89)))
  },
  { name: 'version-2', change: 'stream version 2', edit: (state) => withWord(state, 4, 2) },
  { name: 'version-4', change: 'stream version 4', edit: (state) => withWord(state, 4, 4) },
  {
    name: 'truncated-ram',
    change: 'cut inside the RAM section',
    edit: (state) => state.subarray(0, state.length >> 1)
  },
  {
    name: 'truncated-at-60-mb',
    of: 'linux',
    change: 'cut at 60,000,000 bytes',
    edit: (state) => state.subarray(0, 60_000_000)
  },
  {
    name: 'truncated-device',
    change: 'cut inside the hpet section',
    edit: (state) => state.subarray(0, sectionOf(state, 'hpet') + 40)
  },
  {
    name: 'truncated-vmdesc',
    change: 'cut inside the vmdescription',
    edit: (state) => state.subarray(0, state.length - 1000)
  },
  {
    name: 'footer-id',
    change: 'another section id in the footer before i8254',
    edit: (state) => withWord(state, sectionOf(state, 'i8254') - 4, 0x12345)
  },
  {
    name: 'section-version',
    change: 'version 99 of section i8254',
    edit: (state) => withWord(state, sectionOf(state, 'i8254') + 6 + 5 + 4, 99)
  },
  {
    name: 'section-name',
    change: 'section i8254 renamed to i8259x',
    edit: (state) => {
      const copy = Buffer.from(state);
      copy.write('x8254', sectionOf(state, 'i8254') + 6);
      return copy;
    }
  }
];

/** The host's own QEMU modules, found beside ours, are refused with these words; they are no part of a migration. */
const withoutModuleNoise = (/** @type {string} */ stderr) =>
  stderr.replace(/.*failed to initialize module:.*\nOnly modules from the same build can be loaded\.\n/g, '');

/**
 * Loads a file in a destination and says how it ended.
 * @param {import('./qemu/qemu.mjs').Qemu} qemu
 * @param {readonly string[]} args
 * @param {string} state
 * @param {readonly string[]} capabilities
 * @param {string} folder
 */
async function load(qemu, args, state, capabilities, folder) {
  const deferred = capabilities.length > 0;
  const machine = new Machine(qemu, [...args, '-incoming', deferred ? 'defer' : `exec:cat ${state}`], { cwd: folder });
  const load = async () => {
    await machine.connect();
    if (deferred) {
      await machine.capabilities(capabilities);
      await machine.qmp('migrate-incoming', { uri: `exec:cat ${state}` });
    }
    await machine.migrated({ timeout: 10_000 });
  };
  // QEMU may end at any moment of it, also before its monitor answers.
  const loaded = await load().then(
    () => true,
    () => false
  );
  if (loaded) await machine.quit();
  else await Promise.race([machine.exited, sleep(3000)]);
  // Without an exit status it still waits for more of the stream.
  const { commandLine, stderr, exitCode } = machine;
  machine.kill();
  await machine.exited;
  return { commandLine, capabilities, loaded, status: exitCode, stderr: withoutModuleNoise(stderr) };
}

/**
 * @param {import('./qemu/qemu.mjs').Qemu} qemu
 * @param {Fixture} fixture
 * @param {readonly import('./qemu/qemu.mjs').Qemu[]} all
 */
async function provoke(qemu, { name, change, of = 'pc-seed', args, edit, capabilities = [], to = qemu.suite }, all) {
  const destination = all.find(({ suite }) => suite === to);
  const scenario = scenarios.find((row) => row.name === of);
  if (!destination || !scenario) return;
  const folder = join(goldenFolder, qemu.version, 'explain');
  const original = join(goldenFolder, qemu.version, of, 'state');
  const edited = join(folder, `${name}.state`);
  if (edit) writeFileSync(edited, edit(readFileSync(original)));
  const own = args ?? scenario.args;
  const destinationArgs = typeof own === 'function' ? own(qemu.version) : own;
  const guest = scenario.guest && !args ? ['-kernel', join(folder, 'guest.bin')] : [];
  if (scenario.guest) writeFileSync(join(folder, 'guest.bin'), scenario.guest());
  const result = await load(
    destination,
    [...destinationArgs, ...guest],
    edit ? edited : original,
    capabilities,
    folder
  );
  const record = {
    name,
    change,
    stream: { scenario: of, file: edit ? `explain/${name}.state` : `${of}/state`, qemu: qemu.version },
    destination: { qemu: destination.version, ...result }
  };
  writeFileSync(join(folder, `${name}.json`), JSON.stringify(record, null, 1));
  const lines = result.stderr.trim().split('\n');
  console.log(`${qemu.version} ${name}: ${result.loaded ? 'loads' : `exit ${result.status}`} ${lines.join(' | ')}`);
}

/**
 * @param {import('./qemu/qemu.mjs').Qemu} qemu
 * @param {readonly import('./qemu/qemu.mjs').Qemu[]} all
 * @param {readonly string[] | undefined} only
 */
async function provokeAll(qemu, all, only) {
  const major = parseInt(qemu.version, 10);
  const exists = (/** @type {string} */ name) => {
    const { since = 0, until = Infinity } = scenarios.find((row) => row.name === name) ?? {};
    return major >= since && major <= until;
  };
  const chosen = fixtures.filter(
    ({ name, of = 'pc-seed', to }) => exists(of) && to !== qemu.suite && (!only || only.includes(name))
  );
  const needed = new Set(chosen.map(({ of = 'pc-seed' }) => of));
  const golden = ['--qemu', qemu.suite, '--only', [...needed].join(',')];
  const program = join(repository, 'scripts/golden.mjs');
  await promisify(execFile)(process.execPath, [program, ...golden]);

  const folder = join(goldenFolder, qemu.version, 'explain');
  if (!only) rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const scratch = { 'disk.raw': 16 << 20, ram: 64 << 20 };
  for (const fixture of chosen) {
    for (const [file, size] of Object.entries(scratch)) {
      writeFileSync(join(folder, file), '');
      truncateSync(join(folder, file), size);
    }
    await provoke(qemu, fixture, all);
  }
  for (const file of [...Object.keys(scratch), 'guest.bin']) rmSync(join(folder, file), { force: true });
}

const { values } = parseArgs({ options: { only: { type: 'string' }, qemu: { type: 'string' } } });
const all = qemus();
if (all.length === 0) console.log('No native QEMU here (scripts/qemu/install.mjs): nothing to provoke.');
const chosen = all.filter(({ suite }) => !values.qemu || values.qemu.split(',').includes(suite));
await Promise.all(chosen.map((qemu) => provokeAll(qemu, all, values.only?.split(','))));
