#!/usr/bin/env node
// Makes the test streams with every installed QEMU, under tests/golden/<version>/<scenario>/: `state`, the channels beside
// it, `meta.json` (how it was made and what QEMU knew at that moment) and `analyze.json` (analyze-migration.py's view).
// A scenario that is already there in this definition is left alone. Then scripts/fixtures.mjs adds the load errors.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { containers, wrapStream } from './golden/containers.mjs';
import { make } from './golden/make.mjs';
import { scenarios } from './golden/scenarios.mjs';
import { golden, qemus, repository } from './qemu/qemu.mjs';

const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    qemu: { type: 'string' },
    fast: { type: 'boolean' },
    force: { type: 'boolean' },
    list: { type: 'boolean' },
    help: { type: 'boolean' }
  }
});
if (values.help) {
  console.log(`Usage: scripts/golden.mjs [--fast] [--only NAME,...] [--qemu SUITE,...] [--force] [--list]
--fast makes the part that CI needs; benches are made only when named.`);
  process.exit(0);
}
const only = values.only?.split(',');

/** @param {{ name: string, slow?: boolean, onDemand?: boolean }} row */
const wanted = ({ name, slow = false, onDemand = false }) =>
  only ? only.includes(name) : !onDemand && !(values.fast && slow);

/** @param {unknown} definition changes whenever the files it makes would */
const keyOf = (definition) =>
  createHash('sha256')
    .update(JSON.stringify(definition, (_, value) => (typeof value === 'function' ? String(value) : value)))
    .digest('hex');

/** A moment can be missed, and a migration be overtaken, where other work holds QEMU up. */
const ATTEMPTS = 3;
/** What could not be made, and why. @type {string[]} */
const failures = [];

/**
 * @param {import('./qemu/qemu.mjs').Qemu} qemu
 * @param {{ name: string }} row
 * @param {(folder: string) => Promise<Record<string, unknown>> | Record<string, unknown>} fill
 */
async function once(qemu, row, fill) {
  const folder = join(golden, qemu.version, row.name);
  const record = join(folder, 'meta.json');
  const key = keyOf(row);
  if (!values.force && existsSync(record) && JSON.parse(readFileSync(record, 'utf8')).key === key) return;
  // A test that reads the old one meanwhile is not disturbed.
  const fresh = `${folder}.new`;
  for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
    rmSync(fresh, { recursive: true, force: true });
    mkdirSync(fresh, { recursive: true });
    const start = Date.now();
    try {
      const meta = await fill(fresh);
      const { suite, version } = qemu;
      const all = { key, scenario: row.name, qemu: { suite, version }, ...meta };
      writeFileSync(join(fresh, 'meta.json'), JSON.stringify(all, null, 1));
      rmSync(folder, { recursive: true, force: true });
      renameSync(fresh, folder);
      console.log(`${version} ${row.name}: ${((Date.now() - start) / 1000).toFixed(1)} s`);
      return;
    } catch (error) {
      const why = `${qemu.version} ${row.name}: ${error instanceof Error ? error.message : error}`;
      console.error(`*** ${why} (attempt ${attempt} of ${ATTEMPTS})`);
      if (attempt === ATTEMPTS) failures.push(why);
    }
  }
  rmSync(fresh, { recursive: true, force: true });
}

/** Postcopy and background snapshots stop a guest's page faults; a kernel may keep that from all but root. */
const faultsAllowed =
  process.getuid?.() === 0 || readFileSync('/proc/sys/vm/unprivileged_userfaultfd', 'utf8').trim() === '1';
const stopsFaults = (/** @type {import('./golden/make.mjs').Scenario} */ { capabilities = [] }) =>
  capabilities.some((name) => name === 'postcopy-ram' || name === 'background-snapshot');

/** @param {import('./qemu/qemu.mjs').Qemu} qemu */
async function makeAll(qemu) {
  const major = parseInt(qemu.version, 10);
  const fits = scenarios.filter(({ since = 0, until = Infinity }) => major >= since && major <= until);
  for (const scenario of fits.filter(wanted)) {
    if (stopsFaults(scenario) && !faultsAllowed) {
      console.log(`${qemu.version} ${scenario.name}: SKIPPED, userfaultfd is for root here`);
      continue;
    }
    await once(qemu, scenario, (folder) => make(qemu, scenario, folder));
  }
  for (const container of containers.filter(wanted)) {
    const source = join(golden, qemu.version, container.of);
    if (!existsSync(source)) continue;
    // Made anew whenever its source is.
    const row = { ...container, source: statSync(join(source, 'state')).mtimeMs };
    await once(qemu, row, (folder) => wrapStream(container, qemu.suite, source, folder));
  }
}

if (values.list) {
  for (const { name } of [...scenarios, ...containers].filter(wanted)) console.log(name);
  process.exit(0);
}
const chosen = qemus().filter(({ suite }) => !values.qemu || values.qemu.split(',').includes(suite));
if (chosen.length === 0)
  console.log('No native QEMU here (scripts/qemu/install.mjs): no test streams, their tests are skipped.');
// The versions run side by side: one guest keeps one core busy.
await Promise.all(chosen.map(makeAll));
if (!only && chosen.length > 0) {
  const args = [join(repository, 'scripts/fixtures.mjs'), '--qemu', chosen.map(({ suite }) => suite).join(',')];
  const { status } = spawnSync(process.execPath, args, { stdio: 'inherit' });
  if (status !== 0) failures.push(`scripts/fixtures.mjs ended with ${status}`);
}
if (process.env.FAILURES) writeFileSync(process.env.FAILURES, JSON.stringify(failures));
process.exit(failures.length === 0 ? 0 : 1);
