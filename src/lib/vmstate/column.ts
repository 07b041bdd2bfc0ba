/** log2 of the entries of a piece: 16 KiB each. */
export const PIECE_BITS = 12;

/**
 * Numbers of 32 bits in a list that grows by pieces, so that growing never copies and never doubles, and entries that
 * lie far apart take little.
 */
export class Column {
  readonly #pieces: (Uint32Array | undefined)[] = [];
  readonly #bits: number;
  readonly #mask: number;
  /** Bytes of memory held. */
  bytes = 0;

  /** @param bits log2 of the entries of a piece */
  constructor(bits = PIECE_BITS) {
    this.#bits = bits;
    this.#mask = (1 << bits) - 1;
  }

  /** 0 where nothing was set. */
  get(i: number): number {
    return this.#pieces[i >>> this.#bits]?.[i & this.#mask] ?? 0;
  }

  set(i: number, value: number): void {
    const piece = i >>> this.#bits;
    const at = i & this.#mask;
    const there = this.#pieces[piece];
    if (there && at < there.length) there[at] = value;
    else this.#grow(piece, at)[at] = value;
  }

  /** Every entry that is not 0, by rising index. */
  each(visit: (value: number, i: number) => void): void {
    this.#pieces.forEach((piece, p) =>
      piece?.forEach((value, at) => {
        if (value !== 0) visit(value, (p << this.#bits) + at);
      })
    );
  }

  /** How many of [first, last) are not 0. Where nothing was set it costs nothing. */
  count(first: number, last: number): number {
    let found = 0;
    for (let at = first; at < last;) {
      const next = Math.min(last, ((at >>> this.#bits) + 1) << this.#bits);
      for (const value of this.from(at).subarray(0, next - at)) if (value !== 0) found++;
      at = next;
    }
    return found;
  }

  /**
   * Entries from i on that lie side by side, for loops that are to be quick: `entries[k]` is the one at i + k. Empty
   * where none is set in that piece.
   */
  from(i: number): Uint32Array {
    return this.#pieces[i >>> this.#bits]?.subarray(i & this.#mask) ?? none;
  }

  /** The first piece starts small and doubles: most columns of a small stream stay small. */
  #grow(piece: number, at: number): Uint32Array {
    const whole = this.#mask + 1;
    const grown = new Uint32Array(
      piece > 0 ? whole : Math.min(whole, Math.max(1024, 2 ** Math.ceil(Math.log2(at + 1))))
    );
    const old = this.#pieces[piece];
    if (old) grown.set(old);
    this.bytes += grown.byteLength - (old?.byteLength ?? 0);
    // Without holes the array stays a fast one.
    while (this.#pieces.length < piece) this.#pieces.push(undefined);
    this.#pieces[piece] = grown;
    return grown;
  }
}

const none = new Uint32Array(0);
