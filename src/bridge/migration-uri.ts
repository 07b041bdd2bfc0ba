/** Migration URIs of a headless machine, both ways. Source: QEMU migration/{file,exec,socket,fd}.c. */
import { spawn } from 'node:child_process';
import { createReadStream, createWriteStream, rmSync } from 'node:fs';
import { connect as connectSocket, createServer, type Server, type Socket } from 'node:net';
import type { Readable, Writable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { getSystemErrorMap } from 'node:util';
import type { ByteDuplex } from '../lib/emulator/migration/channel.ts';
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

/** strerror: `Connection refused`. A stream of Node's that is closed already has no number for it. */
function reason({ errno, code, message }: NodeJS.ErrnoException): string {
  if (code === 'EPIPE' || code?.startsWith('ERR_STREAM')) return 'Broken pipe';
  const text = errno === undefined ? undefined : getSystemErrorMap().get(errno)?.[1];
  return text === undefined ? message : text.charAt(0).toUpperCase() + text.slice(1);
}

/** The first who connects. @throws InputError */
function accept(uri: string): Promise<Socket> {
  const address = socketAddress(uri);
  if (!address) throw unsupported(uri);
  if ('path' in address) rmSync(address.path, { force: true });
  return new Promise((resolve, reject) => {
    const server: Server = createServer((socket) => {
      server.close();
      resolve(socket);
    });
    server.once('error', (error) => reject(new InputError(`${uri}: ${error.message}`)));
    server.listen(address);
  });
}

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
  return accept(uri);
}

/** As a channel that only gives; of sockets both ways. @throws InputError */
export async function listen(uri: string, told: (message: string) => void): Promise<ByteDuplex> {
  const input = await incoming(uri, told);
  const socket = 'write' in input ? (input as Socket) : undefined;
  // A sender that is done has closed its end, and does not listen.
  return {
    ...duplex('socket', input, socket, () => Promise.resolve()),
    end() {
      socket?.end();
      return Promise.resolve();
    }
  };
}

/** Opens the channel of an outgoing migration. @throws InputError in QEMU's words */
export async function connect(uri: string): Promise<ByteDuplex> {
  const [file, path, offset] = FILE.exec(uri) ?? [];
  if (file !== undefined) {
    if (offset !== undefined) throw new InputError(`${uri}: offset= is only supported for incoming streams`);
    const out = createWriteStream(path!);
    await new Promise<void>((resolve, reject) => {
      out.once('open', () => resolve());
      out.once('error', (error) => reject(new InputError(`Failed to open file '${path}': ${reason(error)}`)));
    });
    return duplex('file', undefined, out, () => finished(out));
  }
  const [exec, command] = /^exec:(.*)$/s.exec(uri) ?? [];
  if (exec !== undefined) {
    const child = spawn('/bin/sh', ['-c', command!], { stdio: ['pipe', 'inherit', 'inherit'] });
    const ended = new Promise<void>((resolve, reject) => {
      child.on('error', reject);
      child.on('exit', (code) => (code ? reject(new Error(`the command ended with status ${code}`)) : resolve()));
    });
    ended.catch(() => undefined);
    return duplex('command', undefined, child.stdin, () => ended);
  }
  const address = socketAddress(uri);
  if (!address) throw unsupported(uri);
  const socket: Socket = connectSocket(address);
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve);
    const name = 'path' in address ? address.path : `${address.host}:${address.port}`;
    socket.once('error', (error) => reject(new InputError(`Failed to connect to '${name}': ${reason(error)}`)));
  });
  return duplex('socket', socket, socket, () => finished(socket, { readable: false }));
}

/**
 * Node's streams as a channel.
 * @param kind in the words of QEMU's errors
 * @param done resolves when all that was written has left, after the writing end was closed
 */
function duplex(
  kind: string,
  input: Readable | undefined,
  output: Writable | undefined,
  done: () => Promise<void>
): ByteDuplex {
  let failure: Error | undefined;
  output?.on('error', (error) => (failure ??= new Error(`Unable to write to ${kind}: ${reason(error)}`)));
  output?.on('close', () => (failure ??= new Error(`Unable to write to ${kind}: Broken pipe`)));
  const pieces = input?.[Symbol.asyncIterator]() as AsyncIterator<Uint8Array> | undefined;
  return {
    write(bytes) {
      if (failure || !output) throw failure ?? new Error(`Unable to write to ${kind}: Bad file descriptor`);
      if (output.write(bytes)) return undefined;
      return new Promise((resolve, reject) => {
        const go = (): void => {
          output.off('drain', go).off('close', go).off('error', go);
          if (failure) reject(failure);
          else resolve();
        };
        output.on('drain', go).on('close', go).on('error', go);
      });
    },
    async read() {
      try {
        const next = await pieces?.next();
        return next?.done === false ? next.value : undefined;
      } catch (error) {
        throw new Error(`Unable to read from ${kind}: ${reason(error as NodeJS.ErrnoException)}`);
      }
    },
    async end() {
      if (failure) throw failure;
      const left = done();
      output?.end();
      try {
        await left;
      } catch (error) {
        // A command's status says more than that its pipe is closed.
        throw kind === 'command' ? error : (failure ?? error);
      }
    },
    destroy() {
      failure ??= new Error(`Unable to write to ${kind}: Broken pipe`);
      output?.destroy();
      input?.destroy();
    }
  };
}
