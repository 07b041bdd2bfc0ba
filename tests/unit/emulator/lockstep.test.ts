/**
 * Our CPU beside native QEMU's, instruction by instruction: a kernel that goes on after a load, programs under it, and real
 * mode. `MIGRASCOPE_RUNS_FACTOR=10` takes so many times as many instructions, with every QEMU instead of one,
 * and -cpu max too.
 */
import { describe, expect, test } from 'vitest';
import { qemus } from '../../../scripts/qemu/qemu.mjs';
import { goldens } from '../../support/golden.ts';
import { lockstep } from '../../support/lockstep/lockstep.ts';
import { metaOf } from '../../support/resumed.ts';

const FACTOR = Number(process.env.MIGRASCOPE_RUNS_FACTOR ?? 1);
const campaign = FACTOR > 1;
/** Instructions, by state; a campaign has twice as many of the seed state, and more states. */
const STATES = [
  { state: 'linux-seed', instructions: campaign ? 400_000 : 200_000 },
  { state: 'lockstep-user', instructions: 200_000 },
  { state: 'lockstep-real-mode', instructions: 200_000 },
  ...(campaign ? [{ state: 'lockstep-max', instructions: 200_000 }] : [])
];
const versions = qemus().slice(0, campaign ? undefined : 1);

const cases = versions.flatMap((qemu) =>
  STATES.map((row) => {
    const golden = goldens().find((g) => g.name.endsWith(`/${row.state}`) && metaOf(g).qemu.suite === qemu.suite);
    return { name: `${qemu.version} ${row.state}`, qemu, golden, instructions: row.instructions * FACTOR };
  })
);
for (const { name, golden } of cases) {
  if (!golden) console.warn(`SKIPPED: no native stream ${name}; make it with: npm run golden`);
}
if (versions.length === 0) console.warn('SKIPPED: no native QEMU; install it with: node scripts/qemu/install.mjs');

describe.skipIf(cases.length === 0)('Instruction by instruction, ours does what native QEMU does', () => {
  test.for(cases)('$name', { timeout: 180_000 * FACTOR }, async (row, { skip }) => {
    if (!row.golden) return skip();
    const tally = await lockstep(row.golden, row.qemu, row.instructions);
    expect(tally.instructions).toBeGreaterThanOrEqual(row.instructions);
    const listed = (counts: ReadonlyMap<string | number, number>): string =>
      [...counts].map(([what, times]) => `${what} ${times} times`).join(', ') || 'none';
    console.log(
      `${row.name}: ${tally.instructions} instructions; interrupts: ${listed(tally.interrupts)}; ` +
        `taken from native: ${listed(tally.taken)}`
    );
  });
});
