/** A byte stream that can be looked at before it is read, and what a decoder throws when its input is broken. */
import type { Severity } from './problem.ts';
import type { ByteStream } from './source.ts';

/** Broken input of a decoder. All that could be decoded has been given out before this is thrown. */
export class Damage extends Error {
  /** Byte of the decoder's input at which it stopped. */
  readonly at: number;
  readonly severity: Severity;
  constructor(at: number, message: string, severity: Severity = 'fatal') {
    super(message);
    this.at = at;
    this.severity = severity;
  }
}

/** Bytes fetched at a time. */
const PIECE = 65536;

export class PeekStream implements ByteStream {
  /** Bytes given out. */
  position = 0;
  #ahead = new Uint8Array(0);
  readonly #stream: ByteStream;

  constructor(stream: ByteStream) {
    this.#stream = stream;
  }

  /** The next n bytes, fewer only at the end; good until the next call. Meant for small n. */
  async peek(n: number): Promise<Uint8Array> {
    while (this.#ahead.length < n) {
      const more = new Uint8Array(this.#ahead.length + Math.max(PIECE, n));
      const got = await this.#stream.read(more.subarray(this.#ahead.length));
      if (got === 0) break;
      more.set(this.#ahead);
      this.#ahead = more.subarray(0, this.#ahead.length + got);
    }
    return this.#ahead.subarray(0, n);
  }

  /** What comes next, at most `most` bytes; empty at the end. The caller may keep it. */
  async chunk(most = PIECE): Promise<Uint8Array> {
    if (this.#ahead.length === 0) {
      const piece = new Uint8Array(PIECE);
      this.#ahead = piece.subarray(0, await this.#stream.read(piece));
    }
    const out = this.#ahead.subarray(0, most);
    this.#ahead = this.#ahead.subarray(out.length);
    this.position += out.length;
    return out;
  }

  /** Puts back the last bytes that were given out. */
  unread(bytes: Uint8Array): void {
    const ahead = new Uint8Array(bytes.length + this.#ahead.length);
    ahead.set(bytes);
    ahead.set(this.#ahead, bytes.length);
    this.#ahead = ahead;
    this.position -= bytes.length;
  }

  /** n bytes; throws Damage where the stream ends before. Meant for small n. */
  async take(n: number): Promise<Uint8Array> {
    const bytes = await this.peek(n);
    if (bytes.length < n) throw new Damage(this.position + bytes.length, 'the file ends here');
    this.#ahead = this.#ahead.subarray(n);
    this.position += n;
    return bytes;
  }

  /** Passes over n bytes. Returns how many there were. */
  async skip(n: number): Promise<number> {
    let left = n;
    while (left > 0) {
      const { length } = await this.chunk(left);
      if (length === 0) break;
      left -= length;
    }
    return n - left;
  }

  async read(target: Uint8Array): Promise<number> {
    if (this.#ahead.length === 0) {
      const got = await this.#stream.read(target);
      this.position += got;
      return got;
    }
    const n = Math.min(target.length, this.#ahead.length);
    target.set(this.#ahead.subarray(0, n));
    this.#ahead = this.#ahead.subarray(n);
    this.position += n;
    return n;
  }
}
