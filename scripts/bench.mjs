#!/usr/bin/env node
// Benchmarks: every figure beside its peer's, measured in one run on one machine. Nothing is asserted.
// usage: npm run bench [NAME…] [-- --json]
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { root } from './stages.mjs';

const { values, positionals } = parseArgs({ allowPositionals: true, options: { json: { type: 'boolean' } } });
const folder = join(root, 'tests/bench');
const names = readdirSync(folder)
  .filter((f) => f.endsWith('.bench.mjs'))
  .map((f) => f.slice(0, -'.bench.mjs'.length))
  .filter((name) => positionals.length === 0 || positionals.includes(name));
if (names.length === 0) {
  console.error(`there is no such bench; there are ${readdirSync(folder).join(', ')}`);
  process.exit(2);
}

/**
 * @typedef {object} Row
 * @property {string} what
 * @property {string} ours figure with its unit
 * @property {string} peer whose figure, and what it is
 * @property {number} [ratio] how many times better ours is: above 1 is good
 */
/** @type {Record<string, Row[]>} */
const all = {};
for (const name of names) {
  const { run } = await import(join(folder, `${name}.bench.mjs`));
  /** @type {Row[]} */
  const rows = await run();
  all[name] = rows;
  if (values.json) continue;
  console.log(`\n${name}`);
  for (const { what, ours, peer, ratio } of rows) {
    console.log(
      `  ${what.padEnd(52)} ${ours.padStart(14)}   ${peer}${ratio === undefined ? '' : `   ratio ${ratio.toFixed(2)}`}`
    );
  }
}
if (values.json) console.log(JSON.stringify(all, undefined, 1));
