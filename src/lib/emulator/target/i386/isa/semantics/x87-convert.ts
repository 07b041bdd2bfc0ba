/**
 * Comparisons and conversions of the x87 in generated code, under the conditions of `x87-fast.ts`, whose floats these are.
 */
import { i32, i64, type Routine, type RoutineBackend, type Value } from '../backend.ts';
import {
  clearC1,
  leave,
  setRegister,
  BIAS,
  C1,
  empty,
  isNormal,
  isZero,
  ordinary,
  PE,
  physical,
  register,
  SIGN,
  SPECIAL,
  TOP_BIT,
  usualControl,
  type Float80
} from './x87-fast.ts';

/** How two ordinary floats compare: less 1, equal 2, greater 0. */
export function relation(b: RoutineBackend, x: Float80, y: Float80): Value {
  const result = b.variable('i32', 0);
  const bothZero = x.significand.or(y.significand).eqz();
  const same = x.significand.eq(y.significand).and(x.head.eq(y.head));
  const [p, q] = [x.head.and(SPECIAL), y.head.and(SPECIAL)];
  const smaller = p.ltU(q).or(p.eq(q).and(x.significand.ltU(y.significand)));
  const negative = x.head.and(SIGN).ne(0);
  const differ = x.head.xor(y.head).and(SIGN);
  b.when(
    bothZero.or(same),
    () => result.set(2),
    () => result.set(differ.select(negative, smaller.xor(negative)))
  );
  return b.let(result.value);
}

/** A float of 32 or 64 bits (given as i64) in 80; whether it is ordinary. */
export function widened(b: RoutineBackend, bits: Value, width: 32 | 64): Float80 & { readonly ok: Value } {
  const [fractionBits, special, bias] = width === 32 ? [23, 0xff, 127] : [52, 0x7ff, 1023];
  const exponent = b.let(bits.shrU(fractionBits).i32().and(special));
  const sign = bits
    .shrU(width - 1)
    .i32()
    .shl(15);
  const fraction = bits.shl(63 - fractionBits);
  const zero = b.let(bits.shl(65 - width).eqz());
  return {
    significand: b.let(zero.select(i64(0), fraction.or(TOP_BIT))),
    head: b.let(zero.select(i32(0), exponent.add(BIAS - bias)).or(sign)),
    ok: exponent
      .sub(1)
      .ltU(special - 1)
      .or(zero)
  };
}
/** A signed integer (i64) in 80 bits: always exact. */
export function fromInteger(b: RoutineBackend, value: Value): Float80 {
  const negative = value.ltS(0);
  const magnitude = b.let(negative.select(i64(0).sub(value), value));
  const shift = b.let(magnitude.clz());
  const zero = magnitude.eqz();
  return {
    significand: b.let(magnitude.shl(shift)),
    head: b.let(
      zero.select(
        i32(0),
        i32(BIAS + 63)
          .sub(shift.i32())
          .or(negative.shl(15))
      )
    )
  };
}

/** What a narrowing routine gives: −1 if it did not do it, else flags for the status word; the bits are in `scratch`. */
function narrowed(b: RoutineBackend, ok: Value, bits: Value, inexact: Value, up: Value): Value {
  const result = b.variable('i32', -1);
  b.when(ok, () => {
    b.setEnv('scratch', bits);
    result.set(inexact.select(i32(PE), 0).or(up.select(i32(C1), 0)));
  });
  return result.value;
}

/** ST(0) as a float of 32 or 64 bits. */
function narrowing(width: 32 | 64): Routine {
  const [fractionBits, special, bias] = width === 32 ? [23, 0xff, 127] : [52, 0x7ff, 1023];
  const dropped = 63 - fractionBits;
  return {
    name: `floatx80_to_float${width}`,
    params: [],
    result: 'i32',
    body(b) {
      const n = physical(b, 0);
      const x = register(b, n);
      const rest = b.let(x.significand.and((1n << BigInt(dropped)) - 1n));
      const kept = b.let(x.significand.shrU(dropped));
      const half = 1n << BigInt(dropped - 1);
      const up = b.let(rest.gtU(half).or(rest.eq(half).and(kept.i32().and(1))));
      const exponent = b.let(x.head.and(SPECIAL).sub(BIAS - bias));
      // The integer bit adds one to the exponent, and so does a carry out of the fraction.
      const magnitude = kept.add(up.i64()).add(exponent.sub(1).i64S().shl(fractionBits));
      const zero = b.let(isZero(x));
      const sign = x.head
        .shrU(15)
        .i64()
        .shl(width - 1);
      // One less at the top, so that the carry may be.
      const fits = isNormal(x).and(exponent.sub(1).ltU(special - 2));
      const ok = fits.or(zero).and(usualControl(b)).and(empty(b, n).eqz());
      return narrowed(b, ok, zero.select(i64(0), magnitude).or(sign), rest.ne(0), up);
    }
  };
}
export const NARROW: Readonly<Record<32 | 64, Routine>> = { 32: narrowing(32), 64: narrowing(64) };

const RC = 0xc00;
/** ST(0) as an integer of so many bits; truncated if asked for or if the control word says so. */
export const TO_INTEGER: Routine = {
  name: 'floatx80_to_int',
  params: ['i32', 'i32'],
  result: 'i32',
  body(b, bits, truncate) {
    const n = physical(b, 0);
    const x = register(b, n);
    const control = b.let(b.env('fpuc').and(RC));
    const cut = b.let(truncate!.or(control.eq(RC)));
    // Bits below the binary point: 1 to 63, all of them, or more than there are.
    const below = b.let(i32(BIAS + 63).sub(x.head.and(SPECIAL)));
    const count = below.i64();
    const whole = b.variable('i64', 0);
    const rest = b.variable('i64', x.significand);
    b.when(
      below.ltU(64),
      () => {
        whole.set(x.significand.shrU(count));
        rest.set(x.significand.shl(i64(64).sub(count)));
      },
      () => b.when(below.ne(64), () => rest.set(isZero(x).select(i64(0), 1)))
    );
    const half = rest.value.ltS(0);
    const up = b.let(
      cut
        .eqz()
        .and(half)
        .and(rest.value.shl(1).ne(0).or(whole.value.i32().and(1)))
    );
    const magnitude = b.let(whole.value.add(up.i64()));
    const value = x.head.and(SIGN).select(i64(0).sub(magnitude), magnitude);
    const fits = below.gtS(0).and(magnitude.shrU(bits!.sub(1).i64()).eqz());
    const ok = fits
      .and(ordinary(x))
      .and(cut.or(control.eqz()).ne(0))
      .and(b.env('fpuc').and(PE).ne(0))
      .and(empty(b, n).eqz());
    return narrowed(b, ok, value, rest.value.ne(0), up);
  }
};

/** Register n := itself rounded to an integer by the control word's RC, whatever its PC. */
export const ROUND80: Routine = {
  name: 'floatx80_round_to_int',
  params: ['i32'],
  result: 'i32',
  body(b, n) {
    const x = register(b, n!);
    const exponent = b.let(x.head.and(SPECIAL));
    const done = b.variable('i32', 0);
    const allowed = ordinary(x).and(b.env('fpuc').and(PE).ne(0));
    b.when(allowed.and(exponent.sub(BIAS).geS(63).or(x.significand.eqz())), () => {
      clearC1(b);
      done.set(1);
    });
    // From 1 on; smaller ones become 0 or 1, which is rare.
    b.when(allowed.and(exponent.sub(BIAS).ltU(63)), () => {
      const unit = b.let(
        i64(1).shl(
          i32(BIAS + 63)
            .sub(exponent)
            .i64()
        )
      );
      const rest = b.let(x.significand.and(unit.sub(1)));
      const half = b.let(unit.shrU(1));
      const odd = x.significand.and(unit).ne(0);
      const toNearest = rest.gtU(half).or(rest.eq(half).and(odd));
      // 400 is down, 800 up: away from zero for numbers of that sign.
      const control = b.let(b.env('fpuc').and(RC));
      const away = control.eq(x.head.and(SIGN).select(i32(0x400), 0x800)).and(rest.ne(0));
      const up = b.let(control.eqz().select(toNearest, away));
      const whole = b.let(x.significand.sub(rest));
      const raised = b.let(up.select(whole.add(unit), whole));
      const carried = b.let(raised.eqz());
      setRegister(b, n!, {
        significand: raised.or(carried.i64().shl(63)),
        head: x.head.add(carried)
      });
      leave(b, rest.ne(0), up);
      done.set(1);
    });
    return done.value;
  }
};
