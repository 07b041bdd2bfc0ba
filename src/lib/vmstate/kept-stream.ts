/**
 * A stream that came once (decompressed, piped) as bytes that can be read again: everything but page contents is kept
 * as it came, page contents come back from the page store. So a page that is sent in ten rounds unchanged is held once.
 */
import { Column } from './column.ts';
import type { RamIndex } from './ram-index.ts';
import type { ByteSource } from './source.ts';
import { PAGE } from './page.ts';

const SEGMENT = 1 << 18;

export class KeptStream implements ByteSource {
  readonly #ram: RamIndex;
  /** The bytes between page contents, one after another. */
  readonly #segments: Uint8Array[] = [];
  #kept = 0;
  /** Record of each page taken out, in stream order: it knows the offset, and the slot if the store was not full. */
  readonly #gaps = new Column();
  #gapCount = 0;
  /** Stream offset up to which bytes have been sorted into kept and taken out. */
  size = 0;
  readonly #maxKept: number;
  /** Bytes beyond the bound, or beyond what memory there is, were dropped: they read as zeros. */
  full = false;

  /** @param maxKept bound on the bytes outside of pages: a hostile stream may consist of nothing else */
  constructor(ram: RamIndex, maxKept = 2 ** 30) {
    this.#ram = ram;
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

  /** The next 4096 bytes of the stream are the contents of a record, which is about to be added or has been. */
  page(record: number): void {
    this.#gaps.set(this.#gapCount++, record);
    this.size += PAGE;
  }

  #gapAt(gap: number): number {
    return this.#ram.offsetOf(this.#gaps.get(gap));
  }

  /** Pages taken out before a stream offset. */
  #gapsBefore(at: number): number {
    let low = 0;
    let high = this.#gapCount;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#gapAt(middle) < at) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  read(at: number, target: Uint8Array): Promise<number> {
    const n = Math.max(0, Math.min(target.length, this.size - at));
    let gap = this.#gapsBefore(at + 1);
    for (let done = 0; done < n;) {
      const here = at + done;
      const inGap = gap > 0 ? here - this.#gapAt(gap - 1) : PAGE;
      if (inGap < PAGE) {
        const slot = this.#ram.slotOf(this.#gaps.get(gap - 1)) - 1;
        const part = Math.min(PAGE - inGap, n - done);
        if (slot < 0) target.fill(0, done, done + part);
        else target.set(this.#ram.store.get(slot).subarray(inGap, inGap + part), done);
        done += part;
      } else {
        const until = gap < this.#gapCount ? this.#gapAt(gap) : this.size;
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

/** A stream that came once and whose pages went into a machine: the bytes of all else. What was dropped reads as zeros. */
export class KeptSections implements ByteSource {
  readonly #pieces: { readonly at: number; readonly bytes: Uint8Array }[] = [];
  #kept = 0;
  /** Stream offset up to which bytes have been kept or dropped. */
  size = 0;
  readonly #maxKept: number;
  /** Bytes beyond the bound were dropped. */
  full = false;

  constructor(maxKept = 2 ** 30) {
    this.#maxKept = maxKept;
  }

  /** The next bytes of the stream, kept as they are. */
  keep(bytes: Uint8Array): void {
    this.#kept += bytes.length;
    this.full ||= this.#kept > this.#maxKept;
    if (!this.full) this.#pieces.push({ at: this.size, bytes: bytes.slice() });
    this.size += bytes.length;
  }

  /** The next so many bytes are of no use. */
  drop(bytes: number): void {
    this.size += bytes;
  }

  read(at: number, target: Uint8Array): Promise<number> {
    const n = Math.max(0, Math.min(target.length, this.size - at));
    target.fill(0, 0, n);
    for (const piece of this.#pieces) {
      const from = Math.max(at, piece.at);
      const to = Math.min(at + n, piece.at + piece.bytes.length);
      if (from < to) target.set(piece.bytes.subarray(from - piece.at, to - piece.at), from - at);
    }
    return Promise.resolve(n);
  }
}
