/** A machine whose worker is gone is made again by another one, as it was at its last checkpoint. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { afterAll, expect, test } from 'vitest';
import type { Checkpoint, MachineRemains } from '../../../../src/lib/emulator/machine-api.ts';
import { MachineLoader } from '../../../../src/lib/emulator/machine-loading.ts';
import { CowOverlay } from '../../../../src/lib/emulator/block/cow.ts';
import { RawImage } from '../../../../src/lib/emulator/block/raw.ts';
import type { VirtioBlkPlan } from '../../../../src/lib/emulator/machine-plan.ts';
import { bytesSource } from '../../../../src/lib/vmstate/source.ts';
import { smallMachine } from '../../../support/small-machine.ts';
import type { Machine } from '../../../../src/lib/emulator/machine.ts';
import { Remains, revive } from '../../../../src/lib/emulator/replay/remains.ts';
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
  const { machine, report } = await new MachineLoader().load({ files: [state] });
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
  const { machine, report } = await new MachineLoader().revive({ files: [state] }, remains);
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

test('its disks have what was written until then, and nothing that came later', async () => {
  const disk: VirtioBlkPlan = {
    ...{ id: 'virtio0', slot: 3, vectors: 2, disableLegacy: false, disableModern: false },
    ...{ numQueues: 1, queueSize: 64, discard: true, writeZeroes: true, size: 65536 }
  };
  const withDisk = (): Machine => {
    const machine = smallMachine({ virtioBlk: [disk] });
    machines.push(machine);
    machine.drives[0]!.blk.insert(new CowOverlay(new RawImage(bytesSource(new Uint8Array(65536).fill(1)))));
    return machine;
  };
  const machine = withDisk();
  machine.timeTravel.enabled = true;
  const drive: Map<number, unknown>[] = [new Map()];
  let last: Checkpoint | undefined;
  const report = { machine: '', memory: 0, cpu: '', problems: [], frozen: [], serials: [], made: true };
  const { ground } = new Remains(machine, report, (checkpoint) => {
    last = checkpoint;
    for (const [n, cluster] of checkpoint.drives[0]!) {
      if (cluster === undefined) drive[0]!.delete(n);
      else drive[0]!.set(n, structuredClone(cluster));
    }
  });
  const { driver } = machine.drives[0]!.blk;
  const checkpoint = async (): Promise<void> => {
    machine.timeTravel.forgetPast();
    machine.step(10);
    await new Promise(setImmediate);
  };
  await driver!.write(0, new Uint8Array(512).fill(2));
  await checkpoint();
  expect([...drive[0]!.keys()]).toEqual([0]);
  await driver!.write(512, new Uint8Array(512).fill(3));
  await driver!.write(8192, new Uint8Array(1024).fill(4));
  await checkpoint();
  expect(last!.drives[0]!.size).toBe(2);
  await driver!.write(0, new Uint8Array(65536).fill(5));
  const again = withDisk();
  const remains = { ground, checkpoint: last!, drives: drive, attached: new Map<string, File>() };
  expect((await revive(again, remains)).problems.filter((p) => p.severity === 'fatal')).toEqual([]);
  const bytes = new Uint8Array(65536);
  await again.drives[0]!.blk.driver!.read(0, bytes);
  expect([0, 511, 512, 1023, 1024, 8191, 8192, 9215, 9216, 65535].map((at) => bytes[at])).toEqual([
    ...[2, 2, 3, 3, 1, 1, 4, 4, 1, 1]
  ]);
});
