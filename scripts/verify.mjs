#!/usr/bin/env node
// What has to hold before a commit: format, lint, layers, types, unit tests. A failure prints the command that mends it.
import { fileURLToPath } from 'node:url';
import { installPackages } from './packages.mjs';
import { printTable, runStages, vitest } from './stages.mjs';

const LAYERS = 'tests/unit/layers.test.ts';

/** The streams of native QEMU that fit into two minutes; npm test takes all that there are. */
const FEW = '/(pc|pc-seed|q35)$';

/**
 * @param {{ allGolden: boolean }} how
 * @returns {import('./stages.mjs').Stage[]}
 */
export const verifyStages = ({ allGolden }) => [
  { name: 'format', command: ['prettier', '--check', '--log-level', 'warn', '.'], fix: 'npm run format' },
  { name: 'lint', command: ['eslint', '.'], fix: 'npx eslint --fix .' },
  vitest('layers', [LAYERS], `move the code, or change the table in ${LAYERS} together with ARCHITECTURE.md`),
  { name: 'types', command: ['svelte-check', '--output', 'human', '--threshold', 'error'], fix: 'npx svelte-check' },
  {
    ...vitest('unit', ['--exclude', LAYERS], 'npx vitest FILE, until it passes'),
    env: allGolden ? {} : { MIGRASCOPE_GOLDEN: FEW }
  }
];

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  if (!installPackages()) process.exit(1);
  const outcomes = runStages([
    { name: 'prepare', command: ['svelte-kit', 'sync'] },
    ...verifyStages({ allGolden: false })
  ]);
  printTable(outcomes);
  process.exit(outcomes.every(({ ok }) => ok) ? 0 : 1);
}
