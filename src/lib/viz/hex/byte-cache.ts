/** Bytes of the stream near where a person looks, fetched in blocks; the blocks used longest ago are forgotten. */
const BLOCK = 0x10000;
const MOST_BLOCKS = 256;

export class ByteCache {
  readonly #fetch: (start: number, end: number) => Promise<Uint8Array>;
  readonly #arrived: () => void;
  /** In order of use: a Map remembers it. */
  readonly #blocks = new Map<number, Uint8Array>();
  readonly #fetching = new Set<number>();
  readonly #failed = new Map<number, string>();

  /**
   * @param fetch bytes of the stream [start, end), fewer at its end
   * @param arrived told when something new can be read
   */
  constructor(fetch: (start: number, end: number) => Promise<Uint8Array>, arrived: () => void) {
    this.#fetch = fetch;
    this.#arrived = arrived;
  }

  /** The byte at an offset, or undefined while it is fetched. */
  at(offset: number): number | undefined {
    return this.#blocks.get(Math.floor(offset / BLOCK))?.[offset % BLOCK];
  }

  /** Asks for what a view of [start, end) needs, and for what comes next in either direction. `end`: of the stream. */
  want(start: number, end: number, streamEnd: number): void {
    const first = Math.floor(start / BLOCK);
    const last = Math.floor(Math.max(start, end - 1) / BLOCK);
    for (let block = first; block <= last; block++) this.#need(block, streamEnd);
    this.#need(last + 1, streamEnd);
    this.#need(first - 1, streamEnd);
  }

  /** Bytes [start, end) as far as they are there, from the start. */
  have(start: number, end: number): Uint8Array {
    const out = new Uint8Array(Math.max(0, end - start));
    for (let i = 0; i < out.length; i++) {
      const byte = this.at(start + i);
      if (byte === undefined) return out.subarray(0, i);
      out[i] = byte;
    }
    return out;
  }

  /** Why a byte cannot be shown. */
  failure(offset: number): string | undefined {
    return this.#failed.get(Math.floor(offset / BLOCK));
  }

  clear(): void {
    this.#blocks.clear();
    this.#fetching.clear();
    this.#failed.clear();
  }

  #need(block: number, streamEnd: number): void {
    const start = block * BLOCK;
    if (block < 0 || start >= streamEnd) return;
    const end = Math.min(start + BLOCK, streamEnd);
    const got = this.#blocks.get(block);
    if (got) {
      this.#blocks.delete(block);
      this.#blocks.set(block, got);
      // A block at the end of a stream that was still arriving.
      if (got.length >= end - start) return;
    }
    if (this.#fetching.has(block) || this.#failed.has(block)) return;
    this.#fetching.add(block);
    this.#fetch(start, end)
      .then((bytes) => {
        if (!this.#fetching.delete(block)) return;
        this.#blocks.delete(block);
        this.#blocks.set(block, bytes);
        for (const old of this.#blocks.keys()) {
          if (this.#blocks.size <= MOST_BLOCKS) break;
          this.#blocks.delete(old);
        }
      })
      .catch((error: unknown) => {
        if (this.#fetching.delete(block))
          this.#failed.set(block, error instanceof Error ? error.message : String(error));
      })
      .finally(this.#arrived);
  }
}
