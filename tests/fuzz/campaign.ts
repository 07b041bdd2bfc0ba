/** Splits a campaign over threads, and starts a new one behind each input that hung or killed its thread. */
import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { seeds, type Seed } from './corpus.ts';
import type { Failure, Message, Work } from './worker.ts';

export interface Campaign {
  readonly seed: number;
  readonly first: number;
  readonly count: number;
  /** The bundle of worker.ts. */
  readonly worker: URL;
  readonly timeBound: number;
  readonly memoryBound: number;
}

export interface Outcome {
  readonly seeds: readonly string[];
  readonly failures: readonly Failure[];
  /** Milliseconds of the slowest input, and its number. */
  readonly slowest: number;
  readonly slowestInput: number;
}

const WATCH_MS = 250;
/** An input that takes so many times its bound does not end by itself. */
const PATIENCE = 5;

export async function campaign(of: Campaign): Promise<Outcome> {
  const corpus = await seeds();
  const failures: Failure[] = [];
  let slowest = 0;
  let slowestInput = of.first;
  const threads = Math.max(1, Math.min(availableParallelism(), 4, of.count));
  const share = Math.ceil(of.count / threads);
  const run = async (first: number, end: number): Promise<void> => {
    for (let at = first; at < end;) {
      const result = await thread(of, corpus, at, end - at, (failure) => failures.push(failure));
      if ('died' in result) {
        failures.push({ input: result.input, what: result.died });
        at = result.input + 1;
      } else {
        if (result.slowest > slowest) ({ slowest, slowestInput } = result);
        return;
      }
    }
  };
  const last = of.first + of.count;
  await Promise.all(
    Array.from({ length: threads }, (_, i) => run(of.first + i * share, Math.min(last, of.first + (i + 1) * share)))
  );
  return { seeds: corpus.map((s) => s.name), failures, slowest, slowestInput };
}

type Ended =
  { readonly slowest: number; readonly slowestInput: number } | { readonly died: string; readonly input: number };

async function thread(
  { seed, worker: url, timeBound, memoryBound }: Campaign,
  corpus: readonly Seed[],
  first: number,
  count: number,
  fail: (failure: Failure) => void
): Promise<Ended> {
  const shared = new SharedArrayBuffer(8);
  const progress = new Int32Array(shared);
  progress[0] = first;
  const work: Work = { seeds: corpus, seed, first, count, shared, timeBound, memoryBound };
  const worker = new Worker(url, { workerData: work, resourceLimits: { maxOldGenerationSizeMb: 2048 } });
  let clock: string | undefined;
  const milliseconds = (): number => {
    try {
      return clock ? Number(readFileSync(clock, 'latin1').split(' ')[0]) / 1e6 : performance.now();
    } catch {
      return 0;
    }
  };
  const ended = new Promise<Ended>((resolve) => {
    const died = (why: string): void => resolve({ died: why, input: progress[0]! });
    worker.on('message', (message: Message) => {
      if (message.kind === 'started') ({ clock } = message);
      else if (message.kind === 'failure') fail(message.failure);
      else resolve(message);
    });
    worker.on('error', (error) => died(`died: ${error instanceof Error ? error.message : String(error)}`));
    worker.on('exit', (code) => died(`exited with ${code}`));
    let input = -1;
    let since = 0;
    setInterval(() => {
      if (progress[1] === 0 || progress[0] !== input) {
        input = progress[0]!;
        since = milliseconds();
      } else if (milliseconds() - since > timeBound * PATIENCE) died(`hung for ${timeBound * PATIENCE} ms`);
    }, WATCH_MS).unref();
  });
  const result = await ended;
  await worker.terminate();
  return result;
}
