/**
 * AES rounds and carry-less multiplication. SDM 2A, AESENC and its neighbours, PCLMULQDQ; FIPS 197.
 * Tables are sixteen vectors: WebAssembly's swizzle gives 0 for byte numbers above 15, so each selects its own sixteenth.
 */
import { i64, op, shuffle, v128, type Routine, type Semantics, type Value } from '../backend.ts';
import { binary, constant, halves, highHalf, lowHalf, splat64, unary, ZERO } from './vector.ts';
import type { Binary, Unary } from './vector.ts';

/** Multiplication by x in GF(2^8), modulo x^8 + x^4 + x^3 + x + 1. */
const timesX = (byte: number): number => ((byte << 1) ^ (byte & 0x80 ? 0x11b : 0)) & 0xff;

/** FIPS 197, 5.1.1: the inverse in GF(2^8), then an affine map. */
function makeSBox(): Uint8Array {
  const sbox = new Uint8Array(256);
  // p runs through the powers of 3, q through those of its inverse.
  let p = 1;
  let q = 1;
  do {
    p ^= timesX(p);
    q ^= q << 1;
    q ^= q << 2;
    q ^= q << 4;
    q &= 0xff;
    if (q & 0x80) q ^= 0x09;
    const rotated = (by: number): number => ((q << by) | (q >> (8 - by))) & 0xff;
    sbox[p] = q ^ rotated(1) ^ rotated(2) ^ rotated(3) ^ rotated(4) ^ 0x63;
  } while (p !== 1);
  sbox[0] = 0x63;
  return sbox;
}
const SBOX = makeSBox();
const INVERSE_SBOX = new Uint8Array(256);
SBOX.forEach((value, index) => (INVERSE_SBOX[value] = index));

/** Replaces each byte by the table's. */
const substitution = (name: string, table: Uint8Array): Routine => ({
  name,
  params: ['v128'],
  result: 'v128',
  body: (_b, bytes) => {
    let result = ZERO;
    for (let part = 0; part < 16; part++) {
      const at = op('v128.xor', bytes!, constant(8, ...new Array<number>(16).fill(part * 16)));
      result = op(
        'v128.or',
        result,
        op('i8x16.swizzle', constant(8, ...table.subarray(part * 16, part * 16 + 16)), at)
      );
    }
    return result;
  }
});
const SUB_BYTES = substitution('aes_sub_bytes', SBOX);
const INV_SUB_BYTES = substitution('aes_inv_sub_bytes', INVERSE_SBOX);

// Columns are doublewords: byte r of column c is at 4c + r. ShiftRows moves row r by r columns.
const SHIFT_ROWS = Array.from({ length: 16 }, (_, i) => (i + 4 * (i & 3)) & 15);
const INV_SHIFT_ROWS = Array.from({ length: 16 }, (_, i) => (i - 4 * (i & 3)) & 15);
const ROTATED = [1, 2, 3].map((by) => Array.from({ length: 16 }, (_, i) => (i & ~3) | ((i + by) & 3)));

const doubled = (bytes: Value): Value =>
  op(
    'v128.xor',
    op('i8x16.add', bytes, bytes),
    op('v128.and', op('i8x16.lt_s', bytes, ZERO), splat64(0x1b1b_1b1b_1b1b_1b1bn))
  );
const xor = (first: Value, ...others: readonly Value[]): Value =>
  others.reduce((sum, each) => op('v128.xor', sum, each), first);
const rotated = (bytes: Value, by: 1 | 2 | 3): Value => shuffle(bytes, bytes, ROTATED[by - 1]!);

/** Each column times 03 01 01 02: 2a + 3a' + a'' + a''', the dashes being rows further down. */
const MIX_COLUMNS: Routine = {
  name: 'aes_mix_columns',
  params: ['v128'],
  result: 'v128',
  body: (b, bytes) => {
    const next = b.let(rotated(bytes!, 1));
    const sum = b.let(xor(bytes!, next));
    return xor(doubled(sum), next, rotated(sum, 2));
  }
};
/** Times 0b 0d 09 0e: as MixColumns after adding 4(a + a''). */
const INV_MIX_COLUMNS: Routine = {
  name: 'aes_inv_mix_columns',
  params: ['v128'],
  result: 'v128',
  body: (b, bytes) => {
    const opposite = b.let(xor(bytes!, rotated(bytes!, 2)));
    const twice = b.let(doubled(opposite));
    return b.call(MIX_COLUMNS, xor(bytes!, doubled(twice)));
  }
};

const aesenc: Binary = (state, key, { b }) =>
  xor(b.call(MIX_COLUMNS, b.call(SUB_BYTES, shuffle(state, state, SHIFT_ROWS))), key);
const aesenclast: Binary = (state, key, { b }) => xor(b.call(SUB_BYTES, shuffle(state, state, SHIFT_ROWS)), key);
const aesdec: Binary = (state, key, { b }) =>
  xor(b.call(INV_MIX_COLUMNS, b.call(INV_SUB_BYTES, shuffle(state, state, INV_SHIFT_ROWS))), key);
const aesdeclast: Binary = (state, key, { b }) =>
  xor(b.call(INV_SUB_BYTES, shuffle(state, state, INV_SHIFT_ROWS)), key);

/** Doublewords 1 and 3, each substituted, and each rotated and with the constant in its low byte. */
const aeskeygenassist: Unary = (a, { b, imm }) => {
  const words = b.call(SUB_BYTES, shuffle(a, a, [4, 5, 6, 7, 4, 5, 6, 7, 12, 13, 14, 15, 12, 13, 14, 15]));
  const turned = shuffle(words, words, [0, 1, 2, 3, 5, 6, 7, 4, 8, 9, 10, 11, 13, 14, 15, 12]);
  return xor(turned, op('v128.and', op('i32x4.splat', imm), v128(0xff_0000_0000n, 0xff_0000_0000n)));
};

/**
 * Low 64 bits of a carry-less product. Ordinary products of factors with three zeros between their bits have no carries
 * that reach the next bit of interest: fifteen terms at most fit into four bits.
 */
const CLMUL_LOW: Routine = {
  name: 'clmul_low',
  params: ['i64', 'i64'],
  result: 'i64',
  body: (b, x, y) => {
    const masks = [0x1111_1111_1111_1111n, 0x2222_2222_2222_2222n, 0x4444_4444_4444_4444n, 0x8888_8888_8888_8888n];
    const xs = masks.map((mask) => b.let(x!.and(mask)));
    const ys = masks.map((mask) => b.let(y!.and(mask)));
    let sum: Value = i64(0);
    masks.forEach((mask, residue) => {
      const terms = xs.map((each, i) => each.mul(ys[(residue - i) & 3]!));
      sum = sum.or(terms.reduce((a, c) => a.xor(c)).and(mask));
    });
    return sum;
  }
};
/** The bits in reverse order. */
const REVERSE: Routine = {
  name: 'reverse64',
  params: ['i64'],
  result: 'i64',
  body: (b, x) => {
    let value = x!;
    const steps: readonly (readonly [bigint, bigint])[] = [
      [1n, 0x5555_5555_5555_5555n],
      [2n, 0x3333_3333_3333_3333n],
      [4n, 0x0f0f_0f0f_0f0f_0f0fn],
      [8n, 0x00ff_00ff_00ff_00ffn],
      [16n, 0x0000_ffff_0000_ffffn]
    ];
    for (const [by, mask] of steps) value = b.let(value.shrU(by).and(mask).or(value.and(mask).shl(by)));
    return value.rotl(32);
  }
};

/** One quadword of each; the upper half of the product is the lower half of that of the reversed factors, reversed. */
const pclmulqdq: Binary = (a, c, { b, imm }) => {
  const x = b.let(imm.and(1).select(highHalf(a), lowHalf(a)));
  const y = b.let(imm.and(0x10).select(highHalf(c), lowHalf(c)));
  const low = b.call(CLMUL_LOW, x, y);
  const high = b.call(REVERSE, b.call(CLMUL_LOW, b.call(REVERSE, x), b.call(REVERSE, y)));
  return halves(low, high.shrU(1));
};

export const aes: Readonly<Record<string, Semantics>> = {
  aesenc: binary(aesenc),
  aesenclast: binary(aesenclast),
  aesdec: binary(aesdec),
  aesdeclast: binary(aesdeclast),
  aesimc: unary((a, { b }) => b.call(INV_MIX_COLUMNS, a)),
  aeskeygenassist: unary(aeskeygenassist),
  pclmulqdq: binary(pclmulqdq)
};
