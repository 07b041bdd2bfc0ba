import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { afterAll, expect, test, vi } from 'vitest';
import { connect as connectTo, incoming, listen } from '../../../src/bridge/migration-uri.ts';
import type { ByteDuplex } from '../../../src/lib/emulator/migration/channel.ts';

const folder = mkdtempSync(join(tmpdir(), 'migrascope-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const at = (name: string): string => join(folder, name);
const bytes = (text: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(text);
const nobody = (): void => {};

async function all(stream: Readable): Promise<string> {
  let text = '';
  for await (const piece of stream) text += String(piece);
  return text;
}

/** All pieces through the channel of a URI. */
async function outgoing(uri: string, pieces: readonly Uint8Array<ArrayBuffer>[]): Promise<void> {
  const channel = await connectTo(uri);
  for (const piece of pieces) await channel.write(piece);
  await channel.end();
}

/** Both ends of a socket. */
async function pair(name: string): Promise<readonly [out: ByteDuplex, input: ByteDuplex]> {
  let out: Promise<ByteDuplex> | undefined;
  const input = await listen(`unix:${at(name)}`, nobody, { listening: (uri) => (out = connectTo(uri)) });
  return [await out!, input];
}

test('file: reads a file, from an offset where one is given', async () => {
  writeFileSync(at('state'), `${'-'.repeat(1024)}QEVM`);
  expect(await all(await incoming(`file:${at('state')},offset=1k`, nobody))).toBe('QEVM');
  expect(await all(await incoming(`file:${at('state')},offset=0x402`, nobody))).toBe('VM');
  expect((await all(await incoming(`file:${at('state')}`, nobody))).length).toBe(1028);
});

test('exec: reads what a command prints, and tells when it fails', async () => {
  const told = vi.fn();
  expect(await all(await incoming('exec:printf QEVM; exit 3', told))).toBe('QEVM');
  await expect.poll(() => told.mock.calls).toEqual([['exec:printf QEVM; exit 3: the command ended with status 3']]);
});

test('unix: takes the stream of the first who connects', async () => {
  const listening = (): void => void connect(at('in.sock')).end('QEVM');
  expect(await all(await incoming(`unix:${at('in.sock')}`, nobody, { listening }))).toBe('QEVM');
});

test.each([
  ['rdma:host:1', 'unknown migration protocol: rdma:host:1'],
  ['state', 'unknown migration protocol: state'],
  ['tcp:host', 'unknown migration protocol: tcp:host'],
  ['fd:3', 'fd:3: descriptors cannot be passed to this process']
])('%s is refused by name, both ways', async (uri, message) => {
  await expect(incoming(uri, nobody)).rejects.toThrow(message);
  await expect(outgoing(uri, [])).rejects.toThrow(message);
});

test('file: and exec: are written piece by piece', async () => {
  const pieces = [bytes('QE'), bytes('VM'), new Uint8Array(300_000).fill(46)];
  await outgoing(`file:${at('out')}`, pieces);
  await outgoing(`exec:cat > ${at('out2')}`, pieces);
  for (const name of ['out', 'out2']) expect(readFileSync(at(name), 'utf8')).toBe(`QEVM${'.'.repeat(300_000)}`);
});

test('tcp: writes to who listens', async () => {
  let heard = '';
  const server = createServer((s) => s.on('data', (b) => (heard += b.toString()))).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  await outgoing(`tcp:127.0.0.1:${port}`, [bytes('QEVM')]);
  await expect.poll(() => heard).toBe('QEVM');
  server.close();
});

test.each([
  ['exec:cat > /dev/null; exit 4', 'the command ended with status 4'],
  ['file:/nowhere/state', "Could not create '/nowhere/state': No such file or directory"],
  ['file:state,offset=4k', 'offset= is only supported for incoming streams']
])('A failure rejects with its reason: %s', async (uri, message) => {
  await expect(outgoing(uri, [bytes('QEVM')])).rejects.toThrow(message);
});

test('A peer that nobody is, and one that goes away, are told in the words of QEMU', async () => {
  await expect(connectTo(`unix:${at('nobody')}`)).rejects.toThrow(
    `Failed to connect to '${at('nobody')}': No such file or directory`
  );
  const [out, input] = await pair('gone.sock');
  input.destroy();
  const sending = async (): Promise<void> => {
    for (;;) await out.write(new Uint8Array(1 << 20));
  };
  await expect(sending()).rejects.toThrow(/^Unable to write to socket: (Broken pipe|Connection reset by peer)$/);
});

test('What is sent through a socket arrives, and its end', async () => {
  const [out, input] = await pair('pair.sock');
  await out.write(bytes('QE'));
  await out.write(bytes('VM'));
  await out.end();
  let heard = '';
  for (let piece; (piece = await input.read());) heard += Buffer.from(piece).toString();
  expect(heard).toBe('QEVM');
});

/** A channel on which all was sent, and whose receiver has left. */
async function sentToOneWhoLeft(leave: (socket: Socket) => void): Promise<ByteDuplex> {
  const server = createServer(leave);
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as { port: number };
  const left = once(server, 'connection').then(([socket]) => once(socket as Socket, 'close'));
  const out = await connectTo(`tcp:127.0.0.1:${port}`);
  await out.write(bytes('QEVM'));
  await left;
  server.close();
  return out;
}

test('A receiver that has all and closes first has the guest', async () => {
  const out = await sentToOneWhoLeft((socket) => socket.once('data', () => socket.end()));
  expect(await out.read()).toBeUndefined();
  await out.end();
});

test('A receiver that goes away while there is more to send has no guest', async () => {
  const out = await sentToOneWhoLeft((socket) => socket.pause().once('readable', () => socket.resetAndDestroy()));
  await expect(out.read()).rejects.toThrow('Unable to read from socket: Connection reset by peer');
  await expect(out.end()).rejects.toThrow('Unable to write to socket: Connection reset by peer');
});

test('A command that does not read its input ends the writing', { timeout: 20_000 }, async () => {
  await expect(
    outgoing('exec:exit 1', Array<Uint8Array<ArrayBuffer>>(200).fill(new Uint8Array(65536)))
  ).rejects.toThrow();
});
