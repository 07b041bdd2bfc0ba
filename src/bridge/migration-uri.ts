/** Migration URIs of a headless machine, both ways. Source: QEMU migration/{file,exec,socket,fd}.c. */
import { spawn } from 'node:child_process';
import { createReadStream, createWriteStream, lstatSync, rmSync } from 'node:fs';
import { connect as connectSocket, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
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

/** What `unix:PATH` or `tcp:HOST:PORT` names; undefined where it is neither. Without a host it is loopback. */
export function socketAddress(uri: string): { path: string } | { host: string; port: number } | undefined {
  const [, path] = /^unix:(.+)$/.exec(uri) ?? [];
  if (path !== undefined) return { path };
  const [, host, port] = /^tcp:(.*):(\d{1,5})$/.exec(uri) ?? [];
  if (port === undefined || Number(port) > 0xffff) return undefined;
  return { host: host === '' ? '127.0.0.1' : host!.replace(/^\[(.*)\]$/, '$1'), port: Number(port) };
}

/** strerror: `Connection refused`. A stream of Node's that is closed already has no number for it. */
export function reason({ errno, code, message }: NodeJS.ErrnoException): string {
  if (code === 'EPIPE' || code?.startsWith('ERR_STREAM')) return 'Broken pipe';
  const text = errno === undefined ? undefined : getSystemErrorMap().get(errno)?.[1];
  return text === undefined ? message : text.charAt(0).toUpperCase() + text.slice(1);
}

/** A socket that somebody left is in the way; anything else at its path is not ours to take away. */
function removeSocket(path: string): void {
  if (lstatSync(path, { throwIfNoEntry: false })?.isSocket()) rmSync(path, { force: true });
}

export interface ListenOptions {
  /** Gives up. */
  readonly signal?: AbortSignal;
  /** Told when it waits: the URI, with the port that it got. */
  readonly listening?: (uri: string) => void;
}

export interface Listening {
  readonly server: Server;
  /** The URI, with the port that it got. */
  readonly uri: string;
}

/** Listens at `tcp:` or `unix:`. @throws InputError in QEMU's words */
export function listenAt(uri: string, took: (socket: Socket) => void, allowHalfOpen = false): Promise<Listening> {
  const address = socketAddress(uri);
  if (!address) throw unsupported(uri);
  if ('path' in address) removeSocket(address.path);
  const server = createServer({ allowHalfOpen }, took);
  return new Promise((resolve, reject) => {
    server.once('error', (error) => reject(new InputError(`Failed to listen on '${uri}': ${reason(error)}`)));
    server.listen(address, () => {
      const bound = server.address() as AddressInfo | string;
      resolve({ server, uri: typeof bound === 'string' ? uri : uri.replace(/\d+$/, String(bound.port)) });
    });
  });
}

/** The first who connects. @throws InputError */
async function accept(uri: string, { signal, listening }: ListenOptions = {}): Promise<Socket> {
  let took: (socket: Socket) => void = () => {};
  const first = new Promise<Socket>((resolve) => (took = resolve));
  const { server, uri: bound } = await listenAt(uri, (socket) => took(socket));
  const givenUp = new Promise<never>((_resolve, reject) => {
    if (signal?.aborted) reject(new InputError('cancelled'));
    signal?.addEventListener('abort', () => reject(new InputError('cancelled')));
  });
  try {
    listening?.(bound);
    return await Promise.race([first, givenUp]);
  } finally {
    server.close();
  }
}

/** The stream that comes in by a URI: for sockets, of the first who connects. @throws InputError */
export async function incoming(
  uri: string,
  told: (message: string) => void,
  options: ListenOptions = {}
): Promise<Readable> {
  const [file, path, offset, unit] = FILE.exec(uri) ?? [];
  if (file !== undefined) {
    const start = offset === undefined ? 0 : Number(offset) * UNITS[unit!.toLowerCase()]!;
    const stream = createReadStream(path!, { start });
    await new Promise<void>((resolve, reject) => {
      stream.once('open', () => resolve());
      stream.once('error', (error) => reject(new InputError(`Could not open '${path!}': ${reason(error)}`)));
    });
    return stream;
  }
  const [exec, command] = /^exec:(.*)$/s.exec(uri) ?? [];
  if (exec !== undefined) {
    const child = spawn('/bin/sh', ['-c', command!], { stdio: ['ignore', 'pipe', 'inherit'] });
    child.on('exit', (code) => code && told(`${uri}: the command ended with status ${code}`));
    return child.stdout;
  }
  return accept(uri, options);
}

/** As a channel that only gives; of sockets both ways. @throws InputError */
export async function listen(
  uri: string,
  told: (message: string) => void,
  options: ListenOptions = {}
): Promise<ByteDuplex> {
  const input = await incoming(uri, told, options);
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

/** A socket of `tcp:` or `unix:`. @throws InputError in QEMU's words */
export async function connectTo(uri: string, allowHalfOpen = false): Promise<Socket> {
  const address = socketAddress(uri);
  if (!address) throw unsupported(uri);
  const socket: Socket = connectSocket({ ...address, allowHalfOpen });
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve);
    const name = 'path' in address ? address.path : `${address.host}:${address.port}`;
    socket.once('error', (error) => reject(new InputError(`Failed to connect to '${name}': ${reason(error)}`)));
  });
  return socket;
}

/** Opens the channel of an outgoing migration. @throws InputError in QEMU's words */
export async function connect(uri: string): Promise<ByteDuplex> {
  const [file, path, offset] = FILE.exec(uri) ?? [];
  if (file !== undefined) {
    if (offset !== undefined) throw new InputError(`${uri}: offset= is only supported for incoming streams`);
    const out = createWriteStream(path!);
    await new Promise<void>((resolve, reject) => {
      out.once('open', () => resolve());
      out.once('error', (error) => reject(new InputError(`Could not create '${path}': ${reason(error)}`)));
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
  const socket = await connectTo(uri);
  return duplex('socket', socket, socket, () => finished(socket, { readable: false }));
}

/** Bytes that may have arrived before somebody reads them. */
const AHEAD = 4 << 20;

/** What a stream gives, piece by piece; its own iterator takes several turns for each. */
class Arrivals {
  readonly #input: Readable;
  readonly #pieces: Uint8Array[] = [];
  #bytes = 0;
  #ended = false;
  #error: Error | undefined;
  #wake = (): void => {};

  constructor(input: Readable) {
    this.#input = input;
    input.on('data', (piece: Uint8Array) => {
      this.#pieces.push(piece);
      this.#bytes += piece.length;
      if (this.#bytes > AHEAD) input.pause();
      this.#wake();
    });
    input.on('end', () => {
      this.#ended = true;
      this.#wake();
    });
    input.on('error', (error) => this.#broken(error));
    input.on('close', () => this.#broken(Object.assign(new Error('closed'), { code: 'EPIPE' })));
  }

  #broken(error: Error): void {
    this.#error ??= error;
    this.#wake();
  }

  /** Undefined at the end. @throws where it broke */
  async read(): Promise<Uint8Array | undefined> {
    for (;;) {
      const piece = this.#pieces.shift();
      if (piece) {
        this.#bytes -= piece.length;
        if (this.#bytes <= AHEAD / 2 && this.#input.isPaused()) this.#input.resume();
        return piece;
      }
      if (this.#ended) return undefined;
      if (this.#error) throw this.#error;
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }
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
  /** Why nothing can be written any more. */
  let failure: Error | undefined;
  /** Something was lost, or might have been: not only closed by the other side. */
  let failed = false;
  output?.on('error', (error) => {
    failed = true;
    failure ??= new Error(`Unable to write to ${kind}: ${reason(error)}`);
  });
  output?.on('close', () => (failure ??= new Error(`Unable to write to ${kind}: Broken pipe`)));
  const arrivals = input && new Arrivals(input);
  return {
    write(bytes, sent) {
      if (failure || !output) throw failure ?? new Error(`Unable to write to ${kind}: Bad file descriptor`);
      if (output.write(bytes, sent && ((error) => error ?? sent()))) return undefined;
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
        return await arrivals?.read();
      } catch (error) {
        throw new Error(`Unable to read from ${kind}: ${reason(error as NodeJS.ErrnoException)}`);
      }
    },
    async end() {
      // A receiver that has read all of it may have closed its end already, which ended ours.
      if (!failed && output?.writableFinished) return;
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
      failed = true;
      failure ??= new Error(`Unable to write to ${kind}: Broken pipe`);
      output?.destroy();
      input?.destroy();
    }
  };
}
