/**
 * x87 instructions, D8 to DF and FWAIT. The work is done in `tcg/fpu_helper.ts` and its neighbours; here is what each
 * instruction waits for, reads, and tells of itself. SDM 1, chapter 8; SDM 3A, 2.5 (CR0.EM, MP, TS).
 */
import { EXCP, HF, R_CS, R_DS } from '../../env.ts';
import * as calls from '../../tcg/fpu_calls.ts';
import type { Backend, Helper, OperandShape, Semantics } from '../backend.ts';
import type { Value } from '../value.ts';

const ES = 0x80;
const { MEMORY_FORMATS, OPERATIONS } = calls;

/** #NM if the x87 is not there (CR0.EM) or its registers are another task's (CR0.TS). */
function present(b: Backend): void {
  b.when(b.hflags().and(HF.EM | HF.TS), () => b.raise(EXCP.NM));
}
/** An exception that is pending and not masked: #MF, or the interrupt behind FERR#. */
export function waitForX87(b: Backend): void {
  b.when(b.env('fpus').and(ES), () => void b.call(calls.waitForX87));
}

/** What most instructions begin with. */
function begin(b: Backend): void {
  present(b);
  waitForX87(b);
}
/** What they leave: where the instruction was, and its operand. The opcode is not kept, as in QEMU. */
function leavePointers(b: Backend, operand?: OperandShape): void {
  b.setEnv('fpip', b.eip());
  b.setEnv('fpcs', b.env('seg_selector', R_CS));
  if (operand?.kind !== 'mem') return;
  b.setEnv('fpdp', b.effectiveAddress(operand));
  b.setEnv('fpds', b.env('seg_selector', R_DS));
}
/** An instruction that waits, may have a memory operand, and is remembered. */
const instruction =
  (run: (b: Backend) => void): Semantics =>
  (b) => {
    begin(b);
    run(b);
    leavePointers(
      b,
      b.operands.find(({ kind }) => kind === 'mem')
    );
  };
/** An instruction of the control group. */
const control =
  (run: (b: Backend) => void, waits = false): Semantics =>
  (b) => {
    present(b);
    if (waits) waitForX87(b);
    run(b);
  };

const operandOf = (b: Backend, index = 0): OperandShape => b.operands[index]!;
const isMemory = (b: Backend): boolean => b.operands[0]?.kind === 'mem';
/** The operand of 2, 4 or 8 bytes as i64, and its format as the helpers number it. */
function memory(b: Backend, integer: boolean): { readonly format: number; readonly bits: Value } {
  const operand = operandOf(b);
  return { format: formatOf(operand, integer), bits: b.read(operand).i64() };
}
function formatOf({ bytes }: OperandShape, integer: boolean): number {
  const name = integer ? (`m${8 * bytes}int` as const) : (`m${8 * bytes}` as const);
  return MEMORY_FORMATS.indexOf(name as (typeof MEMORY_FORMATS)[number]);
}

const arithmetic = (name: (typeof OPERATIONS)[number], pops = 0): Semantics =>
  instruction((b) => {
    const operation = OPERATIONS.indexOf(name);
    if (isMemory(b)) {
      const { format, bits } = memory(b, false);
      b.call(calls.arithmeticMemory, operation, format, bits);
    } else b.call(calls.arithmetic, operation, b.index(operandOf(b, 0)), b.index(operandOf(b, 1)), pops);
  });
const arithmeticInteger = (name: (typeof OPERATIONS)[number]): Semantics =>
  instruction((b) => {
    const { format, bits } = memory(b, true);
    b.call(calls.arithmeticMemory, OPERATIONS.indexOf(name), format, bits);
  });

const comparison = (pops: number, quiet = 0): Semantics =>
  instruction((b) => {
    if (isMemory(b)) {
      const { format, bits } = memory(b, false);
      b.call(calls.fcomMemory, format, bits, pops);
    } else b.call(calls.fcom, pops === 2 ? 1 : b.index(operandOf(b, 1)), quiet, pops);
  });
const comparisonInteger = (pops: number): Semantics =>
  instruction((b) => {
    const { format, bits } = memory(b, true);
    b.call(calls.fcomMemory, format, bits, pops);
  });
const comparisonFlags = (quiet: number, pops: number): Semantics =>
  instruction((b) => {
    // OF, SF and AF are cleared (SDM 1, 8.3.6.1; QEMU keeps them).
    b.setFlags('EFLAGS', 4, { src: b.call(calls.fcomi, b.index(operandOf(b, 1)), quiet, pops) });
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

const storeFloat = (pops: number): Semantics =>
  instruction((b) => {
    const operand = operandOf(b);
    if (operand.kind === 'st') b.call(calls.fstSt, b.index(operand), pops);
    else if (operand.bytes === 10) b.call(calls.fstp80, b.linear(operand));
    else b.call(calls.fstFloat, formatOf(operand, false), b.linear(operand), pops);
  });
const storeInteger = (truncate: number, pops: number): Semantics =>
  instruction((b) => {
    const operand = operandOf(b);
    b.call(calls.fistInteger, formatOf(operand, true), truncate, b.linear(operand), pops);
  });
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
      [`f${name}p`, arithmetic(name, 1)],
      [`fi${name}`, arithmeticInteger(name)]
    ])
  ),
  fcom: comparison(0),
  fcomp: comparison(1),
  fcompp: comparison(2),
  fucom: comparison(0, 1),
  fucomp: comparison(1, 1),
  fucompp: comparison(2, 1),
  ficom: comparisonInteger(0),
  ficomp: comparisonInteger(1),
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

  fld: instruction((b) => {
    const operand = operandOf(b);
    if (operand.kind === 'st') b.call(calls.fldSt, b.index(operand));
    else if (operand.bytes === 10) b.call(calls.fld80, b.linear(operand));
    else {
      const { format, bits } = memory(b, false);
      b.call(calls.fldMemory, format, bits);
    }
  }),
  fild: instruction((b) => {
    const { format, bits } = memory(b, true);
    b.call(calls.fldMemory, format, bits);
  }),
  fbld: instruction((b) => void b.call(calls.fbld, b.linear(operandOf(b)))),
  fst: storeFloat(0),
  fstp: storeFloat(1),
  fist: storeInteger(0, 0),
  fistp: storeInteger(0, 1),
  fisttp: storeInteger(1, 1),
  fbstp: instruction((b) => void b.call(calls.fbstp, b.linear(operandOf(b)))),
  fxch: instruction((b) => void b.call(calls.fxch, b.index(operandOf(b, 1)))),
  ffree: instruction((b) => void b.call(calls.ffree, b.index(operandOf(b)), 0)),
  ffreep: instruction((b) => void b.call(calls.ffree, b.index(operandOf(b)), 1)),
  ...Object.fromEntries(Object.entries(calls.plain).map(([name, helper]) => [name, plain(helper)])),

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
  fldcw: control((b) => void b.call(calls.fldcw, b.read(operandOf(b))), true),
  fnstcw: control((b) => b.write(operandOf(b), b.env('fpuc'))),
  fnstsw: control((b) => b.write(operandOf(b), statusWord(b), 2)),
  fldenv: environment(calls.fldenv, true),
  fnstenv: environment(calls.fnstenv, false),
  frstor: environment(calls.frstor, true),
  fnsave: environment(calls.fnsave, false)
};
