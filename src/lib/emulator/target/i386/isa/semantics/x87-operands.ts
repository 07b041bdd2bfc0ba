/**
 * What x87 instructions have in common: what they wait for and leave behind, their operands, and the choice between the
 * code of `x87-fast.ts` and the exact calls. SDM 1, chapter 8; SDM 3A, 2.5 (CR0.EM, MP, TS).
 */
import { EXCP, HF, R_CS, R_DS } from '../../env.ts';
import { MEMORY_FORMATS, waitForX87 as wait } from '../../tcg/fpu_calls.ts';
import { i32, type Backend, type OperandShape, type Semantics, type Value } from '../backend.ts';
import { fromInteger, widened } from './x87-convert.ts';
import { clearC1, empty, physical, register, setRegister, type Float80 } from './x87-fast.ts';

const ES = 0x80;

/** #NM if the x87 is not there (CR0.EM) or its registers are another task's (CR0.TS). */
export function present(b: Backend): void {
  b.when(b.hflags().and(HF.EM | HF.TS), () => b.raise(EXCP.NM));
}
/** An exception that is pending and not masked: #MF, or the interrupt behind FERR#. */
export function waitForX87(b: Backend): void {
  b.when(b.env('fpus').and(ES), () => void b.call(wait));
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
export const instruction =
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
export const control =
  (run: (b: Backend) => void, waits = false): Semantics =>
  (b) => {
    present(b);
    if (waits) waitForX87(b);
    run(b);
  };

export const operandOf = (b: Backend, index = 0): OperandShape => b.operands[index]!;
export const isMemory = (b: Backend): boolean => b.operands[0]?.kind === 'mem';
/** The operand of 2, 4 or 8 bytes as i64, and its format as the helpers number it. */
export function memory(b: Backend, integer: boolean): { readonly format: number; readonly bits: Value } {
  const operand = operandOf(b);
  return { format: formatOf(operand, integer), bits: b.read(operand).i64() };
}
export function formatOf({ bytes }: OperandShape, integer: boolean): number {
  const name = integer ? (`m${8 * bytes}int` as const) : (`m${8 * bytes}` as const);
  return MEMORY_FORMATS.indexOf(name as (typeof MEMORY_FORMATS)[number]);
}

/** The register or memory operand as a float of 80 bits, and whether it is there and ordinary. */
interface Source {
  readonly float: Float80;
  readonly ok: Value;
}
export function memorySource(b: Backend, integer: boolean, bits: Value): Source {
  if (integer) {
    const bytes = operandOf(b).bytes;
    const extended = bytes === 8 ? bits : bytes === 4 ? bits.extend32S() : bits.extend16S();
    return { float: fromInteger(b, extended), ok: i32(1) };
  }
  const { ok, ...float } = widened(b, bits, operandOf(b).bytes === 4 ? 32 : 64);
  return { float, ok };
}
export function registerSource(b: Backend, i: Value | number): Source {
  const n = physical(b, i);
  return { float: register(b, n), ok: empty(b, n).eqz() };
}
/** Tries the fast way where it is allowed: then pops, or else calls the exact one, which pops by itself. */
export function orElse(b: Backend, allowed: Value, fast: () => Value | void, pops: number, slow: () => void): void {
  const done = b.variable('i32', 0);
  b.when(allowed, () => done.set(fast() ?? 1));
  b.when(
    done.value,
    () => {
      for (let i = 0; i < pops; i++) pop(b);
    },
    slow
  );
}
function pop(b: Backend): void {
  const top = b.env('fpstt');
  b.setEnv('fptags', 1, top);
  b.setEnv('fpstt', top.add(1).and(7));
}
/** Pushes where the register is free. */
export function pushing(b: Backend, allowed: Value, float: () => Float80, slow: () => void): void {
  const n = physical(b, 7);
  orElse(
    b,
    allowed.and(empty(b, n)),
    () => {
      setRegister(b, n, float());
      b.setEnv('fpstt', n);
      clearC1(b);
    },
    0,
    slow
  );
}
