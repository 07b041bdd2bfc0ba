/** A typed array that grows by pieces, so that growing never copies and never doubles. */
export class Column<T extends Float64Array | Uint32Array> {
  readonly #chunks: (T | undefined)[] = [];
  readonly #make: (n: number) => T;
  readonly #bits: number;
  readonly #mask: number;

  /** @param bits log2 of the entries of a piece */
  constructor(make: (n: number) => T, bits = 16) {
    this.#make = make;
    this.#bits = bits;
    this.#mask = (1 << bits) - 1;
  }

  /** 0 where nothing was set. */
  get(i: number): number {
    return this.#chunks[i >>> this.#bits]?.[i & this.#mask] ?? 0;
  }

  set(i: number, value: number): void {
    const chunk = i >>> this.#bits;
    const at = i & this.#mask;
    const there = this.#chunks[chunk];
    if (there && at < there.length) there[at] = value;
    else this.#grow(chunk, at)[at] = value;
  }

  /** Every entry that is not 0, by rising index. */
  each(visit: (value: number, i: number) => void): void {
    this.#chunks.forEach((chunk, c) =>
      chunk?.forEach((value, at) => {
        if (value !== 0) visit(value, (c << this.#bits) + at);
      })
    );
  }

  /** The first piece starts small and doubles: most columns of a small stream stay small. */
  #grow(chunk: number, at: number): T {
    const whole = this.#mask + 1;
    const grown = this.#make(chunk > 0 ? whole : Math.min(whole, Math.max(1024, 2 ** Math.ceil(Math.log2(at + 1)))));
    const old = this.#chunks[chunk];
    if (old) grown.set(old as never);
    // Without holes the array stays a fast one.
    while (this.#chunks.length < chunk) this.#chunks.push(undefined);
    this.#chunks[chunk] = grown;
    return grown;
  }
}
