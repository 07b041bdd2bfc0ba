/** Near control flow, BOUND, undefined opcodes. SDM 2. */
import { EXCP, R_ECX } from '../../env.ts';
import type { Backend, OperandShape, Semantics } from '../backend.ts';
import { signExtended } from '../flags.ts';
import type { Value } from '../value.ts';
import { sizeOf } from './arithmetic.ts';

const jmp: Semantics = (b) => {
  const [target] = b.operands as [OperandShape];
  if (target.kind === 'rel') b.jump(target);
  else b.jumpTo(b.let(b.read(target).i64()));
};

const call: Semantics = (b) => {
  const [target] = b.operands as [OperandShape];
  const { size } = b.shape;
  const next = size === 8 ? b.nextEip() : b.nextEip().i32();
  const eip = target.kind === 'rel' ? undefined : b.let(b.read(target).i64());
  b.push(next);
  if (eip) b.jumpTo(eip);
  else b.jump(target);
};

const ret: Semantics = (b) => {
  const { size } = b.shape;
  const [locals] = b.operands as [OperandShape?];
  const eip = b.stackTop().i64();
  b.addSp(locals ? b.read(locals, 2).i64().add(size) : size);
  b.jumpTo(eip);
};

const jcc: Semantics = (b) => b.branch(b.condition(), b.operands[0]!);

/** LOOP, LOOPE, LOOPNE count in rCX of the address size. */
const loop = (alsoWhile?: (b: Backend) => Value): Semantics => {
  return (b) => {
    const { addressSize } = b.shape;
    const count = b.let(b.reg(R_ECX, addressSize).sub(1));
    b.setReg(R_ECX, addressSize, count);
    const more = addressSize === 2 ? count.and(0xffff).ne(0) : count.ne(0);
    b.branch(alsoWhile ? more.and(alsoWhile(b)) : more, b.operands[0]!);
  };
};
const jcxz: Semantics = (b) => b.branch(b.reg(R_ECX, b.shape.addressSize).eqz(), b.operands[0]!);

const bound: Semantics = (b) => {
  const [index, pair] = b.operands as [OperandShape, OperandShape];
  const size = sizeOf(index);
  const value = signExtended(size, b.read(index));
  const [lower, upper] = [0, size].map((at) => b.let(signExtended(size, b.load(b.let(b.linear(pair, at)), size)))) as [
    Value,
    Value
  ];
  b.when(value.ltS(lower).or(value.gtS(upper)), () => b.raise(EXCP.BR));
};

const undefinedOpcode: Semantics = (b) => b.raise(EXCP.UD);

export const control: Readonly<Record<string, Semantics>> = {
  jmp,
  call,
  ret,
  jcc,
  loop: loop(),
  loope: loop((b) => b.flag('Z')),
  loopne: loop((b) => b.flag('Z').eqz()),
  jcxz,
  bound,
  ud0: undefinedOpcode,
  ud1: undefinedOpcode,
  ud2: undefinedOpcode,
  '(bad)': undefinedOpcode
};
