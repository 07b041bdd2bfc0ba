/** Moves, exchanges, conversions, what does nothing, and flags moved about. SDM 2. */
import { FLAG, R_EAX, R_EBX, R_EDX } from '../../env.ts';
import type { Backend, OperandShape, Semantics } from '../backend.ts';
import { signExtended } from '../flags.ts';
import type { Size } from '../insn.ts';
import type { Value } from '../value.ts';
import { sizeOf } from './arithmetic.ts';
import { loadSegment } from './segmentation.ts';

/** A value of one size as a register of another holds it. */
const zeroExtended = (to: Size, value: Value): Value => (to === 8 ? value.i64() : value.i32());

const mov: Semantics = (b) => {
  const [destination, source] = b.operands as [OperandShape, OperandShape];
  if (destination.kind === 'sreg') return loadSegment(b, b.index(destination), b.read(source, 2));
  const size = sizeOf(destination);
  if (source.kind === 'sreg') return b.write(destination, zeroExtended(size, b.read(source, 2)));
  b.write(destination, b.read(source, size));
};

const extend = (signed: boolean): Semantics => {
  return (b) => {
    const [destination, source] = b.operands as [OperandShape, OperandShape];
    const size = sizeOf(destination);
    const value = b.read(source);
    if (!signed) return b.write(destination, zeroExtended(size, value));
    const wide = signExtended(sizeOf(source), value);
    b.write(destination, size === 8 ? wide : wide.i32());
  };
};

const lea: Semantics = (b) => {
  const [destination, source] = b.operands as [OperandShape, OperandShape];
  const offset = b.effectiveAddress(source);
  b.write(destination, destination.bytes === 8 ? offset : offset.i32());
};

const xchg: Semantics = (b) => {
  const [first, second] = b.operands as [OperandShape, OperandShape];
  const value = b.read(second);
  const target = b.rmw(first);
  target.write(value);
  b.write(second, target.value);
};

const xlat: Semantics = (b) => {
  const { addressSize } = b.shape;
  const index = b.reg(R_EAX, 1).i64();
  const sum = b.reg(R_EBX, addressSize).i64().add(index);
  const offset = addressSize === 8 ? sum : sum.and(addressSize === 4 ? 0xffff_ffff : 0xffff);
  b.setReg(R_EAX, 1, b.load(b.linearIn('operand', b.let(offset)), 1));
};

/** CBW, CWDE, CDQE. */
const cbw: Semantics = (b) => {
  const { size } = b.shape;
  const half = (size / 2) as Size;
  const wide = signExtended(half, b.reg(R_EAX, half));
  b.setReg(R_EAX, size, size === 8 ? wide : wide.i32());
};
/** CWD, CDQ, CQO. */
const cwd: Semantics = (b) => {
  const { size } = b.shape;
  const sign = signExtended(size, b.reg(R_EAX, size)).shrS(63);
  b.setReg(R_EDX, size, size === 8 ? sign : sign.i32());
};

const setcc: Semantics = (b) => b.write(b.operands[0]!, b.condition());
/** The source is read, and may fault, whatever the condition; without it the destination's upper half is cleared all the same. */
const cmovcc: Semantics = (b) => {
  const [destination, source] = b.operands as [OperandShape, OperandShape];
  const value = b.read(source);
  const old = b.read(destination);
  b.write(destination, b.let(b.condition()).select(value, old));
};

const LAHF_FLAGS = FLAG.SF | FLAG.ZF | FLAG.AF | FLAG.PF | FLAG.CF;
/** AH is the second byte of RAX. */
const setAh = (b: Backend, value: Value): void => b.setReg(R_EAX, 2, b.reg(R_EAX, 2).and(0xff).or(value.shl(8)));
const lahf: Semantics = (b) => setAh(b, b.let(b.flags()).and(LAHF_FLAGS).or(2));
const sahf: Semantics = (b) => {
  const overflow = b.let(b.flags().and(FLAG.OF));
  b.setFlags('EFLAGS', 4, { src: b.reg(R_EAX, 2).shrU(8).and(LAHF_FLAGS).or(overflow) });
};
const salc: Semantics = (b) => b.setReg(R_EAX, 1, b.flag('C').neg());

const carry = (change: (flags: Value) => Value): Semantics => {
  return (b) => b.setFlags('EFLAGS', 4, { src: b.let(change(b.flags())) });
};
const direction = (set: boolean): Semantics => {
  return (b) => {
    const flags = b.env('eflags');
    b.setEnv('eflags', set ? flags.or(FLAG.DF) : flags.and(~FLAG.DF));
  };
};

const nothing: Semantics = () => {};

export const data: Readonly<Record<string, Semantics>> = {
  mov,
  movnti: mov,
  movzx: extend(false),
  movsx: extend(true),
  movsxd: extend(true),
  lea,
  xchg,
  xlat,
  cbw,
  cwd,
  setcc,
  cmovcc,
  lahf,
  sahf,
  salc,
  clc: carry((flags) => flags.and(~FLAG.CF)),
  stc: carry((flags) => flags.or(FLAG.CF)),
  cmc: carry((flags) => flags.xor(FLAG.CF)),
  cld: direction(false),
  std: direction(true),
  nop: nothing,
  pause: nothing,
  endbr32: nothing,
  endbr64: nothing
};
