/**
 * Stands between two QEMUs, or in place of the second: what goes through goes on untouched, and is recorded as it
 * arrives. A migration may have several connections (multifd, preempt); the first bytes tell which is which.
 */
import type { Server, Socket } from 'node:net';
import { connectTo, listenAt, reason } from './migration-uri.ts';
import type { RecordingFile } from './recording-file.ts';

/** ms without a connection, after the last has ended, until the migration is taken to be over. */
const QUIET = 500;
/** Bytes that tell what a connection is. */
const HEAD = 4;
const CHANNELS: Readonly<Record<string, string>> = { '5145564d': 'main', '11223344': 'multifd', '51435052': 'cpr' };

export interface CaptureOptions {
  readonly listen: string;
  /** Undefined: the stream ends here. */
  readonly forward?: string | undefined;
  /** Who else tells of the migration. */
  readonly watcher: 'qmp' | 'stream';
  /** The first connection is there. */
  readonly began: () => void;
}

export class CaptureProxy {
  /** The URI that the sender migrates to. */
  readonly uri: string;
  /** Resolves when all connections have ended, with what went wrong. */
  readonly over: Promise<readonly string[]>;
  readonly #server: Server;
  readonly #file: RecordingFile;
  readonly #options: CaptureOptions;
  readonly #sockets = new Set<Socket>();
  readonly #failures: string[] = [];
  #connections = 0;
  #open = 0;
  #done: () => void = () => {};
  #quiet: ReturnType<typeof setTimeout> | undefined;

  private constructor(server: Server, uri: string, file: RecordingFile, options: CaptureOptions) {
    this.#server = server;
    this.uri = uri;
    this.#file = file;
    this.#options = options;
    this.over = new Promise<void>((resolve) => (this.#done = resolve)).then(() => this.#failures);
  }

  /** @throws InputError where it cannot listen */
  static async listen(file: RecordingFile, options: CaptureOptions): Promise<CaptureProxy> {
    const early: Socket[] = [];
    let took = (socket: Socket): void => void early.push(socket);
    const { server, uri } = await listenAt(options.listen, (socket) => took(socket), true);
    const proxy = new CaptureProxy(server, uri, file, options);
    took = (socket) => void proxy.#take(socket);
    early.forEach(took);
    return proxy;
  }

  /** Breaks what is under way. */
  stop(): void {
    clearTimeout(this.#quiet);
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    this.#done();
  }

  async #take(source: Socket): Promise<void> {
    const number = this.#connections++;
    clearTimeout(this.#quiet);
    this.#open++;
    this.#add(source);
    if (!this.#file.begun) {
      this.#file.begin({ watcher: this.#options.watcher, machine: '', memory: 0 });
      this.#options.began();
    }
    let error: string | undefined;
    try {
      const { forward } = this.#options;
      const onward = forward === undefined ? undefined : this.#add(await connectTo(forward, true));
      await Promise.all([this.#forth(source, onward, number), onward && this.#back(onward, source, number)]);
    } catch (failure) {
      error = failure instanceof Error ? failure.message : String(failure);
      this.#failures.push(error);
      source.destroy();
    }
    this.#file.note('end', { connection: number, ...(error === undefined ? {} : { error }) });
    if (--this.#open === 0) this.#quiet = setTimeout(() => this.stop(), QUIET);
  }
  #add(socket: Socket): Socket {
    this.#sockets.add(socket);
    socket.on('close', () => this.#sockets.delete(socket));
    socket.on('error', () => socket.destroy());
    return socket;
  }

  /** From the sender to the receiver. */
  async #forth(source: Socket, onward: Socket | undefined, number: number): Promise<void> {
    let head = Buffer.alloc(0);
    await this.#pump('sender', source, onward, (piece) => {
      const known = head.length >= HEAD;
      if (known) return this.#file.piece(piece, { connection: number });
      head = Buffer.concat([head, piece]);
      if (head.length < HEAD) return;
      const channel = CHANNELS[head.toString('hex', 0, HEAD)] ?? 'preempt';
      this.#file.note('connection', { number, channel });
      this.#file.piece(head, { connection: number });
    });
    if (head.length > 0 && head.length < HEAD) this.#file.piece(head, { connection: number });
    if (!onward) source.end();
  }

  /** From the receiver to the sender: the return path. */
  #back(onward: Socket, source: Socket, number: number): Promise<void> {
    return this.#pump('receiver', onward, source, (piece) =>
      this.#file.piece(piece, { connection: number, back: true })
    );
  }

  /** Passes on what comes, as fast as the other side and the disk take it, and the end. */
  async #pump(who: string, from: Socket, to: Socket | undefined, record: (piece: Buffer) => void): Promise<void> {
    try {
      for await (const piece of from.iterator({ destroyOnReturn: false })) {
        record(piece as Buffer);
        if (to && !to.write(piece as Buffer)) await drained(to);
        await this.#file.room();
      }
    } catch (error) {
      to?.destroy();
      const why = reason(error as NodeJS.ErrnoException);
      throw new Error(`the connection of the ${who} broke: ${why}`);
    }
    to?.end();
  }
}

/** Rejects where it never will be. */
function drained(socket: Socket): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = (): void => void socket.off('drain', go).off('close', broke);
    const go = (): void => (stop(), resolve());
    const broke = (): void => (stop(), reject(new Error('Broken pipe')));
    socket.on('drain', go).on('close', broke);
    if (socket.destroyed) broke();
  });
}
