/**
 * The part of the stream that is at hand while it arrives: a window that moves forward and grows only when a section
 * must be seen whole. It lies in WebAssembly memory, so that pages are hashed without being moved.
 */
import { HashBuffer } from './page-hash.ts';
import { QemuFileReader } from './qemu-file.ts';
import { KeptSections, type KeptStream } from './kept-stream.ts';
import type { ByteSource, ByteStream } from './source.ts';

const START_BYTES = 1 << 20;
/** The memory of the last window, for the next one: making WebAssembly memories is slow, and freeing them slower. */
let spare: HashBuffer | undefined;

/** Lets the caller report progress and cancel (by throwing); undefined when there is nothing to wait for. */
export type Yield = () => Promise<void> | undefined;

export class StreamWindow {
  readonly buffer: HashBuffer;
  #input: ByteStream;
  readonly #random: ByteSource | undefined;
  readonly #kept: KeptStream | KeptSections | undefined;
  /** False: what is parsed meanwhile is nothing that `KeptSections` needs. */
  keeping = true;
  /** Stream offset of `bytes[0]`. */
  base = 0;
  /** Index of the next byte to be parsed, and of the end of what arrived. */
  pos = 0;
  end = 0;
  /** The input has no more bytes than are in the window. */
  ended = false;
  /** The error that ended the input early, if one did. */
  error: Error | undefined;
  view: DataView;

  /**
   * @param random the same bytes at random, when they can be had: lets `seek` jump
   * @param kept takes every byte that was parsed, when they cannot be had again
   */
  constructor(input: ByteStream, random?: ByteSource, kept?: KeptStream | KeptSections) {
    this.buffer = spare ?? new HashBuffer(START_BYTES);
    spare = undefined;
    this.#input = input;
    this.#random = random;
    this.#kept = kept;
    this.view = new DataView(this.buffer.memory.buffer, 64);
  }

  /** Gives the memory back. The window is not to be used any more. */
  release(): void {
    if (this.bytes.length < 4 * START_BYTES) spare = this.buffer;
  }

  get bytes(): Uint8Array<ArrayBuffer> {
    return this.buffer.bytes;
  }
  /** Stream offset of the next byte. */
  get offset(): number {
    return this.base + this.pos;
  }

  /** Makes n bytes available from `pos` on, or as many as there are; true when they are there. */
  async need(n: number): Promise<boolean> {
    while (this.end - this.pos < n && !this.ended) await this.#fill(n);
    return this.end - this.pos >= n;
  }

  async #fill(n: number): Promise<void> {
    if (this.pos > 0 && this.pos + n > this.bytes.length) {
      this.keep();
      this.bytes.copyWithin(0, this.pos, this.end);
      this.base += this.pos;
      this.end -= this.pos;
      this.pos = 0;
    }
    if (n > this.bytes.length) {
      this.buffer.grow(Math.max(n, this.bytes.length * 2));
      this.view = new DataView(this.buffer.memory.buffer, 64);
    }
    try {
      const got = await this.#input.read(this.bytes.subarray(this.end));
      if (got === 0) this.ended = true;
      this.end += got;
    } catch (error) {
      this.error = error instanceof Error ? error : new Error(String(error));
      this.ended = true;
    }
  }

  /** Hands what was parsed up to here to the kept stream. */
  keep(upTo = this.pos): void {
    const kept = this.#kept;
    const from = kept ? kept.size - this.base : upTo;
    if (!kept || from >= upTo) return;
    if (!this.keeping && kept instanceof KeptSections) kept.drop(upTo - from);
    else kept.keep(this.bytes.subarray(from, upTo));
  }

  /** The page at an index of `bytes` is the contents of a record. */
  keepPage(at: number, record: number): void {
    this.keep(at);
    if (this.#kept && !(this.#kept instanceof KeptSections)) this.#kept.page(record);
  }

  /** A reader over what is at hand; `accept` moves on to where it got. */
  reader(): QemuFileReader {
    return new QemuFileReader(this.bytes.subarray(this.pos, this.end), this.offset);
  }
  accept(reader: QemuFileReader): void {
    this.pos += reader.pos;
  }

  /** Moves on by n bytes that need not be at hand; false when the stream ends before. */
  async skip(n: number, yieldTo: Yield): Promise<boolean> {
    const random = this.#random;
    if (random && n > this.end - this.pos) {
      const target = this.offset + n;
      if (target > random.size) {
        this.pos = this.end;
        this.ended = true;
        return false;
      }
      this.base = target;
      this.pos = this.end = 0;
      this.ended = false;
      let at = target;
      this.#input = {
        read: async (into) => {
          const got = await random.read(at, into);
          at += got;
          return got;
        }
      };
      return true;
    }
    while (n > 0) {
      const pause = yieldTo();
      if (pause) await pause;
      if (!(await this.need(1))) return false;
      const step = Math.min(n, this.end - this.pos);
      this.pos += step;
      n -= step;
    }
    return true;
  }
}
