import { connect } from 'node:net';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test, vi } from 'vitest';
import { Endpoints, multiplex, type Endpoint } from '../../../src/bridge/endpoint.ts';

const folder = mkdtempSync(join(tmpdir(), 'migrascope-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (data: Uint8Array): string => new TextDecoder().decode(data);

/** A wire whose other end the test holds. */
function multiplexed() {
  let type: (bytes: Uint8Array) => void = () => {};
  let shown = '';
  const heard = { console: '', monitor: '' };
  const [quit, sendBreak] = [vi.fn(), vi.fn()];
  const wire: Endpoint = {
    write: (b) => void (shown += text(b)),
    onData: (told) => (type = told),
    close() {}
  };
  const both = multiplex(wire, quit, sendBreak);
  both.console.onData((b) => (heard.console += text(b)));
  both.monitor.onData((b) => (heard.monitor += text(b)));
  return { ...{ heard, quit, sendBreak, both }, type: (t: string) => type(bytes(t)), shown: () => shown };
}

test('Ctrl+A c switches between console and monitor', () => {
  const m = multiplexed();
  m.type('ls\n\x01cinfo status\n\x01cpwd\n');
  expect(m.heard).toEqual({ console: 'ls\npwd\n', monitor: 'info status\n' });
  expect(m.shown()).toBe('\r\n(qemu) ');
});

test('An escape may come in two pieces', () => {
  const m = multiplexed();
  m.type('a\x01');
  m.type('cb');
  expect(m.heard).toEqual({ console: 'a', monitor: 'b' });
});

test('Ctrl+A twice sends one; an unknown key behind it is dropped', () => {
  const m = multiplexed();
  m.type('\x01\x01x\x01z');
  expect(m.heard.console).toBe('\x01x');
  expect(m.quit).not.toHaveBeenCalled();
});

test('Ctrl+A x quits, b sends a break, h shows the keys', () => {
  const m = multiplexed();
  m.type('\x01b\x01h\x01x');
  expect(m.sendBreak).toHaveBeenCalledOnce();
  expect(m.quit).toHaveBeenCalledOnce();
  expect(m.shown()).toContain('C-a x    exit emulator');
  expect(m.heard.console).toBe('');
});

test('A file gets what is written', async () => {
  const path = join(folder, 'serial.log');
  const file = await new Endpoints(new Map()).open({ kind: 'file', path });
  file.write(bytes('boot'));
  file.close();
  await expect.poll(() => readFileSync(path, 'utf8')).toBe('boot');
});

test('A file that cannot be made is an error with its path', async () => {
  const path = join(folder, 'absent', 'serial.log');
  await expect(new Endpoints(new Map()).open({ kind: 'file', path })).rejects.toThrow(`${path}: ENOENT`);
});

test('A chardev that was not given is named', async () => {
  await expect(new Endpoints(new Map()).open({ kind: 'id', id: 'c0' })).rejects.toThrow("there is no chardev 'c0'");
});

test('A socket keeps what was written until somebody connects, and then goes both ways', async () => {
  const path = join(folder, 'serial.sock');
  const end = await new Endpoints(new Map()).open({ kind: 'unix', path, server: true, wait: false });
  let heard = '';
  let seen = '';
  end.onData((b) => (heard += text(b)));
  end.write(bytes('early '));
  const peer = connect(path).on('data', (b) => (seen += text(b)));
  peer.write('hello');
  await expect.poll(() => heard).toBe('hello');
  end.write(bytes('late'));
  await expect.poll(() => seen).toBe('early late');
  peer.destroy();
  end.close();
});

test('A socket that nobody listens on is an error with its path', async () => {
  const path = join(folder, 'nobody.sock');
  await expect(new Endpoints(new Map()).open({ kind: 'unix', path, server: false, wait: false })).rejects.toThrow(
    `${path}: connect ENOENT`
  );
});

test('A character device has one user', async () => {
  const endpoints = new Endpoints(new Map([['c0', { kind: 'null' }]]));
  await endpoints.open({ kind: 'id', id: 'c0' });
  await expect(endpoints.open({ kind: 'id', id: 'c0' })).rejects.toThrow("chardev 'c0' is already in use");
  const terminals = new Endpoints(new Map([['t', { kind: 'stdio' }]]));
  (await terminals.open({ kind: 'stdio' })).close();
  await expect(terminals.open({ kind: 'id', id: 't' })).rejects.toThrow('cannot use stdio by multiple');
});
