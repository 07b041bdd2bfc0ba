// Whole commands, timed in turns so that a slow moment of the machine hits all of them.
import { spawnSync } from 'node:child_process';

/** @param {readonly number[]} list */
export const median = (list) => list.toSorted((a, b) => a - b)[list.length >> 1] ?? NaN;

/**
 * @param {readonly { name: string, argv: readonly string[] }[]} commands
 * @param {number} rounds
 * @returns {Map<string, { median: number, best: number, maxRss?: number }>} milliseconds by name
 */
export function inTurns(commands, rounds = 7) {
  /** @type {Map<string, number[]>} */
  const times = new Map(commands.map(({ name }) => [name, []]));
  for (let i = -1; i < rounds; i++) {
    for (const { name, argv } of commands) {
      const start = performance.now();
      const { status, stderr } = spawnSync(argv[0] ?? '', argv.slice(1), {
        stdio: ['ignore', 'ignore', 'pipe'],
        maxBuffer: 1 << 26
      });
      if (status !== 0) throw new Error(`${argv.join(' ')} ended with ${status}: ${stderr}`);
      // The first turn warms the page cache.
      if (i >= 0) times.get(name)?.push(performance.now() - start);
    }
  }
  return new Map([...times].map(([name, list]) => [name, { median: median(list), best: Math.min(...list) }]));
}

/** @param {number} ms */
export const inMs = (ms) => (ms < 10 ? `${ms.toFixed(1)} ms` : `${ms.toFixed(0)} ms`);
