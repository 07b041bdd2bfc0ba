/** A machine whose worker is gone is made again by another one, as it was at its last checkpoint. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { afterAll, expect, test } from 'vitest';
import type { Checkpoint, MachineRemains } from '../../../../src/lib/emulator/machine-api.ts';
import { MachineLoader } from '../../../../src/lib/emulator/machine-loading.ts';
import type { Machine } from '../../../../src/lib/emulator/machine.ts';
import { Remains } from '../../../../src/lib/emulator/replay/remains.ts';
import { deviceSections } from '../../../../src/lib/emulator/migration/savevm.ts';

const sample = new URL('../../../../static/samples/workload/workload.vmstate.gz', import.meta.url);
const state = new File([gunzipSync(readFileSync(sample))], 'vm.state');
const machines: Machine[] = [];
afterAll(() => {
  for (const machine of machines) machine.destroy();
});

/** Of RAM and all devices but the clock on the wall, which goes on in between. */
function hashOf(machine: Machine): string {
  const hash = createHash('sha256');
  for (const block of machine.physmem.blocks) hash.update(block.idstr).update(block.bytes());
  for (const { name, bytes } of deviceSections(machine)) if (name !== 'mc146818rtc') hash.update(bytes);
  return hash.digest('hex');
}

/** A machine that is kept. What it was at each checkpoint, and a page that has each of them or has lost some. */
async function kept() {
  const { machine, report } = await new MachineLoader().load([state]);
  machines.push(machine!);
  const told: { readonly checkpoint: Checkpoint; readonly hash: string }[] = [];
  const page = { answers: Promise.resolve() };
  const { ground } = new Remains(machine!, report, (checkpoint) => {
    told.push({ checkpoint, hash: hashOf(machine!) });
    return page.answers;
  });
  /** Runs, and comes to a checkpoint at its end. */
  const run = async (instructions: number): Promise<void> => {
    machine!.step(instructions);
    machine!.timeTravel.forgetPast();
    machine!.step(1);
    await new Promise(setImmediate);
  };
  const remains = (checkpoint: Checkpoint): MachineRemains => ({ ground, checkpoint, drives: [], attached: new Map() });
  return { machine: machine!, told, page, run, remains };
}

async function revived(remains: MachineRemains) {
  const { machine, report } = await new MachineLoader().revive([state], remains);
  if (machine) machines.push(machine);
  return { report, hash: machine && hashOf(machine), machine };
}

test('it is as it was at the last checkpoint, whatever it did since', async () => {
  const { machine, told, run, remains } = await kept();
  await run(2_000_000);
  await run(3_000_000);
  machine.step(2_000_000);
  const { checkpoint, hash } = told.at(-1)!;
  expect(new Set(told.map((t) => t.hash)).size).toBe(told.length);
  expect(hashOf(machine)).not.toBe(hash);
  const again = await revived(remains(checkpoint));
  expect(again.report.problems.filter((p) => p.severity === 'fatal')).toEqual([]);
  expect(again.hash).toBe(hash);
  // It goes on, and is not a copy that is still tied to the old one.
  again.machine!.step(1_000_000);
  expect(again.machine!.runstate.stopped).toEqual({ kind: 'step' });
});

test('the checkpoint before is as good, where the page has not got the last one', async () => {
  const { machine, told, page, run, remains } = await kept();
  await run(1_000_000);
  await run(1_000_000);
  const { length } = told;
  page.answers = new Promise(() => {});
  for (let i = 0; i < 3; i++) await run(2_000_000);
  // One was told in vain, and no other after it.
  expect(told).toHaveLength(length + 1);
  machine.step(500_000);
  for (const { checkpoint, hash } of told.slice(-2)) {
    expect((await revived(remains(checkpoint))).hash).toBe(hash);
  }
  const { report } = await revived(remains(told.at(-3)!.checkpoint));
  expect(report.made).toBe(false);
  expect(report.problems).toMatchObject([
    { severity: 'fatal', message: expect.stringContaining('checkpoint') as string }
  ]);
});

test('going back in time leads away from it as running does', async () => {
  const { machine, told, run, remains } = await kept();
  await run(1_000_000);
  machine.step(3_000_000);
  const { checkpoint, hash } = told.at(-1)!;
  await machine.timeTravel.seek(machine.timeTravel.icount - 1_000_000);
  const last = told.at(-1)!;
  const again = await revived(remains(last.checkpoint));
  expect(again.hash).toBe(last.hash);
  expect((await revived(remains(checkpoint))).hash).toBe(hash);
});
