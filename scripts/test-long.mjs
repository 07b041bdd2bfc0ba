#!/usr/bin/env node
// Campaigns that take too long for npm test, with their full counts.
// usage: npm run test:long [-- NAME...] [-- --seed N]     without a name: all; the last line is 'N passed, N failed'
import { parseArgs } from 'node:util';
import { join } from 'node:path';
import { qemus } from './qemu/qemu.mjs';
import { counting, printTable, root, runStages, vitest } from './stages.mjs';

const { values, positionals } = parseArgs({ allowPositionals: true, options: { seed: { type: 'string' } } });
const seed = values.seed ?? String(Math.floor(Math.random() * 2 ** 31));
const fuzz = join(root, 'tests/fuzz/run.mjs');
const steps = 'tests/unit/emulator/steps.test.ts';
const lockstep = 'tests/unit/emulator/lockstep.test.ts';
const machineFuzz = 'tests/unit/emulator/machine-fuzz.test.ts';
const migration = ['migration', 'native'].map((name) => `tests/unit/emulator/migration/${name}.test.ts`);
const plateau = 'tests/unit/emulator/migration/plateau.test.ts';
/** Integers, vectors, x87. */
const instructions = [
  'tests/unit/emulator/target/i386/isa/semantics',
  'tests/unit/emulator/target/i386/tcg/fpu_helper.test.ts'
];

/** @type {readonly import('./stages.mjs').Stage[]} */
const campaigns = [
  counting(
    'conformance',
    [process.execPath, join(root, 'scripts/conformance.mjs')],
    'npm run conformance -- --only NAME'
  ),
  counting(
    'fuzz',
    [process.execPath, fuzz, '200000', '--seed', seed],
    `node tests/fuzz/run.mjs 1 --seed ${seed} --first N`
  ),
  {
    ...vitest(
      'properties',
      ['tests/unit/vmstate/properties.test.ts', '--testTimeout=3600000'],
      `MIGRASCOPE_RUNS_FACTOR=50 MIGRASCOPE_SEED=${seed} npx vitest run tests/unit/vmstate/properties.test.ts`
    ),
    env: { MIGRASCOPE_RUNS_FACTOR: '50', MIGRASCOPE_SEED: seed }
  },
  {
    // 240,000 random instructions a round; each file says in the end how many it tried, and which this CPU lacks.
    ...vitest(
      'instructions',
      instructions,
      `MIGRASCOPE_RUNS_FACTOR=22 MIGRASCOPE_SEED=${seed} npx vitest run ${instructions.join(' ')}`
    ),
    env: { MIGRASCOPE_RUNS_FACTOR: '22', MIGRASCOPE_SEED: seed }
  },
  {
    // Beside each native QEMU: 2 million instructions after the seed state, 1 million each in user space and real mode.
    ...vitest('lockstep', [lockstep], `MIGRASCOPE_RUNS_FACTOR=5 npx vitest run ${lockstep}`),
    env: { MIGRASCOPE_RUNS_FACTOR: '5' }
  },
  {
    // 10 million single steps and one run of as many.
    ...vitest('steps', [steps], `MIGRASCOPE_RUNS_FACTOR=20 npx vitest run ${steps}`),
    env: { MIGRASCOPE_RUNS_FACTOR: '20' }
  },
  {
    ...vitest(
      'chips',
      ['tests/unit/emulator/hw/qtest.test.ts', '--testTimeout=3600000'],
      `MIGRASCOPE_SEEDS=100 npx vitest run tests/unit/emulator/hw/qtest.test.ts`
    ),
    env: { MIGRASCOPE_SEEDS: '100' }
  },
  {
    // Garbled states that are run.
    ...vitest(
      'machine-fuzz',
      [machineFuzz, '--testTimeout=36000000'],
      `MIGRASCOPE_MUTATIONS=20000 MIGRASCOPE_SEED=${seed} npx vitest run ${machineFuzz}`
    ),
    env: { MIGRASCOPE_MUTATIONS: '20000', MIGRASCOPE_SEED: seed }
  },
  {
    // 200 migrations with random cancels and cuts, 25 round trips of a busy guest to native QEMU: some five minutes, of
    // which it says how many are left.
    ...vitest(
      'migration',
      [...migration, '--testTimeout=3600000'],
      `MIGRASCOPE_RUNS_FACTOR=10 MIGRASCOPE_TRIPS_FACTOR=5 MIGRASCOPE_SEED=${seed} npx vitest run ${migration.join(' ')}`
    ),
    env: { MIGRASCOPE_RUNS_FACTOR: '10', MIGRASCOPE_TRIPS_FACTOR: '5', MIGRASCOPE_SEED: seed }
  },
  {
    // 84 rounds of a quarter of the guest that is the pattern, here and under native QEMU; prints the figures of both.
    ...vitest('plateau', [plateau], `MIGRASCOPE_PLATEAU_SYNCS=84 npx vitest run ${plateau}`),
    env: { MIGRASCOPE_PLATEAU_SYNCS: '84' }
  }
];

const unknown = positionals.filter((name) => !campaigns.some((c) => c.name === name));
if (unknown.length > 0) {
  console.error(`no campaign ${unknown.join(', ')}; there are: ${campaigns.map((c) => c.name).join(', ')}`);
  process.exit(2);
}
const installed = qemus().map((q) => q.version);
console.log(`seed ${seed}; Node ${process.version}; native QEMU ${installed.join(', ') || 'not installed'}`);
const outcomes = runStages(campaigns.filter((c) => positionals.length === 0 || positionals.includes(c.name)));
printTable(outcomes);
const passed = outcomes.reduce((sum, { counts }) => sum + (counts?.passed ?? 0), 0);
const failed = outcomes.reduce((sum, { ok, counts }) => sum + Math.max(counts?.failed ?? 0, ok ? 0 : 1), 0);
console.log(`seed ${seed}`);
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
