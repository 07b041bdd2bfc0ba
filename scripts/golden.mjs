#!/usr/bin/env node
// Makes the test streams with every installed QEMU: tests/golden/<version>/<scenario>/{state,meta.json,analyze.json}.
// A scenario that is already there with the same command line is left alone.
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs, promisify } from 'node:util';
import { scenarios } from './golden/scenarios.mjs';
import { toFile, withMachine } from './qemu/machine.mjs';
import { hashBlocks } from './qemu/memory.mjs';
import { golden, qemus } from './qemu/qemu.mjs';

/** Monitor commands whose answers tests compare decoded state with. */
const INFO = [
  'status',
  'registers -a',
  'cpus',
  'lapic',
  'pic',
  'pci',
  'qtree',
  'mtree -f',
  'ramblock',
  'block',
  'migrate'
];

const { values } = parseArgs({
  options: { only: { type: 'string' }, qemu: { type: 'string' }, fast: { type: 'boolean' }, force: { type: 'boolean' } }
});

/**
 * What QEMU's own script makes of a stream; a failure is kept as text, as tests then use the RAM hashes instead.
 * @param {import('./qemu/qemu.mjs').Qemu} qemu
 * @param {string} folder
 */
async function analyze(qemu, folder) {
  const run = promisify(execFile);
  try {
    const args = ['-B', qemu.analyze, '-f', join(folder, 'state'), '-d', 'state'];
    const { stdout } = await run('python3', args, { maxBuffer: 1 << 28, timeout: 60_000 });
    writeFileSync(join(folder, 'analyze.json'), stdout);
  } catch (error) {
    writeFileSync(join(folder, 'analyze.error.txt'), error instanceof Error ? error.message : String(error));
  }
}

/**
 * @param {import('./qemu/qemu.mjs').Qemu} qemu
 * @param {import('./golden/scenarios.mjs').Scenario} scenario
 * @param {string} folder
 */
async function make(qemu, scenario, folder) {
  writeFileSync(join(folder, 'disk.raw'), '');
  truncateSync(join(folder, 'disk.raw'), 16 << 20);
  const use = async (/** @type {import('./qemu/machine.mjs').Machine} */ machine) => {
    await machine.waitFor(scenario.ready ?? 'No bootable device');
    if (!scenario.live) await machine.qmp('stop');
    const queryMigrate = await machine.migrate(toFile('state'));
    /** @type {Record<string, string>} */
    const info = {};
    for (const topic of INFO) info[topic] = await machine.hmp(`info ${topic}`);
    const ram = await hashBlocks(machine);
    return { commandLine: machine.commandLine, queryMigrate, events: machine.events, ram, info };
  };
  const record = await withMachine(qemu, scenario.args, use, { cwd: folder });
  await analyze(qemu, folder);
  return record;
}

for (const qemu of qemus()) {
  for (const scenario of scenarios) {
    const folder = join(golden, qemu.version, scenario.name);
    const key = createHash('sha256').update(JSON.stringify(scenario)).digest('hex');
    const metaPath = join(folder, 'meta.json');
    if (existsSync(metaPath) && JSON.parse(readFileSync(metaPath, 'utf8')).key === key && !values.force) continue;
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
    const start = Date.now();
    const record = await make(qemu, scenario, folder);
    const { suite, version } = qemu;
    writeFileSync(
      metaPath,
      JSON.stringify({ key, scenario: scenario.name, qemu: { suite, version }, ...record }, null, 1)
    );
    console.log(`${version} ${scenario.name}: ${((Date.now() - start) / 1000).toFixed(1)} s`);
  }
}
