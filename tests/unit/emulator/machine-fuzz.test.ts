/**
 * States with garbled devices and CPUs: whatever a section says, the machine that comes of it loads, runs a million
 * instructions and is saved again without an exception, in a second or two of the processor's time, and leaves no memory
 * behind.
 */
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { beforeAll, expect, test } from 'vitest';
import { HostMemory } from '../../../src/lib/emulator/host/memory.ts';
import { HostPace } from '../../../src/lib/emulator/host/pace.ts';
import { loadReceived, receive } from '../../../src/lib/emulator/machine-incoming.ts';
import { Machine } from '../../../src/lib/emulator/machine.ts';
import { saveVmState } from '../../../src/lib/emulator/migration/outgoing.ts';
import { bytesSource } from '../../../src/lib/vmstate/source.ts';
import { hostile, Random } from '../../fuzz/random.ts';
import { processorTime } from '../../support/processor-time.ts';

const MUTATIONS = Number(process.env.MIGRASCOPE_MUTATIONS ?? 300);
const SEED = Number(process.env.MIGRASCOPE_SEED ?? 1);
const INSTRUCTIONS = 1_000_000;
/** ms of processor time that one may take; most take 400, half of that for loading. */
const BOUND = 2000;
/** The same on a busy machine. */
const WALL_BOUND = 20_000;
const GROUPS = 10;

const sample = new URL('../../../static/samples/workload/workload.vmstate.gz', import.meta.url);
const original = new Uint8Array(gunzipSync(readFileSync(sample)));
let bodies: readonly { readonly name: string; readonly start: number; readonly end: number }[];

beforeAll(async () => {
  const { snapshot } = await receive(bytesSource(original));
  bodies = snapshot.sections
    .filter(({ kind, bodyEnd, bodyStart }) => kind === 'full' && bodyEnd > bodyStart)
    .map(({ name, bodyStart, bodyEnd }) => ({ name, start: bodyStart, end: bodyEnd }));
});

/** Garbles a few numbers of a few sections in place, or cuts a piece out. Returns what it did. */
function garble(bytes: Uint8Array, r: Random): { readonly bytes: Uint8Array; readonly done: string[] } {
  const done: string[] = [];
  for (let n = 1 + r.below(6); n > 0; n--) {
    const { name, start, end } = r.pick(bodies);
    const size = r.pick([1, 1, 2, 4, 8]);
    const at = start + r.below(Math.max(1, end - start - size + 1));
    const value = r.chance(2) ? r.pick(hostile) : r.below(2 ** 32);
    const bit = r.chance(3) ? 1 << r.below(8) : 0;
    for (let i = size - 1, rest = value; i >= 0; i--, rest = Math.floor(rest / 256)) {
      bytes[at + i] = bit ? bytes[at + i]! ^ (i === 0 ? bit : 0) : rest % 256;
    }
    done.push(`${name}+${at - start}: ${bit ? `bit ${bit}` : `${size} bytes of ${value}`}`);
  }
  if (!r.chance(12)) return { bytes, done };
  const { name, start, end } = r.pick(bodies);
  const [from, gone] = [start + r.below(end - start), 1 + r.below(24)];
  done.push(`${name}: ${gone} bytes gone at ${from - start}`);
  const cut = new Uint8Array(bytes.length - gone);
  cut.set(bytes.subarray(0, from));
  cut.set(bytes.subarray(from + gone), from);
  return { bytes: cut, done };
}

async function survive(host: HostMemory, bytes: Uint8Array): Promise<string | undefined> {
  const received = await receive(bytesSource(bytes));
  const { plan } = received.planned;
  if (!plan) return undefined;
  const machine = new Machine(plan, { host, pace: new HostPace(), hostTime: 0n });
  try {
    await loadReceived(machine, received);
    machine.step(INSTRUCTIONS);
    await machine.stop();
    const { stopped } = machine.runstate;
    if (stopped?.kind === 'internal-error') return stopped.message;
    for (const piece of saveVmState(machine)) void piece;
    return undefined;
  } finally {
    machine.destroy();
  }
}

test.each(Array.from({ length: GROUPS }, (_, i) => i))(
  'garbled states run and are saved, part %i',
  { timeout: MUTATIONS * WALL_BOUND },
  async (group) => {
    const host = new HostMemory();
    const failures: string[] = [];
    for (let n = group; n < MUTATIONS; n += GROUPS) {
      const { bytes, done } = garble(original.slice(), new Random(SEED, n));
      const began = processorTime();
      let failed: string | undefined;
      try {
        failed = await survive(host, bytes);
      } catch (error) {
        failed = error instanceof Error ? (error.stack ?? error.message) : String(error);
      }
      const took = processorTime() - began;
      if (took > BOUND) failed ??= `took ${took.toFixed(0)} ms`;
      if (host.used > 0) failed ??= `${host.used} bytes of memory are not given back`;
      if (failed !== undefined) failures.push(`mutation ${n} of seed ${SEED} (${done.join('; ')}): ${failed}`);
    }
    expect(failures).toEqual([]);
  }
);
