/** Dropped files that make a machine, and those that make one that must not run. */
import { existsSync, readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { createMachineHost } from '../../../src/lib/emulator/machine-host.ts';
import { MachineLoader } from '../../../src/lib/emulator/machine-loading.ts';
import { receive } from '../../../src/lib/emulator/machine-incoming.ts';
import { bytesSource } from '../../../src/lib/vmstate/source.ts';
import { placedAt } from '../../../src/lib/vmstate/vmstate.ts';
import { goldens } from '../../support/golden.ts';

const sample = new URL('../../../static/samples/workload/idle.vmstate.gz', import.meta.url);
const idle = new Uint8Array(gunzipSync(readFileSync(sample)));
const fileOf = (bytes: Uint8Array<ArrayBuffer>, name = 'vm.state'): File => new File([bytes], name);
const golden = (name: string) => goldens().findLast((g) => g.name.endsWith(`/${name}`));

async function sectionOf(name: string) {
  const { snapshot } = await receive(bytesSource(idle));
  return snapshot.sections.find((s) => s.kind === 'full' && s.name === name)!;
}

test('a section that cannot be loaded is refused with its name, and run when somebody insists', async () => {
  const bytes = idle.slice();
  const apic = await sectionOf('apic');
  const before = apic.bodyStart - 4;
  // A version that is not there yet.
  bytes.set([0, 0, 0, 99], before);
  const host = createMachineHost();
  const { id, report } = await host.create({ state: [fileOf(bytes)] });
  const fatal = report.problems.filter((p) => p.severity === 'fatal');
  expect(report.made).toBe(true);
  expect(fatal.some((p) => p.section === 'apic/0')).toBe(true);
  await expect(host.resume(id)).rejects.toThrow(fatal[0]!.message);
  await host.resume(id, true);
  await host.pause(id);
  expect((await host.status(id)).state).toBe('paused');
  await host.destroy(id);
});

test('features of the CPU that are not there are named', async () => {
  const bytes = idle.slice();
  const { fields } = await sectionOf('cpu');
  const cr4 = placedAt(fields, 'env.cr[4]')!;
  // VMX and SMX.
  new DataView(bytes.buffer).setBigUint64(cr4.start, (cr4.value as bigint) | (1n << 13n) | (1n << 14n));
  const { machine, report } = await new MachineLoader().load([fileOf(bytes)]);
  expect(report.problems.find((p) => p.code === 'cpu-features')).toMatchObject({
    ...{ severity: 'fatal', section: 'cpu/0', message: expect.stringContaining('vmx, smx') as string },
    hint: expect.stringContaining('-cpu qemu64') as string
  });
  machine!.destroy();
});

const smp = golden('smp');
test.skipIf(!smp)('a state of four vCPUs is loaded to be looked at, and does not run', async () => {
  const state = new File([readFileSync(smp!.state)], 'state');
  const { machine, report } = await new MachineLoader().load([state]);
  expect(report.problems.find((p) => p.code === 'cpus')?.message).toBe('the state has 4 vCPUs, one runs here');
  expect(report.made).toBe(true);
  machine!.destroy();
});

const qcow2 = ['11', '10', '7']
  .flatMap((major) => goldens().filter(({ name }) => name.startsWith(`${major}.`)))
  .map(({ folder }) => new URL(`file://${folder}/../qcow2-snapshots/disk.qcow2`))
  .find((url) => existsSync(url));
test.skipIf(!qcow2)('a qcow2 image with a VM state is the state and the disk of that moment', async () => {
  const image = new File([readFileSync(qcow2!)], 'disk.qcow2');
  const { machine, images, report } = await new MachineLoader().load([image]);
  expect(report.problems.filter((p) => p.severity === 'fatal')).toEqual([]);
  expect([...images]).toEqual([['virtio0', 'disk.qcow2 (second)']]);
  machine!.step(100_000);
  expect(machine!.runstate.stopped).toEqual({ kind: 'step' });
  machine!.destroy();
});
