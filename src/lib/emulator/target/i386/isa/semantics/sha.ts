/**
 * SHA-1 and SHA-256 steps. SDM 2B, SHA1RNDS4 to SHA256MSG2; FIPS 180-4. Doubleword 3 is the first of each vector.
 * Memory operands may lie anywhere, as in QEMU and on AMD's CPUs, whatever the manual's exception class says.
 */
import { i32, lane, op, type OperandShape, type Routine, type Semantics, type Value } from '../backend.ts';
import { binary, needsSse, readHalf, ZERO } from './vector.ts';
import type { Binary } from './vector.ts';

const word = (vector: Value, index: number): Value => lane('i32x4.extract_lane', index, vector);
const vector = (...words: readonly Value[]): Value =>
  words.reduce((sum, each, index) => lane('i32x4.replace_lane', index, sum, each), ZERO);

const choose = (x: Value, y: Value, z: Value): Value => x.and(y).xor(x.not().and(z));
const parity = (x: Value, y: Value, z: Value): Value => x.xor(y).xor(z);
const majority = (x: Value, y: Value, z: Value): Value => x.and(y).xor(x.and(z)).xor(y.and(z));
/** Function and constant of each twenty rounds. */
const SHA1 = [
  [choose, 0x5a82_7999],
  [parity, 0x6ed9_eba1],
  [majority, 0x8f1b_bcdc],
  [parity, 0xca62_c1d6]
] as const;

const SHA1_ROUNDS: readonly Routine[] = SHA1.map(([f, k], which) => ({
  name: `sha1_rounds_${which}`,
  params: ['v128', 'v128'],
  result: 'v128',
  body: (b, state, message) => {
    let [a, x, y, z] = [3, 2, 1, 0].map((index) => b.let(word(state!, index))) as [Value, Value, Value, Value];
    // E is in the message's first doubleword already.
    let e: Value = i32(0);
    for (let round = 0; round < 4; round++) {
      const next = a
        .rotl(5)
        .add(f(x, y, z))
        .add(e)
        .add(word(message!, 3 - round))
        .add(k);
      [a, x, y, z, e] = [b.let(next), a, b.let(x.rotl(30)), y, z];
    }
    return vector(z, y, x, a);
  }
}));
const sha1rnds4: Binary = (state, message, { b, imm }) => {
  const result = b.variable('v128', ZERO);
  SHA1_ROUNDS.forEach((routine, which) =>
    b.when(imm.and(3).eq(which), () => result.set(b.call(routine, state, message)))
  );
  return result.value;
};
/** E of the next four rounds, added to their message. */
const sha1nexte: Binary = (state, message) =>
  op('i32x4.add', message, vector(i32(0), i32(0), i32(0), word(state, 3).rotl(30)));
const sha1msg1: Binary = (a, c) =>
  vector(...[0, 1].map((i) => word(a, i).xor(word(c, i + 2))), ...[2, 3].map((i) => word(a, i).xor(word(a, i - 2))));
const sha1msg2: Binary = (a, c, { b }) => {
  const w16 = b.let(word(a, 3).xor(word(c, 2)).rotl(1));
  const w17 = word(a, 2).xor(word(c, 1)).rotl(1);
  const w18 = word(a, 1).xor(word(c, 0)).rotl(1);
  return vector(word(a, 0).xor(w16).rotl(1), w18, w17, w16);
};

const sigma = (x: Value, first: number, second: number, third: number): Value =>
  x.rotr(first).xor(x.rotr(second)).xor(x.rotr(third));
const small = (x: Value, first: number, second: number, shift: number): Value =>
  x.rotr(first).xor(x.rotr(second)).xor(x.shrU(shift));

/** Two rounds: C D G H, A B E F, and the sums of message and constants. */
const SHA256_ROUNDS: Routine = {
  name: 'sha256_rounds',
  params: ['v128', 'v128', 'v128'],
  result: 'v128',
  body: (b, cdgh, abef, keys) => {
    const take = (from: Value, index: number): Value => b.let(word(from, index));
    let [a, x, e, f] = [3, 2, 1, 0].map((index) => take(abef!, index)) as [Value, Value, Value, Value];
    let [c, d, g, h] = [3, 2, 1, 0].map((index) => take(cdgh!, index)) as [Value, Value, Value, Value];
    for (let round = 0; round < 2; round++) {
      const first = b.let(
        choose(e, f, g)
          .add(sigma(e, 6, 11, 25))
          .add(word(keys!, round))
          .add(h)
      );
      const second = majority(a, x, c).add(sigma(a, 2, 13, 22));
      const [nextA, nextE] = [b.let(first.add(second)), b.let(first.add(d))];
      [a, x, c, d, e, f, g, h] = [nextA, a, x, c, nextE, e, f, g];
    }
    return vector(f, e, x, a);
  }
};
/** The third operand is XMM0. */
const sha256rnds2: Semantics = (b) => {
  const [destination, source, keys] = b.operands as readonly [OperandShape, OperandShape, OperandShape];
  needsSse(b);
  const abef = readHalf(b, source, 0, true);
  b.writeVector(destination, b.call(SHA256_ROUNDS, b.readVector(destination), abef, b.readVector(keys)));
};
const sha256msg1: Binary = (a, c, { b }) => {
  const next = [word(a, 1), word(a, 2), word(a, 3), word(c, 0)];
  return vector(...next.map((each, i) => word(a, i).add(small(b.let(each), 7, 18, 3))));
};
const sha256msg2: Binary = (a, c, { b }) => {
  const [w14, w15] = [b.let(word(c, 2)), b.let(word(c, 3))];
  const w16 = b.let(word(a, 0).add(small(w14, 17, 19, 10)));
  const w17 = b.let(word(a, 1).add(small(w15, 17, 19, 10)));
  return vector(w16, w17, word(a, 2).add(small(w16, 17, 19, 10)), word(a, 3).add(small(w17, 17, 19, 10)));
};

const step = (compute: Binary): Semantics => binary(compute, { unaligned: true });

export const sha: Readonly<Record<string, Semantics>> = {
  sha1rnds4: step(sha1rnds4),
  sha1nexte: step(sha1nexte),
  sha1msg1: step(sha1msg1),
  sha1msg2: step(sha1msg2),
  sha256rnds2,
  sha256msg1: step(sha256msg1),
  sha256msg2: step(sha256msg2)
};
