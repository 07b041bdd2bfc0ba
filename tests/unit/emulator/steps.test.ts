/** Single steps and one run of the same count leave the same machine, interrupts, timers and memory included. */
import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import type { Machine } from '../../../src/lib/emulator/machine.ts';
import { saveVmState } from '../../../src/lib/emulator/migration/outgoing.ts';
import { goldens } from '../../support/golden.ts';
import { resumed } from '../../support/resumed.ts';

const seed = goldens().findLast(({ name }) => name.endsWith('/linux-seed'));
if (!seed) console.warn('SKIPPED: no streams of native QEMU; make them with: npm run golden');

/** `npm run test:long steps` makes it 10 million. */
const STEPS = 500_000 * Number(process.env.MIGRASCOPE_RUNS_FACTOR ?? 1);
/** So many of them stop the machine as the button does, which takes longer. */
const BY_HAND = 10_000;
/** An instruction takes a microsecond: timers come often. */
const SHIFT = 10;

function hashOf(machine: Machine): string {
  const hash = createHash('sha256');
  for (const piece of saveVmState(machine)) hash.update(piece);
  return hash.digest('hex');
}

describe.skipIf(!seed)('a shell that is busy', () => {
  async function busy(): Promise<Machine> {
    const { machine } = await resumed(seed!, { icountShift: SHIFT, hostTime: 0n });
    machine.serialInput(0, new TextEncoder().encode('while :; do echo $((i = i + 1)) > /dev/null; done\n'));
    await new Promise((resolve) => setTimeout(resolve, 10));
    return machine;
  }

  test(`${STEPS} single steps are one run of as many`, { timeout: 3_600_000 }, async () => {
    const [stepped, run] = [await busy(), await busy()];
    const before = performance.now();
    let asked = 0;
    stepped.step(STEPS - BY_HAND, () => ++asked > 0);
    const seconds = (performance.now() - before) / 1000;
    console.log(`${Math.round(asked / seconds)} single steps a second`);
    for (let n = 0; n < BY_HAND; n++) stepped.step(1);
    expect(asked).toBeGreaterThanOrEqual(STEPS - BY_HAND);
    run.step(STEPS);
    expect([run.cpu.icount, stepped.cpu.icount]).toEqual([BigInt(STEPS), BigInt(STEPS)]);
    expect(run.cpu.env.get('halted')).toBe(0);
    expect(hashOf(stepped)).toBe(hashOf(run));
    stepped.step(1);
    expect(hashOf(stepped)).not.toBe(hashOf(run));
    stepped.destroy();
    run.destroy();
  });
});
