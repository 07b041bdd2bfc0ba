/** Going back by the calls that the page makes, and by the monitor, with the guest that native QEMU left at its shell. */
import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { MachineHost, MachineStatus } from '../../../../src/lib/emulator/machine-api.ts';
import { createMachineHost } from '../../../../src/lib/emulator/machine-host.ts';

const folder = ['11.1.3', '10.0.13', '7.2.22']
  .map((version) => new URL(`../../../golden/${version}/linux-seed/`, import.meta.url))
  .find((url) => existsSync(new URL('state', url)));
if (!folder) console.warn('SKIPPED: no golden linux-seed; make it with: npm run golden');

describe.skipIf(!folder)('a guest that ran', () => {
  let host: MachineHost;
  let id: number;
  let output = '';
  let end: MachineStatus;
  const monitor = async (line: string): Promise<string> => (await host.monitor(id, line)).text;
  const register = async (name: string): Promise<bigint> =>
    (await host.cpu(id)).groups.flatMap((g) => g.rows).find((row) => row.name === name)!.value;

  async function until(what: () => boolean): Promise<void> {
    for (const deadline = Date.now() + 60_000; !what();) {
      if (Date.now() > deadline) throw new Error(`waited in vain; the guest said ${JSON.stringify(output)}`);
      await new Promise((done) => setTimeout(done, 20));
    }
  }
  async function stopped(): Promise<MachineStatus> {
    let status = await host.status(id);
    await host.watch(id, (now) => (status = now));
    await until(() => status.state !== 'running');
    return status;
  }

  beforeAll(async () => {
    const { commandLine } = JSON.parse(readFileSync(new URL('meta.json', folder), 'utf8')) as { commandLine: string[] };
    const [, path] = /file=([^,]*)/.exec(commandLine.join(' ')) ?? [];
    const disk = resolve(fileURLToPath(folder!), path!);
    host = createMachineHost();
    const state = [new File([readFileSync(new URL('state', folder))], 'state')];
    ({ id } = await host.create({ state: [...state, new File([readFileSync(disk)], 'rootfs.ext4')] }));
    await host.serialOutput(id, 0, (bytes) => (output += new TextDecoder().decode(bytes)));
  }, 60_000);
  afterAll(() => host.destroy(id));

  test('knows its past, and the present as its end', { timeout: 60_000 }, async () => {
    expect((await host.status(id)).past).toBeUndefined();
    expect(await monitor('info replay')).toBe('Record/replay is not active');
    await expect(host.stepBack(id)).rejects.toThrow('nothing of the past is known');
    await host.resume(id);
    await host.serialInput(id, 0, new TextEncoder().encode('cat /tmp/before-migration\n'));
    await until(() => /\ntest\r?\n# /.test(output));
    await expect(host.stepBack(id)).rejects.toThrow('pause it first');
    await host.pause(id);
    end = await host.status(id);
    expect(end.past).toMatchObject({ first: 0, last: end.instructions, inPast: false, replaying: false });
    expect(await monitor('info replay')).toMatch(
      `Recording execution '(memory)': instruction count = ${end.instructions}\ninstructions 0 to ${end.instructions}, `
    );
  });

  test('steps back, and forward through what it did', { timeout: 60_000 }, async () => {
    const { instructions } = end;
    const rip = await register('RIP');
    const back = await host.stepBack(id, 1000);
    expect(back).toMatchObject({ state: 'paused', stopped: { kind: 'back' }, instructions: instructions - 1000 });
    expect(back.past).toMatchObject({ last: instructions, inPast: true });
    expect(await monitor('info replay')).toContain('Replaying');
    expect((await host.step(id, 999)).instructions).toBe(instructions - 1);
    expect((await host.stepBack(id)).instructions).toBe(instructions - 2);
    await expect(host.goTo(id, instructions + 1)).rejects.toThrow(`0 to ${instructions}`);
    expect((await host.status(id)).state).toBe('paused');
    await host.resume(id);
    expect(await stopped()).toMatchObject({ state: 'paused', stopped: { kind: 'replay-end' }, instructions });
    expect(await register('RIP')).toBe(rip);
    expect((await host.status(id)).past?.inPast).toBe(false);
  });

  test('prints nothing twice', async () => {
    const before = output;
    await host.goTo(id, 0);
    await host.resume(id);
    await stopped();
    expect(output).toBe(before);
  });

  test('goes back from breakpoint to breakpoint, without counting them again', { timeout: 60_000 }, async () => {
    await host.goTo(id, 0);
    const address = await register('LSTAR');
    const { id: breakpoint } = await host.addBreakpoint(id, { kind: 'code', address });
    const counts: number[] = [];
    for (let hits = 1; hits <= 3; hits++) {
      await host.resume(id);
      const status = await stopped();
      expect(status).toMatchObject({ state: 'debug', stopped: { kind: 'breakpoint', id: breakpoint } });
      counts.push(status.instructions);
    }
    for (const instructions of counts.slice(0, 2).toReversed()) {
      expect(await host.reverseContinue(id)).toMatchObject({ state: 'debug', instructions });
      expect(await register('RIP')).toBe(address);
    }
    expect((await host.breakpoints(id))[0]).toMatchObject({ hits: 3 });
    expect(await host.reverseContinue(id)).toMatchObject({ state: 'paused', instructions: 0 });
    await host.removeBreakpoint(id, breakpoint);
  });

  test('goes back to who wrote last', { timeout: 60_000 }, async () => {
    await host.goTo(id, end.instructions);
    // What lies above the top of the stack was written there by a push or a call.
    const stack = await register('RSP');
    const write = await host.backToWrite(id, 'virtual', stack, 8);
    expect(write).toMatchObject({ device: false });
    const before = await host.read(id, 'virtual', stack, 8);
    const { instructions } = await host.step(id);
    expect(instructions).toBe(write!.icount + 1);
    expect(await host.read(id, 'virtual', stack, 8)).not.toEqual(before);
    await expect(host.backToWrite(id, 'virtual', 0n, 8)).rejects.toThrow('not mapped');
    await expect(host.backToWrite(id, 'physical', 0xfee0_0000n, 4)).rejects.toThrow('not RAM');
    expect(await monitor(`reverse_write 0x${stack.toString(16)}`)).toBe('');
    expect((await host.status(id)).instructions).toBe(write!.icount);
  });

  test('is not changed in its past, but may go on from there', { timeout: 60_000 }, async () => {
    await expect(host.setRegister(id, 'R15', 1n)).rejects.toThrow('forgotten first');
    expect(await monitor('system_reset')).toContain('forgotten first');
    const { instructions } = await host.status(id);
    expect(await monitor('replay_forget')).toBe('');
    expect((await host.status(id)).past).toMatchObject({ inPast: false, last: instructions });
    // What is changed by hand is done again too.
    await host.setRegister(id, 'R15', 0x1234_5678n);
    expect(await host.write(id, 'physical', 0x1000n, Uint8Array.of(1, 2, 3))).toBe(true);
    expect(await host.write(id, 'physical', 0xfee0_0000n, Uint8Array.of(1))).toBe(false);
    await host.step(id, 10);
    const rip = await register('RIP');
    expect(await monitor('reverse_step 20')).toBe('');
    expect([...(await host.read(id, 'physical', 0x1000n, 3))]).not.toEqual([1, 2, 3]);
    await host.step(id, 30);
    expect(await register('RIP')).toBe(rip);
    expect([...(await host.read(id, 'physical', 0x1000n, 3))]).toEqual([1, 2, 3]);
  });

  test('says by the monitor what cannot be', async () => {
    expect(await monitor('replay_break 5')).toContain('only in play mode');
    expect(await monitor('replay_seek soon')).toContain('a count of instructions is expected');
    const { instructions } = await host.status(id);
    expect(await monitor(`replay_seek ${instructions - 10}`)).toBe('');
    expect(await monitor('replay_break 5')).toContain('in the past');
    expect(await monitor(`replay_break ${instructions - 5}`)).toBe('');
    await host.resume(id);
    expect((await stopped()).instructions).toBe(instructions - 5);
    expect(await monitor('replay_delete_break')).toBe('');
    await host.resume(id);
    expect((await stopped()).instructions).toBe(instructions);
  });
});
