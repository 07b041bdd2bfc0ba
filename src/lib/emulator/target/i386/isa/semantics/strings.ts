/** String instructions. SDM 2. The engine repeats; each iteration commits before the next begins. */
import { FLAG, R_EAX, R_EDI, R_ES, R_ESI } from '../../env.ts';
import type { Backend, Semantics } from '../backend.ts';
import type { Size } from '../insn.ts';
import type { Value } from '../value.ts';

const elementOf = (b: Backend): Size => b.operands.find(({ kind }) => kind === 'mem')!.bytes as Size;

const at = (b: Backend, register: number): Value => b.reg(register, b.shape.addressSize).i64();
const source = (b: Backend): Value => b.let(b.linearIn('operand', at(b, R_ESI)));
const destination = (b: Backend): Value => b.let(b.linearIn(R_ES, at(b, R_EDI)));

/** Moves index registers on by one element, the way EFLAGS.DF says. */
function advance(b: Backend, size: Size, ...registers: readonly number[]): void {
  const { addressSize } = b.shape;
  const step = b.variable('i64', size);
  b.when(b.env('eflags').and(FLAG.DF), () => step.set(-size));
  for (const register of registers) {
    const sum = at(b, register).add(step.value);
    b.setReg(register, addressSize, addressSize === 8 ? sum : sum.i32());
  }
}

const movs: Semantics = (b) => {
  const size = elementOf(b);
  b.repeat(() => {
    const value = b.load(source(b), size);
    b.store(destination(b), size, value);
    advance(b, size, R_ESI, R_EDI);
  });
};
const stos: Semantics = (b) => {
  const size = elementOf(b);
  b.repeat(() => {
    b.store(destination(b), size, b.reg(R_EAX, size));
    advance(b, size, R_EDI);
  });
};
const lods: Semantics = (b) => {
  const size = elementOf(b);
  b.repeat(() => {
    b.setReg(R_EAX, size, b.load(source(b), size));
    advance(b, size, R_ESI);
  });
};
const compare = (b: Backend, size: Size, left: Value, right: Value): void =>
  b.setFlags('SUB', size, { dst: b.let(left.sub(right)), src: right, src2: left });
const cmps: Semantics = (b) => {
  const size = elementOf(b);
  b.repeat(() => {
    // The second operand is read first, as processors and QEMU do: it shows in which page fault comes.
    const right = b.load(destination(b), size);
    const left = b.load(source(b), size);
    advance(b, size, R_ESI, R_EDI);
    compare(b, size, left, right);
  }, 'Z');
};
const scas: Semantics = (b) => {
  const size = elementOf(b);
  b.repeat(() => {
    const right = b.load(destination(b), size);
    advance(b, size, R_EDI);
    compare(b, size, b.reg(R_EAX, size), right);
  }, 'Z');
};

export const strings: Readonly<Record<string, Semantics>> = { movs, stos, lods, cmps, scas };
