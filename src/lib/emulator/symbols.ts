/** Names of kernel addresses from a System.map: `address type name` by line, sorted by address as nm -n gives it. */

/** More lines than any kernel has: a hostile file must not fill memory. */
const MAX_SYMBOLS = 1 << 20;
/** Below are no functions: per-CPU variables by their offsets, and constants. */
const LOWEST = 1n << 20n;
/** Behind its symbol, what lies farther away belongs to something without a name. */
const FARTHEST = 1n << 20n;
/** What the SYSCALL instruction enters, by the kernel's width: MSR LSTAR holds its address. */
const SYSCALL_ENTRY = 'entry_SYSCALL_64';

export class Symbols {
  readonly #addresses: BigUint64Array;
  readonly #names: readonly string[];
  readonly #byName: ReadonlyMap<string, bigint>;
  /** Added to the file's addresses: where KASLR put the kernel. */
  #slide = 0n;
  #namings = 1;

  private constructor(found: readonly (readonly [bigint, string])[]) {
    const sorted = found.toSorted(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
    this.#addresses = BigUint64Array.from(sorted, ([address]) => address);
    this.#names = sorted.map(([, name]) => name);
    this.#byName = new Map(sorted.map(([address, name]) => [name, address]));
  }

  static parse(text: string): Symbols {
    const found: (readonly [bigint, string])[] = [];
    for (const [, address, name] of text.matchAll(/^([\da-f]{8,16}) [a-z] (\S+)/gim)) {
      const at = BigInt(`0x${address}`);
      if (at >= LOWEST) found.push([at, name!]);
      if (found.length === MAX_SYMBOLS) break;
    }
    return new Symbols(found);
  }

  /** The kernel is where its system call entry is. @param lstar MSR LSTAR; 0: not set yet */
  relocate(lstar: bigint): void {
    const entry = this.#byName.get(SYSCALL_ENTRY);
    const slide = entry === undefined || lstar === 0n ? 0n : BigInt.asUintN(64, lstar - entry);
    if (slide !== this.#slide) this.#namings++;
    this.#slide = slide;
  }

  /** Grows when addresses have got other names. */
  get namings(): number {
    return this.#namings;
  }

  /** `default_idle`: the name without the offset. */
  functionOf(address: bigint): string | undefined {
    return this.nameOf(address)?.replace(/\+0x[\da-f]+$/, '');
  }

  /** `default_idle+0xb` */
  nameOf(address: bigint): string | undefined {
    const wanted = BigInt.asUintN(64, address - this.#slide);
    let [low, high] = [0, this.#addresses.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#addresses[middle]! <= wanted) low = middle + 1;
      else high = middle;
    }
    if (low === 0) return undefined;
    const offset = wanted - this.#addresses[low - 1]!;
    if (offset > FARTHEST) return undefined;
    return offset === 0n ? this.#names[low - 1] : `${this.#names[low - 1]}+0x${offset.toString(16)}`;
  }

  addressOf(name: string): bigint | undefined {
    const address = this.#byName.get(name);
    return address === undefined ? undefined : BigInt.asUintN(64, address + this.#slide);
  }
}
