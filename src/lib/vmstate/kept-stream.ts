/**
 * A stream that came once (decompressed, piped) as bytes that can be read again: everything but page contents is kept
 * as it came, page contents come back from the page store. So a page that is sent in ten rounds unchanged is held once.
 */
import type { PageStore } from './page-store.ts';
import type { ByteSource } from './source.ts';

const PAGE = 4096;
const SEGMENT = 1 << 18;

export class KeptStream implements ByteSource {
  readonly #store: PageStore;
  /** The bytes between page contents, one after another. */
  readonly #segments: Uint8Array[] = [];
  #kept = 0;
  /** Stream offset and slot (-1: lost, the store was full) of each page taken out, in stream order. */
  readonly #gapAt: number[] = [];
  readonly #gapSlot: number[] = [];
  /** Stream offset up to which bytes have been sorted into kept and taken out. */
  size = 0;
  readonly #maxKept: number;
  /** Bytes beyond the bound, or beyond what memory there is, were dropped: they read as zeros. */
  full = false;

  /** @param maxKept bound on the bytes outside of pages: a hostile stream may consist of nothing else */
  constructor(store: PageStore, maxKept = 2 ** 30) {
    this.#store = store;
    this.#maxKept = maxKept;
  }

  /** The next bytes of the stream, kept as they are. */
  keep(bytes: Uint8Array): void {
    this.size += bytes.length;
    for (let at = 0; at < bytes.length && !this.full;) {
      const within = this.#kept % SEGMENT;
      const n = Math.min(bytes.length - at, SEGMENT - within, this.#maxKept - this.#kept);
      const segment = n > 0 ? this.#segment() : undefined;
      segment?.set(bytes.subarray(at, at + n), within);
      this.#kept += segment ? n : 0;
      this.full = !segment;
      at += n;
    }
  }

  /** The segment that the next byte goes to; undefined when there is no memory for it. */
  #segment(): Uint8Array | undefined {
    const index = Math.floor(this.#kept / SEGMENT);
    try {
      return (this.#segments[index] ??= new Uint8Array(SEGMENT));
    } catch (error) {
      if (error instanceof RangeError) return undefined;
      throw error;
    }
  }

  /** The next 4096 bytes of the stream are the contents of a slot. */
  page(slot: number): void {
    this.#gapAt.push(this.size);
    this.#gapSlot.push(slot);
    this.size += PAGE;
  }

  /** Pages taken out before a stream offset. */
  #gapsBefore(at: number): number {
    let low = 0;
    let high = this.#gapAt.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#gapAt[middle]! < at) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  read(at: number, target: Uint8Array): Promise<number> {
    const n = Math.max(0, Math.min(target.length, this.size - at));
    let gap = this.#gapsBefore(at + 1);
    for (let done = 0; done < n;) {
      const here = at + done;
      const inGap = gap > 0 ? here - this.#gapAt[gap - 1]! : PAGE;
      if (inGap < PAGE) {
        const slot = this.#gapSlot[gap - 1]!;
        const part = Math.min(PAGE - inGap, n - done);
        if (slot < 0) target.fill(0, done, done + part);
        else target.set(this.#store.get(slot).subarray(inGap, inGap + part), done);
        done += part;
      } else {
        const until = this.#gapAt[gap] ?? this.size;
        const part = Math.min(until - here, n - done);
        this.#copyKept(here - gap * PAGE, target.subarray(done, done + part));
        done += part;
        gap++;
      }
    }
    return Promise.resolve(n);
  }

  #copyKept(at: number, target: Uint8Array): void {
    for (let done = 0; done < target.length;) {
      const from = at + done;
      const segment = this.#segments[Math.floor(from / SEGMENT)];
      const part = Math.min(target.length - done, SEGMENT - (from % SEGMENT));
      if (segment) target.set(segment.subarray(from % SEGMENT, (from % SEGMENT) + part), done);
      else target.fill(0, done, done + part);
      done += part;
    }
  }
}
