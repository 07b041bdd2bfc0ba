/**
 * Page contents that cannot be read again from their source (decompressed streams, deltas applied), each kept once.
 * Equal hashes are compared byte for byte before two pages share a slot.
 */
const PAGE = 4096;
/** 256 pages: growing by 1 MiB wastes little and keeps the number of buffers small. */
const SLOTS_PER_SEGMENT = 256;

export class PageStore {
  readonly #segments: Uint8Array[] = [];
  readonly #hashes: Uint32Array[] = [];
  /** Open addressing, 1 + slot; doubled when two thirds full. */
  #table = new Uint32Array(1024);
  readonly #maxPages: number;
  count = 0;

  /** @param maxBytes contents kept at most; `put` says no beyond it */
  constructor(maxBytes = 8 * 2 ** 30) {
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
    for (let entry; (entry = this.#table[at]!) !== 0; at = (at + 1) & mask) {
      const slot = entry - 1;
      const hashes = this.#hashes[slot >>> 8]!;
      const h = (slot & 0xff) * 2;
      if (hashes[h] === hashLow >>> 0 && hashes[h + 1] === hashHigh >>> 0 && equal(this.get(slot), page)) return slot;
    }
    if (this.count >= this.#maxPages) return -1;
    const slot = this.count++;
    const segment = slot >>> 8;
    if (!this.#segments[segment]) {
      this.#segments[segment] = new Uint8Array(SLOTS_PER_SEGMENT * PAGE);
      this.#hashes[segment] = new Uint32Array(SLOTS_PER_SEGMENT * 2);
    }
    this.#segments[segment]!.set(page, (slot & 0xff) * PAGE);
    this.#hashes[segment]!.set([hashLow, hashHigh], (slot & 0xff) * 2);
    this.#table[at] = slot + 1;
    if (this.count * 3 > this.#table.length * 2) this.#rehash();
    return slot;
  }

  /** A view of the 4096 bytes of a slot: not to be written, not to be posted. */
  get(slot: number): Uint8Array {
    const at = (slot & 0xff) * PAGE;
    return this.#segments[slot >>> 8]!.subarray(at, at + PAGE);
  }

  #rehash(): void {
    const table = new Uint32Array(this.#table.length * 2);
    const mask = table.length - 1;
    for (let slot = 0; slot < this.count; slot++) {
      let at = this.#hashes[slot >>> 8]![(slot & 0xff) * 2]! & mask;
      while (table[at] !== 0) at = (at + 1) & mask;
      table[at] = slot + 1;
    }
    this.#table = table;
  }
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  for (let i = 0; i < PAGE; i++) if (a[i] !== b[i]) return false;
  return true;
}
