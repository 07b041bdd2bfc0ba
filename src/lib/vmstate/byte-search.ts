/** Finding a byte pattern in a buffer, and in pages that follow each other without being side by side in memory. */
import type { Pattern } from './search-query.ts';

/** Bytes that fill memory images, most frequent first: bad to look for. All others come seldom enough. */
const frequent = [0x00, 0xff, 0x20, 0x48, 0x01, 0x65, 0x8b, 0x89, 0x74, 0x61, 0x69, 0x6e, 0x6f, 0x72, 0x73, 0x0f];

export class ByteSearch {
  readonly pattern: Pattern;
  readonly length: number;
  /** The pattern's byte that is looked for first; -1 when none is without wildcards. */
  readonly #anchor: number;

  constructor(pattern: Pattern) {
    this.pattern = pattern;
    this.length = pattern.value.length;
    let anchor = -1;
    let best = -1;
    for (let i = 0; i < this.length; i++) {
      if (pattern.mask[i] !== 0xff) continue;
      const rank = frequent.indexOf(pattern.value[i]!);
      const rarity = rank < 0 ? frequent.length : rank;
      if (rarity > best) [anchor, best] = [i, rarity];
    }
    this.#anchor = anchor;
  }

  /** Whether bytes[at + i] fits pattern[from + i] for i below n. */
  #fits(bytes: Uint8Array, at: number, from: number, n: number): boolean {
    const { value, mask } = this.pattern;
    for (let i = 0; i < n; i++) if ((bytes[at + i]! & mask[from + i]!) !== value[from + i]) return false;
    return true;
  }

  /** Every place in `bytes` where the whole pattern is, ascending, at multiples of its alignment from `base`. */
  *find(bytes: Uint8Array, base = 0): Generator<number> {
    const { alignment } = this.pattern;
    const last = bytes.length - this.length;
    const anchor = this.#anchor;
    if (anchor < 0) {
      for (let at = 0; at <= last; at++) if (this.#fits(bytes, at, 0, this.length)) yield at;
      return;
    }
    const byte = this.pattern.value[anchor]!;
    for (let i = bytes.indexOf(byte, anchor); i >= 0 && i - anchor <= last; i = bytes.indexOf(byte, i + 1)) {
      const at = i - anchor;
      if ((base + at) % alignment === 0 && this.#fits(bytes, at, 0, this.length)) yield at;
    }
  }

  /** Lengths k, shorter than the pattern, so that `bytes` ends with its first k bytes. */
  tails(bytes: Uint8Array): number[] {
    const out: number[] = [];
    for (let k = 1; k < this.length; k++) if (this.#fits(bytes, bytes.length - k, 0, k)) out.push(k);
    return out;
  }

  /** Lengths k, shorter than the pattern, so that `bytes` begins with what follows its first k bytes. */
  heads(bytes: Uint8Array): number[] {
    const out: number[] = [];
    for (let k = 1; k < this.length; k++) if (this.#fits(bytes, 0, k, this.length - k)) out.push(k);
    return out;
  }
}
