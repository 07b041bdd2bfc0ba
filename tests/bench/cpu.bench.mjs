// The CPU against native QEMU's TCG: the same kernels, each machine in turn.
import { join } from 'node:path';
import { qemus } from '../../scripts/qemu/qemu.mjs';
import { present, root } from '../../scripts/stages.mjs';
import { buildKernels, machineArgs, timeKernels } from './kernels.mjs';
import { inMs, median } from './timing.mjs';

const ROUNDS = 3;

export async function run() {
  const native = qemus().at(-1);
  if (!native || !present('gcc')) {
    console.error('SKIPPED cpu: needs native QEMU (npm run golden) and gcc');
    return [];
  }
  const args = machineArgs(buildKernels());
  const commands = {
    ours: [process.execPath, join(root, 'bin/migrascope'), 'system', ...args],
    native: [...native.argv, ...native.firmwareArgs, ...args]
  };
  /** @type {Map<string, { ours: number[], native: number[] }>} */
  const times = new Map();
  for (let round = 0; round < ROUNDS; round++) {
    const ours = await timeKernels(commands.ours);
    for (const [name, { ms, result }] of await timeKernels(commands.native)) {
      const mine = ours.get(name);
      if (mine?.result !== result) throw new Error(`${name}: ${mine?.result} here, ${result} in QEMU`);
      const of = times.get(name) ?? { ours: [], native: [] };
      of.ours.push(mine.ms);
      of.native.push(ms);
      times.set(name, of);
    }
  }
  const rows = [...times].map(([what, of]) => {
    const [ours, theirs] = [median(of.ours), median(of.native)];
    return { what, ours: inMs(ours), peer: `QEMU ${native.version} TCG ${inMs(theirs)}`, ratio: theirs / ours };
  });
  const geomean = Math.exp(rows.reduce((sum, { ratio }) => sum + Math.log(ratio), 0) / rows.length);
  return [...rows, { what: 'geometric mean', ours: '', peer: 'of the ratios', ratio: geomean }];
}
