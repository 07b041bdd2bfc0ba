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
    this.#slide = entry === undefined || lstar === 0n ? 0n : BigInt.asUintN(64, lstar - entry);
  }

  /** `default_idle`: the name without the offset. */
  functionOf(address: bigint): string | undefined {
    return this.nameOf(address)?.replace(/\+0x[\da-f]+$/, '');
  }

  /** `default_idle+0xb` */
  nameOf(address: bigint): string | undefined {
    const wanted = BigInt.asUintN(64, address - this.#slide);
    const behind = this.#firstBehind(wanted);
    if (behind === 0) return undefined;
    const offset = wanted - this.#addresses[behind - 1]!;
    if (offset > FARTHEST) return undefined;
    return offset === 0n ? this.#names[behind - 1] : `${this.#names[behind - 1]}+0x${offset.toString(16)}`;
  }

  /** Addresses of the symbols from `start` on, before `start + bytes`. */
  *within(start: bigint, bytes: number): Generator<bigint> {
    const wanted = BigInt.asUintN(64, start - this.#slide);
    const end = wanted + BigInt(bytes);
    for (let n = wanted === 0n ? 0 : this.#firstBehind(wanted - 1n); n < this.#addresses.length; n++) {
      if (this.#addresses[n]! >= end) return;
      yield BigInt.asUintN(64, this.#addresses[n]! + this.#slide);
    }
  }

  /** Index of the first symbol with a higher address of the file. */
  #firstBehind(wanted: bigint): number {
    let [low, high] = [0, this.#addresses.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#addresses[middle]! <= wanted) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  addressOf(name: string): bigint | undefined {
    const address = this.#byName.get(name);
    return address === undefined ? undefined : BigInt.asUintN(64, address + this.#slide);
  }
}
