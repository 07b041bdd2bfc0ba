/**
 * a × b + c rounded once, out of operations that round each time, under the conditions of `float-fast.ts`. What is lost of a
 * product or a sum is a float itself, and a sum rounded to odd may be rounded once more: S. Boldo and G. Melquiond,
 * "Emulation of FMA and correctly rounded sums: proved algorithms using rounding to odd", IEEE TC 57(4), 2008.
 */
import { i32, i64, op, type Routine, type RoutineBackend, type Value } from '../backend.ts';
import { KITS, ordinary, usual } from './float-fast.ts';

const add = (x: Value, y: Value): Value => op('f64.add', x, y);
const sub = (x: Value, y: Value): Value => op('f64.sub', x, y);
const mul = (x: Value, y: Value): Value => op('f64.mul', x, y);

/** A sum and what was lost of it (Møller and Knuth). */
function twoSum(b: RoutineBackend, x: Value, y: Value): readonly [sum: Value, lost: Value] {
  const sum = b.let(add(x, y));
  const part = b.let(sub(sum, x));
  return [sum, b.let(add(sub(x, sub(sum, part)), sub(y, part)))];
}
/** Upper and lower half of a significand (Veltkamp). */
function split(b: RoutineBackend, x: Value): readonly [upper: Value, lower: Value] {
  const scaled = b.let(mul(x, op('f64.convert_i32_s', i32(134217729))));
  const upper = b.let(sub(scaled, sub(scaled, x)));
  return [upper, b.let(sub(x, upper))];
}
/** A product and what was lost of it (Dekker). */
function twoProduct(b: RoutineBackend, x: Value, y: Value): readonly [product: Value, lost: Value] {
  const product = b.let(mul(x, y));
  const [xh, xl] = split(b, x);
  const [yh, yl] = split(b, y);
  const lost = sub(mul(xl, yl), sub(sub(sub(product, mul(xh, yh)), mul(xl, yh)), mul(xh, yl)));
  return [product, b.let(lost)];
}
/** A sum that, where it is not exact, is the one of its two neighbours whose last bit is set. Bits, i64. */
function oddSum(b: RoutineBackend, x: Value, y: Value): Value {
  const [sum, lost] = twoSum(b, x, y);
  const bits = b.let(op('i64.reinterpret_f64', sum));
  const zero = op('f64.convert_i32_s', i32(0));
  const away = op('f64.gt', lost, zero).eq(op('f64.gt', sum, zero));
  const moved = bits.add(away.select(i64(1), -1));
  const adjust = op('f64.ne', lost, zero).and(bits.i32().and(1).eqz());
  return b.let(adjust.select(moved, bits));
}

/** Biased exponents of doubles between which nothing here overflows or loses bits below. */
const within = (x: Value, lowest: number, highest: number): Value =>
  x
    .shrU(52)
    .i32()
    .and(0x7ff)
    .sub(lowest)
    .leU(highest - lowest);

const float = (x: Value): Value => op('f64.reinterpret_i64', x);

/** Of doubles, as bits: 1 if the result is right, which is then in element `i` of the result in `scratch`. */
const FMA64: Routine = {
  name: 'fma64',
  params: ['i64', 'i64', 'i64', 'i32'],
  result: 'i32',
  body(b, x, y, z, at) {
    const ok = b.variable('i32', 0);
    const inRange = within(x!, 543, 1503)
      .and(within(y!, 543, 1503))
      .and(within(z!, 63, 1983).or(z!.shl(1).eqz()));
    b.when(inRange.and(usual(b)), () => {
      const [product, lost] = twoProduct(b, float(x!), float(y!));
      const [middle, least] = twoSum(b, float(z!), lost);
      const [most, rest] = twoSum(b, product, middle);
      const bits = b.let(op('i64.reinterpret_f64', add(most, float(oddSum(b, least, rest)))));
      b.setEnv('scratch', bits, at!);
      ok.set(within(bits, 63, 2045));
    });
    return ok.value;
  }
};
/** Of singles, as bits: doubles hold their products, and enough of the sum. */
const FMA32: Routine = {
  name: 'fma32',
  params: ['i32', 'i32', 'i32', 'i32'],
  result: 'i32',
  body(b, x, y, z, at) {
    const k = KITS.ss;
    const ok = b.variable('i32', 0);
    b.when(ordinary(k, x!).and(ordinary(k, y!)).and(ordinary(k, z!)).and(usual(b)), () => {
      const wide = (bits: Value): Value => op('f64.promote_f32', op('f32.reinterpret_i32', bits));
      const sum = oddSum(b, mul(wide(x!), wide(y!)), wide(z!));
      const bits = b.let(op('i32.reinterpret_f32', op('f32.demote_f64', float(sum))));
      b.setEnv('scratch', bits.i64(), at!);
      ok.set(k.safe(bits).or(sum.shl(1).eqz()));
    });
    return ok.value;
  }
};
export const FMA_FAST = { s: FMA32, d: FMA64 } as const;
