/** ADD to CMP, INC, DEC, NEG, NOT, TEST, XADD, CMPXCHG, CMPXCHG8B, CMPXCHG16B, CMPccXADD. SDM 2. */
import { EXCP, FLAG, R_EAX, R_EBX, R_ECX, R_EDX } from '../../env.ts';
import type { Backend, FlagRule, OperandShape, Semantics } from '../backend.ts';
import type { Size } from '../insn.ts';
import { i32, type Value } from '../value.ts';

/** The carry in the type of an operation. */
export const carryIn = (b: Backend, size: Size): Value => {
  const carry = b.let(b.flag('C'));
  return size === 8 ? carry.i64() : carry;
};
export const sizeOf = (operand: OperandShape): Size => operand.bytes as Size;

/** destination ← destination ∘ source. */
function binary(
  rule: FlagRule,
  compute: (left: Value, right: Value, carry: Value) => Value,
  withCarry = false
): Semantics {
  return (b) => {
    const [destination, source] = b.operands as [OperandShape, OperandShape];
    const size = sizeOf(destination);
    const right = b.read(source, size);
    const target = b.rmw(destination);
    const carry = withCarry ? carryIn(b, size) : i32(0);
    const result = b.let(compute(target.value, right, carry));
    target.write(result);
    b.setFlags(rule, size, {
      dst: result,
      src: right,
      src2: rule === 'SUB' ? target.value : withCarry ? carry : undefined
    });
  };
}

const cmp: Semantics = (b) => {
  const [left, right] = b.operands as [OperandShape, OperandShape];
  const size = sizeOf(left);
  const src = b.read(right, size);
  const src2 = b.read(left);
  b.setFlags('SUB', size, { dst: b.let(src2.sub(src)), src, src2 });
};

const test: Semantics = (b) => {
  const [left, right] = b.operands as [OperandShape, OperandShape];
  const size = sizeOf(left);
  const mask = b.read(right, size);
  b.setFlags('LOGIC', size, { dst: b.let(b.read(left).and(mask)) });
};

const step = (rule: 'INC' | 'DEC'): Semantics => {
  return (b) => {
    const [operand] = b.operands as [OperandShape];
    const size = sizeOf(operand);
    const target = b.rmw(operand);
    const result = b.let(rule === 'INC' ? target.value.add(1) : target.value.sub(1));
    const carry = carryIn(b, size);
    target.write(result);
    b.setFlags(rule, size, { dst: result, src: carry });
  };
};

const neg: Semantics = (b) => {
  const [operand] = b.operands as [OperandShape];
  const target = b.rmw(operand);
  const result = b.let(target.value.neg());
  target.write(result);
  b.setFlags('SUB', sizeOf(operand), { dst: result, src: target.value, src2: 0 });
};

const not: Semantics = (b) => {
  const target = b.rmw(b.operands[0]!);
  target.write(target.value.not());
};

const xadd: Semantics = (b) => {
  const [destination, source] = b.operands as [OperandShape, OperandShape];
  const size = sizeOf(destination);
  const right = b.read(source);
  const target = b.rmw(destination);
  const result = b.let(target.value.add(right));
  // Where both are one register, the sum is what stays.
  b.write(source, target.value);
  target.write(result);
  b.setFlags('ADD', size, { dst: result, src: right });
};

const cmpxchg: Semantics = (b) => {
  const [destination, source] = b.operands as [OperandShape, OperandShape];
  const size = sizeOf(destination);
  const replacement = b.read(source);
  const target = b.rmw(destination);
  const accumulator = b.reg(R_EAX, size);
  const equal = b.let(accumulator.eq(target.value));
  // Memory is written in both cases; the accumulator, and with it its upper half, only where they differ.
  b.when(
    equal,
    () => target.write(replacement),
    () => {
      if (destination.kind === 'mem') target.write(target.value);
      b.setReg(R_EAX, size, target.value);
    }
  );
  b.setFlags('SUB', size, { dst: b.let(accumulator.sub(target.value)), src: target.value, src2: accumulator });
};

/** ZF says whether they were equal; the other flags stay. */
function setZero(b: Backend, equal: Value): void {
  const others = b.let(b.flags().and(~FLAG.ZF));
  b.setFlags('EFLAGS', 4, { src: others.or(equal.shl(31 - Math.clz32(FLAG.ZF))) });
}

/** Memory is written in both cases, as CMPXCHG does. */
const cmpxchg8b: Semantics = (b) => {
  const target = b.rmw(b.operands[0]!, 8);
  const pair = (upper: number, lower: number): Value => b.let(b.reg(upper, 4).i64().shl(32).or(b.reg(lower, 4).i64()));
  const replacement = pair(R_ECX, R_EBX);
  const equal = b.let(pair(R_EDX, R_EAX).eq(target.value));
  const found = b.let(target.value);
  target.write(equal.select(replacement, found));
  b.when(equal.eqz(), () => {
    b.setReg(R_EAX, 4, found.i32());
    b.setReg(R_EDX, 4, found.shrU(32).i32());
  });
  setZero(b, equal);
};

/** Must lie at a multiple of 16, so that both halves are of one page. */
const cmpxchg16b: Semantics = (b) => {
  const linear = b.let(b.linear(b.operands[0]!));
  b.when(linear.i32().and(15), () => b.raise(EXCP.GP, 0));
  const low = b.update(linear, 8);
  const high = b.update(b.let(linear.add(8)), 8);
  const [foundLow, foundHigh] = [b.let(low.value), b.let(high.value)];
  const equal = b.let(b.reg(R_EAX, 8).eq(foundLow).and(b.reg(R_EDX, 8).eq(foundHigh)));
  low.write(equal.select(b.reg(R_EBX, 8), foundLow));
  high.write(equal.select(b.reg(R_ECX, 8), foundHigh));
  b.when(equal.eqz(), () => {
    b.setReg(R_EAX, 8, foundLow);
    b.setReg(R_EDX, 8, foundHigh);
  });
  setZero(b, equal);
};

/** Compares memory with a register, adds another to it where the condition holds, and leaves what was there in the first. */
const cmpccxadd: Semantics = (b) => {
  const [memory, compared, added] = b.operands as [OperandShape, OperandShape, OperandShape];
  const [right, addend] = [b.read(compared), b.read(added)];
  const target = b.rmw(memory);
  const found = b.let(target.value);
  b.setFlags('SUB', sizeOf(memory), { dst: b.let(found.sub(right)), src: right, src2: found });
  target.write(b.let(b.condition().select(found.add(addend), found)));
  b.write(compared, found);
};

export const arithmetic: Readonly<Record<string, Semantics>> = {
  add: binary('ADD', (a, c) => a.add(c)),
  adc: binary('ADC', (a, c, carry) => a.add(c).add(carry), true),
  sub: binary('SUB', (a, c) => a.sub(c)),
  sbb: binary('SBB', (a, c, borrow) => a.sub(c).sub(borrow), true),
  and: binary('LOGIC', (a, c) => a.and(c)),
  or: binary('LOGIC', (a, c) => a.or(c)),
  xor: binary('LOGIC', (a, c) => a.xor(c)),
  cmp,
  test,
  inc: step('INC'),
  dec: step('DEC'),
  neg,
  not,
  xadd,
  cmpxchg,
  cmpxchg8b,
  cmpxchg16b,
  cmpccxadd
};
