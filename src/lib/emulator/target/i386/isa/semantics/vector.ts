/**
 * What instructions on vectors have in common: where their operands are, and how a computation on 128 bits is applied to
 * MMX, SSE and both halves of AVX registers. SDM 2A, 2.4 to 2.6; SDM 1, 9.6 (MMX and x87).
 */
import { EXCP, HF } from '../../env.ts';
import {
  i32,
  lane,
  op,
  v128,
  type Backend,
  type OperandShape,
  type Routine,
  type Semantics,
  type Value
} from '../backend.ts';
import { requireProtected } from './privilege.ts';
import { waitForX87 } from './x87-operands.ts';

/** SSE and AVX: #UD unless the system enabled them, #NM with CR0.TS. SDM 3A, 2.5 and 13.1. */
export function needsSse(b: Backend): void {
  // VEX is C4 and C5 with a register, which LDS and LES cannot have: #UD where there is no VEX.
  if (b.shape.vex) requireProtected(b);
  const [bits, enabled] = b.shape.vex ? [HF.AVX_EN, HF.AVX_EN] : [HF.OSFXSR | HF.EM, HF.OSFXSR];
  const flags = b.hflags();
  b.when(flags.and(bits | HF.TS).ne(enabled), () => {
    b.when(flags.and(bits).ne(enabled), () => b.raise(EXCP.UD));
    b.raise(EXCP.NM);
  });
}

/** MMX: #UD with CR0.EM, #NM with CR0.TS, #MF for a pending exception of the x87. */
export function needsMmx(b: Backend): void {
  const flags = b.hflags();
  b.when(flags.and(HF.EM | HF.TS), () => {
    b.when(flags.and(HF.EM), () => b.raise(EXCP.UD));
    b.raise(EXCP.NM);
  });
  waitForX87(b);
}

/** What must hold for an instruction about this kind of register. */
export function check(b: Backend, { kind }: OperandShape): void {
  if (kind === 'mm') needsMmx(b);
  else needsSse(b);
}

/** MMX instructions leave TOP at 0 and all registers valid. SDM 1, 9.5.1. */
const ENTER_MMX: Routine = {
  name: 'enter_mmx',
  params: [],
  body: (b) => {
    b.setEnv('fpstt', 0);
    for (let i = 0; i < 8; i++) b.setEnv('fptags', 0, i);
    return undefined;
  }
};
export const enterMmx = (b: Backend): void => void b.call(ENTER_MMX);

/** Writing the mantissa sets sign and exponent to ones. */
export function writeMmx(b: Backend, operand: OperandShape, value: Value): void {
  b.setEnv('fpregs', lane('i64x2.replace_lane', 0, v128(0n, 0xffffn), value), b.index(operand));
}

/** 64 bits in both halves of a vector. */
export const twice = (value: Value): Value => op('i64x2.splat', value);
export const lowHalf = (vector: Value): Value => lane('i64x2.extract_lane', 0, vector);
export const highHalf = (vector: Value): Value => lane('i64x2.extract_lane', 1, vector);
/** Two halves of 64 bits. */
export const halves = (low: Value, high: Value): Value => lane('i64x2.replace_lane', 1, twice(low), high);
export const ZERO = v128(0n, 0n);
export const ONES = v128(-1n, -1n);

/** The same 64 bits twice, as a constant. */
export const splat64 = (value: bigint): Value => v128(value, value);
/** A constant of bytes, words or doublewords, lowest first. */
export function constant(bits: 8 | 16 | 32, ...lanes: readonly number[]): Value {
  const each = BigInt(bits);
  let low = 0n;
  let high = 0n;
  lanes.forEach((value, index) => {
    const at = BigInt(index) * each;
    const part = BigInt.asUintN(bits, BigInt(value));
    if (at < 64n) low |= part << at;
    else high |= part << (at - 64n);
  });
  return v128(low, high);
}
const PLACES = Array.from({ length: 16 }, (_, i) => i);
/** 0 to 15. */
export const IOTA = constant(8, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);

/**
 * Numbers of sixteen bytes from `start` (i32, −16 to 48) on, for a swizzle: those that are none of 0 to 15 select 0.
 * Known where the immediate is, which makes one machine instruction of the swizzle.
 */
export function bytesFrom(start: Value): Value {
  if (start.constant === undefined) return op('i8x16.add', IOTA, op('i8x16.splat', start));
  const first = Number(start.constant);
  return constant(8, ...PLACES.map((i) => (first + i >= 0 && first + i < 16 ? first + i : 0x80)));
}

/**
 * Half a register, or half of 32 bytes in memory. Memory of less than 16 bytes is zero-extended. Legacy encodings want
 * 16 bytes aligned, but for a few instructions.
 */
export function readHalf(b: Backend, operand: OperandShape, half: 0 | 1, unaligned = false): Value {
  if (operand.kind !== 'mem' || operand.bytes >= 16)
    return b.readVector(operand, { half, aligned: !unaligned && !b.shape.vex });
  const value = b.read(operand);
  return b.let(lane('i64x2.replace_lane', 0, ZERO, value.i64()));
}

/** What a computation gets besides its operands. */
export interface Context {
  readonly b: Backend;
  /** The half of a YMM register that it is about. */
  readonly half: 0 | 1;
  /** The immediate, i32 zero-extended. */
  readonly imm: Value;
}
/** From 128 bits of one and two operands to 128 bits. Operands are in locals. */
export type Unary = (a: Value, context: Context) => Value;
export type Binary = (a: Value, b: Value, context: Context) => Value;

/** The immediate, or 0. */
export function immediateOf(b: Backend): Value {
  const operand = b.operands.find(({ kind }) => kind === 'imm');
  return operand === undefined ? i32(0) : b.let(b.read(operand, 1));
}

/** Operands before the immediate. */
function sources(b: Backend): readonly [OperandShape, OperandShape, OperandShape] {
  const operands = b.operands.filter(({ kind }) => kind !== 'imm');
  const [destination, second, third] = operands;
  return third === undefined ? [destination!, destination!, second!] : [destination!, second!, third];
}

interface Options {
  /** How MMX registers do it, where the low 64 bits of the vector operation are not the answer. Operands are doubled. */
  readonly mmx?: Binary;
  /** Memory may lie anywhere in the legacy encoding too. */
  readonly unaligned?: boolean;
}

/** destination := compute(first, second): first is the destination in the legacy encoding. */
export function binary(compute: Binary, { mmx = compute, unaligned = false }: Options = {}): Semantics {
  return (b) => {
    const [destination, first, second] = sources(b);
    check(b, destination);
    const imm = immediateOf(b);
    if (destination.kind === 'mm') {
      const right = b.let(twice(b.read(second, second.kind === 'mem' && second.bytes === 4 ? 4 : 8).i64()));
      const left = b.let(twice(b.read(first, 8)));
      const result = b.let(lowHalf(mmx(left, right, { b, half: 0, imm })));
      enterMmx(b);
      writeMmx(b, destination, result);
      return;
    }
    const right = readHalf(b, second, 0, unaligned);
    if (destination.kind !== 'ymm') {
      const left = b.readVector(first);
      b.writeVector(destination, compute(left, right, { b, half: 0, imm }));
      return;
    }
    const upperRight = readHalf(b, second, 1);
    const low = b.let(compute(b.readVector(first), right, { b, half: 0, imm }));
    const high = b.let(compute(b.readVector(first, { half: 1 }), upperRight, { b, half: 1, imm }));
    b.writeVector(destination, low, { high });
  };
}

/** destination := compute(source), of whatever register there is. The checks were made. */
export function transform(
  b: Backend,
  destination: OperandShape,
  source: OperandShape,
  compute: (a: Value, half: 0 | 1) => Value
): void {
  if (destination.kind === 'mm') {
    const result = b.let(lowHalf(compute(b.let(twice(b.read(source, 8))), 0)));
    enterMmx(b);
    return writeMmx(b, destination, result);
  }
  const first = readHalf(b, source, 0);
  if (destination.kind !== 'ymm') return b.writeVector(destination, compute(first, 0));
  const second = readHalf(b, source, 1);
  const low = b.let(compute(first, 0));
  const high = b.let(compute(second, 1));
  b.writeVector(destination, low, { high });
}

/** destination := compute(source), with an immediate perhaps. */
export function unary(compute: Unary): Semantics {
  return (b) => {
    const [destination, source] = b.operands as readonly [OperandShape, OperandShape];
    check(b, destination);
    const imm = immediateOf(b);
    transform(b, destination, source, (a, half) => compute(a, { b, half, imm }));
  };
}
