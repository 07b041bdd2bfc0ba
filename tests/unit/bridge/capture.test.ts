/** Migrations between two native QEMUs, recorded by `migrascope capture`, and read again. */
import { createServer, connect, type AddressInfo, type Socket } from 'node:net';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { ask, booted, image } from '../../../guests/workload.mjs';
import { Machine as Native } from '../../../scripts/qemu/machine.mjs';
import { qemus } from '../../../scripts/qemu/qemu.mjs';
import { main } from '../../../src/bridge/cli.ts';
import { descriptions } from '../../../src/lib/emulator/descriptions.ts';
import type { RecordingNote } from '../../../src/lib/vmstate/recording.ts';
import { readSnapshot } from '../../../src/lib/vmstate/savevm.ts';
import type { Snapshot } from '../../../src/lib/vmstate/snapshot.ts';
import { bytesSource } from '../../../src/lib/vmstate/source.ts';

const folder = mkdtempSync(join(tmpdir(), 'migrascope-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const args = ['-M', 'pc-i440fx-7.2', '-m', '16M', '-vga', 'none', '-nic', 'none', '-bios', image];
const chosen = qemus().filter(({ suite }) => suite === 'bookworm' || suite === 'trixie');
if (chosen.length === 0) console.warn('SKIPPED: no native QEMU; get it with: node scripts/qemu/install.mjs');

interface Run {
  readonly over: Promise<number>;
  readonly out: () => string;
  readonly err: () => string;
  /** Where it waits. */
  readonly uri: string;
}
/** `migrascope capture` that waits for a sender. */
async function capture(...words: readonly string[]): Promise<Run> {
  let out = '';
  let err = '';
  const io = {
    out: async (text: string) => void (out += text),
    err: (line: string) => void (err += `${line}\n`),
    progress() {}
  };
  const over = main(['capture', '--listen', 'tcp:127.0.0.1:0', ...words], io);
  const uri = (): string | undefined => /^waiting at (\S+)/m.exec(err)?.[1];
  await expect.poll(() => uri() ?? err, { timeout: 10_000 }).toMatch(/^tcp:/);
  return { over, out: () => out, err: () => err, uri: uri()! };
}
/** How often a sender has looked for dirty pages. */
const syncsOf = async (source: Native): Promise<number> =>
  ((await source.qmp('query-migrate')) as { ram?: { 'dirty-sync-count': number } }).ram?.['dirty-sync-count'] ?? 0;
const read = (path: string): Promise<Snapshot> =>
  readSnapshot(bytesSource(new Uint8Array(readFileSync(path))), { descriptions, name: path });

/** A relay of our own behind the capture, that keeps what came through. */
async function relay(to: string): Promise<{ uri: string; kept: Buffer[]; close: () => void }> {
  const kept: Buffer[] = [];
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    const onward = connect({ path: to.slice('unix:'.length), allowHalfOpen: true });
    for (const s of [socket, onward]) s.on('error', () => s.destroy());
    socket.on('data', (piece: Buffer) => kept.push(piece));
    socket.pipe(onward).pipe(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return { uri: `tcp:127.0.0.1:${port}`, kept, close: () => void server.close() };
}

describe.each(chosen)('native QEMU $version', (qemu) => {
  test(
    'a guest that writes goes to another QEMU through it, and the recording has all of it',
    { timeout: 120_000 },
    async () => {
      const out = join(folder, `${qemu.suite}.recording`);
      const monitor = join(folder, `${qemu.suite}.qmp`);
      const trace = join(folder, `${qemu.suite}.trace`);
      const incoming = `unix:${join(folder, `${qemu.suite}.in`)}`;
      const traced = ['-trace', 'migration_*', '-trace', 'migrate_set_state', '-D', trace, '-msg', 'timestamp=on'];
      const source = await Native.start(qemu, [...args, ...traced, '-qmp', `unix:${monitor},server=on,wait=off`]);
      const target = await Native.start(qemu, [...args, '-incoming', incoming]);
      const behind = await relay(incoming);
      try {
        await booted(source);
        await ask(source, 'note on its way');
        await ask(source, 'dirty 20000 8M xor');
        await source.capabilities(['events']);
        await source.qmp('migrate-set-parameters', { 'max-bandwidth': 8 << 20, 'downtime-limit': 20 });
        const run = await capture(
          '--forward',
          behind.uri,
          '--qmp',
          `unix:${monitor}`,
          '--interval',
          '10',
          '--trace',
          trace,
          out
        );
        await source.qmp('migrate', { uri: run.uri });
        // It does not converge by itself.
        await expect.poll(() => behind.kept.length, { timeout: 60_000 }).toBeGreaterThan(20);
        await new Promise((resolve) => setTimeout(resolve, 3000));
        await expect.poll(() => syncsOf(source), { timeout: 60_000 }).toBeGreaterThan(3);
        await source.qmp('migrate-set-parameters', { 'max-bandwidth': 1 << 30, 'downtime-limit': 100_000 });
        const samples = await source.migrated();
        expect([await run.over, run.err()]).toEqual([0, expect.stringMatching(/^waiting at .*\n$/)]);
        await target.resumed();
        if (qemu.suite !== 'bookworm') expect(await ask(target, 'note')).toMatch(/: on its way\n$/);

        const snapshot = await read(out);
        expect(snapshot.problems.filter(({ severity }) => severity === 'fatal')).toEqual([]);
        expect(snapshot.file.containers).toEqual(['recording']);
        // What the receiver got, what is in the recording, and what QEMU says to have sent.
        const got = Buffer.concat(behind.kept);
        const recorded = new Uint8Array(snapshot.end);
        await snapshot.bytes.read(0, recorded);
        expect(snapshot.end).toBe(got.length);
        expect(Buffer.compare(got, Buffer.from(recorded))).toBe(0);
        const plain = await readSnapshot(bytesSource(new Uint8Array(got)), { descriptions });
        const pagesOf = ({ rounds }: Snapshot): number => rounds.reduce((sum, { pages }) => sum + pages, 0);
        expect(pagesOf(snapshot)).toBe(pagesOf(plain));

        // What QEMU tells finds at least the rounds that the pages prove, and never more than it counts.
        const syncs = samples.at(-1)!.ram['dirty-sync-count'] as number;
        expect(snapshot.rounds.length).toBeGreaterThan(2);
        expect(snapshot.rounds.length).toBeGreaterThanOrEqual(plain.rounds.length);
        expect(snapshot.rounds.map(({ evidence }) => evidence)).toContain('qmp-pass');
        const passes = snapshot.rounds.map(({ pass }) => pass!);
        expect(passes).toEqual([...new Set(passes)].sort((a, b) => a - b));
        expect([passes[0], passes.at(-1)! <= syncs]).toEqual([1, true]);
        const times = snapshot.rounds.map(({ startTime }) => startTime!);
        expect(times).toEqual(times.toSorted((a, b) => a - b));
        expect(times.at(-1)! - times[0]!).toBeGreaterThan(2500);

        const { notes, head } = snapshot.recording!;
        const of = (kind: string): readonly RecordingNote[] => notes.filter((n) => n.kind === kind);
        expect(head.watcher).toBe('qmp');
        const infos = of('qmp').map(({ info }) => info as { status: string; ram?: Record<string, number> });
        expect(infos.at(-1)).toMatchObject({ status: 'completed', ram: { 'dirty-sync-count': syncs } });
        expect(infos.length).toBeGreaterThan(20);
        expect(of('parameters')).toHaveLength(1);
        expect(of('event').map(({ event }) => event)).toContain('STOP');
        const told = of('event').flatMap(({ event, data }) => (event === 'MIGRATION_PASS' ? [data] : []));
        expect(told.at(-1)).toEqual({ pass: syncs });
        expect(of('connection')).toMatchObject([{ number: 0, channel: 'main' }]);
        expect(of('trace').length).toBeGreaterThan(3);
        expect(
          of('trace')
            .map(({ text }) => text)
            .join('\n')
        ).toMatch(/completed/);
        expect(run.out()).toMatch(new RegExp(`: ${got.length} bytes in .* samples of query-migrate\n$`));
      } finally {
        behind.close();
        source.kill();
        target.kill();
      }
    }
  );

  test('in place of a receiver it takes the stream, with multifd beside it', { timeout: 60_000 }, async () => {
    const out = join(folder, `${qemu.suite}-multifd.recording`);
    const source = await Native.start(qemu, args);
    try {
      await booted(source);
      await source.capabilities(['multifd']);
      const run = await capture(out);
      await source.migrate(run.uri);
      expect([await run.over, run.err()]).toEqual([0, expect.stringMatching(/^waiting at .*\n$/)]);
      const { recording, sections, ram } = await read(out);
      // Pages went through the channels only.
      expect([ram.distinctPages, ram.count > 0]).toEqual([ram.pages, true]);
      const channels = recording!.notes.flatMap((n) => (n.kind === 'connection' ? [n.channel] : []));
      expect(channels.toSorted()).toEqual(['main', 'multifd', 'multifd']);
      expect(sections.some(({ name }) => name === 'cpu')).toBe(true);
    } finally {
      source.kill();
    }
  });
});

/** A sender of ours. */
function sender(uri: string): Promise<Socket> {
  return new Promise((resolve) => {
    const socket = connect({ port: Number(/\d+$/.exec(uri)![0]), host: '127.0.0.1', allowHalfOpen: true }, () =>
      resolve(socket)
    );
    socket.on('error', () => socket.destroy());
    socket.on('end', () => socket.end()).resume();
  });
}

test('the receiver’s answers go back, and both ends of a connection end by themselves', async () => {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on('data', () => socket.write('answer'));
    socket.on('end', () => socket.end('last words'));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const out = join(folder, 'both.recording');
  const run = await capture('--forward', `tcp:127.0.0.1:${(server.address() as AddressInfo).port}`, out);
  const socket = await sender(run.uri);
  let heard = '';
  socket.on('data', (b) => (heard += b.toString()));
  socket.write('QEVM\0\0\0\x03');
  await expect.poll(() => heard).toBe('answer');
  socket.end();
  expect([await run.over, run.err()]).toEqual([0, expect.stringMatching(/^waiting at .*\n$/)]);
  expect(heard).toBe('answerlast words');
  server.close();
  const { end } = await read(out);
  expect(end).toBe(8);
});

test('a receiver that is not there is told to the sender and in the status', async () => {
  const run = await capture('--forward', 'tcp:127.0.0.1:1', join(folder, 'nobody.recording'));
  const socket = await sender(run.uri);
  await new Promise((resolve) => socket.on('close', resolve));
  expect(await run.over).toBe(1);
  expect(run.err()).toContain("Failed to connect to '127.0.0.1:1': Connection refused");
});

test('a receiver that breaks off is told to the sender, and the recording is good up to there', async () => {
  const server = createServer((socket) => socket.on('data', () => socket.resetAndDestroy()));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const out = join(folder, 'broken.recording');
  const run = await capture('--forward', `tcp:127.0.0.1:${(server.address() as AddressInfo).port}`, out);
  const socket = await sender(run.uri);
  const closed = new Promise((resolve) => socket.on('close', resolve));
  socket.write('QEVM\0\0\0\x03');
  await closed;
  expect(await run.over).toBe(1);
  expect(run.err()).toMatch(/the connection of the \w+ broke: /);
  const { end, recording } = await read(out);
  expect(end).toBe(8);
  expect(recording!.notes.find((n) => n.kind === 'end')).toMatchObject({ connection: 0, error: expect.any(String) });
  server.close();
});

test('a full disk ends the recording and not the migration', async () => {
  const run = await capture('/dev/full');
  const socket = await sender(run.uri);
  let sent = 0;
  for (; sent < 200; sent++)
    if (!socket.write(new Uint8Array(65536))) await new Promise((r) => socket.once('drain', r));
  socket.end();
  expect(await run.over).toBe(1);
  expect(sent).toBe(200);
  expect(run.err()).toContain('the recording is not whole: /dev/full: No space left on device');
});

test('a QMP socket that serves somebody else, and a recording that cannot be made, are told before anybody waits', async () => {
  const errors: string[] = [];
  const io = { out: async () => {}, err: (line: string) => void errors.push(line), progress() {} };
  writeFileSync(join(folder, 'no.qmp'), '');
  const words = ['capture', '--listen', 'tcp:127.0.0.1:0'];
  expect(await main([...words, '--qmp', `unix:${join(folder, 'none.qmp')}`, join(folder, 'x')], io)).toBe(1);
  expect(await main([...words, '/nowhere/x'], io)).toBe(1);
  expect(errors).toEqual([
    expect.stringMatching(/^Failed to connect to '.*none.qmp': No such file or directory$/),
    '/nowhere/x: No such file or directory'
  ]);
});
