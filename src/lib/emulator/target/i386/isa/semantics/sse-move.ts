/**
 * Moves: whole registers, parts of them, to and from memory, general registers and MMX; masks of signs; tests. SDM 2B, the
 * instructions' pages. Legacy forms keep what they do not write, VEX forms clear the register above their result.
 */
import { i64, lane, op, shuffle, type Backend, type OperandShape, type Semantics, type Value } from '../backend.ts';
import type { Size } from '../insn.ts';
import {
  check,
  enterMmx,
  highHalf,
  lowHalf,
  needsMmx,
  needsSse,
  readHalf,
  twice,
  unary,
  writeMmx,
  ZERO
} from './vector.ts';

const operandsOf = (b: Backend): readonly [OperandShape, OperandShape] =>
  b.operands as readonly [OperandShape, OperandShape];

/** A whole register to or from a register or memory, which MOVAPS and its like want aligned even with VEX. */
function move(alignment: 'aligned' | 'any'): Semantics {
  const options = { aligned: alignment === 'aligned' };
  return (b) => {
    const [destination, source] = operandsOf(b);
    check(b, source.kind === 'mem' ? destination : source);
    const low = b.readVector(source, options);
    if (destination.bytes !== 32) return b.writeVector(destination, low, options);
    b.writeVector(destination, low, { ...options, high: b.readVector(source, { half: 1 }) });
  };
}

/** A vector with another low part: an i64, or an i32. */
const withLowPart = (vector: Value, value: Value): Value =>
  value.type === 'i64' ? lane('i64x2.replace_lane', 0, vector, value) : lane('i32x4.replace_lane', 0, vector, value);

/** MOVSS, MOVSD: from memory the rest is zeros, from a register it is that of the first source. */
function moveScalar(bytes: 4 | 8): Semantics {
  return (b) => {
    needsSse(b);
    const [destination] = operandsOf(b);
    const source = b.operands.at(-1)!;
    if (destination.kind === 'mem') return b.write(destination, b.read(source, bytes), bytes);
    if (source.kind === 'mem') return b.writeVector(destination, withLowPart(ZERO, b.read(source, bytes)));
    const first = b.readVector(b.operands.length === 3 ? b.operands[1]! : destination);
    b.writeVector(destination, withLowPart(first, b.read(source, bytes)));
  };
}

/** One half of a vector and memory, or a half of another. */
function moveHalf(to: 0 | 1, from: 0 | 1): Semantics {
  return (b) => {
    needsSse(b);
    const [destination] = operandsOf(b);
    const source = b.operands.at(-1)!;
    if (destination.kind === 'mem') {
      const vector = b.readVector(source);
      return b.write(destination, to === 0 ? lowHalf(vector) : highHalf(vector), 8);
    }
    const first = b.readVector(b.operands.length === 3 ? b.operands[1]! : destination);
    const moved = source.kind === 'mem' ? b.read(source, 8) : lane('i64x2.extract_lane', from, b.readVector(source));
    b.writeVector(destination, lane('i64x2.replace_lane', to, first, moved));
  };
}

/** MOVD, MOVQ: between vectors, MMX registers, general registers and memory; the rest of the destination is zeros. */
function moveDouble(bytes: 4 | 8): Semantics {
  return (b) => {
    const [destination, source] = operandsOf(b);
    const register = [destination, source].find(({ kind }) => kind === 'mm') ?? destination;
    check(b, register);
    const value = b.read(source, bytes);
    switch (destination.kind) {
      case 'mm':
        enterMmx(b);
        return writeMmx(b, destination, value.i64());
      case 'xmm':
        return b.writeVector(destination, withLowPart(ZERO, value));
      default:
        b.write(destination, value, bytes);
        if (source.kind === 'mm') enterMmx(b);
    }
  };
}

const EVEN = [0, 1, 2, 3, 0, 1, 2, 3, 8, 9, 10, 11, 8, 9, 10, 11];
const ODD = EVEN.map((byte) => byte + 4);

/** The low quadword of each half, twice. With 128 bits only 8 bytes of memory are read. */
const movddup: Semantics = (b) => {
  needsSse(b);
  const [destination, source] = operandsOf(b);
  const low = b.let(twice(lowHalf(readHalf(b, source, 0))));
  if (destination.kind !== 'ymm') return b.writeVector(destination, low);
  b.writeVector(destination, low, { high: b.let(twice(lowHalf(readHalf(b, source, 1)))) });
};

const movq2dq: Semantics = (b) => {
  const [destination, source] = operandsOf(b);
  needsSse(b);
  needsMmx(b);
  const value = b.read(source, 8);
  enterMmx(b);
  b.writeVector(destination, withLowPart(ZERO, value));
};
const movdq2q: Semantics = (b) => {
  const [destination, source] = operandsOf(b);
  needsSse(b);
  needsMmx(b);
  const value = b.read(source, 8);
  enterMmx(b);
  writeMmx(b, destination, value);
};

/** The signs of all elements as a number. */
function signs(mask: (vector: Value) => Value, bitsPerHalf: number): Semantics {
  return (b) => {
    const [destination, source] = operandsOf(b);
    check(b, source);
    let bits: Value;
    if (source.kind === 'mm') {
      bits = b.let(mask(twice(b.read(source, 8))).and(0xff));
      enterMmx(b);
    } else {
      bits = mask(b.readVector(source));
      if (source.kind === 'ymm') bits = bits.or(mask(b.readVector(source, { half: 1 })).shl(bitsPerHalf));
    }
    b.write(destination, destination.bytes === 8 ? bits.i64() : bits);
  };
}

/** Bytes of the first whose mask in the second has its top bit set, to DS:rDI. */
const maskedStore: Semantics = (b) => {
  const [source, mask] = operandsOf(b);
  check(b, source);
  const bytes = b.shape.addressSize as Size;
  const pointer = b.reg(7, bytes).i64();
  const cut = bytes === 2 ? 0xffffn : bytes === 4 ? 0xffff_ffffn : -1n;
  const whole = (operand: OperandShape): Value =>
    operand.kind === 'mm' ? b.let(lane('i64x2.replace_lane', 0, ZERO, b.read(operand, 8))) : b.readVector(operand);
  const data = whole(source);
  const bits = b.let(op('i8x16.bitmask', whole(mask)));
  for (let i = 0; i < (source.kind === 'mm' ? 8 : 16); i++) {
    b.when(bits.and(1 << i), () => {
      b.store(b.linearIn('operand', pointer.add(i).and(cut)), 1, lane('i8x16.extract_lane_u', i, data));
    });
  }
  if (source.kind === 'mm') enterMmx(b);
};

/** ZF: no bit in common; CF: none of the second outside the first. `mask` picks the bits that count. */
export function test(mask: (both: Value) => Value): Semantics {
  return (b) => {
    const [first, second] = operandsOf(b);
    needsSse(b);
    const right = readHalf(b, second, 0);
    const upper = first.kind === 'ymm' ? readHalf(b, second, 1) : undefined;
    const left = b.readVector(first);
    const any = (combine: (a: Value, b: Value) => Value): Value => {
      const low = op('v128.any_true', mask(combine(left, right)));
      if (upper === undefined) return low;
      return low.or(op('v128.any_true', mask(combine(b.readVector(first, { half: 1 }), upper))));
    };
    const common = any((a, c) => op('v128.and', a, c));
    const outside = any((a, c) => op('v128.andnot', c, a));
    b.setFlags('EFLAGS', 4, { src: b.let(common.eqz().shl(6).or(outside.eqz())) });
  };
}

const emms: Semantics = (b) => {
  needsMmx(b);
  for (let i = 0; i < 8; i++) b.setEnv('fptags', 1, i);
};

// SSE4A: fields of the low quadword. AMD64 APM 4, EXTRQ, INSERTQ. The upper quadword is undefined; CPUs clear it.

/** Ones in `length` bits, 0 meaning 64. */
const fieldMask = (length: Value): Value => {
  const bits = length.and(63);
  return bits.eqz().select(i64(-1), i64(1).shl(bits.i64()).sub(1));
};
const extrq: Semantics = (b) => {
  needsSse(b);
  const [destination, control] = operandsOf(b);
  const vector = b.readVector(destination);
  const [length, index] = fieldOf(b, control, b.operands[2]);
  const field = lowHalf(vector).shrU(index.and(63).i64()).and(fieldMask(length));
  b.writeVector(destination, withLowPart(ZERO, field));
};
const insertq: Semantics = (b) => {
  needsSse(b);
  const [destination, source] = operandsOf(b);
  const vector = b.readVector(destination);
  const from = b.readVector(source);
  const [length, index] =
    b.operands.length === 4 ? fieldOf(b, b.operands[2]!, b.operands[3]) : fieldFrom(b.let(highHalf(from)));
  const at = b.let(index.and(63).i64());
  const mask = b.let(fieldMask(length));
  const kept = lowHalf(vector).and(mask.shl(at).not());
  b.writeVector(destination, withLowPart(ZERO, kept.or(lowHalf(from).and(mask).shl(at))));
};
/** Length and index: two immediates, or two bytes of a register. */
function fieldOf(b: Backend, first: OperandShape, second: OperandShape | undefined): readonly [Value, Value] {
  if (second !== undefined) return [b.let(b.read(first, 1)), b.let(b.read(second, 1))];
  return fieldFrom(b.let(lowHalf(b.readVector(first))));
}
const fieldFrom = (bits: Value): readonly [Value, Value] => [bits.i32().and(0xff), bits.i32().shrU(8).and(0xff)];

export const sseMove: Readonly<Record<string, Semantics>> = {
  movaps: move('aligned'),
  movapd: move('aligned'),
  movdqa: move('aligned'),
  movntps: move('aligned'),
  movntpd: move('aligned'),
  movntdq: move('aligned'),
  movntdqa: move('aligned'),
  movups: move('any'),
  movupd: move('any'),
  movdqu: move('any'),
  lddqu: move('any'),
  movss: moveScalar(4),
  movsd: moveScalar(8),
  movntss: moveScalar(4),
  movntsd: moveScalar(8),
  movlps: moveHalf(0, 0),
  movlpd: moveHalf(0, 0),
  movhps: moveHalf(1, 0),
  movhpd: moveHalf(1, 0),
  movhlps: moveHalf(0, 1),
  movlhps: moveHalf(1, 0),
  movsldup: unary((a) => shuffle(a, a, EVEN)),
  movshdup: unary((a) => shuffle(a, a, ODD)),
  movddup,
  movd: moveDouble(4),
  movq: moveDouble(8),
  movntq: moveDouble(8),
  movq2dq,
  movdq2q,
  movmskps: signs((vector) => op('i32x4.bitmask', vector), 4),
  movmskpd: signs((vector) => op('i64x2.bitmask', vector), 2),
  pmovmskb: signs((vector) => op('i8x16.bitmask', vector), 16),
  maskmovq: maskedStore,
  maskmovdqu: maskedStore,
  ptest: test((both) => both),
  emms,
  extrq,
  insertq
};
