/**
 * What a migration stream goes through: both ways of one connection, whatever it is made of. Here are the ones that need
 * no host: two ends in one process, with a link between them that has a bandwidth, a latency, and breaks when told to.
 * Source: QEMU migration/channel.c, io/channel.c; errors in the words of migration/qemu-file.c.
 */

/** One end of a connection. */
export interface ByteDuplex {
  /**
   * Sends; the bytes must not change until `sent` is called, which a channel that keeps them never does.
   * Undefined: more can be sent at once; else when it resolves.
   * @throws (or rejects) where the connection is broken
   */
  write(bytes: Uint8Array<ArrayBuffer>, sent?: () => void): Promise<void> | undefined;
  /**
   * What has arrived, at least a byte, lent until the next read; undefined at the end. Rejects where the connection is
   * broken.
   */
  read(): Promise<Uint8Array | undefined>;
  /**
   * Nothing more is sent: resolves when all of it has left, rejects when it could not. Where both ends are ours and know
   * each other, it resolves when the other has ended too: then both agree that all is well, or that it is not.
   */
  end(): Promise<void>;
  /** Breaks the connection, for both ends. */
  destroy(): void;
}

/** QEMU: qio_channel_socket_writev, qemu_file_get_error_obj. */
export const BROKEN_PIPE = 'Unable to write to socket: Broken pipe';
const RESET = 'Unable to read from socket: Connection reset by peer';

export interface LinkOptions {
  /** Bytes a second; undefined: as fast as they are taken. */
  readonly bandwidth?: number;
  /** ms that a byte is on its way. */
  readonly latency?: number;
  /** Bytes that the sender may be ahead of the link: what sockets buffer. */
  readonly buffer?: number;
}

const BUFFER = 1 << 20;
/** Of a limited link: pieces leave one by one, so that its speed is even. */
const TICK_MS = 5;

/** What was written, or a part of it. */
interface Piece {
  readonly bytes: Uint8Array;
  /** Of the last part: the writer may have the memory again. */
  readonly sent: (() => void) | undefined;
}

/** One direction of a link. */
class Pipe {
  #options: LinkOptions;
  /** Sent and not yet on the link. */
  readonly #waiting: Piece[] = [];
  #waitingBytes = 0;
  /** On the link, with the time at which it arrives. */
  readonly #travelling: (Piece & { readonly at: number })[] = [];
  /** Arrived and not yet read. */
  readonly #arrived: Piece[] = [];
  /** Of the piece that the reader has. */
  #lent: (() => void) | undefined;
  #arrivedBytes = 0;
  #ended = false;
  #broken = false;
  /** Time up to which the link has been busy. */
  #busyUntil = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #wakeReader: (() => void) | undefined;
  #wakeWriters: (() => void)[] = [];
  #written = 0;
  /** Bytes that have been read on the other side. */
  passed = 0;

  constructor(options: LinkOptions) {
    this.#options = options;
  }

  set options(options: LinkOptions) {
    this.#options = options;
    this.#busyUntil = performance.now();
    this.#move();
  }

  write(bytes: Uint8Array, sent?: () => void): Promise<void> | undefined {
    if (this.#broken || this.#ended) throw new Error(BROKEN_PIPE);
    // A link that had something to do goes on from where it was, however late somebody looks.
    if (this.#waiting.length === 0) this.#busyUntil = Math.max(this.#busyUntil, performance.now());
    this.#waiting.push({ bytes, sent });
    this.#waitingBytes += bytes.length;
    this.#written += bytes.length;
    this.#move();
    return this.#full ? this.#room() : undefined;
  }

  async read(): Promise<Uint8Array | undefined> {
    this.#lent?.();
    this.#lent = undefined;
    for (;;) {
      const piece = this.#arrived.shift();
      if (piece) {
        this.#lent = piece.sent;
        this.#arrivedBytes -= piece.bytes.length;
        this.passed += piece.bytes.length;
        this.#move();
        return piece.bytes;
      }
      if (this.#finished) return undefined;
      if (this.#broken) throw new Error(RESET);
      await new Promise<void>((resolve) => (this.#wakeReader = resolve));
    }
  }

  end(): void {
    if (this.#broken) throw new Error(BROKEN_PIPE);
    this.#ended = true;
    this.#move();
  }

  /** Resolves when nothing more comes and all has been read, or rejects: a break after that changes nothing. */
  async done(): Promise<void> {
    while (!this.#finished) {
      if (this.#broken) throw new Error(BROKEN_PIPE);
      await this.#change();
    }
  }
  get #finished(): boolean {
    return this.#ended && this.passed === this.#written;
  }

  break(): void {
    this.#broken = true;
    clearTimeout(this.#timer);
    this.#waiting.length = this.#travelling.length = this.#arrived.length = 0;
    this.#wake();
  }

  get #full(): boolean {
    return this.#waitingBytes + this.#arrivedBytes > (this.#options.buffer ?? BUFFER);
  }

  async #room(): Promise<void> {
    while (this.#full) {
      await this.#change();
      if (this.#broken) throw new Error(BROKEN_PIPE);
    }
  }
  #change(): Promise<void> {
    return new Promise((resolve) => this.#wakeWriters.push(resolve));
  }

  /** Puts what there is onto the link, and what has come through it to the reader. */
  #move(): void {
    const { bandwidth, latency = 0 } = this.#options;
    const now = performance.now();
    while (this.#waiting.length > 0 && (bandwidth === undefined || this.#busyUntil < now + TICK_MS)) {
      const { bytes, sent } = this.#waiting.shift()!;
      const most = bandwidth === undefined ? bytes.length : Math.max(1, Math.ceil((bandwidth * TICK_MS) / 1000));
      const whole = bytes.length <= most;
      if (!whole) this.#waiting.unshift({ bytes: bytes.subarray(most), sent });
      const piece = bytes.subarray(0, most);
      if (bandwidth !== undefined) this.#busyUntil += (piece.length * 1000) / bandwidth;
      this.#waitingBytes -= piece.length;
      const at = (bandwidth === undefined ? now : this.#busyUntil) + latency;
      this.#travelling.push({ bytes: piece, sent: whole ? sent : undefined, at });
    }
    while (this.#travelling.length > 0 && this.#travelling[0]!.at <= now) {
      const { bytes, sent } = this.#travelling.shift()!;
      this.#arrived.push({ bytes, sent });
      this.#arrivedBytes += bytes.length;
    }
    this.#wake();
    clearTimeout(this.#timer);
    const next =
      this.#waiting.length > 0
        ? Math.min(this.#busyUntil, this.#travelling[0]?.at ?? Infinity)
        : this.#travelling[0]?.at;
    if (next !== undefined) this.#timer = setTimeout(() => this.#move(), Math.max(1, Math.ceil(next - now)));
  }

  #wake(): void {
    const reader = this.#wakeReader;
    this.#wakeReader = undefined;
    reader?.();
    for (const writer of this.#wakeWriters.splice(0)) writer();
  }
}

/** Two ends of one simulated link. */
export interface Link {
  readonly ends: readonly [ByteDuplex, ByteDuplex];
  /** Bytes that went from the first end to the second. */
  readonly passed: number;
  /** Other figures from now on, for both directions. */
  set(options: LinkOptions): void;
  /** The cable is pulled out: both ends find the connection broken. */
  cut(): void;
}

/** A connection inside one process. Without options it is as fast as its ends, and never more than a buffer ahead. */
export function link(options: LinkOptions = {}): Link {
  const pipes = [new Pipe(options), new Pipe(options)] as const;
  const cut = (): void => pipes.forEach((pipe) => pipe.break());
  const end = (out: Pipe, back: Pipe): ByteDuplex => ({
    write: (bytes, sent) => out.write(bytes, sent),
    read: () => back.read(),
    async end() {
      out.end();
      await out.done();
      await back.done();
    },
    destroy: cut
  });
  return {
    ends: [end(pipes[0], pipes[1]), end(pipes[1], pipes[0])],
    get passed() {
      return pipes[0].passed;
    },
    set: (changed) => pipes.forEach((pipe) => (pipe.options = changed)),
    cut
  };
}

/** What arrives, piece by piece, for readers of streams. */
export async function* received(channel: ByteDuplex): AsyncGenerator<Uint8Array> {
  for (;;) {
    const piece = await channel.read();
    if (!piece) return;
    yield piece;
  }
}

/** A channel that only takes: a file in memory. @param ended is told when nothing more comes */
export function sink(take: (bytes: Uint8Array<ArrayBuffer>) => void, ended: () => void = () => {}): ByteDuplex {
  let broken = false;
  return {
    write(bytes) {
      if (broken) throw new Error(BROKEN_PIPE);
      take(bytes);
      return undefined;
    },
    read: () => Promise.resolve(undefined),
    end() {
      if (broken) return Promise.reject(new Error(BROKEN_PIPE));
      ended();
      return Promise.resolve();
    },
    destroy: () => void (broken = true)
  };
}
