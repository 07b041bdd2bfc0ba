/**
 * When WebAssembly's floating point gives what SSE would, flags included: rounding is to nearest, operands and result are
 * ordinary (normal numbers or exact zeros), and "inexact" is masked and set already, or the result is exact. The idea is
 * QEMU's hardfloat (fpu/softfloat.c). Everything here is on bits: i32 and i64 for scalars, v128 for vectors.
 */
import type { Operator } from '../../../../wasm/opcodes.ts';
import { i32, i64, op, v128, type RoutineBackend, type Value } from '../backend.ts';

/** Bits of MXCSR. */
const RC = 0x6000;
const PM_AND_PE = 0x1020;

/** Rounding is to nearest. */
export const nearest = (b: RoutineBackend): Value => b.env('mxcsr').and(RC).eqz();
/** An inexact result changes nothing. */
export const settled = (b: RoutineBackend): Value => b.env('mxcsr').and(PM_AND_PE).eq(PM_AND_PE);
/** Both. */
export const usual = (b: RoutineBackend): Value =>
  b
    .env('mxcsr')
    .and(RC | PM_AND_PE)
    .eq(PM_AND_PE);

export type FloatOperation = 'add' | 'sub' | 'mul' | 'div' | 'sqrt' | 'ceil' | 'floor' | 'trunc' | 'nearest' | 'abs';
export type Relation = 'eq' | 'lt' | 'le';

/** One format, scalar or vector. Masks are 0 for false, anything else for true, in each element. */
export interface Kit {
  readonly type: 'i32' | 'i64' | 'v128';
  /** Elements in a value, and their bits. */
  readonly lanes: number;
  readonly width: 32 | 64;
  compute(name: FloatOperation, ...values: readonly Value[]): Value;
  /** Of two: the first where it is strictly beyond the second. */
  extreme(name: 'min' | 'max', a: Value, b: Value): Value;
  /** All ones where it holds. */
  compare(relation: Relation, a: Value, b: Value): Value;
  /** Neither zero nor denormal, infinite or NaN. */
  normal(x: Value): Value;
  /** Normal, and not of the smallest exponent either, where a rounded result may have been tiny before. */
  safe(x: Value): Value;
  zero(x: Value): Value;
  infinite(x: Value): Value;
  /** Whether the mask is true in every element: 0 or 1. */
  all(mask: Value): Value;
  /** The same bits in every element. */
  splat(x: Value): Value;
}

function scalar(width: 32 | 64): Kit {
  const type = width === 32 ? 'i32' : 'i64';
  const [exponentAt, exponents] = width === 32 ? [23, 0xfe] : [52, 0x7fe];
  const float = (x: Value): Value => op(`f${width}.reinterpret_i${width}` as Operator, x);
  const relate = (relation: string, a: Value, b: Value): Value =>
    op(`f${width}.${relation}` as Operator, float(a), float(b));
  return {
    type,
    lanes: 1,
    width,
    compute: (name, ...values) =>
      op(`i${width}.reinterpret_f${width}` as Operator, op(`f${width}.${name}` as Operator, ...values.map(float))),
    extreme: (name, a, b) => relate(name === 'min' ? 'lt' : 'gt', a, b).select(a, b),
    compare(relation, a, b) {
      const holds = relate(relation, a, b);
      return (width === 64 ? i64(0) : i32(0)).sub(width === 64 ? holds.i64() : holds);
    },
    // An exponent of all ones becomes 0 by the addition, one of 0 becomes 1, which the mask takes away.
    normal: (x) => x.shrU(exponentAt).i32().add(1).and(exponents),
    safe: (x) =>
      x
        .shrU(exponentAt)
        .i32()
        .add(1)
        .and(exponents + 1)
        .gtU(2),
    zero: (x) => x.shl(1).eqz(),
    infinite: (x) => x.shl(1).eq(width === 32 ? 0xff00_0000 : 0xffe0_0000_0000_0000n),
    all: (mask) => mask.ne(0),
    splat: (x) => x
  };
}

function vector(width: 32 | 64): Kit {
  const lanes = 128 / width;
  const [i, f] = [`i${width}x${lanes}`, `f${width}x${lanes}`];
  const [exponentAt, exponents] = width === 32 ? [23, 0xfen] : [52, 0x7fen];
  const integer = (name: string, ...values: readonly (Value | number)[]): Value =>
    op(`${i}.${name}` as Operator, ...values);
  const each = (value: bigint): Value => {
    const doubled = width === 32 ? value | (value << 32n) : value;
    return v128(doubled, doubled);
  };
  return {
    type: 'v128',
    lanes,
    width,
    compute: (name, ...values) => op(`${f}.${name}` as Operator, ...values),
    extreme: (name, a, b) => op(`${f}.p${name}` as Operator, b, a),
    compare: (relation, a, b) => op(`${f}.${relation}` as Operator, a, b),
    normal: (x) => op('v128.and', integer('add', integer('shr_u', x, exponentAt), each(1n)), each(exponents)),
    safe: (x) => {
      const exponent = op('v128.and', integer('add', integer('shr_u', x, exponentAt), each(1n)), each(exponents + 1n));
      return integer('gt_s', exponent, each(2n));
    },
    zero: (x) => integer('eq', integer('shl', x, 1), each(0n)),
    infinite: (x) => integer('eq', integer('shl', x, 1), each(width === 32 ? 0xff00_0000n : 0xffe0_0000_0000_0000n)),
    all: (mask) => integer('all_true', mask),
    splat: (x) => op(width === 32 ? 'i32x4.splat' : 'i64x2.splat', x)
  };
}

export const KITS = { ss: scalar(32), sd: scalar(64), ps: vector(32), pd: vector(64) } as const;

const either = (k: Kit, a: Value, b: Value): Value => (k.type === 'v128' ? op('v128.or', a, b) : a.or(b));
const both = (k: Kit, a: Value, b: Value): Value => (k.type === 'v128' ? op('v128.and', a, b) : a.and(b));
/** Normal, or zero. */
export const ordinary = (k: Kit, x: Value): Value => k.all(either(k, k.normal(x), k.zero(x)));

/** Ordinary, or infinite: comparing such numbers raises nothing. */
export const comparable = (k: Kit, x: Value): Value =>
  k.all(either(k, either(k, k.normal(x), k.zero(x)), k.infinite(x)));

/** An attempt: the result, and whether it is the right one as far as operands and result tell. */
export interface Attempt {
  readonly result: Value;
  readonly ok: Value;
}
type Tried = (b: RoutineBackend, k: Kit, x: Value, y: Value) => Attempt;

/** Zero results of products and quotients are exact only where an operand is zero. */
export const ATTEMPTS = {
  add: (b, k, x, y) => summed(b, k, k.compute('add', x, y), x, y),
  sub: (b, k, x, y) => summed(b, k, k.compute('sub', x, y), x, y),
  mul(b, k, x, y) {
    const result = b.let(k.compute('mul', x, y));
    const exactZero = both(k, k.zero(result), either(k, k.zero(x), k.zero(y)));
    const ok = k
      .all(either(k, k.safe(result), exactZero))
      .and(ordinary(k, x))
      .and(ordinary(k, y));
    return { result, ok };
  },
  div(b, k, x, y) {
    const result = b.let(k.compute('div', x, y));
    const exactZero = both(k, k.zero(result), k.zero(x));
    const ok = k
      .all(either(k, k.safe(result), exactZero))
      .and(ordinary(k, x))
      .and(k.all(k.normal(y)));
    return { result, ok };
  },
  sqrt(b, k, _x, y) {
    const result = b.let(k.compute('sqrt', y));
    return { result, ok: ordinary(k, result).and(ordinary(k, y)) };
  }
} as const satisfies Readonly<Record<string, Tried>>;
export type Attempted = keyof typeof ATTEMPTS;

/** Sums are zero only when exact. */
export function summed(b: RoutineBackend, k: Kit, sum: Value, x: Value, y: Value): Attempt {
  const result = b.let(sum);
  return { result, ok: ordinary(k, result).and(ordinary(k, x)).and(ordinary(k, y)) };
}

/** Of scalars: whether an attempt that is `ok` is exact; that it is may go unnoticed. */
export function exact(name: Attempted, k: Kit, result: Value, x: Value, y: Value): Value {
  const c = k.compute.bind(k);
  // Products of numbers with half the bits are exact.
  const halves = (...values: readonly Value[]): Value =>
    values
      .reduce((all, value) => all.or(value))
      .shl(k.width === 32 ? 20 : 37)
      .eqz();
  switch (name) {
    case 'add':
    case 'sub': {
      // What was lost of a sum is itself a float (Møller and Knuth's two-sum).
      const other = name === 'add' ? y : y.xor(k.width === 32 ? 0x8000_0000 : 1n << 63n);
      const part = c('sub', result, x);
      return k.zero(c('add', c('sub', x, c('sub', result, part)), c('sub', other, part)));
    }
    case 'mul':
      return halves(x, y);
    case 'div':
      return halves(result, y).and(c('mul', result, y).eq(x));
    case 'sqrt':
      return halves(result).and(c('mul', result, result).eq(y));
  }
}
