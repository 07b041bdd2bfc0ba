/**
 * Random bytes that come again from the same seed: xoshiro128** behind SplitMix64, as D. Blackman and S. Vigna describe
 * them ("Scrambled linear pseudorandom number generators"). Not for secrets: whoever knows the seed knows them all.
 */
export class Prng {
  #state: Uint32Array;

  constructor(seed: bigint) {
    let x = BigInt.asUintN(64, seed);
    const next = (): bigint => {
      x = BigInt.asUintN(64, x + 0x9e37_79b9_7f4a_7c15n);
      let z = BigInt.asUintN(64, (x ^ (x >> 30n)) * 0xbf58_476d_1ce4_e5b9n);
      z = BigInt.asUintN(64, (z ^ (z >> 27n)) * 0x94d0_49bb_1331_11ebn);
      return z ^ (z >> 31n);
    };
    const [a, b] = [next(), next()];
    this.#state = Uint32Array.from([a, a >> 32n, b, b >> 32n], (n) => Number(n & 0xffff_ffffn));
  }

  /** Where it is, to come back to. */
  get state(): Uint32Array {
    return this.#state.slice();
  }
  set state(state: Uint32Array) {
    this.#state = state.slice();
  }

  /** 32 bits. */
  next(): number {
    const s = this.#state;
    const rotated = (n: number, bits: number): number => (n << bits) | (n >>> (32 - bits));
    const result = Math.imul(rotated(Math.imul(s[1]!, 5), 7), 9) >>> 0;
    const t = s[1]! << 9;
    s[2]! ^= s[0]!;
    s[3]! ^= s[1]!;
    s[1]! ^= s[2]!;
    s[0]! ^= s[3]!;
    s[2]! ^= t;
    s[3] = rotated(s[3]!, 11);
    return result;
  }

  fill(into: Uint8Array): void {
    for (let i = 0, bits = 0; i < into.length; i++, bits >>>= 8) {
      if (i % 4 === 0) bits = this.next();
      into[i] = bits;
    }
  }
}
