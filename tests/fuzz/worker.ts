/**
 * Reads mutated streams one after another and everything that the explorer works out of them. The parent watches a
 * counter in shared memory: an input that takes too long, throws, or fills memory is named by its number.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { descriptions } from '../../src/lib/emulator/descriptions.ts';
import { OpenSnapshot } from '../../src/lib/emulator/open-snapshot.ts';
import { placedAtOffset, sectionAt } from '../../src/lib/vmstate/snapshot.ts';
import { readSnapshot } from '../../src/lib/vmstate/savevm.ts';
import { bytesSource, readRange } from '../../src/lib/vmstate/source.ts';
import { writeStream } from '../../src/lib/vmstate/write-stream.ts';
import { seeds } from './corpus.ts';
import { mutate, Random } from './mutate.ts';

interface Work {
  readonly shared: SharedArrayBuffer;
  readonly first: number;
  readonly count: number;
  readonly seed: number;
  /** Bytes of array buffers that may be alive after an input. */
  readonly bound: number;
}
const { shared, first, count, seed, bound } = workerData as Work;
const counter = new Int32Array(shared);

const corpus = await seeds();
parentPort!.postMessage({ seeds: corpus.map((s) => s.name) });
const base = process.memoryUsage().arrayBuffers;

for (let i = first; i < first + count; i++) {
  const random = new Random(seed + i);
  const { name, bytes: original } = random.pick(corpus);
  const { bytes, done } = mutate(original, random);
  const fail = (what: string): void =>
    parentPort!.postMessage({ failure: { input: i, name, done, bytes: bytes.length, what } });
  counter[0] = i;
  counter[1] = 1;
  try {
    const memory = await look(bytes, random);
    if (memory - base > bound) fail(`${memory} bytes of buffers are alive`);
  } catch (error) {
    fail(error instanceof Error ? (error.stack ?? error.message) : String(error));
  }
  counter[1] = 0;
}
parentPort!.postMessage({ finished: true });

/** What the page asks of a snapshot. Returns the bytes of buffers alive at the end. */
async function look(bytes: Uint8Array, random: Random): Promise<number> {
  const snapshot = await readSnapshot(bytesSource(bytes), { descriptions, bounds: { storeBytes: 1 << 26 } });
  const alive = process.memoryUsage().arrayBuffers;
  const end = snapshot.problems.find((p) => !(p.at >= 0 && p.at <= Number.MAX_SAFE_INTEGER) || p.message === '');
  if (end) throw new Error(`a problem without place or words: ${JSON.stringify(end)}`);
  for (const s of snapshot.sections) {
    if (!(s.start <= s.bodyStart && s.bodyStart <= s.bodyEnd && s.bodyEnd <= s.end && s.end <= snapshot.end)) {
      throw new Error(
        `section ${s.name} has no sane bounds: ${[s.start, s.bodyStart, s.bodyEnd, s.end].join(' ')} of ${snapshot.end}`
      );
    }
  }
  const open = new OpenSnapshot(1, snapshot, [], bytes.length, new AbortController());
  structuredClone(open.info());
  for (let n = 0; n < 4; n++) {
    const at = random.below(snapshot.end + 1);
    const section = sectionAt(snapshot.sections, at);
    if (section) structuredClone(placedAtOffset(section.fields, at).map(({ children: _, ...row }) => row));
    await readRange(snapshot.bytes, at, at + 64);
  }
  if (snapshot.ram.pages > 0 && snapshot.ram.pages < 1 << 18) {
    await open.tables();
    await open.page(random.below(snapshot.ram.pages));
    await open.column('kind');
  }
  if (snapshot.ram.count < 4096 && snapshot.problems.length === 0) {
    for await (const _ of writeStream(snapshot, 'reencode'));
  }
  return alive;
}
