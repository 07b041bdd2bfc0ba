/**
 * x87 arithmetic on 80-bit floats in generated code, for what programs do all the time: normal numbers and zeros, results
 * that are neither too large nor too small, registers in use, rounding to nearest with the full 64 bits and "inexact" masked.
 * Each routine says whether it did the work; where it did not, nothing has changed, and `tcg/fpu_helper.ts` does it.
 * A float is its significand (i64, the integer bit included) and sign with biased exponent (i32).
 */
import { i32, i64, lane, op, type Routine, type RoutineBackend, type Value } from '../backend.ts';

export const BIAS = 16383;
export const SPECIAL = 0x7fff;
export const SIGN = 0x8000;
export const C1 = 0x200;
export const PE = 0x20;
/** RC, PC and PM of the control word; to nearest, 64 bits, masked. */
const CONTROL = 0xf20;
const USUAL = 0x320;
export const TOP_BIT = 1n << 63n;

export interface Float80 {
  readonly significand: Value;
  readonly head: Value;
}

/** Physical number of ST(i). */
export const physical = (b: RoutineBackend, i: Value | number): Value => b.let(b.env('fpstt').add(i).and(7));
export const empty = (b: RoutineBackend, n: Value): Value => b.env('fptags', n);
/** The control word is the usual one. */
export const usualControl = (b: RoutineBackend): Value => b.env('fpuc').and(CONTROL).eq(USUAL);

export function register(b: RoutineBackend, n: Value): Float80 {
  const bits = b.env('fpregs', n);
  return {
    significand: b.let(lane('i64x2.extract_lane', 0, bits)),
    head: b.let(lane('i64x2.extract_lane', 1, bits).i32().and(0xffff))
  };
}
export function setRegister(b: RoutineBackend, n: Value, { significand, head }: Float80): void {
  b.setEnv('fpregs', lane('i64x2.replace_lane', 1, op('i64x2.splat', significand), head.i64()), n);
  b.setEnv('fptags', 0, n);
}

export const isZero = ({ significand, head }: Float80): Value => significand.eqz().and(head.and(SPECIAL).eqz());
/** An exponent of all ones becomes 0 by the addition, one of 0 becomes 1, which the mask takes away. */
export const isNormal = ({ significand, head }: Float80): Value =>
  significand.ltS(0).and(
    head
      .add(1)
      .and(SPECIAL - 1)
      .ne(0)
  );
export const ordinary = (x: Float80): Value => isNormal(x).or(isZero(x));

/** What an operation met, into the status word. */
export function leave(b: RoutineBackend, inexact: Value, up: Value): void {
  const flags = inexact.select(i32(PE), 0).or(up.select(i32(C1), 0));
  b.setEnv('fpus', b.env('fpus').and(~C1).or(flags));
}
export const clearC1 = (b: RoutineBackend): void => b.setEnv('fpus', b.env('fpus').and(~C1));

/**
 * Rounds 128 bits, the top one set, to a register, if the exponent allows. `lower` is what lies below the significand,
 * its lowest bit telling of anything further down.
 */
function finish(b: RoutineBackend, n: Value, sign: Value, exponent: Value, upper: Value, lower: Value): Value {
  const done = b.variable('i32', 0);
  const half = lower.ltS(0);
  const up = b.let(half.and(lower.shl(1).ne(0).or(upper.i32().and(1))));
  const rounded = b.let(upper.add(up.i64()));
  const carried = b.let(rounded.eqz());
  const biased = b.let(exponent.add(carried));
  b.when(biased.sub(1).ltU(SPECIAL - 1), () => {
    setRegister(b, n, { significand: rounded.or(carried.i64().shl(63)), head: biased.or(sign) });
    leave(b, lower.ne(0), up);
    done.set(1);
  });
  return done.value;
}

/** A result that needs no rounding. */
function exactly(b: RoutineBackend, n: Value, x: Float80): void {
  setRegister(b, n, x);
  clearC1(b);
}

/** Register n := ±register + (significand, head); the sign of the register is first turned by `turn` (0 or 8000). */
export const ADD80: Routine = {
  name: 'floatx80_add',
  params: ['i32', 'i32', 'i64', 'i32'],
  result: 'i32',
  body(b, n, turn, significand, head) {
    const kept = register(b, n!);
    const x: Float80 = { significand: kept.significand, head: b.let(kept.head.xor(turn!)) };
    const y: Float80 = { significand: significand!, head: head! };
    const done = b.variable('i32', 0);
    b.when(
      isNormal(x).and(isNormal(y)),
      () => done.set(sum(b, n!, x, y)),
      () => {
        b.when(ordinary(x).and(ordinary(y)), () => {
          const bothZero = isZero(x).and(isZero(y));
          const other = isZero(x);
          const chosen = b.let(other.select(y.head, x.head));
          exactly(b, n!, {
            significand: other.select(y.significand, x.significand),
            // Zeros of both signs make a positive one.
            head: bothZero.select(x.head.and(y.head), chosen)
          });
          done.set(1);
        });
      }
    );
    return done.value;
  }
};

function sum(b: RoutineBackend, n: Value, x: Float80, y: Float80): Value {
  const exponentOf = (f: Float80): Value => f.head.and(SPECIAL);
  // The larger magnitude first.
  const swap = b.let(
    exponentOf(x)
      .ltU(exponentOf(y))
      .or(exponentOf(x).eq(exponentOf(y)).and(x.significand.ltU(y.significand)))
  );
  const large = b.let(swap.select(y.significand, x.significand));
  const small = b.let(swap.select(x.significand, y.significand));
  const head = b.let(swap.select(y.head, x.head));
  const gap = b.let(
    exponentOf({ significand: large, head }).sub(exponentOf({ significand: small, head: swap.select(x.head, y.head) }))
  );

  // The smaller one in 128 bits, moved into place.
  const count = gap.i64();
  const shifted = b.variable('i64', small);
  const lower = b.variable('i64', 0);
  b.when(gap, () => {
    b.when(
      gap.ltU(64),
      () => {
        shifted.set(small.shrU(count));
        lower.set(small.shl(i64(64).sub(count)));
      },
      () => {
        shifted.set(0);
        const beyond = b.let(gap.gtU(127));
        const far = beyond.select(i64(0), small.shrU(count));
        const lost = beyond.or(small.shl(i64(128).sub(count)).ne(0));
        lower.set(gap.eq(64).select(small, far.or(lost.i64())));
      }
    );
  });

  const sign = b.let(head.and(SIGN));
  const exponent = b.variable('i32', head.and(SPECIAL));
  const upper = b.variable('i64', 0);
  const cancelled = b.variable('i32', 0);
  b.when(
    x.head.xor(y.head).and(SIGN),
    () => {
      const borrow = lower.value.ne(0);
      upper.set(large.sub(shifted.value).sub(borrow.i64()));
      lower.set(i64(0).sub(lower.value));
      b.when(upper.value.eqz(), () => {
        upper.set(lower.value);
        lower.set(0);
        exponent.set(exponent.value.sub(64));
      });
      cancelled.set(upper.value.eqz());
      const up = b.let(upper.value.clz());
      b.when(up.ne(0), () => {
        upper.set(upper.value.shl(up).or(lower.value.shrU(i64(64).sub(up))));
        lower.set(lower.value.shl(up));
        exponent.set(exponent.value.sub(up.i32()));
      });
    },
    () => {
      upper.set(large.add(shifted.value));
      b.when(upper.value.ltU(large), () => {
        const sticky = lower.value.shrU(1).or(lower.value.and(1));
        lower.set(sticky.or(upper.value.shl(63)));
        upper.set(upper.value.shrU(1).or(TOP_BIT));
        exponent.set(exponent.value.add(1));
      });
    }
  );
  const done = b.variable('i32', 1);
  b.when(
    cancelled.value,
    () => exactly(b, n, { significand: i64(0), head: i32(0) }),
    () => done.set(finish(b, n, sign, exponent.value, b.let(upper.value), b.let(lower.value)))
  );
  return done.value;
}

const low32 = (x: Value): Value => x.and(0xffff_ffff);

/** Register n := register × (significand, head). */
export const MUL80: Routine = {
  name: 'floatx80_mul',
  params: ['i32', 'i64', 'i32'],
  result: 'i32',
  body(b, n, significand, head) {
    const x = register(b, n!);
    const y: Float80 = { significand: significand!, head: head! };
    const sign = b.let(x.head.xor(y.head).and(SIGN));
    const done = b.variable('i32', 0);
    b.when(
      isNormal(x).and(isNormal(y)),
      () => {
        const [xl, yl] = [b.let(low32(x.significand)), b.let(low32(y.significand))];
        const [xh, yh] = [b.let(x.significand.shrU(32)), b.let(y.significand.shrU(32))];
        const least = b.let(xl.mul(yl));
        const cross = b.let(xh.mul(yl).add(least.shrU(32)));
        const middle = b.let(xl.mul(yh).add(low32(cross)));
        const upper = b.variable('i64', xh.mul(yh).add(cross.shrU(32)).add(middle.shrU(32)));
        const lower = b.variable('i64', middle.shl(32).or(low32(least)));
        const exponent = b.variable(
          'i32',
          x.head
            .and(SPECIAL)
            .add(y.head.and(SPECIAL))
            .sub(BIAS - 1)
        );
        b.when(upper.value.geS(0), () => {
          upper.set(upper.value.shl(1).or(lower.value.shrU(63)));
          lower.set(lower.value.shl(1));
          exponent.set(exponent.value.sub(1));
        });
        done.set(finish(b, n!, sign, exponent.value, b.let(upper.value), b.let(lower.value)));
      },
      () =>
        b.when(ordinary(x).and(ordinary(y)), () => {
          exactly(b, n!, { significand: i64(0), head: sign });
          done.set(1);
        })
    );
    return done.value;
  }
};

/** A digit of 32 bits of a long division, and what remains. Hacker's Delight, 9-4 divlu. */
function digit(b: RoutineBackend, rest: Value, next: Value, divisor: Value): readonly [quotient: Value, rest: Value] {
  const [dh, dl] = [divisor.shrU(32), low32(divisor)];
  const q = b.variable('i64', rest.divU(dh));
  const r = b.variable('i64', rest.remU(dh));
  b.loop((_again, leaveLoop) => {
    const fits = q.value.leU(0xffff_ffff).and(q.value.mul(dl).leU(r.value.shl(32).or(next)));
    b.when(fits, leaveLoop);
    q.set(q.value.sub(1));
    r.set(r.value.add(dh));
    b.when(r.value.gtU(0xffff_ffff), leaveLoop);
  });
  const quotient = b.let(q.value);
  return [quotient, b.let(rest.shl(32).or(next).sub(quotient.mul(divisor)))];
}

/** Register n := register ÷ (significand, head), or the other way round. */
export const DIV80: Routine = {
  name: 'floatx80_div',
  params: ['i32', 'i64', 'i32', 'i32'],
  result: 'i32',
  body(b, n, significand, head, reversed) {
    const kept = register(b, n!);
    const x: Float80 = {
      significand: b.let(reversed!.select(significand!, kept.significand)),
      head: b.let(reversed!.select(head!, kept.head))
    };
    const y: Float80 = {
      significand: b.let(reversed!.select(kept.significand, significand!)),
      head: b.let(reversed!.select(kept.head, head!))
    };
    const sign = b.let(x.head.xor(y.head).and(SIGN));
    const done = b.variable('i32', 0);
    b.when(isNormal(y), () =>
      b.when(
        isNormal(x),
        () => {
          const exponent = b.variable(
            'i32',
            x.head
              .and(SPECIAL)
              .sub(y.head.and(SPECIAL))
              .add(BIAS - 1)
          );
          const dividend = b.variable('i64', x.significand);
          const below = b.variable('i64', 0);
          // The quotient is to have 64 bits.
          b.when(x.significand.geU(y.significand), () => {
            dividend.set(x.significand.shrU(1));
            below.set(x.significand.shl(63));
            exponent.set(exponent.value.add(1));
          });
          const [high, middle] = digit(b, b.let(dividend.value), b.let(below.value.shrU(32)), y.significand);
          const [low, rest] = digit(b, middle, b.let(low32(below.value)), y.significand);
          const quotient = b.let(high.shl(32).or(low));
          // What lies below in relation to a half: more, less, exactly, nothing.
          const gap = b.let(y.significand.sub(rest));
          const lower = rest.gtU(gap).select(i64(TOP_BIT | 1n), rest.eq(gap).select(i64(TOP_BIT), rest.ne(0).i64()));
          done.set(finish(b, n!, sign, exponent.value, quotient, b.let(lower)));
        },
        () =>
          b.when(isZero(x), () => {
            exactly(b, n!, { significand: i64(0), head: sign });
            done.set(1);
          })
      )
    );
    return done.value;
  }
};

/** Register n := its square root, a bit at a time; what it needs never overflows. */
export const SQRT80: Routine = {
  name: 'floatx80_sqrt',
  params: ['i32'],
  result: 'i32',
  body(b, n) {
    const x = register(b, n!);
    const done = b.variable('i32', 0);
    b.when(isNormal(x).and(x.head.ltU(SIGN)), () => {
      // The radicand is the significand × 2^63 or 2^64, whichever leaves an even exponent: the root has 64 bits.
      const even = b.let(x.head.and(1));
      const upper = b.variable('i64', even.select(x.significand.shrU(1), x.significand));
      const lower = b.variable('i64', even.select(x.significand.shl(63), 0));
      const root = b.variable('i64', 0);
      // At most twice the root: 65 bits.
      const rest = b.variable('i64', 0);
      const restHigh = b.variable('i32', 0);
      const left = b.variable('i32', 64);
      b.loop((_again, leaveLoop) => {
        restHigh.set(restHigh.value.shl(2).or(rest.value.shrU(62).i32()));
        rest.set(rest.value.shl(2).or(upper.value.shrU(62)));
        upper.set(upper.value.shl(2).or(lower.value.shrU(62)));
        lower.set(lower.value.shl(2));
        const trial = b.let(root.value.shl(2).or(1));
        const trialHigh = b.let(root.value.shrU(62).i32());
        const same = restHigh.value.eq(trialHigh);
        root.set(root.value.shl(1));
        b.when(restHigh.value.gtU(trialHigh).or(same.and(rest.value.geU(trial))), () => {
          restHigh.set(restHigh.value.sub(trialHigh).sub(rest.value.ltU(trial)));
          rest.set(rest.value.sub(trial));
          root.set(root.value.or(1));
        });
        left.set(left.value.sub(1));
        b.when(left.value.eqz(), leaveLoop);
      });
      // Above the half lies what remains if it is more than the root; it is never the half.
      const more = restHigh.value.or(rest.value.gtU(root.value));
      const some = rest.value.or(restHigh.value.i64()).ne(0).i64();
      const below = b.let(more.select(i64(TOP_BIT | 1n), some));
      done.set(finish(b, n!, i32(0), b.let(x.head.add(BIAS).shrU(1)), b.let(root.value), below));
    });
    return done.value;
  }
};
