/**
 * Integer arithmetic, comparisons and logic on vectors: MMX, SSE2 to SSE4.2, AVX, AVX2. SDM 2B, the instructions' pages;
 * names are the table's. Each works on 128 bits; `vector.ts` applies it to the registers there are.
 */
import type { Operator } from '../../../../wasm/opcodes.ts';
import { lane, op, shuffle, type Backend, type OperandShape, type Semantics, type Value } from '../backend.ts';
import {
  binary,
  bytesFrom,
  check,
  constant,
  immediateOf,
  lowHalf,
  readHalf,
  splat64,
  transform,
  unary,
  ZERO
} from './vector.ts';
import type { Binary, Unary } from './vector.ts';

/** An operator of WebAssembly that is the instruction. */
const direct = (name: Operator): Semantics => binary((a, b) => op(name, a, b));

/** Even words of a and b, and odd ones; doublewords likewise. */
const EVEN_WORDS = Array.from({ length: 16 }, (_, i) => (i >> 1) * 4 + (i & 1));
const ODD_WORDS = EVEN_WORDS.map((byte) => byte + 2);
const EVEN_DWORDS = Array.from({ length: 16 }, (_, i) => (i >> 2) * 8 + (i & 3));
const ODD_DWORDS = EVEN_DWORDS.map((byte) => byte + 4);

/**
 * Operations that make one register of both operands, the first below: in MMX both fit into one vector, of which the
 * operation makes the same 64 bits twice.
 */
const joined = (compute: Binary): Semantics =>
  binary(compute, {
    mmx: (a, b, context) => {
      const both = context.b.let(shuffle(a, b, LOW_QUADWORDS));
      return compute(both, both, context);
    }
  });
const LOW_QUADWORDS = [0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23];
const HIGH_QUADWORDS = LOW_QUADWORDS.map((byte) => byte + 8);

/** Elements of `bytes` of a and b by turns, from the lower half or the upper. */
function interleave(bytes: 1 | 2 | 4 | 8, upper: boolean): number[] {
  return Array.from({ length: 16 }, (_, i) => {
    const element = Math.floor(i / (2 * bytes)) + (upper ? 8 / bytes : 0);
    return element * bytes + (i % bytes) + (Math.floor(i / bytes) % 2 === 1 ? 16 : 0);
  });
}
const unpackLow = (bytes: 1 | 2 | 4 | 8): Semantics => {
  const lanes = interleave(bytes, false);
  return binary((a, b) => shuffle(a, b, lanes));
};
/** The upper half of an MMX register is the upper half of what PUNPCKL makes. */
const unpackHigh = (bytes: 1 | 2 | 4 | 8): Semantics => {
  const lanes = interleave(bytes, true);
  const low = interleave(bytes, false);
  const upper = [...low.slice(8), ...low.slice(8)];
  return binary((a, b) => shuffle(a, b, lanes), { mmx: (a, b) => shuffle(a, b, upper) });
};

/** Pairs of neighbours, of a and then of b. */
const horizontal = (name: Operator, even: readonly number[], odd: readonly number[]): Semantics =>
  joined((a, b) => op(name, shuffle(a, b, even), shuffle(a, b, odd)));

/** Upper halves of products of words. */
const highProducts = (sign: 's' | 'u'): Semantics =>
  binary((a, b) =>
    shuffle(op(`i32x4.extmul_low_i16x8_${sign}`, a, b), op(`i32x4.extmul_high_i16x8_${sign}`, a, b), ODD_WORDS)
  );
/** Products of the even doublewords. */
const evenProducts = (sign: 's' | 'u'): Semantics =>
  binary((a, b) => op(`i64x2.extmul_low_i32x4_${sign}`, shuffle(a, a, EVEN_DWORDS), shuffle(b, b, EVEN_DWORDS)));

/** Q15 products, rounded. WebAssembly saturates the only one that does not fit; x86 wraps it around. */
const pmulhrsw = binary((a, b) => {
  const least = splat64(0x8000_8000_8000_8000n);
  const overflow = op('v128.and', op('i16x8.eq', a, least), op('i16x8.eq', b, least));
  return op('v128.xor', op('i16x8.q15mulr_sat_s', a, b), overflow);
});

/** Unsigned bytes of a times signed bytes of b, pairs added with saturation. */
const pmaddubsw = binary((a, b) => {
  const low = op(
    'i16x8.mul',
    op('v128.and', a, splat64(0x00ff_00ff_00ff_00ffn)),
    op('i16x8.shr_s', op('i16x8.shl', b, 8), 8)
  );
  const high = op('i16x8.mul', op('i16x8.shr_u', a, 8), op('i16x8.shr_s', b, 8));
  return op('i16x8.add_sat_s', low, high);
});

const difference = (name: 'i8x16' | 'i16x8', a: Value, b: Value): Value =>
  op(`${name}.sub`, op(`${name}.max_u`, a, b), op(`${name}.min_u`, a, b));

const psadbw = binary((a, b, { b: backend }) => {
  const words = op('i16x8.extadd_pairwise_i8x16_u', difference('i8x16', a, b));
  const sums = backend.let(op('i32x4.extadd_pairwise_i16x8_u', words));
  return op('i64x2.add', op('v128.and', sums, splat64(0xffff_ffffn)), op('i64x2.shr_u', sums, 32));
});

/** Sums of four differences, at eight places of a, of the four bytes of b that the immediate selects. */
const mpsadbw = binary((a, b, { b: backend, imm, half }) => {
  const control = half === 0 ? imm : imm.shrU(3);
  const window = backend.let(op('i8x16.swizzle', a, bytesFrom(control.and(4))));
  const start = op('i8x16.splat', control.and(3).shl(2));
  const block = op('i8x16.add', constant(8, ...[0, 1, 2, 3].flatMap((k) => [k, k, k, k])), start);
  const bytes = backend.let(op('i8x16.swizzle', b, block));
  let sum = ZERO;
  for (let k = 0; k < 4; k++) {
    const moved = shuffle(
      window,
      ZERO,
      Array.from({ length: 16 }, (_, i) => Math.min(i + k, 16))
    );
    const left = backend.let(op('i16x8.extend_low_i8x16_u', moved));
    const right = backend.let(op('i16x8.extend_low_i8x16_u', shuffle(bytes, bytes, new Array<number>(16).fill(4 * k))));
    sum = op('i16x8.add', sum, difference('i16x8', left, right));
  }
  return sum;
});

/** a with the sign of b, 0 where b is. */
const sign = (type: 'i8x16' | 'i16x8' | 'i32x4'): Semantics =>
  binary((a, b) => {
    const negative = op(`${type}.lt_s`, b, ZERO);
    const signed = op(`${type}.sub`, op('v128.xor', a, negative), negative);
    return op('v128.and', signed, op(`${type}.ne`, b, ZERO));
  });

/** Bytes of a selected by b: 0 where bit 7 is set. WebAssembly has 0 for all from 16 on. */
const pshufb = binary((a, b) => op('i8x16.swizzle', a, op('v128.and', b, splat64(0x8f8f_8f8f_8f8f_8f8fn))), {
  mmx: (a, b) => op('i8x16.swizzle', a, op('v128.and', b, splat64(0x8787_8787_8787_8787n)))
});

/** b and above it a, shifted right by bytes. */
const palignr = binary(
  (a, b, { b: backend, imm }) => {
    const by = backend.let(imm.ltU(32).select(imm, 32));
    return op('v128.or', op('i8x16.swizzle', b, bytesFrom(by)), op('i8x16.swizzle', a, bytesFrom(by.sub(16))));
  },
  {
    mmx: (a, b, { imm }) => op('i8x16.swizzle', shuffle(b, a, LOW_QUADWORDS), bytesFrom(imm.ltU(16).select(imm, 16)))
  }
);

/** Index of the least word, above it the word. */
const phminposuw: Unary = (a, { b }) => {
  const low = op('v128.or', op('i32x4.shl', op('i32x4.extend_low_i16x8_u', a), 16), constant(32, 0, 1, 2, 3));
  const high = op('v128.or', op('i32x4.shl', op('i32x4.extend_high_i16x8_u', a), 16), constant(32, 4, 5, 6, 7));
  const four = b.let(op('i32x4.min_u', low, high));
  const two = b.let(
    op(
      'i32x4.min_u',
      four,
      shuffle(
        four,
        four,
        HIGH_QUADWORDS.map((byte) => byte & 15)
      )
    )
  );
  const one = b.let(lane('i32x4.extract_lane', 0, op('i32x4.min_u', two, op('i64x2.shr_u', two, 32))));
  return lane('i32x4.replace_lane', 0, ZERO, one.rotl(16));
};

// Shifts

/** By the low 64 bits of the last operand, or by an immediate. */
function shift(name: Operator, bits: 16 | 32 | 64): Semantics {
  const arithmetic = name.endsWith('_s');
  return (b) => {
    const destination = b.operands[0]!;
    const source = b.operands[b.operands.length - 2]!;
    check(b, destination);
    const count = shiftCount(b, b.operands.at(-1)!, bits);
    transform(b, destination, source, (a) => {
      if (arithmetic) return op(name, a, count);
      return count.ltU(bits).select(op(name, a, count), ZERO);
    });
  };
  /** Counts beyond the element are all one: 0 comes out, or signs. */
  function shiftCount(b: Backend, operand: OperandShape, bits: number): Value {
    const most = arithmetic ? bits - 1 : bits;
    const count = countOf(b, operand);
    return b.let(count.ltU(bits).select(count.i32(), most));
  }
}
function countOf(b: Backend, operand: OperandShape): Value {
  if (operand.kind === 'imm') return b.let(b.read(operand, 1));
  if (operand.kind === 'mm' || operand.bytes === 8) return b.read(operand, 8);
  return b.let(lowHalf(readHalf(b, operand, 0)));
}

/** Of whole registers by bytes: a selection in which what comes from outside is 0. */
const clamped = (imm: Value): Value => imm.ltU(16).select(imm, 16);
const psrldq: Unary = (a, { imm }) => op('i8x16.swizzle', a, bytesFrom(clamped(imm)));
const pslldq: Unary = (a, { imm }) => op('i8x16.swizzle', a, bytesFrom(clamped(imm).neg()));
/** These have no second operand in the legacy encoding: the destination is the source. */
const byBytes =
  (compute: Unary): Semantics =>
  (b) => {
    const destination = b.operands[0]!;
    check(b, destination);
    const imm = immediateOf(b);
    transform(b, destination, b.operands[b.operands.length - 2]!, (a, half) => compute(a, { b, half, imm }));
  };

export const sseInteger: Readonly<Record<string, Semantics>> = {
  paddb: direct('i8x16.add'),
  paddw: direct('i16x8.add'),
  paddd: direct('i32x4.add'),
  paddq: direct('i64x2.add'),
  paddsb: direct('i8x16.add_sat_s'),
  paddsw: direct('i16x8.add_sat_s'),
  paddusb: direct('i8x16.add_sat_u'),
  paddusw: direct('i16x8.add_sat_u'),
  psubb: direct('i8x16.sub'),
  psubw: direct('i16x8.sub'),
  psubd: direct('i32x4.sub'),
  psubq: direct('i64x2.sub'),
  psubsb: direct('i8x16.sub_sat_s'),
  psubsw: direct('i16x8.sub_sat_s'),
  psubusb: direct('i8x16.sub_sat_u'),
  psubusw: direct('i16x8.sub_sat_u'),
  pmullw: direct('i16x8.mul'),
  pmulld: direct('i32x4.mul'),
  pmulhw: highProducts('s'),
  pmulhuw: highProducts('u'),
  pmulhrsw,
  pmuludq: evenProducts('u'),
  pmuldq: evenProducts('s'),
  pmaddwd: direct('i32x4.dot_i16x8_s'),
  pmaddubsw,
  psadbw,
  mpsadbw,
  phminposuw: unary(phminposuw),
  pavgb: direct('i8x16.avgr_u'),
  pavgw: direct('i16x8.avgr_u'),
  pminsb: direct('i8x16.min_s'),
  pminsw: direct('i16x8.min_s'),
  pminsd: direct('i32x4.min_s'),
  pminub: direct('i8x16.min_u'),
  pminuw: direct('i16x8.min_u'),
  pminud: direct('i32x4.min_u'),
  pmaxsb: direct('i8x16.max_s'),
  pmaxsw: direct('i16x8.max_s'),
  pmaxsd: direct('i32x4.max_s'),
  pmaxub: direct('i8x16.max_u'),
  pmaxuw: direct('i16x8.max_u'),
  pmaxud: direct('i32x4.max_u'),
  pabsb: unary((a) => op('i8x16.abs', a)),
  pabsw: unary((a) => op('i16x8.abs', a)),
  pabsd: unary((a) => op('i32x4.abs', a)),
  psignb: sign('i8x16'),
  psignw: sign('i16x8'),
  psignd: sign('i32x4'),
  phaddw: horizontal('i16x8.add', EVEN_WORDS, ODD_WORDS),
  phaddd: horizontal('i32x4.add', EVEN_DWORDS, ODD_DWORDS),
  phaddsw: horizontal('i16x8.add_sat_s', EVEN_WORDS, ODD_WORDS),
  phsubw: horizontal('i16x8.sub', EVEN_WORDS, ODD_WORDS),
  phsubd: horizontal('i32x4.sub', EVEN_DWORDS, ODD_DWORDS),
  phsubsw: horizontal('i16x8.sub_sat_s', EVEN_WORDS, ODD_WORDS),

  pcmpeqb: direct('i8x16.eq'),
  pcmpeqw: direct('i16x8.eq'),
  pcmpeqd: direct('i32x4.eq'),
  pcmpeqq: direct('i64x2.eq'),
  pcmpgtb: direct('i8x16.gt_s'),
  pcmpgtw: direct('i16x8.gt_s'),
  pcmpgtd: direct('i32x4.gt_s'),
  pcmpgtq: direct('i64x2.gt_s'),

  pand: direct('v128.and'),
  andps: direct('v128.and'),
  andpd: direct('v128.and'),
  pandn: binary((a, b) => op('v128.andnot', b, a)),
  andnps: binary((a, b) => op('v128.andnot', b, a)),
  andnpd: binary((a, b) => op('v128.andnot', b, a)),
  por: direct('v128.or'),
  orps: direct('v128.or'),
  orpd: direct('v128.or'),
  pxor: direct('v128.xor'),
  xorps: direct('v128.xor'),
  xorpd: direct('v128.xor'),

  packsswb: joined((a, b) => op('i8x16.narrow_i16x8_s', a, b)),
  packuswb: joined((a, b) => op('i8x16.narrow_i16x8_u', a, b)),
  packssdw: joined((a, b) => op('i16x8.narrow_i32x4_s', a, b)),
  packusdw: joined((a, b) => op('i16x8.narrow_i32x4_u', a, b)),
  punpcklbw: unpackLow(1),
  punpcklwd: unpackLow(2),
  punpckldq: unpackLow(4),
  punpcklqdq: unpackLow(8),
  unpcklps: unpackLow(4),
  unpcklpd: unpackLow(8),
  punpckhbw: unpackHigh(1),
  punpckhwd: unpackHigh(2),
  punpckhdq: unpackHigh(4),
  punpckhqdq: unpackHigh(8),
  unpckhps: unpackHigh(4),
  unpckhpd: unpackHigh(8),
  pshufb,
  palignr,

  psllw: shift('i16x8.shl', 16),
  pslld: shift('i32x4.shl', 32),
  psllq: shift('i64x2.shl', 64),
  psrlw: shift('i16x8.shr_u', 16),
  psrld: shift('i32x4.shr_u', 32),
  psrlq: shift('i64x2.shr_u', 64),
  psraw: shift('i16x8.shr_s', 16),
  psrad: shift('i32x4.shr_s', 32),
  psrldq: byBytes(psrldq),
  pslldq: byBytes(pslldq)
};
