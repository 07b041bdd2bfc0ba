#!/usr/bin/env node
// Mutated inputs by the thousand, in threads: no crash, no hang, nothing over a second, no more memory than the bound.
// usage: node tests/fuzz/run.mjs [COUNT] [--seed N] [--first N]     the last line is 'N passed, N failed'
import { parseArgs } from 'node:util';
import { bundle } from '../../scripts/bundle.mjs';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { seed: { type: 'string' }, first: { type: 'string', default: '0' } }
});
const count = Number(positionals[0] ?? 20_000);
const seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 31));
const first = Number(values.first);
const MiB = 2 ** 20;

// Beside their sources, so that paths relative to a module are the same.
await bundle('tests/fuzz/campaign.ts', 'tests/fuzz', 'campaign.bundle.mjs');
await bundle('tests/fuzz/worker.ts', 'tests/fuzz', 'worker.bundle.mjs');
const { campaign } = await import(new URL('./campaign.bundle.mjs', import.meta.url).href);

const started = performance.now();
const worker = new URL('./worker.bundle.mjs', import.meta.url);
const outcome = await campaign({
  ...{ seed, first, count, worker, timeBound: 1000, memoryBound: 256 * MiB },
  progress: (/** @type {number} */ done) => console.error(`fuzz: ${done} of ${count}`)
});
const seconds = (performance.now() - started) / 1000;
const failed = new Set(outcome.failures.map((/** @type {{ input: number }} */ f) => f.input)).size;

for (const { what, ...failure } of outcome.failures.slice(0, 20)) {
  console.log(`input ${failure.input} of seed ${seed}: ${JSON.stringify(failure)}\n${what}\n`);
}
console.log(`fuzz: ${outcome.seeds.length} seeds, ${outcome.seeds.slice(0, 12).join(', ')} …`);
console.log(
  `fuzz: ${count} inputs in ${seconds.toFixed(1)} s, ${(count / seconds).toFixed(0)} a second; ` +
    `slowest: ${outcome.slowest.toFixed(0)} ms (input ${outcome.slowestInput}); ` +
    `peak memory ${(process.resourceUsage().maxRSS / 1024).toFixed(0)} MiB; seed ${seed}`
);
console.log(`${count - failed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
