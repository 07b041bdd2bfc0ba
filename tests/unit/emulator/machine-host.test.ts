/** Machines by the calls that the page makes, over the state that native QEMU left at a shell prompt. */
import { readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { MachineHost, MachineReport, MachineStatus } from '../../../src/lib/emulator/machine-api.ts';
import { createMachineHost } from '../../../src/lib/emulator/machine-host.ts';
import { readSnapshot } from '../../../src/lib/vmstate/savevm.ts';
import { descriptions } from '../../../src/lib/emulator/descriptions.ts';
import { blobSource } from '../../../src/lib/emulator/host/blob-source.ts';
import { comeToRest } from '../../support/at-rest.ts';
import { goldens } from '../../support/golden.ts';

/** Of the newest QEMU. */
const golden = goldens().findLast(({ name }) => name.endsWith('/linux-seed'));
const folder = golden && pathToFileURL(`${golden.folder}/`);
if (!golden) console.warn('SKIPPED: no linux-seed of native QEMU; npm run golden makes it');

const noise = new File([Uint8Array.from({ length: 100 }, (_, i) => i)], 'noise');

test('what is no state makes no machine, and the report says why', async () => {
  const host = createMachineHost();
  const { id, report } = await host.create({ state: [noise] });
  expect(report.made).toBe(false);
  expect(report.problems.some((p) => p.severity === 'fatal')).toBe(true);
  await expect(host.status(id)).rejects.toThrow('there is no machine');
  await host.destroy(id);
  await expect(host.status(id)).rejects.toThrow('is gone');
});

test('what is not there yet says so', async () => {
  await expect(createMachineHost().create({ commandLine: '-M pc' })).rejects.toThrow('not there yet');
});

describe.skipIf(!golden)('a Linux guest at its shell', () => {
  let host: MachineHost;
  let id: number;
  let report: MachineReport;
  let disk: File;
  let output = '';
  const told: MachineStatus[] = [];

  beforeAll(async () => {
    const { commandLine } = JSON.parse(readFileSync(new URL('meta.json', folder), 'utf8')) as { commandLine: string[] };
    const [, path] = /file=([^,]*)/.exec(commandLine.join(' ')) ?? [];
    disk = new File([readFileSync(path!)], 'rootfs.ext4');
    host = createMachineHost();
    const state = new File([readFileSync(new URL('state', folder))], 'state');
    const map = new File([readFileSync(new URL('System.map', folder))], 'System.map');
    ({ id, report } = await host.create({ state: [state, map] }));
    await host.watch(id, (status) => told.push(status));
    await host.serialOutput(id, 0, (bytes) => (output += new TextDecoder().decode(bytes)));
  });
  afterAll(() => host.destroy(id));

  const register = async (name: string): Promise<bigint> =>
    (await host.cpu(id)).groups.flatMap((g) => g.rows).find((row) => row.name === name)!.value;
  async function until(what: () => boolean): Promise<void> {
    const end = Date.now() + 80_000;
    while (!what()) {
      if (Date.now() > end) throw new Error(`waited in vain; the guest said ${JSON.stringify(output)}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  test('is paused, with its drive empty and all said that will not work', async () => {
    expect(report.made).toBe(true);
    expect(report.problems.filter((p) => p.severity === 'fatal')).toEqual([]);
    expect(report.problems.find((p) => p.code === 'drive-without-image')?.message).toContain('16777216 bytes');
    const { state, drives, instructions } = await host.status(id);
    expect([state, instructions]).toEqual(['prelaunch', 0]);
    expect(drives.filter((d) => !d.removable)).toMatchObject([{ id: 'virtio0', wanted: disk.size, file: undefined }]);
  });

  test('takes the image of its drive, and no other', async () => {
    await expect(host.attachDisk(id, 'virtio0', noise)).rejects.toThrow('had 16777216 bytes');
    await expect(host.attachDisk(id, 'ide0', disk)).rejects.toThrow("no drive 'ide0'");
    await host.attachDisk(id, 'virtio0', disk);
    expect((await host.status(id)).drives.find((d) => d.id === 'virtio0')?.file).toBe('rootfs.ext4');
  });

  test('shows registers, memory and devices while it stands', async () => {
    await comeToRest(host, id);
    const cpu = await host.cpu(id);
    expect(cpu.codeSize).toBe(64);
    expect(cpu.pc).toBe(await register('RIP'));
    const [virtual, map] = [await host.read(id, 'virtual', cpu.pc, 16), await host.monitor(id, 'info registers')];
    expect(virtual.length).toBe(16);
    expect(map.text).toContain(`RIP=${cpu.pc.toString(16).padStart(16, '0')}`);
    expect((await host.look(id, { calls: true })).calls![0]!.name).toMatch(
      /^default_idle\+0x|^native_safe_halt\+0x|idle/
    );
    expect(await host.addressOf(id, 'entry_SYSCALL_64')).toBe(await register('LSTAR'));
    expect(await host.read(id, 'virtual', 0n, 16)).toEqual(new Uint8Array(0));
    expect(await host.devices(id)).toContain('timer/0');
    const rows = await host.deviceFields(id, 'cpu/0');
    expect(rows.find((row) => row.name === 'env.eip')?.value).toBe(cpu.pc);
  });

  test('steps one instruction at a time and takes a register by hand', async () => {
    const before = await register('RIP');
    const ran = (await host.status(id)).instructions;
    const { state, stopped, instructions } = await host.step(id);
    expect([state, stopped, instructions - ran]).toEqual(['paused', { kind: 'step' }, 1]);
    expect(await register('RIP')).not.toBe(before);
    const r15 = await register('R15');
    await host.setRegister(id, 'R15', 0x1234n);
    expect(await register('R15')).toBe(0x1234n);
    await host.setRegister(id, 'R15', r15);
    await expect(host.setRegister(id, 'CS.flags', 0n)).rejects.toThrow('cannot be changed');
    await expect(host.setRegister(id, 'CR0', 1n << 63n)).rejects.toThrow('refuses');
    expect((await host.step(id, 1000)).instructions - ran).toBe(1001);
  });

  test('steps over calls and out of functions', async () => {
    const depth = await register('RSP');
    await host.stepOut(id);
    expect(await register('RSP')).toBeGreaterThan(depth);
    const next = await register('RIP');
    await host.stepOver(id);
    expect(await register('RIP')).not.toBe(next);
  });

  test('runs, answers at its console, and stops', async () => {
    await host.resume(id);
    await host.serialInput(id, 0, new TextEncoder().encode('cat /tmp/before-migration\n'));
    await until(() => /\ntest\r?\n/.test(output));
    await expect(host.step(id)).rejects.toThrow('pause it first');
    await host.pause(id);
    const { state, stopped, instructionsPerSecond } = await host.status(id);
    expect([state, stopped, instructionsPerSecond]).toEqual(['paused', { kind: 'pause' }, 0]);
    expect(told.some((status) => status.state === 'running')).toBe(true);
    expect((await host.monitor(id, 'info status')).text).toBe('VM status: paused');
    let late = '';
    await host.serialOutput(id, 0, (bytes) => (late += new TextDecoder().decode(bytes)));
    expect(late).toBe(output);
  });

  test('stops at a breakpoint each time, and goes on from it', async () => {
    // The kernel's idle loop comes by here again and again.
    await comeToRest(host, id);
    const address = await register('RIP');
    await expect(host.addBreakpoint(id, { kind: 'code', address, condition: '$rax +' })).rejects.toThrow();
    const { id: breakpoint } = await host.addBreakpoint(id, { kind: 'code', address });
    for (const hits of [1, 2]) {
      const before = told.length;
      await host.resume(id);
      await until(() => told.length > before && told.at(-1)!.state === 'debug');
      expect(await register('RIP')).toBe(address);
      expect((await host.breakpoints(id))[0]).toMatchObject({ id: breakpoint, hits });
    }
    await host.removeBreakpoint(id, breakpoint);
    const never = await host.addBreakpoint(id, { kind: 'code', address, condition: '$rip != $rip' });
    await host.resume(id);
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect((await host.status(id)).state).toBe('running');
    await host.pause(id);
    expect((await host.breakpoints(id))[0]).toMatchObject({ id: never.id, hits: 0 });
    await host.removeBreakpoint(id, never.id);
  });

  test('is saved as a stream that reads without a problem', async () => {
    const stream = await host.save(id);
    const snapshot = await readSnapshot(blobSource(stream), { descriptions });
    expect(snapshot.problems).toEqual([]);
    expect(snapshot.configuration?.machine).toBe(report.machine);
    const { file } = await host.monitor(id, 'migrate file:/tmp/vm.state');
    expect(file?.name).toBe('vm.state');
    // The monitor's goes in rounds; what it says in the end is the same.
    const sent = await readSnapshot(blobSource(file!.blob), { descriptions });
    expect(sent.problems).toEqual([]);
    const devices = ({ sections }: typeof sent): string[] =>
      sections.filter(({ kind }) => kind === 'full').map((s) => `${s.name} ${s.bodyEnd - s.bodyStart}`);
    expect(devices(sent)).toEqual(devices(snapshot));
  });
});
