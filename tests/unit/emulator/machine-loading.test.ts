/** Dropped files that make a machine, and those that make one that must not run. */
import { existsSync, readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { deviceLabels } from '../../../src/lib/emulator/debug/device-fields.ts';
import { createMachineHost } from '../../../src/lib/emulator/machine-host.ts';
import { MachineLoader } from '../../../src/lib/emulator/machine-loading.ts';
import { receive } from '../../../src/lib/emulator/machine-incoming.ts';
import type { Problem } from '../../../src/lib/vmstate/problem.ts';
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
  const { machine, report } = await new MachineLoader().load({ files: [fileOf(bytes)] });
  expect(report.problems.find((p) => p.code === 'cpu-features')).toMatchObject({
    ...{ severity: 'fatal', section: 'cpu/0', message: expect.stringContaining('vmx, smx') as string },
    hint: expect.stringContaining('-cpu qemu64') as string
  });
  machine!.destroy();
});

const load = async (name: string, loader = new MachineLoader()) =>
  loader.load({ files: [new File([readFileSync(golden(name)!.state)], 'state')] });
const fatalOf = ({ problems }: { readonly problems: readonly Problem[] }): Problem[] =>
  problems.filter((p) => p.severity === 'fatal');

test.skipIf(!golden('smp'))('a state of four vCPUs is loaded to be looked at, and does not run', async () => {
  const { machine, report } = await load('smp');
  expect(report.problems.find((p) => p.code === 'cpus')).toMatchObject({
    message: 'the state has 4 vCPUs, one runs here',
    hint: expect.stringContaining('-smp 1') as string
  });
  expect(report.made).toBe(true);
  expect(deviceLabels(machine!)).toContain('cpu/0');
  // Run anyway: the first one does.
  machine!.step(100_000);
  expect(machine!.runstate.stopped).toEqual({ kind: 'step' });
  machine!.destroy();
});

test.skipIf(!golden('four-gigabytes'))(
  'more memory than there is is refused, and takes none',
  { timeout: 60_000 },
  async () => {
    const loader = new MachineLoader();
    for (let i = 0; i < 3; i++) {
      const { machine, report } = await load('four-gigabytes', loader);
      expect([machine, report.made]).toEqual([undefined, false]);
      expect(fatalOf(report)).toMatchObject([
        { code: 'memory', hint: expect.stringContaining('close other machines') as string }
      ]);
      // The same each time: what was taken is given back.
      expect(fatalOf(report)[0]!.message).toBe(
        'pc.ram needs 4096 MiB, 4003 MiB are left in one piece; taken: CPU 0 93 MiB, page flags 1 MiB'
      );
    }
    const { machine, report } = await loader.load({ files: [fileOf(idle)] });
    expect(fatalOf(report)).toEqual([]);
    machine!.destroy();
  }
);

test.skipIf(!golden('q35-smp-max'))('another machine type is named before what follows from it', async () => {
  const { report } = await load('q35-smp-max');
  expect(fatalOf(report)[0]).toMatchObject({
    message: expect.stringMatching(/^machine type 'pc-q35-[\d.]+' cannot run here$/) as string,
    hint: 'pc (i440FX) machines can'
  });
});

test('sections that disagree are refused as QEMU refuses them, each with what helps', async () => {
  const bytes = idle.slice();
  // The host bridge is another vendor's, and the PIT counts from what does not fit it.
  const bridge = await sectionOf('0000:00:00.0/I440FX');
  const config = bytes.subarray(bridge.bodyStart + 4);
  expect([...config.subarray(0, 2)]).toEqual([0x86, 0x80]);
  config.set([0x12, 0x34]);
  const pit = await sectionOf('i8254');
  new DataView(bytes.buffer).setUint32(placedAt(pit.fields, 'channels[0].count')!.start, 0x20000);
  const host = createMachineHost();
  const file = fileOf(bytes);
  const { id, report } = await host.create({ state: [file] });
  expect(fatalOf(report).map((p) => [p.section, p.message, p.hint !== undefined])).toEqual([
    ['0000:00:00.0/I440FX/0', expect.stringMatching(/^get_pci_config_device: Bad config data: i=0x0 read: 12/), true],
    ['i8254/0', 'i8254: a channel counts down from what does not fit 16 bits', true]
  ]);
  await expect(host.resume(id)).rejects.toThrow('Bad config data');
  await expect(host.step(id)).rejects.toThrow('Bad config data');
  expect((await host.read(id, 'physical', 0n, 16)).length).toBe(16);
  await host.resume(id, true);
  await host.pause(id);
  expect((await host.status(id)).state).toBe('paused');
  // On a copy: what was opened is as it was.
  expect(new Uint8Array(await file.arrayBuffer())).toEqual(bytes);
  await host.destroy(id);
});

const qcow2 = ['11', '10', '7']
  .flatMap((major) => goldens().filter(({ name }) => name.startsWith(`${major}.`)))
  .map(({ folder }) => new URL(`file://${folder}/../qcow2-snapshots/disk.qcow2`))
  .find((url) => existsSync(url));
test.skipIf(!qcow2)('a qcow2 image with a VM state is the state and the disk of that moment', async () => {
  const image = new File([readFileSync(qcow2!)], 'disk.qcow2');
  const { machine, images, report } = await new MachineLoader().load({ files: [image] });
  expect(report.problems.filter((p) => p.severity === 'fatal')).toEqual([]);
  expect([...images]).toEqual([['virtio0', 'disk.qcow2 (second)']]);
  machine!.step(100_000);
  expect(machine!.runstate.stopped).toEqual({ kind: 'step' });
  machine!.destroy();

  const first = await new MachineLoader().load({ files: [image], snapshot: '1' });
  expect([...first.images]).toEqual([['virtio0', 'disk.qcow2 (first)']]);
  first.machine!.destroy();
});
