/** A thread of a campaign: reads one mutated input after another. The parent watches for the one that never ends. */
import { readFileSync, readlinkSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { parentPort, workerData } from 'node:worker_threads';
import { check } from './check.ts';
import type { Seed } from './corpus.ts';
import { mutate, type Input } from './mutate.ts';
import { Random } from './random.ts';

export interface Work {
  readonly seeds: readonly Seed[];
  /** Of the campaign. */
  readonly seed: number;
  /** Inputs [first, first + count). */
  readonly first: number;
  readonly count: number;
  /** [number of the input, 1 while it is read] */
  readonly progress: Int32Array<SharedArrayBuffer>;
  /** Milliseconds of its own processor time that an input may take. */
  readonly timeBound: number;
  /** Bytes of array buffers that may be alive after an input. */
  readonly memoryBound: number;
}

export interface Failure {
  readonly input: number;
  readonly what: string;
  readonly seed?: string;
  readonly done?: readonly string[];
  readonly bytes?: number;
}

export type Message =
  /** Where the processor time of the thread is to be read. */
  | { readonly kind: 'started'; readonly clock: string | undefined }
  | { readonly kind: 'failure'; readonly failure: Failure }
  | { readonly kind: 'finished'; readonly slowest: number; readonly slowestInput: number };

const { seeds, seed, first, count, progress, timeBound, memoryBound } = workerData as Work;
const send = (message: Message): void => parentPort!.postMessage(message);

/** Linux counts the nanoseconds that a thread ran; elsewhere the clock on the wall has to do. */
function threadClock(): string | undefined {
  try {
    return `/proc/${readlinkSync('/proc/thread-self')}/schedstat`;
  } catch {
    return undefined;
  }
}
const clock = threadClock();
const milliseconds = (): number =>
  clock ? Number(readFileSync(clock, 'latin1').split(' ')[0]) / 1e6 : performance.now();

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;
const buffersAlive = (): number => process.memoryUsage().arrayBuffers;

send({ kind: 'started', clock });
collectGarbage();
const before = buffersAlive();
let slowest = 0;
let slowestInput = first;

for (let i = first; i < first + count; i++) {
  const random = new Random(seed, i);
  const from = random.pick(seeds);
  let input: Input | undefined;
  const fail = (what: string): void => {
    const made = input ? { done: input.done, bytes: input.bytes.length } : {};
    send({ kind: 'failure', failure: { input: i, what, seed: from.name, ...made } });
  };
  progress[0] = i;
  progress[1] = 1;
  const start = milliseconds();
  try {
    input = mutate(from, random);
    await check(input, random);
  } catch (error) {
    fail(error instanceof Error ? (error.stack ?? error.message) : String(error));
  }
  const took = milliseconds() - start;
  if (took > timeBound) fail(`took ${took.toFixed(0)} ms`);
  if (took > slowest) [slowest, slowestInput] = [took, i];
  if (buffersAlive() - before > memoryBound) {
    collectGarbage();
    const alive = buffersAlive() - before;
    if (alive > memoryBound) fail(`${alive} bytes of buffers stay alive`);
  }
  progress[1] = 0;
}
send({ kind: 'finished', slowest, slowestInput });
