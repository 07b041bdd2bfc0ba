/**
 * Selections of elements by an immediate or a mask: shuffles, blends, insertions, extensions. MMX, SSE to SSE4.1 and
 * their AVX forms. SDM 2B, the instructions' pages.
 *
 * The interpreter knows immediates only when it runs, and WebAssembly's shuffle wants constants: so vectors of byte
 * numbers are computed for its swizzle, or masks for bitselect.
 */
import type { Operator } from '../../../../wasm/opcodes.ts';
import { lane, op, shuffle, type OperandShape, type Semantics, type Value } from '../backend.ts';
import {
  binary,
  bytesFrom,
  check,
  constant,
  enterMmx,
  immediateOf,
  readHalf,
  transform,
  unary,
  ZERO
} from './vector.ts';
import type { Binary, Unary } from './vector.ts';

/**
 * Numbers of bytes that select four doublewords: two bits of `imm` each. Multiplying shifts each lane differently.
 */
export function selectDwords(imm: Value): Value {
  if (imm.constant !== undefined) {
    const known = Number(imm.constant);
    return constant(32, ...[0, 2, 4, 6].map((at) => ((known >> at) & 3) * 0x0404_0404 + 0x0302_0100));
  }
  const pairs = op('i32x4.mul', op('i32x4.splat', imm), constant(32, 64, 16, 4, 1));
  const numbers = op('v128.and', op('i32x4.shr_u', pairs, 6), constant(32, 3, 3, 3, 3));
  const bytes = op('i32x4.mul', numbers, op('i32x4.splat', 0x0404_0404));
  return op('i32x4.add', bytes, op('i32x4.splat', 0x0302_0100));
}
/** The same for four words, twice. */
function selectWords(imm: Value): Value {
  if (imm.constant !== undefined) {
    const known = Number(imm.constant);
    return constant(16, ...[0, 2, 4, 6, 0, 2, 4, 6].map((at) => ((known >> at) & 3) * 0x0202 + 0x0100));
  }
  const pairs = op('i16x8.mul', op('i16x8.splat', imm), constant(16, 64, 16, 4, 1, 64, 16, 4, 1));
  const numbers = op('v128.and', op('i16x8.shr_u', pairs, 6), op('i16x8.splat', 3));
  return op('i16x8.add', op('i16x8.mul', numbers, op('i16x8.splat', 0x0202)), op('i16x8.splat', 0x0100));
}

const pshufd: Unary = (a, { imm }) => op('i8x16.swizzle', a, selectDwords(imm));
/** The other half stays. */
const pshuflw: Unary = (a, { imm }) =>
  shuffle(op('i8x16.swizzle', a, selectWords(imm)), a, [0, 1, 2, 3, 4, 5, 6, 7, 24, 25, 26, 27, 28, 29, 30, 31]);
const pshufhw: Unary = (a, { imm }) => {
  const upper = op('i16x8.add', selectWords(imm), op('i16x8.splat', 0x0808));
  return shuffle(a, op('i8x16.swizzle', a, upper), [0, 1, 2, 3, 4, 5, 6, 7, 24, 25, 26, 27, 28, 29, 30, 31]);
};
const pshufw: Unary = (a, { imm }) => op('i8x16.swizzle', a, selectWords(imm));

/** Two of a, two of b. */
const shufps: Binary = (a, b, { b: backend, imm }) => {
  const select = backend.let(selectDwords(imm));
  const [low, high] = [op('i8x16.swizzle', a, select), op('i8x16.swizzle', b, select)];
  return shuffle(low, high, [0, 1, 2, 3, 4, 5, 6, 7, 24, 25, 26, 27, 28, 29, 30, 31]);
};
/** One of a, one of b, by the bits of this half. */
const shufpd: Binary = (a, b, { imm, half }) => {
  const quadword = (from: Value, bit: number): Value =>
    imm.and(1 << bit).select(lane('i64x2.extract_lane', 1, from), lane('i64x2.extract_lane', 0, from));
  return lane('i64x2.replace_lane', 1, op('i64x2.splat', quadword(a, 2 * half)), quadword(b, 2 * half + 1));
};

/** Ones in the elements whose bit is set in the immediate. */
function maskOf(bits: Value, type: 'i16x8' | 'i32x4'): Value {
  const powers = [1, 2, 4, 8, 16, 32, 64, 128].slice(0, type === 'i16x8' ? 8 : 4);
  const [width, known] = [type === 'i16x8' ? 16 : 32, bits.constant] as const;
  if (known !== undefined) return constant(width, ...powers.map((bit) => (Number(known) & bit ? -1 : 0)));
  const each = constant(width, ...powers);
  return op(`${type}.ne`, op('v128.and', op(`${type}.splat`, bits), each), ZERO);
}
const blend = (bits: (imm: Value, half: 0 | 1) => Value, type: 'i16x8' | 'i32x4'): Semantics =>
  binary((a, b, { imm, half }) => op('v128.bitselect', b, a, maskOf(bits(imm, half), type)));
/** Two bits as four: each quadword is two doublewords. */
const doubled = (two: Value): Value => two.and(1).mul(3).or(two.and(2).mul(6));

/** By the top bits of a mask: XMM0, or with VEX a fourth operand. */
function blendByMask(shift: (mask: Value) => Value): Semantics {
  return (b) => {
    const mask = b.operands.at(-1)!;
    const [destination] = b.operands as readonly [OperandShape];
    const first = b.shape.vex ? b.operands[1]! : destination;
    const second = b.operands[b.operands.length - 2]!;
    check(b, destination);
    const half = (at: 0 | 1, right: Value): Value =>
      b.let(op('v128.bitselect', right, b.readVector(first, { half: at }), shift(b.readVector(mask, { half: at }))));
    const low = readHalf(b, second, 0);
    if (destination.kind !== 'ymm') return b.writeVector(destination, half(0, low));
    const high = readHalf(b, second, 1);
    const result = half(0, low);
    b.writeVector(destination, result, { high: half(1, high) });
  };
}

/** How much of the source becomes one half of the result, and the steps that widen it. */
const WIDENING: Readonly<Record<string, readonly [bytes: 2 | 4 | 8, steps: readonly string[]]>> = {
  bw: [8, ['i16x8.extend_low_i8x16']],
  bd: [4, ['i16x8.extend_low_i8x16', 'i32x4.extend_low_i16x8']],
  bq: [2, ['i16x8.extend_low_i8x16', 'i32x4.extend_low_i16x8', 'i64x2.extend_low_i32x4']],
  wd: [8, ['i32x4.extend_low_i16x8']],
  wq: [4, ['i32x4.extend_low_i16x8', 'i64x2.extend_low_i32x4']],
  dq: [8, ['i64x2.extend_low_i32x4']]
};
function extension(form: keyof typeof WIDENING, sign: 's' | 'u'): Semantics {
  const [bytes, steps] = WIDENING[form]!;
  const widen = (value: Value): Value => steps.reduce((v, step) => op(`${step}_${sign}` as Operator, v), value);
  return (b) => {
    const [destination, source] = b.operands as readonly [OperandShape, OperandShape];
    check(b, destination);
    const value = readHalf(b, source, 0, true);
    if (destination.kind !== 'ymm') return b.writeVector(destination, widen(value));
    const upper = Array.from({ length: 16 }, (_, i) => Math.min(i + bytes, 16));
    b.writeVector(destination, widen(value), { high: b.let(widen(shuffle(value, ZERO, upper))) });
  };
}

// Single elements

/** General register or memory into the element that the immediate selects. */
function insert(bytes: 1 | 2 | 4 | 8): Semantics {
  return (b) => {
    const destination = b.operands[0]!;
    const source = b.operands[b.operands.length - 2]!;
    check(b, destination);
    const value = b.read(source, bytes);
    const imm = immediateOf(b);
    transform(b, destination, b.shape.vex ? b.operands[1]! : destination, (a) => {
      const count = destination.kind === 'mm' ? 4 : 16 / bytes;
      const at = imm.and(count - 1);
      if (at.constant !== undefined) return lane(REPLACE[bytes], Number(at.constant), a, value);
      const number = Array.from({ length: 16 }, (_, i) => Math.floor(i / bytes));
      const mask = op('i8x16.eq', constant(8, ...number), op('i8x16.splat', at));
      return op('v128.bitselect', op(SPLAT[bytes], value), a, mask);
    });
  };
}
const REPLACE = {
  1: 'i8x16.replace_lane',
  2: 'i16x8.replace_lane',
  4: 'i32x4.replace_lane',
  8: 'i64x2.replace_lane'
} as const;
const SPLAT = { 1: 'i8x16.splat', 2: 'i16x8.splat', 4: 'i32x4.splat', 8: 'i64x2.splat' } as const;

/** The element that the immediate selects to the bottom, from where it is taken. */
function extract(bytes: 1 | 2 | 4 | 8): Semantics {
  return (b) => {
    const [destination, source] = b.operands as readonly [OperandShape, OperandShape];
    check(b, source);
    const imm = immediateOf(b);
    const count = source.kind === 'mm' ? 4 : 16 / bytes;
    const at = imm.and(count - 1).mul(bytes);
    const vector = source.kind === 'mm' ? op('i64x2.splat', b.read(source, 8)) : b.readVector(source);
    const moved = b.let(op('i8x16.swizzle', vector, bytesFrom(at)));
    const value = bytes === 8 ? lane('i64x2.extract_lane', 0, moved) : lowBits(moved, bytes);
    if (destination.kind === 'mem') b.write(destination, value, bytes);
    else b.write(destination, destination.bytes === 8 ? value.i64() : value);
    if (source.kind === 'mm') enterMmx(b);
  };
}
const lowBits = (vector: Value, bytes: 1 | 2 | 4): Value => {
  if (bytes === 4) return lane('i32x4.extract_lane', 0, vector);
  return lane(bytes === 1 ? 'i8x16.extract_lane_u' : 'i16x8.extract_lane_u', 0, vector);
};

/** A doubleword of the source (which one, in a register) into any place, and zeros where the immediate says. */
const insertps: Semantics = (b) => {
  const destination = b.operands[0]!;
  const source = b.operands[b.operands.length - 2]!;
  check(b, destination);
  const imm = immediateOf(b);
  const value =
    source.kind === 'mem'
      ? op('i32x4.splat', b.read(source, 4))
      : op('i8x16.swizzle', b.readVector(source), selectDwords(imm.shrU(6).mul(0x55)));
  const first = b.readVector(b.shape.vex ? b.operands[1]! : destination);
  const place = op('i32x4.eq', constant(32, 0, 1, 2, 3), op('i32x4.splat', imm.shrU(4).and(3)));
  const inserted = op('v128.bitselect', value, first, place);
  b.writeVector(destination, op('v128.andnot', inserted, maskOf(imm, 'i32x4')));
};

export const sseShuffle: Readonly<Record<string, Semantics>> = {
  pshufd: unary(pshufd),
  pshuflw: unary(pshuflw),
  pshufhw: unary(pshufhw),
  pshufw: unary(pshufw),
  shufps: binary(shufps),
  shufpd: binary(shufpd),
  pblendw: blend((imm) => imm, 'i16x8'),
  blendps: blend((imm, half) => imm.shrU(4 * half), 'i32x4'),
  blendpd: blend((imm, half) => doubled(imm.shrU(2 * half)), 'i32x4'),
  pblendvb: blendByMask((mask) => op('i8x16.lt_s', mask, ZERO)),
  blendvps: blendByMask((mask) => op('i32x4.lt_s', mask, ZERO)),
  blendvpd: blendByMask((mask) => op('i64x2.lt_s', mask, ZERO)),
  ...Object.fromEntries(
    Object.keys(WIDENING).flatMap((form) => [
      [`pmovsx${form}`, extension(form, 's')],
      [`pmovzx${form}`, extension(form, 'u')]
    ])
  ),
  pinsrb: insert(1),
  pinsrw: insert(2),
  pinsrd: insert(4),
  pinsrq: insert(8),
  pextrb: extract(1),
  pextrw: extract(2),
  pextrd: extract(4),
  pextrq: extract(8),
  extractps: extract(4),
  insertps
};
