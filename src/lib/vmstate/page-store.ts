/**
 * Page contents that cannot be read again from their source (decompressed streams, deltas applied), each kept once.
 * Equal hashes are compared byte for byte before two pages share a slot.
 */
import { PAGE } from './page.ts';

/** 256 pages: growing by 1 MiB wastes little and keeps the number of buffers small. */
const SLOTS_PER_SEGMENT = 256;
/**
 * Bounds on looking for an equal page. XXH64 is no secret: a hostile stream may hold millions of pages with one hash.
 * What is not found within them is kept once more.
 */
const MAX_PROBES = 1024;
const MAX_COMPARISONS = 4;

export class PageStore {
  readonly #segments: Uint8Array[] = [];
  readonly #hashes: Uint32Array[] = [];
  /** Open addressing, 1 + slot; doubled when two thirds full. */
  #table = new Uint32Array(1024);
  #maxPages: number;
  count = 0;

  /** @param maxBytes contents kept at most; `put` says no beyond it, or when there is no more memory */
  constructor(maxBytes = Infinity) {
    this.#maxPages = Math.floor(maxBytes / PAGE);
  }

  /** Bytes of page contents held. */
  get bytes(): number {
    return this.count * PAGE;
  }

  /** Slot of a page with these 4096 bytes, or -1 when the store is full. */
  put(page: Uint8Array, hashLow: number, hashHigh: number): number {
    const mask = this.#table.length - 1;
    let at = hashLow & mask;
    let probes = 0;
    let comparisons = 0;
    for (let entry; (entry = this.#table[at]!) !== 0 && probes < MAX_PROBES; at = (at + 1) & mask, probes++) {
      const slot = entry - 1;
      if (this.hashLowOf(slot) !== hashLow >>> 0 || this.hashHighOf(slot) !== hashHigh >>> 0) continue;
      if (equal(this.get(slot), page)) return slot;
      if (++comparisons === MAX_COMPARISONS) break;
    }
    if (this.count >= this.#maxPages || !this.#makeRoom()) return -1;
    const slot = this.count++;
    const segment = slot >>> 8;
    this.#segments[segment]!.set(page, (slot & 0xff) * PAGE);
    this.#hashes[segment]!.set([hashLow, hashHigh], (slot & 0xff) * 2);
    if (this.#table[at] === 0) this.#table[at] = slot + 1;
    if (this.count * 3 > this.#table.length * 2) this.#rehash();
    return slot;
  }

  /** Sees to the segment of the next slot; false when there is no memory for it. */
  #makeRoom(): boolean {
    const segment = this.count >>> 8;
    if (this.#segments[segment]) return true;
    try {
      this.#hashes[segment] = new Uint32Array(SLOTS_PER_SEGMENT * 2);
      this.#segments[segment] = new Uint8Array(SLOTS_PER_SEGMENT * PAGE);
      return true;
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      this.#maxPages = this.count;
      return false;
    }
  }

  /** A view of the 4096 bytes of a slot: not to be written, not to be posted. */
  get(slot: number): Uint8Array {
    const at = (slot & 0xff) * PAGE;
    return this.#segments[slot >>> 8]!.subarray(at, at + PAGE);
  }

  /** Lower half of the hash that a slot was put with. */
  hashLowOf(slot: number): number {
    return this.#hashes[slot >>> 8]![(slot & 0xff) * 2]!;
  }
  /** The upper half. */
  hashHighOf(slot: number): number {
    return this.#hashes[slot >>> 8]![(slot & 0xff) * 2 + 1]!;
  }

  #rehash(): void {
    const table = new Uint32Array(this.#table.length * 2);
    const mask = table.length - 1;
    for (let slot = 0; slot < this.count; slot++) {
      let at = this.hashLowOf(slot) & mask;
      for (let probes = 0; table[at] !== 0 && probes < MAX_PROBES; probes++) at = (at + 1) & mask;
      if (table[at] === 0) table[at] = slot + 1;
    }
    this.#table = table;
  }
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  for (let i = 0; i < PAGE; i++) if (a[i] !== b[i]) return false;
  return true;
}
