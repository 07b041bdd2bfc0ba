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
  /** Called now and then with the number of inputs that were read. */
  readonly progress: (done: number) => void;
}

export interface Outcome {
  readonly seeds: readonly string[];
  readonly failures: readonly Failure[];
  /** Milliseconds of the slowest input, and its number. */
  readonly slowest: number;
  readonly slowestInput: number;
}

const WATCH_MS = 250;
const TELL_MS = 30_000;
/** An input that takes so many times its bound does not end by itself. */
const PATIENCE = 5;

export async function campaign(of: Campaign): Promise<Outcome> {
  const corpus = await seeds();
  const failures: Failure[] = [];
  let slowest = 0;
  let slowestInput = of.first;
  const threads = Math.max(1, Math.min(availableParallelism(), 4, of.count));
  const share = Math.ceil(of.count / threads);
  const last = of.first + of.count;
  const shares = Array.from({ length: threads }, (_, i) => {
    const first = of.first + i * share;
    const at = new Int32Array(new SharedArrayBuffer(8));
    at[0] = first;
    return { first, end: Math.min(last, first + share), at };
  });
  const telling = setInterval(() => of.progress(shares.reduce((sum, s) => sum + s.at[0]! - s.first, 0)), TELL_MS);
  const run = async ({ first, end, at }: (typeof shares)[number]): Promise<void> => {
    for (let next = first; next < end;) {
      const result = await thread(of, corpus, [next, end], at, (failure) => failures.push(failure));
      if ('died' in result) {
        failures.push({ input: result.input, what: result.died });
        next = result.input + 1;
      } else {
        if (result.slowest > slowest) ({ slowest, slowestInput } = result);
        return;
      }
    }
  };
  await Promise.all(shares.map(run));
  clearInterval(telling);
  return { seeds: corpus.map((s) => s.name), failures, slowest, slowestInput };
}

type Ended =
  { readonly slowest: number; readonly slowestInput: number } | { readonly died: string; readonly input: number };

async function thread(
  { seed, worker: url, timeBound, memoryBound }: Campaign,
  corpus: readonly Seed[],
  [first, end]: readonly [number, number],
  /** [number of the input, 1 while it is read], in shared memory */
  progress: Int32Array<SharedArrayBuffer>,
  fail: (failure: Failure) => void
): Promise<Ended> {
  progress.set([first, 0]);
  const work: Work = { seeds: corpus, seed, first, count: end - first, progress, timeBound, memoryBound };
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
