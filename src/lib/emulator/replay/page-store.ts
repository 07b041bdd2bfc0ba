/** Contents of pages that were written over, in a bounded amount of memory. */
import { PAGE } from '../../vmstate/page.ts';

/** Pages of one piece of memory: a megabyte. */
const PAGES_A_PIECE = 256;
/** The slot of every page of zeros. */
const ZEROS = -1;

export class PageStore {
  readonly #most: number;
  readonly #pieces: Uint8Array[] = [];
  readonly #free: number[] = [];
  #used = 0;

  /** @param bytes that it may take */
  constructor(bytes: number) {
    this.#most = Math.floor(bytes / PAGE);
  }

  /** Bytes in use. */
  get bytes(): number {
    return this.#used * PAGE;
  }
  get limit(): number {
    return this.#most * PAGE;
  }

  /** Keeps a copy. Returns its slot, undefined when there is no room. */
  put(page: Uint8Array): number | undefined {
    if (isZero(page)) return ZEROS;
    if (this.#free.length === 0) {
      const first = this.#pieces.length * PAGES_A_PIECE;
      const count = Math.min(PAGES_A_PIECE, this.#most - first);
      if (count <= 0) return undefined;
      this.#pieces.push(new Uint8Array(count * PAGE));
      for (let slot = first + count; slot-- > first;) this.#free.push(slot);
    }
    const slot = this.#free.pop()!;
    this.#at(slot).set(page);
    this.#used++;
    return slot;
  }

  get(slot: number, into: Uint8Array): void {
    if (slot === ZEROS) into.fill(0);
    else into.set(this.#at(slot));
  }

  free(slot: number): void {
    if (slot === ZEROS) return;
    this.#free.push(slot);
    this.#used--;
  }

  #at(slot: number): Uint8Array {
    const from = (slot % PAGES_A_PIECE) * PAGE;
    return this.#pieces[Math.floor(slot / PAGES_A_PIECE)]!.subarray(from, from + PAGE);
  }
}

function isZero(page: Uint8Array): boolean {
  const words = new Int32Array(page.buffer, page.byteOffset, page.length / 4);
  return words.every((word) => word === 0);
}
