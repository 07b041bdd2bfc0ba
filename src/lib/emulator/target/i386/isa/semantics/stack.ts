/** PUSH, POP and their relatives, ENTER, LEAVE. SDM 2. */
import { R_EBP, R_ESP, R_SS } from '../../env.ts';
import type { Backend, OperandShape, Semantics } from '../backend.ts';
import type { Size } from '../insn.ts';
import type { Value } from '../value.ts';
import { loadSegment } from './segmentation.ts';

const push: Semantics = (b) => {
  const [operand] = b.operands as [OperandShape];
  const { size } = b.shape;
  if (operand.kind !== 'sreg') return b.push(b.read(operand, size));
  const selector = b.read(operand, 2);
  b.push(size === 8 ? selector.i64() : selector);
};

const pop: Semantics = (b) => {
  const [operand] = b.operands as [OperandShape];
  const { size } = b.shape;
  const value = b.stackTop();
  if (operand.kind === 'sreg') {
    loadSegment(b, b.index(operand), value);
    b.addSp(size);
  } else if (operand.kind === 'mem') {
    // An address with RSP in it counts with RSP as it is afterwards.
    b.addSp(size);
    const linear = b.let(b.linear(operand));
    b.addSp(-size);
    b.store(linear, size, value);
    b.addSp(size);
  } else {
    b.addSp(size);
    b.write(operand, value, size);
  }
};

/** Order of PUSHA: EAX ECX EDX EBX ESP EBP ESI EDI. */
const pusha: Semantics = (b) => {
  const { size } = b.shape;
  const values = Array.from({ length: 8 }, (_, index) => b.reg(index, size));
  values.forEach((value, index) => b.store(stackAt(b, -size * (index + 1)), size, value));
  b.addSp(-size * 8);
};
const popa: Semantics = (b) => {
  const { size } = b.shape;
  const values = Array.from({ length: 8 }, (_, slot) => b.stackTop(size, size * slot));
  b.addSp(size * 8);
  values.forEach((value, slot) => {
    if (7 - slot !== R_ESP) b.setReg(7 - slot, size, value);
  });
};

/** Part of a register that is a stack pointer, as an offset. */
const pointer = (b: Backend, register: number): Value => b.reg(register, b.shape.stackSize).i64();
/** Linear address of an offset in the stack segment. */
function onStack(b: Backend, offset: Value): Value {
  const { stackSize } = b.shape;
  return b.linearIn(R_SS, stackSize === 8 ? offset : offset.and(stackSize === 4 ? 0xffff_ffff : 0xffff));
}
const stackAt = (b: Backend, displacement: number): Value => b.let(onStack(b, pointer(b, R_ESP).add(displacement)));

const setStackPointer = (b: Backend, register: number, offset: Value): void =>
  b.setReg(register, b.shape.stackSize, b.shape.stackSize === 8 ? offset : offset.i32());
const narrow = (size: Size, offset: Value): Value => (size === 8 ? offset : offset.i32());

const leave: Semantics = (b) => {
  const { size } = b.shape;
  const base = b.let(pointer(b, R_EBP));
  const value = b.load(onStack(b, base), size);
  setStackPointer(b, R_ESP, base.add(size));
  b.setReg(R_EBP, size, value);
};

/** A frame with copies of the pointers to the enclosing ones. QEMU gen_enter. */
const enter: Semantics = (b) => {
  const [locals, depth] = b.operands as [OperandShape, OperandShape];
  const { size } = b.shape;
  const level = b.let(b.read(depth, 1).and(31));
  const frame = b.let(pointer(b, R_ESP).sub(size));
  b.store(onStack(b, frame), size, b.reg(R_EBP, size));
  const at = b.variable('i64', frame);
  b.when(level.ne(0), () => {
    const outer = b.variable('i64', pointer(b, R_EBP));
    const left = b.variable('i32', level);
    b.loop((_again, done) => {
      left.set(left.value.sub(1));
      b.when(left.value.eqz(), done);
      outer.set(outer.value.sub(size));
      at.set(at.value.sub(size));
      const link = b.load(onStack(b, outer.value), size);
      b.store(onStack(b, at.value), size, link);
    });
    at.set(at.value.sub(size));
    b.store(onStack(b, at.value), size, narrow(size, frame));
  });
  const top = b.let(at.value.sub(b.read(locals, 2).i64()));
  // The new top of the stack has to be writable.
  b.update(onStack(b, top), size);
  setStackPointer(b, R_ESP, top);
  b.setReg(R_EBP, size, narrow(size, frame));
};

export const stack: Readonly<Record<string, Semantics>> = { push, pop, pusha, popa, enter, leave };
