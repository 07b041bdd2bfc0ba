/** Migration URIs of a headless machine, both ways. Source: QEMU migration/{file,exec,socket,fd}.c. */
import { spawn } from 'node:child_process';
import { createReadStream, createWriteStream } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import type { Readable, Writable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { InputError } from './file-source.ts';

const FILE = /^file:(.*?)(?:,offset=(0x[\da-f]+|\d+)([kmg]?))?$/i;
const UNITS: Readonly<Record<string, number>> = { '': 1, k: 2 ** 10, m: 2 ** 20, g: 2 ** 30 };

function unsupported(uri: string): InputError {
  if (uri.startsWith('fd:')) {
    return new InputError(`${uri}: descriptors cannot be passed to this process; use file:, exec:, tcp: or unix:`);
  }
  return new InputError(`unknown migration protocol: ${uri}`);
}

const socketAddress = (uri: string): { path: string } | { host: string; port: number } | undefined => {
  const [, path] = /^unix:(.+)$/.exec(uri) ?? [];
  if (path !== undefined) return { path };
  const [, host, port] = /^tcp:(.*):(\d+)$/.exec(uri) ?? [];
  return port === undefined ? undefined : { host: host === '' ? '127.0.0.1' : host!, port: Number(port) };
};

/** The stream that comes in by a URI: for sockets, of the first who connects. @throws InputError */
export async function incoming(uri: string, told: (message: string) => void): Promise<Readable> {
  const [file, path, offset, unit] = FILE.exec(uri) ?? [];
  if (file !== undefined) {
    const start = offset === undefined ? 0 : Number(offset) * UNITS[unit!.toLowerCase()]!;
    return createReadStream(path!, { start });
  }
  const [exec, command] = /^exec:(.*)$/s.exec(uri) ?? [];
  if (exec !== undefined) {
    const child = spawn('/bin/sh', ['-c', command!], { stdio: ['ignore', 'pipe', 'inherit'] });
    child.on('exit', (code) => code && told(`${uri}: the command ended with status ${code}`));
    return child.stdout;
  }
  const address = socketAddress(uri);
  if (!address) throw unsupported(uri);
  return new Promise((resolve, reject) => {
    const server: Server = createServer((socket) => {
      server.close();
      resolve(socket);
    });
    server.once('error', (error) => reject(new InputError(`${uri}: ${error.message}`)));
    server.listen(address);
  });
}

async function open(uri: string): Promise<{ out: Writable; done: () => Promise<void> }> {
  const [file, path, offset] = FILE.exec(uri) ?? [];
  if (file !== undefined) {
    if (offset !== undefined) throw new InputError(`${uri}: offset= is only supported for incoming streams`);
    const out = createWriteStream(path!);
    return { out, done: () => finished(out) };
  }
  const [exec, command] = /^exec:(.*)$/s.exec(uri) ?? [];
  if (exec !== undefined) {
    const child = spawn('/bin/sh', ['-c', command!], { stdio: ['pipe', 'inherit', 'inherit'] });
    const ended = new Promise<void>((resolve, reject) => {
      child.on('error', reject);
      child.on('exit', (code) => (code ? reject(new Error(`the command ended with status ${code}`)) : resolve()));
    });
    return { out: child.stdin, done: () => ended };
  }
  const address = socketAddress(uri);
  if (!address) throw unsupported(uri);
  const socket: Socket = connect(address);
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve);
    socket.once('error', (error) => reject(new InputError(`${uri}: ${error.message}`)));
  });
  return { out: socket, done: () => finished(socket, { readable: false }) };
}

/** Writes a stream where a URI says; rejects with the reason when it could not. */
export async function outgoing(uri: string, pieces: Iterable<Uint8Array>): Promise<void> {
  const { out, done } = await open(uri);
  let failure: Error | undefined;
  out.on('error', (error) => (failure = error));
  const ended = done();
  ended.catch(() => undefined);
  for (const piece of pieces) {
    if (failure) break;
    if (!out.write(piece)) {
      await new Promise<void>((resolve) => {
        const go = (): void => {
          out.off('drain', go).off('close', go).off('error', go);
          resolve();
        };
        out.on('drain', go).on('close', go).on('error', go);
      });
    }
  }
  if (!failure) out.end();
  await ended;
  if (failure) throw failure;
}
