/**
 * What only AVX and AVX2 have: permutations, broadcasts, 128-bit lanes, shifts by vectors, masked moves. SDM 2C, the
 * instructions' pages.
 */
import { lane, op, type Backend, type OperandShape, type Semantics, type Value } from '../backend.ts';
import { selectDwords } from './sse-shuffle.ts';
import { test } from './sse-move.ts';
import { binary, constant, immediateOf, needsSse, readHalf, splat64, twice, ZERO } from './vector.ts';
import type { Binary } from './vector.ts';

type Two = readonly [OperandShape, OperandShape];
type Three = readonly [OperandShape, OperandShape, OperandShape];
type Element = 4 | 8;
const TYPES = { 4: 'i32x4', 8: 'i64x2' } as const;

/** One value in every element. */
function broadcast(bytes: 1 | 2 | 4 | 8): Semantics {
  const splat = { 1: 'i8x16.splat', 2: 'i16x8.splat', 4: 'i32x4.splat', 8: 'i64x2.splat' } as const;
  return (b) => {
    needsSse(b);
    const [destination, source] = b.operands as Two;
    const value = b.let(op(splat[bytes], b.read(source, bytes)));
    b.writeVector(destination, value, destination.kind === 'ymm' ? { high: value } : {});
  };
}
/** 128 bits from memory, twice. */
const broadcast128: Semantics = (b) => {
  needsSse(b);
  const [destination, source] = b.operands as Two;
  const value = readHalf(b, source, 0);
  b.writeVector(destination, value, { high: value });
};

// Permutations within 128 bits

/** Numbers of bytes that select doublewords by the low bits of each doubleword of `control`. */
function selectBy(control: Value): Value {
  const bytes = op('i32x4.mul', op('v128.and', control, splat64(0x3_0000_0003n)), op('i32x4.splat', 0x0404_0404));
  return op('i32x4.add', bytes, op('i32x4.splat', 0x0302_0100));
}
/** VPERMILPS, VPERMILPD: selected by an immediate or by another vector. */
function permuteWithin(byImmediate: Binary, byVector: Binary): Semantics {
  return (b) => {
    const chosen = b.operands.at(-1)!.kind === 'imm' ? byImmediate : byVector;
    if (chosen === byVector) return binary(byVector)(b);
    needsSse(b);
    const [destination, source] = b.operands as Two;
    const imm = immediateOf(b);
    const low = readHalf(b, source, 0);
    const high = destination.kind === 'ymm' ? readHalf(b, source, 1) : undefined;
    const half = (value: Value, at: 0 | 1): Value => b.let(byImmediate(value, value, { b, imm, half: at }));
    b.writeVector(destination, half(low, 0), high === undefined ? {} : { high: half(high, 1) });
  };
}
const quadword = (from: Value, which: Value): Value =>
  which.select(lane('i64x2.extract_lane', 1, from), lane('i64x2.extract_lane', 0, from));
const pair = (low: Value, high: Value): Value => lane('i64x2.replace_lane', 1, twice(low), high);

const vpermilps = permuteWithin(
  (a, _, { imm }) => op('i8x16.swizzle', a, selectDwords(imm)),
  (a, control) => op('i8x16.swizzle', a, selectBy(control))
);
const vpermilpd = permuteWithin(
  (a, _, { imm, half }) => pair(quadword(a, imm.and(1 << (2 * half))), quadword(a, imm.and(2 << (2 * half)))),
  (a, control) => {
    const bit = (at: number): Value => lane('i32x4.extract_lane', 2 * at, control).and(2);
    return pair(quadword(a, bit(0)), quadword(a, bit(1)));
  }
);

// Permutations across 256 bits

/** VPERMD, VPERMPS: doublewords of the last operand, by the low three bits of those of the one before. */
const permuteDwords: Semantics = (b) => {
  needsSse(b);
  const [destination, control, source] = b.operands as Three;
  const low = readHalf(b, source, 0);
  const high = readHalf(b, source, 1);
  const half = (at: 0 | 1): Value => {
    const numbers = b.readVector(control, { half: at });
    const bytes = b.let(selectBy(numbers));
    const upper = op('i32x4.ne', op('v128.and', numbers, splat64(0x4_0000_0004n)), ZERO);
    return b.let(op('v128.bitselect', op('i8x16.swizzle', high, bytes), op('i8x16.swizzle', low, bytes), upper));
  };
  const result = half(0);
  b.writeVector(destination, result, { high: half(1) });
};

/** VPERMQ, VPERMPD: four quadwords by two bits each. */
const permuteQuadwords: Semantics = (b) => {
  needsSse(b);
  const [destination, source] = b.operands as Two;
  const low = readHalf(b, source, 0);
  const high = readHalf(b, source, 1);
  const imm = immediateOf(b);
  const chosen = (at: number): Value => {
    const [which, upper] = [imm.and(1 << (2 * at)), imm.and(2 << (2 * at))];
    return upper.select(quadword(high, which), quadword(low, which));
  };
  const result = b.let(pair(chosen(0), chosen(1)));
  b.writeVector(destination, result, { high: b.let(pair(chosen(2), chosen(3))) });
};

/** VPERM2F128: each half is one of four, or 0. */
const permuteHalves: Semantics = (b) => {
  needsSse(b);
  const [destination, first, second] = b.operands as Three;
  const right = [readHalf(b, second, 0), readHalf(b, second, 1)] as const;
  const left = [b.readVector(first), b.readVector(first, { half: 1 })] as const;
  const imm = immediateOf(b);
  const half = (shift: number): Value => {
    const from = (halves: readonly [Value, Value]): Value => imm.and(1 << shift).select(halves[1], halves[0]);
    const chosen = imm.and(2 << shift).select(from(right), from(left));
    return b.let(imm.and(8 << shift).select(ZERO, chosen));
  };
  const low = half(0);
  b.writeVector(destination, low, { high: half(4) });
};

const insertHalf: Semantics = (b) => {
  needsSse(b);
  const [destination, first, second] = b.operands as Three;
  const inserted = readHalf(b, second, 0);
  const upper = b.let(immediateOf(b).and(1));
  const low = b.let(upper.select(b.readVector(first), inserted));
  b.writeVector(destination, low, { high: b.let(upper.select(inserted, b.readVector(first, { half: 1 }))) });
};
const extractHalf: Semantics = (b) => {
  needsSse(b);
  const [destination, source] = b.operands as Two;
  const [low, high] = [b.readVector(source), b.readVector(source, { half: 1 })];
  b.writeVector(destination, b.let(immediateOf(b).and(1).select(high, low)));
};

// Elements one by one

const ELEMENTS = { 4: [0, 1, 2, 3], 8: [0, 1] } as const;
const extractOf = { 4: 'i32x4.extract_lane', 8: 'i64x2.extract_lane' } as const;
const replaceOf = { 4: 'i32x4.replace_lane', 8: 'i64x2.replace_lane' } as const;

/** Each element by its own count; counts beyond it give 0, or signs. */
function shiftByVector(bytes: Element, shift: (value: Value, count: Value) => Value, signed = false): Semantics {
  const bits = bytes * 8;
  return binary((a, counts, { b }) => {
    let result: Value = ZERO;
    for (const at of ELEMENTS[bytes]) {
      const count = b.let(lane(extractOf[bytes], at, counts));
      const value = lane(extractOf[bytes], at, a);
      const shifted = signed
        ? shift(value, count.ltU(bits).select(count, bits - 1))
        : count.ltU(bits).select(shift(value, count), 0);
      result = lane(replaceOf[bytes], at, result, shifted);
    }
    return result;
  });
}

/** Elements whose mask has its sign set, to or from memory; the others are not touched, and loaded as 0. */
function maskedMove(bytes: Element): Semantics {
  return (b) => {
    needsSse(b);
    const [destination, mask, last] = b.operands as Three;
    const memory = destination.kind === 'mem' ? destination : last;
    const count = mask.kind === 'ymm' ? 2 : 1;
    const each = (body: (half: 0 | 1, element: number, linear: Value) => void): void => {
      for (let half = 0 as 0 | 1; half < count; half++) {
        const bits = b.let(op(`${TYPES[bytes]}.bitmask`, b.readVector(mask, { half })));
        for (const element of ELEMENTS[bytes])
          b.when(bits.and(1 << element), () => body(half, element, b.linear(memory, 16 * half + bytes * element)));
      }
    };
    if (memory === destination) {
      const source = [b.readVector(last), count === 2 ? b.readVector(last, { half: 1 }) : ZERO] as const;
      // A fault may leave some stored; they are stored again when the instruction is repeated.
      return each((half, element, linear) => b.store(linear, bytes, lane(extractOf[bytes], element, source[half])));
    }
    const loaded = [b.variable('v128', ZERO), b.variable('v128', ZERO)] as const;
    each((half, element, linear) => {
      const vector = loaded[half];
      vector.set(lane(replaceOf[bytes], element, vector.value, b.load(linear, bytes)));
    });
    b.writeVector(destination, loaded[0].value, count === 2 ? { high: loaded[1].value } : {});
  };
}

/**
 * Elements from anywhere: base + index * scale, where the mask has its sign set; the others stay. Then the mask is 0.
 * A fault leaves all as it was, so that everything is loaded again.
 */
function gather(indexBytes: Element, bytes: Element): Semantics {
  return (b) => {
    needsSse(b);
    const [destination, memory, mask, indices] = b.operands as readonly [...Three, OperandShape];
    const count = Math.min(b.shape.wide ? 32 / indexBytes : 16 / indexBytes, b.shape.wide ? 32 / bytes : 16 / bytes);
    const scale = b.let(b.index(memory).i64());
    const part = (operand: OperandShape, each: Element, element: number): Value => {
      const [half, at] = [Math.floor((element * each) / 16) as 0 | 1, element % (16 / each)];
      return lane(extractOf[each], at, b.readVector(operand, { half }));
    };
    const result = ([0, 1] as const).map((half) =>
      b.variable('v128', destination.kind === 'ymm' || half === 0 ? b.readVector(destination, { half }) : ZERO)
    );
    for (let element = 0; element < count; element++) {
      const sign = b.let(part(mask, bytes, element));
      b.when(sign.ltS(0), () => {
        const at = part(indices, indexBytes, element).i64S().shl(scale);
        const loaded = b.load(b.linear(memory, b.let(at)), bytes);
        const vector = result[Math.floor((element * bytes) / 16)]!;
        vector.set(lane(replaceOf[bytes], element % (16 / bytes), vector.value, loaded));
      });
    }
    // Where there are fewer indices than fit, the rest of the register is cleared.
    const low = count * bytes === 8 ? lane('i64x2.replace_lane', 1, result[0]!.value, 0n) : result[0]!.value;
    b.writeVector(destination, low, destination.kind === 'ymm' ? { high: result[1]!.value } : {});
    b.writeVector(mask, ZERO, mask.kind === 'ymm' ? { high: ZERO } : {});
  };
}

/** VPBLENDD: by a bit of the immediate each. */
const vpblendd = binary((a, c, { imm, half }) => {
  const bits = op('v128.and', op('i32x4.splat', imm.shrU(4 * half)), constant(32, 1, 2, 4, 8));
  return op('v128.bitselect', c, a, op('i32x4.ne', bits, ZERO));
});

/** Sixteen registers in 64-bit mode, eight else. */
const registersOf = (b: Backend): number => (b.shape.codeSize === 64 ? 16 : 8);
const vzeroupper: Semantics = (b) => {
  needsSse(b);
  for (let i = 0; i < registersOf(b); i++) b.setEnv('xmm', ZERO, 2 * i + 1);
};
const vzeroall: Semantics = (b) => {
  needsSse(b);
  for (let i = 0; i < 2 * registersOf(b); i++) b.setEnv('xmm', ZERO, i);
};

export const avx: Readonly<Record<string, Semantics>> = {
  vbroadcastss: broadcast(4),
  vbroadcastsd: broadcast(8),
  vpbroadcastb: broadcast(1),
  vpbroadcastw: broadcast(2),
  vpbroadcastd: broadcast(4),
  vpbroadcastq: broadcast(8),
  vbroadcastf128: broadcast128,
  vbroadcasti128: broadcast128,
  vpermilps,
  vpermilpd,
  vpermd: permuteDwords,
  vpermps: permuteDwords,
  vpermq: permuteQuadwords,
  vpermpd: permuteQuadwords,
  vperm2f128: permuteHalves,
  vperm2i128: permuteHalves,
  vinsertf128: insertHalf,
  vinserti128: insertHalf,
  vextractf128: extractHalf,
  vextracti128: extractHalf,
  vpsllvd: shiftByVector(4, (value, count) => value.shl(count)),
  vpsllvq: shiftByVector(8, (value, count) => value.shl(count)),
  vpsrlvd: shiftByVector(4, (value, count) => value.shrU(count)),
  vpsrlvq: shiftByVector(8, (value, count) => value.shrU(count)),
  vpsravd: shiftByVector(4, (value, count) => value.shrS(count), true),
  vmaskmovps: maskedMove(4),
  vmaskmovpd: maskedMove(8),
  vpmaskmovd: maskedMove(4),
  vpmaskmovq: maskedMove(8),
  vpgatherdd: gather(4, 4),
  vgatherdps: gather(4, 4),
  vpgatherdq: gather(4, 8),
  vgatherdpd: gather(4, 8),
  vpgatherqd: gather(8, 4),
  vgatherqps: gather(8, 4),
  vpgatherqq: gather(8, 8),
  vgatherqpd: gather(8, 8),
  vpblendd,
  vtestps: test((both) => op('v128.and', both, splat64(0x8000_0000_8000_0000n))),
  vtestpd: test((both) => op('v128.and', both, splat64(0x8000_0000_0000_0000n))),
  vzeroupper,
  vzeroall
};
