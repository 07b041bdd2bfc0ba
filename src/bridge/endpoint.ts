/** Where a character device of a headless machine goes: standard input and output, files, sockets. */
import { createWriteStream } from 'node:fs';
import { createServer, connect, type Socket } from 'node:net';
import { rmSync } from 'node:fs';
import type { ChardevSpec, PortSpec } from '../lib/emulator/system/char-options.ts';
import { OptionError } from '../lib/emulator/system/qemu-option.ts';
import { InputError } from './file-source.ts';

/** Both ways of one wire. */
export interface Endpoint {
  write(bytes: Uint8Array): void;
  onData(told: (bytes: Uint8Array) => void): void;
  close(): void;
}

const nothing: Endpoint = { write() {}, onData() {}, close() {} };

/** Keeps what is written until somebody is there, up to this many bytes. */
const MAX_BACKLOG = 1 << 20;
/** What somebody who does not read may be behind, in bytes; the rest is lost, as on a line without flow control. */
const MAX_BEHIND = 16 << 20;

function socketEndpoint(spec: Extract<ChardevSpec, { kind: 'unix' | 'tcp' }>): Promise<Endpoint> {
  let socket: Socket | undefined;
  let told: (bytes: Uint8Array) => void = () => {};
  const backlog: Uint8Array[] = [];
  let kept = 0;
  const use = (s: Socket): void => {
    socket?.destroy();
    socket = s;
    s.on('data', (bytes) => told(bytes));
    s.on('error', () => s.destroy());
    s.on('close', () => {
      if (socket === s) socket = undefined;
    });
    for (const bytes of backlog.splice(0)) s.write(bytes);
    kept = 0;
  };
  const address = spec.kind === 'unix' ? { path: spec.path } : { host: spec.host || '127.0.0.1', port: spec.port };
  const endpoint = (close: () => void): Endpoint => ({
    write(bytes) {
      if (socket && socket.writableLength + bytes.length <= MAX_BEHIND) socket.write(bytes);
      else if (socket) return;
      else if (kept + bytes.length <= MAX_BACKLOG) {
        backlog.push(bytes.slice());
        kept += bytes.length;
      }
    },
    onData: (f) => (told = f),
    close() {
      socket?.destroy();
      close();
    }
  });
  const failed = (error: Error): InputError =>
    new InputError(`${spec.kind === 'unix' ? spec.path : `${spec.host}:${spec.port}`}: ${error.message}`);
  return new Promise((resolve, reject) => {
    if (!spec.server) {
      const s = connect(address);
      s.once('error', (error) => reject(failed(error)));
      s.once('connect', () => {
        use(s);
        resolve(endpoint(() => {}));
      });
      return;
    }
    if (spec.kind === 'unix') rmSync(spec.path, { force: true });
    const server = createServer();
    const made = endpoint(() => server.close());
    server.on('connection', (s) => {
      use(s);
      if (spec.wait) resolve(made);
    });
    server.once('error', (error) => reject(failed(error)));
    server.listen(address, () => {
      if (!spec.wait) resolve(made);
    });
  });
}

function stdio(): Endpoint {
  const { stdin, stdout } = process;
  if (stdin.isTTY) stdin.setRawMode(true);
  stdout.on('error', () => undefined);
  return {
    write: (bytes) => void stdout.write(bytes.slice()),
    onData: (told) => {
      stdin.on('data', (bytes: Buffer) => told(bytes));
      stdin.resume();
    },
    close() {
      if (stdin.isTTY) stdin.setRawMode(false);
      stdin.pause();
    }
  };
}

/**
 * What -serial, -monitor and -qmp name, each for one user.
 * Source: QEMU qemu_chr_fe_init, char-stdio.c qemu_chr_open_stdio.
 */
export class Endpoints {
  readonly #chardevs: ReadonlyMap<string, ChardevSpec>;
  readonly #used = new Set<string>();
  readonly all: Endpoint[] = [];

  constructor(chardevs: ReadonlyMap<string, ChardevSpec>) {
    this.#chardevs = chardevs;
  }

  #use(what: string, refusal: string): void {
    if (this.#used.has(what)) throw new OptionError(refusal);
    this.#used.add(what);
  }

  /** @throws InputError for what cannot be opened, OptionError for what somebody has */
  async open(spec: PortSpec): Promise<Endpoint> {
    let named: ChardevSpec | undefined = spec;
    if (spec.kind === 'id') {
      named = this.#chardevs.get(spec.id);
      if (!named) throw new OptionError(`there is no chardev '${spec.id}'`);
      this.#use(`chardev ${spec.id}`, `chardev '${spec.id}' is already in use`);
    }
    if (named.kind === 'stdio') this.#use('stdio', 'cannot use stdio by multiple character devices');
    const endpoint = await openEndpoint(named);
    this.all.push(endpoint);
    return endpoint;
  }
}

async function openEndpoint(spec: ChardevSpec): Promise<Endpoint> {
  switch (spec.kind) {
    case 'stdio':
      return stdio();
    case 'file': {
      const file = createWriteStream(spec.path);
      const failure = await new Promise<Error | undefined>((resolve) => {
        file.once('open', () => resolve(undefined));
        file.once('error', resolve);
      });
      if (failure) throw new InputError(`${spec.path}: ${failure.message}`);
      return { write: (bytes) => void file.write(bytes.slice()), onData() {}, close: () => file.end() };
    }
    case 'unix':
    case 'tcp':
      return socketEndpoint(spec);
    default:
      return nothing;
  }
}

const CTRL_A = 1;
const HELP =
  '\r\nC-a h    print this help\r\nC-a x    exit emulator\r\nC-a b    send break\r\nC-a c    switch between console and monitor\r\nC-a C-a  sends C-a\r\n';

/** One wire for a console and a monitor, with Ctrl+A as the escape. Source: QEMU chardev/char-mux.c. */
export function multiplex(
  wire: Endpoint,
  onQuit: () => void,
  onBreak: () => void
): { readonly console: Endpoint; readonly monitor: Endpoint } {
  const told: [(bytes: Uint8Array) => void, (bytes: Uint8Array) => void] = [() => {}, () => {}];
  let focus: 0 | 1 = 0;
  let escaped = false;
  const text = (s: string): void => wire.write(new TextEncoder().encode(s));
  const escape = (byte: number): void => {
    const key = String.fromCharCode(byte);
    if (key === 'x') onQuit();
    else if (key === 'b') onBreak();
    else if (key === 'h') text(HELP);
    else if (key === 'c') {
      focus = focus === 0 ? 1 : 0;
      if (focus === 1) text('\r\n(qemu) ');
    } else if (byte === CTRL_A) told[focus](Uint8Array.of(byte));
  };
  wire.onData((bytes) => {
    let plain: number[] = [];
    const flush = (): void => {
      if (plain.length > 0) told[focus](Uint8Array.from(plain));
      plain = [];
    };
    for (const byte of bytes) {
      if (escaped) {
        escaped = false;
        escape(byte);
      } else if (byte === CTRL_A) {
        flush();
        escaped = true;
      } else plain.push(byte);
    }
    flush();
  });
  const side = (n: 0 | 1): Endpoint => ({
    write: (bytes) => wire.write(bytes),
    onData: (f) => (told[n] = f),
    close: () => wire.close()
  });
  return { console: side(0), monitor: side(1) };
}
