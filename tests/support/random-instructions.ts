/**
 * Random instructions that run here and on this machine's CPU: how many, from which seeds, and which of them it lacks.
 * MIGRASCOPE_RUNS_FACTOR=N takes N rounds, MIGRASCOPE_SEED others (npm run test:long instructions).
 */
import { readFileSync } from 'node:fs';
import { afterAll } from 'vitest';
import type { Row } from '../../src/lib/emulator/target/i386/isa/insn.ts';

const { MIGRASCOPE_RUNS_FACTOR: factor = '1', MIGRASCOPE_SEED: seed = '1' } = process.env;
/** One for each round. */
const SEEDS = Array.from({ length: Math.max(1, Math.trunc(Number(factor))) }, (_, round) => Number(seed) + round);
/** Of a test that has all rounds, in ms. */
export const timeout = 60_000 * SEEDS.length;

let tried = 0;
const skipped = new Set<string>();

/** What all rounds find wrong. `round` says what it found, of `instructions` that it tried. */
export function rounds(instructions: number, round: (seed: number) => readonly string[]): string[] {
  tried += instructions * SEEDS.length;
  return SEEDS.flatMap((seed) => round(seed));
}

/** Prints, after a file's tests, how many instructions were tried and which were not. */
export function tellCount(what: string): void {
  afterAll(() => {
    if (skipped.size > 0) console.log(`${what}: SKIPPED, this CPU has no ${[...skipped].join(', ')}`);
    console.log(`${what}: ${tried} random instructions`);
  });
}

function featuresOfThisCpu(): ReadonlySet<string> {
  try {
    return new Set(/^flags\s*: (.*)$/m.exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[1]?.split(' '));
  } catch {
    return new Set();
  }
}
const features = featuresOfThisCpu();

/** Whether this machine's CPU executes an instruction; what it lacks is listed in the end. */
export function isHere({ name, feature }: Row): boolean {
  // Linux writes sse4_1 and sha_ni.
  if (feature === undefined || features.has(feature.replace(/[.-]/g, '_'))) return true;
  skipped.add(`${name} (${feature})`);
  return false;
}
