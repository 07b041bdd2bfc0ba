/**
 * x87 instructions, D8 to DF and FWAIT: the fast way for what is usual, and elsewhere the exact one, in
 * `tcg/fpu_helper.ts` and its neighbours. SDM 1, chapter 8.
 */
import { EXCP, FLAG, HF } from '../../env.ts';
import * as calls from '../../tcg/fpu_calls.ts';
import { i32, i64, type Backend, type Helper, type Routine, type Semantics, type Value } from '../backend.ts';
import type { Size } from '../insn.ts';
import {
  ADD80,
  clearC1,
  DIV80,
  empty,
  MUL80,
  SQRT80,
  ordinary,
  physical,
  setRegister,
  usualControl,
  type Float80
} from './x87-fast.ts';
import { NARROW, relation, ROUND80, TO_INTEGER } from './x87-convert.ts';
import {
  control,
  formatOf,
  instruction,
  isMemory,
  memory,
  memorySource,
  operandOf,
  orElse,
  pushing,
  registerSource,
  waitForX87
} from './x87-operands.ts';

/** Bits of the status word, and the sign of a float's upper 16 bits. */
const ES = 0x80;
const C0 = 0x100;
const C1 = 0x200;
const C3 = 0x4000;
const CODES = 0x4700;
const EXCEPTIONS = 0x3f;
const SIGN = 0x8000;
const { OPERATIONS } = calls;

/** Register `n` := itself op source: 1 if it was done. */
function computed(b: Backend, name: (typeof OPERATIONS)[number], n: Value, { significand, head }: Float80): Value {
  switch (name) {
    case 'add':
      return b.call(ADD80, n, 0, significand, head);
    case 'sub':
      return b.call(ADD80, n, 0, significand, head.xor(SIGN));
    case 'subr':
      return b.call(ADD80, n, SIGN, significand, head);
    case 'mul':
      return b.call(MUL80, n, significand, head);
    case 'div':
      return b.call(DIV80, n, significand, head, 0);
    case 'divr':
      return b.call(DIV80, n, significand, head, 1);
  }
}
const arithmetic = (name: (typeof OPERATIONS)[number], integer = false, pops = 0): Semantics =>
  instruction((b) => {
    const operation = OPERATIONS.indexOf(name);
    const [dst, src] = isMemory(b) ? [i32(0), i32(0)] : [b.index(operandOf(b, 0)), b.index(operandOf(b, 1))];
    const operand = isMemory(b) ? memory(b, integer) : undefined;
    const { float, ok } = operand ? memorySource(b, integer, operand.bits) : registerSource(b, src);
    const n = physical(b, dst);
    orElse(
      b,
      usualControl(b).and(empty(b, n).eqz()).and(ok),
      () => computed(b, name, n, float),
      pops,
      () => {
        if (operand) b.call(calls.arithmeticMemory, operation, operand.format, operand.bits);
        else b.call(calls.arithmetic, operation, dst, src, pops);
      }
    );
  });

/** FCOM and its like. */
const comparison = (pops: number, { quiet = 0, integer = false } = {}): Semantics =>
  instruction((b) => {
    const operand = isMemory(b) ? memory(b, integer) : undefined;
    const i = operand ? i32(0) : pops === 2 ? i32(1) : b.index(operandOf(b, 1));
    const other = operand ? memorySource(b, integer, operand.bits) : registerSource(b, i);
    const own = registerSource(b, 0);
    orElse(
      b,
      own.ok.and(other.ok).and(ordinary(own.float)).and(ordinary(other.float)),
      () => {
        const order = relation(b, own.float, other.float);
        const codes = order.eq(2).select(i32(C3), order.eq(1).select(i32(C0), 0));
        b.setEnv('fpus', b.env('fpus').and(~CODES).or(codes));
      },
      pops,
      () => {
        if (operand) b.call(calls.fcomMemory, operand.format, operand.bits, pops);
        else b.call(calls.fcom, i, quiet, pops);
      }
    );
  });
/** FCOMI and its like. */
const comparisonFlags = (quiet: number, pops: number): Semantics =>
  instruction((b) => {
    const i = b.index(operandOf(b, 1));
    const [own, other] = [registerSource(b, 0), registerSource(b, i)];
    // OF, SF and AF are cleared (SDM 1, 8.3.6.1; QEMU keeps them).
    const flags = b.variable('i32', 0);
    orElse(
      b,
      own.ok.and(other.ok).and(ordinary(own.float)).and(ordinary(other.float)),
      () => {
        const order = relation(b, own.float, other.float);
        flags.set(order.eq(2).select(i32(FLAG.ZF), order.eq(1)));
      },
      pops,
      () => flags.set(b.call(calls.fcomi, i, quiet, pops))
    );
    b.setFlags('EFLAGS', 4, { src: flags.value });
  });

const conditionalMove = (holds: (b: Backend) => Value): Semantics =>
  instruction((b) => {
    const condition = b.let(holds(b));
    b.call(calls.fcmov, b.index(operandOf(b, 1)), condition);
  });
const CONDITIONS: Readonly<Record<string, (b: Backend) => Value>> = {
  b: (b) => b.flag('C'),
  e: (b) => b.flag('Z'),
  be: (b) => b.flag('C').or(b.flag('Z')),
  u: (b) => b.flag('P')
};

const fld: Semantics = instruction((b) => {
  const operand = operandOf(b);
  if (operand.kind === 'st') {
    const i = b.index(operand);
    const { float, ok } = registerSource(b, i);
    return pushing(
      b,
      ok,
      () => float,
      () => void b.call(calls.fldSt, i)
    );
  }
  if (operand.bytes === 10) {
    const linear = b.let(b.linear(operand));
    const [significand, head] = [b.let(b.load(linear, 8)), b.let(b.load(linear.add(8), 2))];
    return pushing(
      b,
      i32(1),
      () => ({ significand, head }),
      () => void b.call(calls.fld80, significand, head)
    );
  }
  const { format, bits } = memory(b, false);
  const { float, ok } = memorySource(b, false, bits);
  pushing(
    b,
    ok,
    () => float,
    () => void b.call(calls.fldMemory, format, bits)
  );
});
const fild: Semantics = instruction((b) => {
  const { format, bits } = memory(b, true);
  const { float, ok } = memorySource(b, true, bits);
  pushing(
    b,
    ok,
    () => float,
    () => void b.call(calls.fldMemory, format, bits)
  );
});
const constant = (name: 'fld1' | 'fldz', float: Float80): Semantics =>
  instruction((b) =>
    pushing(
      b,
      i32(1),
      () => float,
      () => void b.call(calls.constants[name])
    )
  );

/** Stores what a narrowing routine left, unless it gave up. */
function storing(b: Backend, flags: Value, pops: number, slow: (linear: Value) => void): void {
  const operand = operandOf(b);
  const met = b.let(flags);
  const linear = b.let(b.linear(operand));
  const bytes = operand.bytes as Size;
  orElse(
    b,
    met.geS(0),
    () => {
      const bits = b.env('scratch');
      b.store(linear, bytes, bytes === 8 ? bits : bits.i32());
      b.setEnv('fpus', b.env('fpus').and(~C1).or(met));
    },
    pops,
    () => slow(linear)
  );
}
const storeFloat = (pops: number): Semantics =>
  instruction((b) => {
    const operand = operandOf(b);
    if (operand.kind === 'st') {
      const i = b.index(operand);
      const { float, ok } = registerSource(b, 0);
      const copy = (): void => {
        setRegister(b, physical(b, i), float);
        clearC1(b);
      };
      orElse(b, ok, copy, pops, () => void b.call(calls.fstSt, i, pops));
    } else if (operand.bytes === 10) {
      const linear = b.let(b.linear(operand));
      const { float, ok } = registerSource(b, 0);
      const store = (): void => {
        b.store(linear.add(8), 2, float.head);
        b.store(linear, 8, float.significand);
        clearC1(b);
      };
      orElse(b, ok, store, pops, () => void b.call(calls.fstp80, linear));
    } else {
      const format = formatOf(operand, false);
      const flags = b.call(NARROW[operand.bytes === 4 ? 32 : 64]);
      storing(b, flags, pops, (linear) => void b.call(calls.fstFloat, format, linear, pops));
    }
  });
const storeInteger = (truncate: number, pops: number): Semantics =>
  instruction((b) => {
    const operand = operandOf(b);
    const flags = b.call(TO_INTEGER, 8 * operand.bytes, truncate);
    const format = formatOf(operand, true);
    storing(b, flags, pops, (linear) => void b.call(calls.fistInteger, format, truncate, linear, pops));
  });

const fxch: Semantics = instruction((b) => {
  const i = b.index(operandOf(b, 1));
  const [own, other] = [registerSource(b, 0), registerSource(b, i)];
  const swap = (): void => {
    setRegister(b, physical(b, 0), other.float);
    setRegister(b, physical(b, i), own.float);
    clearC1(b);
  };
  orElse(b, own.ok.and(other.ok), swap, 0, () => void b.call(calls.fxch, i));
});
/** FCHS, FABS. */
const signed = (helper: Helper, change: (head: Value) => Value): Semantics =>
  instruction((b) => {
    const { float, ok } = registerSource(b, 0);
    const set = (): void => {
      setRegister(b, physical(b, 0), { significand: float.significand, head: change(float.head) });
      clearC1(b);
    };
    orElse(b, ok, set, 0, () => void b.call(helper));
  });
/** FSQRT, FRNDINT. */
const unary = (helper: Helper, routine: Routine, allowed: (b: Backend) => Value): Semantics =>
  instruction((b) => {
    const n = physical(b, 0);
    const fast = allowed(b).and(empty(b, n).eqz());
    orElse(
      b,
      fast,
      () => b.call(routine, n),
      0,
      () => void b.call(helper)
    );
  });
/** FLDCW: what is pending may be masked by it, or no longer. */
const fldcw: Semantics = control((b) => {
  const value = b.read(operandOf(b));
  const pending = b.env('fpus').and(value.not()).and(EXCEPTIONS);
  orElse(
    b,
    pending.or(b.env('fpus').and(ES)).eqz(),
    () => b.setEnv('fpuc', value.and(0x1f7f).or(0x40)),
    0,
    () => void b.call(calls.fldcw, value)
  );
}, true);
const plain = (helper: Helper): Semantics => instruction((b) => void b.call(helper));

/** 16- or 32-bit layout by operand size; in 64-bit mode 32 bits as well. */
const environment = (helper: Helper, waits: boolean): Semantics =>
  control((b) => void b.call(helper, b.linear(operandOf(b)), b.shape.size === 2 ? 0 : 1), waits);

const statusWord = (b: Backend): Value => b.env('fpus').or(b.env('fpstt').shl(11));
const nothing: Semantics = control(() => undefined);

export const x87: Readonly<Record<string, Semantics>> = {
  ...Object.fromEntries(
    OPERATIONS.flatMap((name): [string, Semantics][] => [
      [`f${name}`, arithmetic(name)],
      [`f${name}p`, arithmetic(name, false, 1)],
      [`fi${name}`, arithmetic(name, true)]
    ])
  ),
  fcom: comparison(0),
  fcomp: comparison(1),
  fcompp: comparison(2),
  fucom: comparison(0, { quiet: 1 }),
  fucomp: comparison(1, { quiet: 1 }),
  fucompp: comparison(2, { quiet: 1 }),
  ficom: comparison(0, { integer: true }),
  ficomp: comparison(1, { integer: true }),
  fcomi: comparisonFlags(0, 0),
  fcomip: comparisonFlags(0, 1),
  fucomi: comparisonFlags(1, 0),
  fucomip: comparisonFlags(1, 1),
  ...Object.fromEntries(
    Object.entries(CONDITIONS).flatMap(([name, holds]): [string, Semantics][] => [
      [`fcmov${name}`, conditionalMove(holds)],
      [`fcmovn${name}`, conditionalMove((b) => holds(b).eqz())]
    ])
  ),

  fld,
  fild,
  fbld: instruction((b) => void b.call(calls.fbld, b.linear(operandOf(b)))),
  fst: storeFloat(0),
  fstp: storeFloat(1),
  fist: storeInteger(0, 0),
  fistp: storeInteger(0, 1),
  fisttp: storeInteger(1, 1),
  fbstp: instruction((b) => void b.call(calls.fbstp, b.linear(operandOf(b)))),
  fxch,
  ffree: instruction((b) => void b.call(calls.ffree, b.index(operandOf(b)), 0)),
  ffreep: instruction((b) => void b.call(calls.ffree, b.index(operandOf(b)), 1)),
  ...Object.fromEntries(
    Object.entries({ ...calls.plain, ...calls.constants }).map(([name, helper]) => [name, plain(helper)])
  ),
  fsqrt: unary(calls.plain.fsqrt, SQRT80, usualControl),
  frndint: unary(calls.plain.frndint, ROUND80, () => i32(1)),
  fchs: signed(calls.plain.fchs, (head) => head.xor(SIGN)),
  fabs: signed(calls.plain.fabs, (head) => head.and(SIGN - 1)),
  fld1: constant('fld1', { significand: i64(1n << 63n), head: i32(0x3fff) }),
  fldz: constant('fldz', { significand: i64(0), head: i32(0) }),

  fnop: control(() => undefined, true),
  fneni: nothing,
  fndisi: nothing,
  fnsetpm: nothing,
  fwait: (b) => {
    b.when(
      b
        .hflags()
        .and(HF.MP | HF.TS)
        .eq(HF.MP | HF.TS),
      () => b.raise(EXCP.NM)
    );
    waitForX87(b);
  },
  fnclex: control((b) => void b.call(calls.control.fnclex)),
  fninit: control((b) => void b.call(calls.control.fninit)),
  fldcw,
  fnstcw: control((b) => b.write(operandOf(b), b.env('fpuc'))),
  fnstsw: control((b) => b.write(operandOf(b), statusWord(b), 2)),
  fldenv: environment(calls.fldenv, true),
  fnstenv: environment(calls.fnstenv, false),
  frstor: environment(calls.frstor, true),
  fnsave: environment(calls.fnsave, false)
};
