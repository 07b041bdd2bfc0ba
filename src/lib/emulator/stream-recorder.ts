/** Keeps the stream that goes through a channel, as the `bytes` notes of a recording (`vmstate/recording.ts`). */
import { recordingBytes, recordingNote } from '../vmstate/recording.ts';
import type { ByteDuplex } from './migration/channel.ts';

/** Bytes of a stream that are kept; the browser may put them to disk. */
const MAX_BYTES = 1 << 30;
/** Bytes that become a Blob together. */
const BATCH = 4 << 20;

export class StreamRecorder {
  readonly #now: () => number;
  readonly #most: number;
  readonly #blobs: Blob[] = [];
  #parts: BlobPart[] = [];
  #waiting = 0;
  #bytes = 0;
  #full = false;

  /** @param now ms since the migration began */
  constructor(now: () => number, most = MAX_BYTES) {
    this.#now = now;
    this.#most = most;
  }

  /** The channel, of which all is kept that goes out of it (or comes in). */
  tap(channel: ByteDuplex, direction: 'out' | 'in'): ByteDuplex {
    return {
      write: (bytes) => {
        const sent = channel.write(bytes);
        if (direction === 'out') this.#keep(bytes);
        return sent;
      },
      read: async () => {
        const bytes = await channel.read();
        // Whoever reads may overwrite what it was given.
        if (bytes && direction === 'in') this.#keep(bytes.slice());
        return bytes;
      },
      end: () => channel.end(),
      destroy: () => channel.destroy()
    };
  }

  /** What was kept; undefined where nothing went through. */
  get notes(): Blob | undefined {
    this.#flush();
    return this.#bytes === 0 ? undefined : new Blob(this.#blobs);
  }

  #keep(bytes: Uint8Array<ArrayBuffer>): void {
    if (this.#full) return;
    const at = this.#now();
    this.#full = this.#bytes + bytes.length > this.#most;
    if (this.#full) {
      this.#parts.push(recordingNote({ kind: 'gap', at, why: `the page keeps ${this.#most} bytes of a stream` }));
      return;
    }
    this.#parts.push(recordingBytes(at, bytes.length), bytes, '\n');
    this.#bytes += bytes.length;
    this.#waiting += bytes.length;
    if (this.#waiting >= BATCH) this.#flush();
  }
  #flush(): void {
    if (this.#parts.length === 0) return;
    this.#blobs.push(new Blob(this.#parts));
    this.#parts = [];
    this.#waiting = 0;
  }
}
