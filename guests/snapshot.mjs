#!/usr/bin/env node
// Makes the committed samples, static/samples/workload: one machine, snapshotted idle and then migrated live while it
// wrote. Each is loaded again and compared with the source, RAM block by RAM block, before it is kept.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { toFile, withMachine } from '../scripts/qemu/machine.mjs';
import { hashBlocks } from '../scripts/qemu/memory.mjs';
import { qemus, repository } from '../scripts/qemu/qemu.mjs';
import { ask, booted, image, loaded } from './workload.mjs';

// QEMU 7.2 under TCG loses writes in a live migration; a newer one makes the same machine type without that.
const qemu = qemus().find(({ version }) => parseInt(version) >= 10);
if (!qemu) {
  console.error('This needs QEMU 10 or later: run scripts/qemu/install.mjs trixie');
  process.exit(1);
}

// No display, no network card: none of their firmware. No ACPI: the tables QEMU builds hold AML, which is code too.
const OPTIONS = [
  '-M',
  'pc-i440fx-7.2,acpi=off',
  '-cpu',
  'qemu64,+pdpe1gb',
  '-m',
  '16M',
  '-vga',
  'none',
  '-nic',
  'none'
];
const args = [...OPTIONS, '-bios', image];
const commandLine = ['qemu-system-x86_64', '-nographic', ...OPTIONS, '-bios', 'guests/workload.bin'].join(' ');

const MIB = 1 << 20;
const LINK = { 'max-bandwidth': 2 * MIB, 'downtime-limit': 80 };
const WRITING = 'dirty 800 14M hot';
const SLACKENED = 'dirty 300 14M hot';
const SLACKEN_AFTER = 9;

const folder = mkdtempSync(join(tmpdir(), 'workload-'));
const samples = join(repository, 'static', 'samples', 'workload');
mkdirSync(samples, { recursive: true });

/**
 * Compresses a file into the samples' folder; what the manifest says about it.
 * @param {string} name
 * @param {'state' | 'system-map'} role
 * @param {Buffer} bytes
 */
function keep(name, role, bytes) {
  writeFileSync(join(samples, name), bytes);
  return { name, role, bytes: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') };
}

/** Symbols as `nm` prints them, the form of Linux's System.map. */
function systemMap() {
  const elf = join(folder, 'workload.elf');
  const built = join(folder, 'workload.bin');
  execFileSync(join(repository, 'guests', 'build.sh'), { env: { ...process.env, ELF: elf, OUT: built } });
  assert.ok(readFileSync(built).equals(readFileSync(image)), 'guests/workload.bin is not what its sources give here');
  return execFileSync('nm', ['-n', elf]);
}

/**
 * Migrates to a file, then loads that into a second QEMU and compares all of RAM.
 * @param {import('../scripts/qemu/machine.mjs').Machine} machine
 * @param {string} name
 * @param {{ each?: (info: any) => Promise<void> | void }} [options]
 */
async function snapshot(machine, name, options) {
  const path = join(folder, name);
  const progress = await machine.migrate(toFile(path), options);
  const source = await hashBlocks(machine);
  await withMachine(
    /** @type {NonNullable<typeof qemu>} */ (qemu),
    [...args, '-S', '-incoming', `exec:cat ${path}`],
    async (copy) => {
      await loaded(copy);
      assert.deepEqual(await hashBlocks(copy), source);
      await copy.qmp('cont');
      assert.match(await ask(copy, 'note'), /: migrated live while it wrote\n$/);
    }
  );
  const stream = readFileSync(path);
  const rounds = progress.at(-1).ram['dirty-sync-count'];
  console.log(`${name}: ${stream.length} bytes, ${rounds} dirty syncs, ${progress.at(-1).downtime} ms downtime`);
  return { file: keep(`${name}.vmstate.gz`, 'state', gzipSync(stream, { level: 9 })), rounds };
}

try {
  const symbols = keep('System.map', 'system-map', systemMap());
  const [idle, live] = await withMachine(qemu, args, async (machine) => {
    await booted(machine);
    await ask(machine, 'note migrated live while it wrote');
    const before = await snapshot(machine, 'idle');
    await machine.qmp('cont');

    await ask(machine, 'fill 4M');
    await ask(machine, WRITING);
    await machine.qmp('migrate-set-parameters', LINK);
    let slackened = false;
    const each = async (/** @type {any} */ info) => {
      if (slackened || !(info.ram?.['dirty-sync-count'] >= SLACKEN_AFTER)) return;
      slackened = true;
      await ask(machine, SLACKENED);
    };
    const during = await snapshot(machine, 'workload', { each });
    assert.ok(slackened, 'the migration ended by itself; write faster');
    return [before, during];
  });

  const common = { qemu: qemu.version, commandLine, packages: [] };
  const manifest = {
    samples: [
      {
        id: 'workload',
        title: 'Workload guest, migrated live while it wrote',
        description:
          `A 16 MiB guest of our own (guests/) over a link of 2 MiB/s. While \`${WRITING}\` ran, pages became dirty as fast ` +
          `as they were sent and the migration did not end; after ${SLACKEN_AFTER} dirty rounds \`${SLACKENED}\` let it ` +
          `converge. QEMU counted ${live.rounds} dirty syncs.`,
        files: [live.file, symbols],
        ...common
      },
      {
        id: 'workload-idle',
        title: 'Workload guest, idle at its prompt',
        description: 'The same machine a moment earlier, before it wrote anything: compare the two.',
        files: [idle.file, symbols],
        ...common
      }
    ]
  };
  writeFileSync(join(samples, 'manifest.json'), `${JSON.stringify(manifest, undefined, 2)}\n`);
  for (const { id, files } of manifest.samples) console.log(id, files);
} finally {
  rmSync(folder, { recursive: true });
}
