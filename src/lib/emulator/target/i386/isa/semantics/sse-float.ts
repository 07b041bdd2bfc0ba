/**
 * SSE to SSE4.1 floating-point arithmetic and comparisons, their VEX forms, FMA3. Each tries what `float-fast.ts` allows,
 * and otherwise calls the exact operation in `tcg/ops_sse.ts`. SDM 1, chapters 10, 11 and 14.
 */
import { arithmetic as exactly, comis, dotProducts, estimates, FMA, fusedOperations } from '../../tcg/ops_sse.ts';
import {
  i32,
  lane,
  op,
  shuffle,
  type Backend,
  type Helper,
  type OperandShape,
  type Routine,
  type Semantics,
  type Value
} from '../backend.ts';
import {
  ATTEMPTS,
  comparable,
  exact,
  KITS,
  nearest,
  ordinary,
  settled,
  summed,
  usual,
  type Attempt,
  type Attempted,
  type Kit
} from './float-fast.ts';
import { FMA_FAST } from './fma-fast.ts';
import { attempt, bytesOf, halvesOf, inputsOf, put, slowly, write, writePacked } from './float-operands.ts';
import { halves, immediateOf, needsSse, readHalf, ZERO } from './vector.ts';

type Form = keyof typeof KITS;
const FORMS: readonly Form[] = ['ps', 'pd', 'ss', 'sd'];
const precisionOf = (form: Form): 's' | 'd' => (form === 'ps' || form === 'ss' ? 's' : 'd');

/** Where "inexact" has not been met yet, results that are exact still need no help. */
function whileUnsettled(name: Attempted, form: 'ss' | 'sd'): Routine {
  const k = KITS[form];
  return {
    name: `${name}${form}_exact`,
    params: [k.type, k.type],
    result: k.type,
    body(b, x, y) {
      const tried = ATTEMPTS[name](b, k, x!, y!);
      const allowed = nearest(b).and(exact(name, k, tried.result, x!, y!));
      const helper = exactly[precisionOf(form)][name]!;
      return attempt(b, [tried], allowed, () => slowly(b, helper, [[x, y]], k.type, 1))[0];
    }
  };
}

/** ADD, SUB, MUL, DIV, SQRT. */
function arithmetic(name: Attempted, form: Form): Semantics {
  const k = KITS[form];
  const helper = exactly[precisionOf(form)][name]!;
  const routine = form === 'ss' || form === 'sd' ? whileUnsettled(name, form) : undefined;
  return (b) => {
    needsSse(b);
    const inputs = inputsOf(b, k);
    const tried = inputs.map(([x, y]) => ATTEMPTS[name](b, k, x, y));
    const slow = (): Value[] =>
      routine ? [b.let(b.call(routine, ...inputs[0]!))] : slowly(b, helper, inputs, k.type, k.lanes);
    write(b, k, attempt(b, tried, usual(b), slow));
  };
}

/** HADD, HSUB: neighbours of A, then of B. */
function horizontal(name: 'add' | 'sub', form: 'ps' | 'pd'): Semantics {
  const k = KITS[form];
  const size = k.width / 8;
  const pick = (x: Value, y: Value, odd: number): Value =>
    shuffle(
      x,
      y,
      Array.from({ length: 16 }, (_, i) => (Math.floor(i / size) * 2 + odd) * size + (i % size))
    );
  return (b) => {
    needsSse(b);
    const inputs = inputsOf(b, k).map(([x, y]) => [b.let(pick(x, y, 0)), b.let(pick(x, y, 1))] as const);
    const tried = inputs.map(([x, y]) => ATTEMPTS[name](b, k, x, y));
    const helper = exactly[precisionOf(form)][name]!;
    write(
      b,
      k,
      attempt(b, tried, usual(b), () => slowly(b, helper, inputs, k.type, k.lanes))
    );
  };
}

/** ADDSUB: differences in even elements, sums in odd ones. */
function alternating(form: 'ps' | 'pd'): Semantics {
  const k = KITS[form];
  const size = k.width / 8;
  const odd = Array.from({ length: 16 }, (_, i) => (Math.floor(i / size) & 1 ? i + 16 : i));
  return (b) => {
    needsSse(b);
    const inputs = inputsOf(b, k);
    const tried = inputs.map(([x, y]) =>
      summed(b, k, shuffle(k.compute('sub', x, y), k.compute('add', x, y), odd), x, y)
    );
    const helper = exactly[precisionOf(form)]['addsub']!;
    write(
      b,
      k,
      attempt(b, tried, usual(b), () => slowly(b, helper, inputs, k.type, k.lanes))
    );
  };
}

/** What depends on the order of comparable operands only: no rounding, no flags. */
function ordered(
  form: Form,
  name: string,
  compute: (b: Backend, k: Kit, x: Value, y: Value, imm: Value) => Value
): Semantics {
  const k = KITS[form];
  const helper = exactly[precisionOf(form)][name]!;
  return (b) => {
    needsSse(b);
    // Legacy forms look at three bits of the predicate.
    const imm = b.shape.vex ? immediateOf(b) : immediateOf(b).and(7);
    const inputs = inputsOf(b, k);
    const tried = inputs.map(([x, y]) => ({
      result: compute(b, k, x, y, imm),
      ok: comparable(k, x).and(comparable(k, y))
    }));
    write(
      b,
      k,
      attempt(b, tried, i32(1), () => slowly(b, helper, inputs, k.type, k.lanes, imm))
    );
  };
}

/** Of comparable operands, all 32 predicates come down to =, <, ≤, false, and their opposites. */
function predicate(_b: Backend, k: Kit, x: Value, y: Value, imm: Value): Value {
  const wide = (bit: Value): Value => {
    const mask = i32(0).sub(bit.and(1));
    return k.splat(k.width === 64 ? mask.i64S() : mask);
  };
  const bitwise = (name: 'and' | 'or' | 'xor', p: Value, q: Value): Value =>
    k.type === 'v128' ? op(`v128.${name}`, p, q) : p[name](q);
  const equal = bitwise('and', k.compare('eq', x, y), wide(imm.not()));
  const less = bitwise('and', k.compare('lt', x, y), wide(imm.xor(imm.shrU(1))));
  return bitwise('xor', bitwise('or', equal, less), wide(imm.shrU(2)));
}

/** ROUND: by bits 0 and 1 of the immediate, or as MXCSR says. */
function rounding(form: Form): Semantics {
  const k = KITS[form];
  const helper = exactly[precisionOf(form)]['round']!;
  return (b) => {
    needsSse(b);
    const imm = immediateOf(b);
    const inputs = inputsOf(b, k);
    const byMxcsr = imm.and(4);
    const mode = b.let(byMxcsr.select(i32(0), imm.and(3)));
    const tried = inputs.map(([, y]): Attempt => {
      const chosen = b.variable(k.type, k.type === 'v128' ? ZERO : 0);
      b.when(mode.eqz(), () => chosen.set(k.compute('nearest', y)));
      b.when(mode.eq(1), () => chosen.set(k.compute('floor', y)));
      b.when(mode.eq(2), () => chosen.set(k.compute('ceil', y)));
      b.when(mode.eq(3), () => chosen.set(k.compute('trunc', y)));
      const result = b.let(chosen.value);
      return {
        result,
        ok: ordinary(k, y).and(
          imm
            .and(8)
            .ne(0)
            .or(settled(b))
            .or(k.all(k.compare('eq', result, y)))
        )
      };
    });
    const allowed = byMxcsr.eqz().or(nearest(b));
    write(
      b,
      k,
      attempt(b, tried, allowed, () => slowly(b, helper, inputs, k.type, k.lanes, imm))
    );
  };
}

/** What has no fast form: one operand or two, the same number of bits in and out. */
function plain(helper: Helper, form: Form): Semantics {
  const k = KITS[form];
  return (b) => {
    needsSse(b);
    const imm = immediateOf(b);
    write(b, k, slowly(b, helper, inputsOf(b, k), k.type, k.lanes, imm));
  };
}

/** (U)COMISS, (U)COMISD: OF, SF and AF are cleared. */
function comparingFlags(name: keyof typeof comis, form: 'ss' | 'sd'): Semantics {
  const k = KITS[form];
  return (b) => {
    needsSse(b);
    const [[x, y]] = inputsOf(b, k) as [readonly [Value, Value]];
    const flags = b.variable('i32');
    b.when(
      ordinary(k, x).and(ordinary(k, y)),
      () =>
        flags.set(
          k
            .compare('lt', x, y)
            .and(1)
            .i32()
            .or(k.compare('eq', x, y).and(0x40).i32())
        ),
      () => {
        put(b, 0, 0, x);
        put(b, 1, 0, y);
        flags.set(b.call(comis[name]));
      }
    );
    b.setFlags('EFLAGS', 4, { src: flags.value });
  };
}

/** Element of a vector, or the scalar itself. */
const elementOf = (k: Kit, x: Value, i: number): Value =>
  k.type !== 'v128' ? x : lane(k.width === 32 ? 'i32x4.extract_lane' : 'i64x2.extract_lane', i, x);
/** Results that `FMA_FAST` left in `scratch` from an index on. */
function gathered(b: Backend, k: Kit, first: number): Value {
  const low = b.env('scratch', first);
  if (k.type === 'i64') return low;
  if (k.type === 'i32') return low.i32();
  if (k.width === 64) return halves(low, b.env('scratch', first + 1));
  const pair = (i: number): Value => b.env('scratch', i).or(b.env('scratch', i + 1).shl(32));
  return halves(pair(first), pair(first + 2));
}
/** Tries all elements one by one; 1 if all went well. */
function fusedFast(b: Backend, k: Kit, form: Form, inputs: readonly (readonly Value[])[], imm: number): Value {
  const ok = b.variable('i32', 1);
  const sign = k.width === 32 ? 0x8000_0000 : 1n << 63n;
  inputs.forEach((operands, half) => {
    for (let i = 0; i < k.lanes; i++) {
      const [x, y, z] = operands.map((operand) => elementOf(k, operand, i)) as [Value, Value, Value];
      const alternate = (imm & FMA.ALTERNATE) !== 0 && (i & 1) === 1;
      const turnProduct = (imm & FMA.NEGATE_PRODUCT) !== 0;
      const turnAddend = ((imm & FMA.NEGATE_C) !== 0) !== alternate;
      b.when(ok.value, () =>
        ok.set(
          b.call(
            FMA_FAST[precisionOf(form)],
            turnProduct ? x.xor(sign) : x,
            y,
            turnAddend ? z.xor(sign) : z,
            half * k.lanes + i
          )
        )
      );
    }
  });
  return b.let(ok.value);
}

/** VFMADD and its like; `order` says which operand is which: 1 is the destination. */
function fused(order: '132' | '213' | '231', form: Form, imm: number): Semantics {
  const k = KITS[form];
  return (b) => {
    needsSse(b);
    const [destination, second, third] = b.operands as [OperandShape, OperandShape, OperandShape];
    const read = (operand: OperandShape, half: 0 | 1): Value =>
      k.type === 'v128' ? readHalf(b, operand, half) : b.read(operand, bytesOf(k));
    const parts = k.type === 'v128' ? halvesOf(destination) : ([0] as const);
    const thirds = parts.map((half) => read(third, half));
    const inputs = parts.map((half) => {
      const values = [read(destination, half), read(second, half), thirds[half]!];
      return Array.from(order, (digit) => values[Number(digit) - 1]!);
    });
    const results = inputs.map(() => b.variable(k.type));
    b.when(
      fusedFast(b, k, form, inputs, imm),
      () => results.forEach((result, half) => result.set(gathered(b, k, half * k.lanes))),
      () => {
        const exact = slowly(b, fusedOperations[precisionOf(form)], inputs, k.type, k.lanes, imm);
        results.forEach((result, half) => result.set(exact[half]!));
      }
    );
    const values = results.map(({ value }) => b.let(value));
    if (k.type === 'v128') return writePacked(b, destination, values);
    const name = k.width === 32 ? 'i32x4.replace_lane' : 'i64x2.replace_lane';
    b.writeVector(destination, lane(name, 0, b.readVector(destination), values[0]!));
  };
}
const FUSED = {
  vfmadd: 0,
  vfmsub: FMA.NEGATE_C,
  vfnmadd: FMA.NEGATE_PRODUCT,
  vfnmsub: FMA.NEGATE_PRODUCT | FMA.NEGATE_C,
  vfmaddsub: FMA.NEGATE_C | FMA.ALTERNATE,
  vfmsubadd: FMA.ALTERNATE
} as const;

/** One helper for each form, the operands as they are. */
const named = (prefix: string, forms: readonly Form[], make: (form: Form) => Semantics): [string, Semantics][] =>
  forms.map((form) => [prefix + form, make(form)]);

export const sseFloat: Readonly<Record<string, Semantics>> = Object.fromEntries([
  ...(['add', 'sub', 'mul', 'div', 'sqrt'] as const).flatMap((name) =>
    named(name, FORMS, (form) => arithmetic(name, form))
  ),
  ...(['min', 'max'] as const).flatMap((name) =>
    named(name, FORMS, (form) => ordered(form, name, (_b, k, x, y) => k.extreme(name, x, y)))
  ),
  ...named('cmp', FORMS, (form) => ordered(form, 'cmp', predicate)),
  ...named('round', FORMS, rounding),
  ...(['ps', 'pd'] as const).flatMap((form): [string, Semantics][] => [
    [`hadd${form}`, horizontal('add', form)],
    [`hsub${form}`, horizontal('sub', form)],
    [`addsub${form}`, alternating(form)],
    [`dp${form}`, plain(dotProducts[`dp${form}`], form)]
  ]),
  ...(['ss', 'sd'] as const).flatMap((form): [string, Semantics][] => [
    [`comi${form}`, comparingFlags(`comi${form}`, form)],
    [`ucomi${form}`, comparingFlags(`ucomi${form}`, form)]
  ]),
  ...(['ps', 'ss'] as const).flatMap((form): [string, Semantics][] => [
    [`rcp${form}`, plain(estimates.rcp, form)],
    [`rsqrt${form}`, plain(estimates.rsqrt, form)]
  ]),
  ...Object.entries(FUSED).flatMap(([name, imm]) =>
    (['132', '213', '231'] as const).flatMap((order) =>
      named(`${name}${order}`, FORMS, (form) => fused(order, form, imm))
    )
  )
]);
