/** Two `migrascope system` in this process, driven as scripts drive QEMU: QMP and serial ports on sockets. */
import { copyFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { qemus } from '../../../scripts/qemu/qemu.mjs';
import { image } from '../../../guests/workload.mjs';
import { Exit } from '../../../src/bridge/command.ts';
import type { Io } from '../../../src/bridge/io.ts';
import { system } from '../../../src/bridge/system.ts';
import { firmware, noAssembler, saidNatively } from '../../support/firmware.ts';
import { goldens } from '../../support/golden.ts';

const folder = mkdtempSync(join(tmpdir(), 'migrascope-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const MACHINE = ['-M', 'pc-i440fx-10.0', '-m', '16', '-nographic', '-vga', 'none', '-nic', 'none', '-bios', image];

async function socketAt(path: string): Promise<Socket> {
  for (let tries = 0; ; tries++) {
    const socket = connect(path);
    try {
      await new Promise((resolve, reject) => socket.once('connect', resolve).once('error', reject));
      return socket;
    } catch (error) {
      if (tries > 200) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

type Json = Readonly<Record<string, unknown>>;

/** One running `migrascope system`. */
async function start(name: string, more: readonly string[] = []) {
  const at = (what: string): string => join(folder, `${name}.${what}`);
  const errors: string[] = [];
  const io: Io = { out: () => Promise.resolve(), err: (line) => errors.push(line), progress() {} };
  const wires = ['-serial', `unix:${at('serial')},server=on,wait=off`, '-qmp', `unix:${at('qmp')},server=on,wait=off`];
  const ended = system.run([...MACHINE, ...wires, '-monitor', 'none', ...more], io);
  ended.catch(() => undefined);
  const serial = await socketAt(at('serial'));
  const socket = await socketAt(at('qmp'));
  let said = '';
  serial.setEncoding('latin1').on('data', (text) => (said += String(text)));
  const messages: Json[] = [];
  let rest = '';
  socket.setEncoding('utf8').on('data', (text) => {
    const lines = (rest + String(text)).split('\n');
    rest = lines.pop()!;
    messages.push(...lines.map((line) => JSON.parse(line) as Json));
  });
  let read = 0;
  const reply = async (): Promise<Json> => {
    for (;;) {
      while (read < messages.length) {
        const message = messages[read++]!;
        if (!('event' in message)) return message;
      }
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  };
  await reply();
  const qmp = async (execute: string, args: Json = {}): Promise<unknown> => {
    socket.write(JSON.stringify({ execute, arguments: args }));
    const { return: result, error } = await reply();
    return error ?? result;
  };
  await qmp('qmp_capabilities');
  return {
    ...{ qmp, errors, ended },
    events: () => messages.flatMap((m) => ('event' in m ? [m.event] : [])),
    ask: async (line: string, answer: RegExp): Promise<void> => {
      const from = said.length;
      serial.write(`${line}\r`);
      await expect.poll(() => said.slice(from), { timeout: 20_000 }).toMatch(answer);
    },
    says: (what: RegExp): Promise<void> => expect.poll(() => said, { timeout: 30_000 }).toMatch(what)
  };
}

test('A guest goes from one to the other by QMP, and answers there', { timeout: 90_000 }, async () => {
  const a = await start('a');
  await a.says(/workload> /);
  await a.ask('note sent', /: sent/);
  await a.ask('dirty 2000 2M random', /pages\/s/);
  const b = await start('b', ['-incoming', 'defer']);
  expect(await b.qmp('query-status')).toEqual({ status: 'inmigrate', running: false });
  expect(await b.qmp('migrate', { uri: 'exec:cat' })).toMatchObject({
    desc: 'Guest is waiting for an incoming migration'
  });
  const uri = `unix:${join(folder, 'wire')}`;
  expect(await b.qmp('migrate-incoming', { uri })).toEqual({});
  expect(await b.qmp('migrate-incoming', { uri })).toMatchObject({
    desc: 'The incoming migration has already been started'
  });
  expect(await a.qmp('migrate', { uri })).toEqual({});
  await expect.poll(async () => ((await a.qmp('query-migrate')) as Json).status, { timeout: 30_000 }).toBe('completed');
  await expect.poll(() => b.qmp('query-status'), { timeout: 10_000 }).toEqual({ status: 'running', running: true });
  expect(await b.qmp('query-migrate')).toEqual({ status: 'completed' });
  expect(await a.qmp('human-monitor-command', { 'command-line': 'info status' })).toBe(
    'VM status: paused (postmigrate)\r\n'
  );
  expect(a.events()).toContain('STOP');
  expect(b.events()).toContain('RESUME');
  await b.ask('note', /: sent/);
  await b.ask('idle', /dirty: idle, \d+ written/);
  await a.qmp('quit');
  await b.qmp('quit');
  expect(await Promise.all([a.ended, b.ended])).toEqual([Exit.done, Exit.done]);
  expect(b.errors).toEqual([]);
});

describe.skipIf(noAssembler !== undefined)('A guest that faults thrice', () => {
  const begin = async (name: string, ...more: string[]) => {
    const path = join(folder, `${name}.debugcon`);
    const wires = ['-debugcon', `file:${path}`, '-device', 'isa-debug-exit,iobase=0xf4'];
    const a = await start(name, ['-nodefaults', '-bios', firmware('faults'), ...wires, '-S', ...more]);
    return { ...a, said: () => readFileSync(path, 'latin1') };
  };
  const goOn = 'Resetting the Virtual Machine is required';

  test('resets, and ends with its own status', { timeout: 60_000 }, async () => {
    const a = await begin('resets');
    await a.qmp('cont');
    expect(await a.ended).toBe(0x43);
    await expect.poll(() => a.said()).toMatch(/^start 00000001\nstart 00000002\n[^]*end\n$/);
    await expect.poll(() => a.events()).toEqual(expect.arrayContaining(['RESET', 'SHUTDOWN']));
  });

  test('ends at once with -no-reboot', { timeout: 60_000 }, async () => {
    const a = await begin('ends', '-no-reboot');
    await a.qmp('cont');
    expect(await a.ended).toBe(Exit.done);
    await expect.poll(() => a.said()).toBe('start 00000001\n');
    await expect.poll(() => a.events()).toContain('SHUTDOWN');
    expect(a.events()).not.toContain('RESET');
    for (const qemu of qemus()) {
      const native = saidNatively(qemu, ['-M', 'pc', '-nodefaults', '-no-reboot', '-bios', firmware('faults')]);
      expect(native).toEqual({ said: 'start 00000001\n', status: 0 });
    }
  });

  test('stands with -no-shutdown, until it is reset by hand', { timeout: 60_000 }, async () => {
    const a = await begin('stands', '-no-reboot', '-no-shutdown');
    await a.qmp('cont');
    await expect.poll(() => a.qmp('query-status')).toEqual({ status: 'shutdown', running: false });
    await expect.poll(() => a.said()).toBe('start 00000001\n');
    expect(await a.qmp('cont')).toMatchObject({ desc: goOn });
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(a.said()).toBe('start 00000001\n');
    await a.qmp('quit');
    const b = await begin('off', '-no-shutdown');
    await b.qmp('cont');
    await expect.poll(() => b.qmp('query-status')).toEqual({ status: 'shutdown', running: false });
    expect(await b.qmp('cont')).toMatchObject({ desc: goOn });
    await b.qmp('system_reset');
    expect(await b.qmp('query-status')).toEqual({ status: 'prelaunch', running: false });
    await b.qmp('cont');
    await expect.poll(() => b.said()).toMatch(/end\nstart 00000009\n/);
    await b.qmp('quit');
  });
});

test('-incoming ends with the reason when what comes is no stream', { timeout: 60_000 }, async () => {
  const path = join(folder, 'garbage');
  const c = await start('c', ['-incoming', `unix:${path}`]);
  const socket = await socketAt(path);
  socket.end('this is no stream');
  expect(await c.ended).toBe(Exit.failed);
  expect(c.errors.join('\n')).toMatch(/load of migration failed: Not a migration stream, magic: 74686973 != 5145564d/);
});

test('What one records another plays, and goes back in (-icount rr=)', { timeout: 90_000 }, async () => {
  const file = join(folder, 'run.rr');
  const monitor = async (machine: Awaited<ReturnType<typeof start>>, line: string): Promise<string> =>
    (await machine.qmp('human-monitor-command', { 'command-line': line })) as string;
  const a = await start('recorded', ['-icount', `shift=auto,rr=record,rrfile=${file}`]);
  await a.says(/workload> /);
  await a.ask('note sent', /: sent/);
  await a.says(/: sent[^]*workload> $/);
  expect(await a.qmp('system_reset')).toEqual({});
  await a.says(/: sent[^]*workload> [^]*workload> $/);
  expect(a.events()).toContain('RESET');
  expect(await monitor(a, 'info replay')).toContain(`Recording execution '${file}'`);
  await a.qmp('stop');
  const [, count] = /instruction count = (\d+)/.exec(await monitor(a, 'info replay'))!;
  const registers = await monitor(a, 'info registers');
  await a.qmp('quit');
  await a.ended;

  const b = await start('played', ['-S', '-icount', `rr=replay,rrfile=${file}`]);
  await b.qmp('cont');
  await b.says(/workload> [^]*note sent[^]*: sent[^]*workload> [^]*workload> $/);
  await expect.poll(() => b.errors, { timeout: 30_000 }).toEqual(['the recording ends here; cont goes on without it']);
  expect(await monitor(b, 'info registers')).toBe(registers);
  expect(await monitor(b, 'reverse_step 1000')).toBe('');
  expect(await monitor(b, 'info replay')).toContain(`instruction count = ${Number(count) - 1000}`);
  await b.qmp('cont');
  await expect.poll(() => b.errors.length, { timeout: 30_000 }).toBe(2);
  expect(await monitor(b, 'info registers')).toBe(registers);
  await b.qmp('cont');
  await b.ask('note', /note at [\da-f]+:/);
  await b.qmp('quit');
  await b.ended;
});

test(
  'Guest RAM in a shared file is there when the machine stops (memory-backend-file)',
  { timeout: 60_000 },
  async () => {
    const path = join(folder, 'ram');
    const backend = `memory-backend-file,id=m,size=16M,mem-path=${path},share=on`;
    const a = await start('ram', ['-M', 'memory-backend=m', '-object', backend]);
    await a.says(/workload> /);
    await a.ask('note kept in a file', /: kept in a file/);
    expect(await a.qmp('stop')).toEqual({});
    expect(readFileSync(path).includes('kept in a file\0')).toBe(true);
    await a.qmp('quit');
    expect(await a.ended).toBe(Exit.done);
  }
);

const [withoutRam] = goldens().filter(({ name }) => /^11\.[^/]*\/ignore-shared$/.test(name));
if (!withoutRam) console.warn('SKIPPED: no streams of native QEMU; make them with: npm run golden');

test.skipIf(!withoutRam)(
  'A state without its RAM (x-ignore-shared) is loaded with the file that has it, named by a channel',
  { timeout: 60_000 },
  async () => {
    const ram = join(folder, 'shared-ram');
    copyFileSync(join(dirname(withoutRam!.state), 'ram'), ram);
    const channel = { 'channel-type': 'main', addr: { transport: 'file', filename: withoutRam!.state, offset: 0 } };
    const backend = `memory-backend-file,id=ram0,size=64M,mem-path=${ram},share=on`;
    const options = [
      '-M',
      'pc,memory-backend=ram0',
      '-m',
      '64M',
      '-object',
      backend,
      '-vga',
      'std',
      '-bios',
      'bios-256k.bin'
    ];
    const a = await start('without-ram', [...options, '-S', '-incoming', JSON.stringify(channel)]);
    expect(await a.qmp('query-status')).toEqual({ status: 'paused', running: false });
    const said = (await a.qmp('human-monitor-command', { 'command-line': 'xp/4xb 0x1000a8' })) as string;
    const bytes = [...readFileSync(ram).subarray(0x1000a8, 0x1000ac)];
    expect(said).toBe(`001000a8: ${bytes.map((byte) => `0x${byte.toString(16).padStart(2, '0')}`).join(' ')}\r\n`);
    expect(bytes.slice(0, 2)).toEqual([0xeb, 0xfc]);
    await a.qmp('quit');
    expect(await a.ended).toBe(Exit.done);
  }
);
