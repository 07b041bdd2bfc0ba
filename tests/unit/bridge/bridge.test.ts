import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { Bridge as BridgeServer } from '../../../src/bridge/bridge.ts';
import { serveSite, type Site } from '../../../src/bridge/static-site.ts';
import { Bridge, BRIDGE_PROTOCOL, WINDOW } from '../../../src/lib/emulator/bridge-channel.ts';
import { pageSocket, upgrade } from '../../support/websocket.ts';

let folder = '';
let site: Site;
let url = '';
const server = new BridgeServer(['example.invalid']);
const page = (): Bridge => new Bridge({ url, token: server.token }, pageSocket);
const peers = new Set<Server>();

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'migrascope-'));
  writeFileSync(join(folder, 'index.html'), '');
  site = await serveSite(folder, 0, server);
  url = `${site.url.replace('http', 'ws')}bridge`;
});
afterEach(() => {
  for (const peer of peers) peer.close();
  peers.clear();
});
afterAll(async () => {
  server.close();
  await site.close();
  rmSync(folder, { recursive: true });
});

/** Somebody who listens on loopback; the migration URI. */
async function peer(serve: (socket: Socket) => void): Promise<string> {
  const listener = createServer((socket) => serve(socket.on('error', () => undefined)));
  peers.add(listener);
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
  return `tcp:127.0.0.1:${(listener.address() as AddressInfo).port}`;
}
const bytes = (text: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(text);

test('bytes go both ways, and the end of each', async () => {
  const heard: Buffer[] = [];
  const uri = await peer((socket) => {
    socket.on('data', (b: Buffer) => heard.push(b));
    socket.write('back');
  });
  const channel = await page().connect(uri);
  expect(Buffer.from((await channel.read())!).toString()).toBe('back');
  const large = new Uint8Array(3_000_000).map((_, i) => i * 7);
  await channel.write(large);
  await channel.write(bytes('end'));
  await channel.end();
  await expect.poll(() => heard.reduce((sum, b) => sum + b.length, 0)).toBe(3_000_003);
  expect(Buffer.concat(heard).equals(Buffer.concat([large, Buffer.from('end')]))).toBe(true);
});

test.each(['tcp:127.0.0.1:0', 'unix'])('waits at %s for the first who connects', async (kind) => {
  const told = vi.fn<(address: string) => void>();
  const uri = kind === 'unix' ? `unix:${join(folder, 'in.sock')}` : kind;
  const coming = page().listen(uri, told);
  await expect.poll(() => told.mock.calls.length).toBe(1);
  const [address] = told.mock.calls[0]!;
  const sender = connect(kind === 'unix' ? { path: address.slice(5) } : { port: Number(/\d+$/.exec(address)![0]) });
  sender.end('QEVM');
  const channel = await coming;
  let text = '';
  for (let piece; (piece = await channel.read());) text += Buffer.from(piece).toString();
  expect(text).toBe('QEVM');
  await channel.end();
});

test('who gives up does not wait any more', async () => {
  const path = join(folder, 'given-up.sock');
  const stop = new AbortController();
  const coming = page().listen(`unix:${path}`, () => stop.abort(), stop.signal);
  await expect(coming).rejects.toThrow('cancelled');
  await expect.poll(() => existsSync(path)).toBe(false);
});

test('a file where a socket is to be stays', async () => {
  const path = join(folder, 'index.html');
  await expect(page().listen(`unix:${path}`)).rejects.toThrow(/Failed to listen on .*: Address already in use/);
  expect(existsSync(path)).toBe(true);
});

test('a peer that stalls holds the page up, and what is on the way has a bound', async () => {
  const uri = await peer((socket) => socket.pause());
  const channel = await page().connect(uri);
  let sent = 0;
  let waits: Promise<void> | undefined;
  while (sent < 64 << 20) {
    waits = channel.write(new Uint8Array(1 << 20));
    sent += 1 << 20;
    if (!waits) continue;
    const settled = await Promise.race([waits.then(() => true), new Promise((r) => setTimeout(r, 500, false))]);
    if (!settled) break;
  }
  expect(sent).toBeLessThan(64 << 20);
  channel.destroy();
  await expect(waits).rejects.toThrow('Unable to write to socket: Broken pipe');
});

test('a page that does not read holds the peer up', async () => {
  let socket: Socket | undefined;
  const uri = await peer((s) => {
    socket = s;
    for (let n = 0; n < 64; n++) s.write(new Uint8Array(1 << 20));
  });
  const channel = await page().connect(uri);
  await expect.poll(() => socket).toBeDefined();
  await new Promise((resolve) => setTimeout(resolve, 500));
  expect(socket!.bytesWritten - socket!.writableLength).toBeLessThan(32 << 20);
  let got = 0;
  while (got < 64 << 20) got += (await channel.read())!.length;
  expect(got).toBe(64 << 20);
  channel.destroy();
});

test('a peer that goes away is told in the words of QEMU', async () => {
  const reset = await page().connect(await peer((socket) => socket.on('data', () => socket.resetAndDestroy())));
  await reset.write(bytes('QEVM'));
  await expect(reset.read()).rejects.toThrow('Unable to read from socket: Connection reset by peer');
  const gone = await page().connect(await peer((socket) => socket.destroy()));
  const sending = async (): Promise<void> => {
    for (let n = 0; n < 1000; n++) {
      await gone.write(new Uint8Array(1 << 16));
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  };
  await expect(sending()).rejects.toThrow(/^Unable to write to socket: (Broken pipe|Connection reset by peer)$/);
});

test.each([
  ['tcp:127.0.0.1:1', "Failed to connect to '127.0.0.1:1': Connection refused"],
  ['unix:/nowhere/socket', "Failed to connect to '/nowhere/socket': No such file or directory"],
  ['tcp:192.0.2.1:4444', 'allow the host with `migrascope serve --allow 192.0.2.1`'],
  ['tcp:127.0.0.1.example.org:4444', 'a page reaches this machine only'],
  ['exec:touch /tmp/x', 'a page reaches tcp:HOST:PORT and unix:PATH only'],
  ['file:/etc/passwd', 'a page reaches tcp:HOST:PORT and unix:PATH only']
])('%s is refused: %s', async (uri, message) => {
  await expect(page().connect(uri)).rejects.toThrow(message);
});

test('a host that was named is asked for', async () => {
  await expect(page().connect('tcp:example.invalid:1')).rejects.toThrow(/Failed to connect to 'example.invalid:1'/);
});

test('without the bridge the page says what to do', async () => {
  await expect(new Bridge(undefined).connect('tcp::1')).rejects.toThrow('serve it with `migrascope serve`');
});

test('only the page that was served gets in', async () => {
  const { host } = new URL(url);
  const good = { Origin: `http://${host}`, 'Sec-WebSocket-Protocol': `${BRIDGE_PROTOCOL}, ${server.token}` };
  const status = async (headers: Record<string, string>, address = url): Promise<number | string> => {
    const { status: got, socket } = await upgrade(address, headers).catch(() => ({ status: 'cut', socket: undefined }));
    socket?.destroy();
    return got;
  };
  expect(await status(good)).toBe(101);
  expect(await status({ ...good, Origin: 'http://evil.example' })).toBe(403);
  expect(await status({ ...good, Origin: 'null' })).toBe(403);
  expect(await status({ ...good, 'Sec-WebSocket-Protocol': `${BRIDGE_PROTOCOL}, ${server.token.slice(1)}x` })).toBe(
    403
  );
  expect(await status({ ...good, 'Sec-WebSocket-Protocol': BRIDGE_PROTOCOL })).toBe(403);
  expect(await status({ ...good, Host: 'evil.example', Origin: 'http://evil.example' })).toBe('cut');
  expect(await status(good, url.replace(/bridge$/, 'other'))).toBe(404);
});

test('a page that says nonsense, or too much, is left', async () => {
  for (const message of ['no JSON', '7', '{}', JSON.stringify({ connect: 5 }), 'x'.repeat(100_000)]) {
    const socket = pageSocket(url, [BRIDGE_PROTOCOL, server.token]);
    const closed = new Promise<void>((resolve) => (socket.onclose = () => resolve()));
    socket.onopen = () => socket.send(message);
    await closed;
  }
  const uri = await peer((socket) => socket.pause());
  const socket = pageSocket(url, [BRIDGE_PROTOCOL, server.token]);
  const closed = new Promise<void>((resolve) => (socket.onclose = () => resolve()));
  socket.onopen = () => {
    socket.send(JSON.stringify({ connect: uri }));
    for (let n = 0; n < (4 * WINDOW) / (1 << 18) + 40; n++) socket.send(new Uint8Array(1 << 18));
  };
  await closed;
});
