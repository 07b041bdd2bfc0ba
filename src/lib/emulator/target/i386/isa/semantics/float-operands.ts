/**
 * Operands of floating-point instructions: where they are read and written, and how they get to the exact operations of
 * `tcg/ops_sse.ts` and back.
 */
import { SCRATCH } from '../../tcg/ops_sse.ts';
import {
  lane,
  type Backend,
  type Helper,
  type OperandShape,
  type RoutineBackend,
  type Term,
  type Value
} from '../backend.ts';
import type { Attempt, Kit } from './float-fast.ts';
import { halves, highHalf, lowHalf, readHalf } from './vector.ts';

/** An operand (0 A, 1 B, 2 C) of an exact operation, as its scratch place wants it. */
export function put(b: RoutineBackend, operand: number, half: number, value: Value): void {
  const at = operand * 4 + half * 2;
  if (value.type !== 'v128') return b.setEnv('scratch', value.i64(), at);
  b.setEnv('scratch', lowHalf(value), at);
  b.setEnv('scratch', highHalf(value), at + 1);
}
function taken(b: RoutineBackend, half: number, type: Value['type']): Value {
  const at = SCRATCH.result + half * 2;
  const low = b.env('scratch', at);
  return type === 'v128' ? halves(low, b.env('scratch', at + 1)) : type === 'i32' ? low.i32() : low;
}

/**
 * Results by the exact operation. `inputs` has, for each half of a register (or for a scalar), the operands A, B, C;
 * undefined for those that are not looked at.
 */
export function slowly(
  b: RoutineBackend,
  helper: Helper,
  inputs: readonly (readonly (Value | undefined)[])[],
  type: Value['type'],
  lanes: number,
  imm: Term = 0
): Value[] {
  inputs.forEach((operands, half) =>
    operands.forEach((value, operand) => {
      if (value) put(b, operand, half, value);
    })
  );
  b.call(helper, lanes * inputs.length, imm);
  return inputs.map((_, half) => b.let(taken(b, half, type)));
}

/** The fast results where `ok`, the exact ones elsewhere. */
export function attempt(
  b: RoutineBackend,
  tried: readonly Attempt[],
  allowed: Value,
  slow: () => readonly Value[]
): Value[] {
  const results = tried.map(({ result }) => b.variable(result.type));
  b.when(
    tried.reduce((all, { ok }) => all.and(ok), allowed),
    () => results.forEach((variable, i) => variable.set(tried[i]!.result)),
    () => {
      const exactResults = slow();
      results.forEach((variable, i) => variable.set(exactResults[i]!));
    }
  );
  return results.map(({ value }) => value);
}

/** Operands before the immediate: destination, first source (the destination itself in legacy forms), last source. */
export function operandsOf(b: Backend): readonly [OperandShape, OperandShape, OperandShape] {
  const list = b.operands.filter(({ kind }) => kind !== 'imm');
  return [list[0]!, list.length === 3 ? list[1]! : list[0]!, list.at(-1)!];
}
export const bytesOf = (k: Kit): 4 | 8 => (k.width === 32 ? 4 : 8);

/** Writes a scalar result: legacy forms leave the rest, VEX forms take it from the first source. */
export function writeScalar(b: Backend, value: Value): void {
  const [destination, first] = operandsOf(b);
  if (!b.shape.vex) return b.write(destination, value, value.type === 'i32' ? 4 : 8);
  const name = value.type === 'i32' ? 'i32x4.replace_lane' : 'i64x2.replace_lane';
  b.writeVector(destination, lane(name, 0, b.readVector(first), value));
}
export function writePacked(b: Backend, destination: OperandShape, values: readonly Value[]): void {
  const [low, high] = values as [Value, Value?];
  b.writeVector(destination, low, { high });
}
export const halvesOf = (operand: OperandShape): readonly (0 | 1)[] => (operand.kind === 'ymm' ? [0, 1] : [0]);

/** A and B of each half, or the scalars. The last source is read first: it may fault. */
export function inputsOf(b: Backend, k: Kit): (readonly [Value, Value])[] {
  const [destination, first, last] = operandsOf(b);
  if (k.type !== 'v128') {
    const y = b.read(last, bytesOf(k));
    return [[b.read(first, bytesOf(k)), y]];
  }
  const sources = halvesOf(destination).map((half) => readHalf(b, last, half));
  return sources.map((y, half) => [b.readVector(first, { half: half as 0 | 1 }), y]);
}
export function write(b: Backend, k: Kit, values: readonly Value[]): void {
  if (k.type === 'v128') writePacked(b, operandsOf(b)[0], values);
  else writeScalar(b, values[0]!);
}
