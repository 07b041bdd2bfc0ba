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
  /** Bytes [from, to) were fetched and not given out. What was written once is never overwritten: callers keep parts. */
  #buffer = new Uint8Array(0);
  #from = 0;
  #to = 0;
  readonly #stream: ByteStream;

  constructor(stream: ByteStream) {
    this.#stream = stream;
  }

  /** Fetches until n bytes are there, or fewer at the end. */
  async #fetch(n: number): Promise<void> {
    if (this.#buffer.length - this.#from < n) {
      const bigger = new Uint8Array(Math.max(PIECE, 2 * n));
      bigger.set(this.#buffer.subarray(this.#from, this.#to));
      this.#buffer = bigger;
      this.#to -= this.#from;
      this.#from = 0;
    }
    while (this.#to - this.#from < n) {
      const got = await this.#stream.read(this.#buffer.subarray(this.#to));
      if (got === 0) return;
      this.#to += got;
    }
  }

  #give(n: number): Uint8Array {
    const bytes = this.#buffer.subarray(this.#from, Math.min(this.#from + n, this.#to));
    this.#from += bytes.length;
    this.position += bytes.length;
    return bytes;
  }

  /** The next n bytes, fewer only at the end. Meant for small n. */
  async peek(n: number): Promise<Uint8Array> {
    await this.#fetch(n);
    return this.#buffer.subarray(this.#from, Math.min(this.#from + n, this.#to));
  }

  /** What comes next, at most `most` bytes; empty at the end. The caller may keep it. */
  async chunk(most = PIECE): Promise<Uint8Array> {
    if (this.#from === this.#to) await this.#fetch(1);
    return this.#give(most);
  }

  /** Puts back the last bytes that were given out. */
  unread(bytes: Uint8Array): void {
    const buffer = new Uint8Array(bytes.length + this.#to - this.#from);
    buffer.set(bytes);
    buffer.set(this.#buffer.subarray(this.#from, this.#to), bytes.length);
    this.#buffer = buffer;
    this.#from = 0;
    this.#to = buffer.length;
    this.position -= bytes.length;
  }

  /** n bytes; throws Damage where the stream ends before. Meant for small n. */
  async take(n: number): Promise<Uint8Array> {
    await this.#fetch(n);
    const have = this.#to - this.#from;
    if (have < n) throw new Damage(this.position + have, 'the file ends here');
    return this.#give(n);
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
    if (this.#from === this.#to) {
      const got = await this.#stream.read(target);
      this.position += got;
      return got;
    }
    const bytes = this.#give(target.length);
    target.set(bytes);
    return bytes.length;
  }
}
