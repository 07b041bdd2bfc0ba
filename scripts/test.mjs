#!/usr/bin/env node
// Everything that CI runs, set up from nothing: packages, native QEMU and its test streams, verify, build, end to end.
// Without apt or root the checks that need them are skipped, and it says which and why.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { installPackages } from './packages.mjs';
import { qemus } from './qemu/qemu.mjs';
import { counting, playwright, present, printTable, results, root, run, runStages } from './stages.mjs';
import { verifyStages } from './verify.mjs';

/** @type {string[]} */
const skipped = [];

/** Debian packages that checks need beside QEMU, which scripts/qemu/install.mjs unpacks without installing. */
const debian = [
  { program: 'chromium', package: 'chromium', for: 'the end-to-end tests' },
  { program: 'python3', package: 'python3', for: "the comparison with QEMU's analyze-migration.py" }
];

function installDebian() {
  const missing = debian.filter(({ program }) => !present(program));
  if (missing.length === 0) return;
  const able = present('apt-get') && process.getuid?.() === 0;
  const names = missing.map((m) => m.package);
  if (able) {
    run(['apt-get', 'update', '-qq']);
    run(['apt-get', 'install', '-y', '-qq', '--no-install-recommends', ...names], {
      DEBIAN_FRONTEND: 'noninteractive'
    });
  }
  const why = !present('apt-get') ? 'there is no apt' : able ? 'apt could not install it' : 'only root may install it';
  for (const m of debian) if (!present(m.program)) skipped.push(`${m.for}: ${m.program} is missing and ${why}`);
}

/** Journeys that gate a change; the other files of tests/e2e are run by hand until each has been seen to pass. */
const journeys = ['bytes', 'checks', 'fields', 'home', 'open-files', 'page-tables'].map(
  (j) => `tests/e2e/${j}.test.ts`
);

const start = Date.now();
if (!installPackages()) process.exit(1);
installDebian();
const node = process.execPath;
const script = (/** @type {string} */ path, /** @type {string[]} */ ...args) => [node, join(root, path), ...args];
const outcomes = runStages([{ name: 'prepare', command: ['svelte-kit', 'sync'] }]);

const install = runStages([{ name: 'native QEMU', command: script('scripts/qemu/install.mjs') }]);
// CI gates on native QEMU; elsewhere a missing network only costs the checks that need it.
if (process.env.CI || install.every(({ ok }) => ok)) outcomes.push(...install);
if (qemus().length > 0) {
  outcomes.push(
    ...runStages([
      { name: 'golden', command: script('scripts/golden.mjs', '--fast'), fix: 'npm run golden -- --fast' },
      { name: 'guests', command: script('guests/check.mjs'), fix: 'node guests/check.mjs' }
    ])
  );
} else skipped.push('everything that needs streams of native QEMU: it is not installed (see above)');

outcomes.push(
  ...runStages([
    ...verifyStages({ allGolden: true }),
    counting('fuzz', script('tests/fuzz/run.mjs', '20000'), 'node tests/fuzz/run.mjs COUNT --seed N, both as printed'),
    { name: 'build', command: script('scripts/build.mjs'), fix: 'npm run build' }
  ])
);
if (present('chromium')) {
  outcomes.push(...runStages([playwright('end to end', journeys, 'npx playwright test FILE --headed')]));
}

printTable(outcomes);
for (const what of skipped) console.log(`SKIPPED ${what}`);
console.log(`all in ${((Date.now() - start) / 1000).toFixed(0)} s`);
// A stage that is no test runner counts when it fails, as one failure.
const passed = outcomes.reduce((sum, { counts }) => sum + (counts?.passed ?? 0), 0);
const failed = outcomes.reduce((sum, { ok, counts }) => sum + Math.max(counts?.failed ?? 0, ok ? 0 : 1), 0);
const line = `${passed} passed, ${failed} failed`;
mkdirSync(results, { recursive: true });
writeFileSync(join(results, 'summary.txt'), `${line}\n`);
console.log(line);
process.exit(failed === 0 ? 0 : 1);
