#!/usr/bin/env node
// Everything that CI runs, set up from nothing: packages, native QEMU and its test streams, verify, build, end to end.
// Without apt or root the checks that need them are skipped, and it says which and why.
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { installPackages } from './packages.mjs';
import { qemus } from './qemu/qemu.mjs';
import { counting, making, playwright, present, printTable, results, root, run, runStages } from './stages.mjs';
import { verifyStages } from './verify.mjs';

/** @type {string[]} */
const skipped = [];

/**
 * Programs that checks need beside QEMU, which scripts/qemu/install.mjs unpacks without installing; their Debian packages
 * have their names. `or`: what does as well, but slower. `with`: packages that it needs beside.
 * `file`: by which it shows, where that is no program of its name.
 * @type {readonly { program: string, file?: string, or?: string, with?: readonly string[], for: string }[]}
 */
const debian = [
  { program: 'chromium-headless-shell', or: 'chromium', for: 'the end-to-end tests' },
  { program: 'firefox-esr', for: 'the smoke test in Firefox' },
  { program: 'python3', for: "the comparison with QEMU's analyze-migration.py" },
  { program: 'gcc', with: ['libc6-dev'], for: "the comparison of instructions with this machine's CPU" },
  { program: 'make', for: "the programs of QEMU's tests/tcg" },
  { program: 'gcc-multilib', file: '/usr/lib32/libc.a', with: ['libc6-dev-i386'], for: 'those of them for i386' }
];

/** @param {typeof debian[0]} what */
const isThere = ({ program, file }) => (file === undefined ? present(program) : existsSync(file));

function installDebian() {
  const missing = debian.filter((m) => !isThere(m));
  if (missing.length === 0) return;
  const able = present('apt-get') && process.getuid?.() === 0;
  const names = missing.flatMap((m) => [m.program, ...(m.with ?? [])]);
  if (able) {
    run(['apt-get', 'update', '-qq']);
    run(['apt-get', 'install', '-y', '-qq', '--no-install-recommends', ...names], {
      DEBIAN_FRONTEND: 'noninteractive'
    });
  }
  const why = !present('apt-get') ? 'there is no apt' : able ? 'apt could not install it' : 'only root may install it';
  for (const m of debian) {
    if (!isThere(m) && !(m.or && present(m.or))) skipped.push(`${m.for}: ${m.program} is missing and ${why}`);
  }
}

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
      making('golden', script('scripts/golden.mjs', '--fast'), 'npm run golden -- --fast'),
      { name: 'boot images', command: script('scripts/boot-images.mjs'), fix: 'node scripts/boot-images.mjs' },
      { name: 'guests', command: script('guests/check.mjs'), fix: 'node guests/check.mjs' }
    ])
  );
} else skipped.push('everything that needs streams of native QEMU: it is not installed (see above)');

outcomes.push(
  ...runStages([
    ...verifyStages({ allGolden: true }),
    counting('conformance', script('scripts/conformance.mjs', '--quick'), 'npm run conformance -- --only NAME'),
    counting('fuzz', script('tests/fuzz/run.mjs', '20000'), 'node tests/fuzz/run.mjs COUNT --seed N, both as printed'),
    { name: 'build', command: script('scripts/build.mjs'), fix: 'npm run build' }
  ])
);
// CI gates on the browsers; elsewhere a missing one only costs its tests.
if (process.env.CI || present('chromium-headless-shell') || present('chromium')) {
  outcomes.push(...runStages([playwright('end to end', [], 'npx playwright test FILE --trace=on')]));
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
