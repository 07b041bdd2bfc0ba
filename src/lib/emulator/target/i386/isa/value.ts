/**
 * Expressions of the semantics: typed WebAssembly values that are computed where they are used. A value used twice is
 * computed twice, which is right for what has no side effect; `Backend.let` keeps one in a local.
 * What an engine reads for the semantics (`Backend.read` and the like) is in a local already.
 */
import { signatureOf } from '../../../wasm/asm.ts';
import type { FunctionBuilder, ValType } from '../../../wasm/asm.ts';
import type { LaneOperator, Operator } from '../../../wasm/opcodes.ts';

/** Another value, or a constant of the type that the place asks for. */
export type Term = Value | number | bigint;

export class Value {
  readonly type: ValType;
  /** Writes the code that leaves the value on the stack. */
  readonly emit: (f: FunctionBuilder) => void;
  /** Of an i32 or i64 known when code is generated: its value, sign-extended. */
  readonly constant: bigint | undefined;

  constructor(type: ValType, emit: (f: FunctionBuilder) => void, constant?: bigint) {
    this.type = type;
    this.emit = emit;
    this.constant = constant;
  }

  // Integers, i32 and i64 alike: both operands are of one type, and so is the result (i32 of comparisons).
  add(other: Term): Value {
    return this.#binary('add', other, (a, b) => a + b);
  }
  sub(other: Term): Value {
    return this.#binary('sub', other, (a, b) => a - b);
  }
  mul(other: Term): Value {
    return this.#binary('mul', other, (a, b) => a * b);
  }
  /** Divisions trap as WebAssembly's do: test for zero and overflow before. */
  divS(other: Term): Value {
    return this.#binary('div_s', other);
  }
  divU(other: Term): Value {
    return this.#binary('div_u', other);
  }
  remS(other: Term): Value {
    return this.#binary('rem_s', other);
  }
  remU(other: Term): Value {
    return this.#binary('rem_u', other);
  }
  and(other: Term): Value {
    return this.#binary('and', other, (a, b) => a & b);
  }
  or(other: Term): Value {
    return this.#binary('or', other, (a, b) => a | b);
  }
  xor(other: Term): Value {
    return this.#binary('xor', other, (a, b) => a ^ b);
  }
  /** Shift counts are taken modulo 32 or 64. */
  shl(other: Term): Value {
    return this.#binary('shl', other, (a, b) => a << (b & this.#mask));
  }
  shrU(other: Term): Value {
    return this.#binary('shr_u', other, (a, b) => BigInt.asUintN(this.#bits, a) >> (b & this.#mask));
  }
  shrS(other: Term): Value {
    return this.#binary('shr_s', other, (a, b) => a >> (b & this.#mask));
  }
  rotl(other: Term): Value {
    return this.#binary('rotl', other);
  }
  rotr(other: Term): Value {
    return this.#binary('rotr', other);
  }
  eq(other: Term): Value {
    return this.#compare('eq', other, (a, b) => a === b);
  }
  ne(other: Term): Value {
    return this.#compare('ne', other, (a, b) => a !== b);
  }
  ltS(other: Term): Value {
    return this.#compare('lt_s', other, (a, b) => a < b);
  }
  ltU(other: Term): Value {
    return this.#compare('lt_u', other, (a, b) => this.#unsigned(a) < this.#unsigned(b));
  }
  gtS(other: Term): Value {
    return this.#compare('gt_s', other, (a, b) => a > b);
  }
  gtU(other: Term): Value {
    return this.#compare('gt_u', other, (a, b) => this.#unsigned(a) > this.#unsigned(b));
  }
  leS(other: Term): Value {
    return this.#compare('le_s', other, (a, b) => a <= b);
  }
  leU(other: Term): Value {
    return this.#compare('le_u', other, (a, b) => this.#unsigned(a) <= this.#unsigned(b));
  }
  geS(other: Term): Value {
    return this.#compare('ge_s', other, (a, b) => a >= b);
  }
  geU(other: Term): Value {
    return this.#compare('ge_u', other, (a, b) => this.#unsigned(a) >= this.#unsigned(b));
  }
  eqz(): Value {
    if (this.constant !== undefined) return i32(this.constant === 0n ? 1 : 0);
    return op(this.#name('eqz'), this);
  }
  clz(): Value {
    return op(this.#name('clz'), this);
  }
  ctz(): Value {
    return op(this.#name('ctz'), this);
  }
  popcnt(): Value {
    return op(this.#name('popcnt'), this);
  }
  not(): Value {
    return this.xor(-1);
  }
  neg(): Value {
    return constantOf(this.type, 0n).sub(this);
  }
  /** Sign-extends the low 8 or 16 bits of either type, or the low 32 of an i64, within the type. */
  extend8S(): Value {
    return this.#sized(8, this.#name('extend8_s'));
  }
  extend16S(): Value {
    return this.#sized(16, this.#name('extend16_s'));
  }
  extend32S(): Value {
    return this.#sized(32, 'i64.extend32_s');
  }
  /** Low half of an i64; an i32 as it is. */
  i32(): Value {
    if (this.type === 'i32') return this;
    return this.constant === undefined ? op('i32.wrap_i64', this) : i32(this.constant);
  }
  /** An i32 zero-extended; an i64 as it is. */
  i64(): Value {
    if (this.type === 'i64') return this;
    return this.constant === undefined ? op('i64.extend_i32_u', this) : i64(BigInt.asUintN(32, this.constant));
  }
  /** An i32 sign-extended; an i64 as it is. */
  i64S(): Value {
    if (this.type === 'i64') return this;
    return this.constant === undefined ? op('i64.extend_i32_s', this) : i64(this.constant);
  }
  /** This i32 as a condition: `yes` where it is not 0. Both are computed. */
  select(yes: Value, no: Term): Value {
    const other = termOf(yes.type, no);
    if (this.constant !== undefined) return this.constant === 0n ? other : yes;
    return new Value(yes.type, (f) => {
      yes.emit(f);
      other.emit(f);
      this.emit(f);
      f.select();
    });
  }

  get #bits(): number {
    return this.type === 'i64' ? 64 : 32;
  }
  get #mask(): bigint {
    return BigInt(this.#bits - 1);
  }
  #unsigned(value: bigint): bigint {
    return BigInt.asUintN(this.#bits, value);
  }
  #name(operator: string): Operator {
    return `${this.type}.${operator}` as Operator;
  }
  #sized(bits: number, name: Operator): Value {
    return this.constant === undefined ? op(name, this) : constantOf(this.type, BigInt.asIntN(bits, this.constant));
  }
  #binary(operator: string, other: Term, fold?: (a: bigint, b: bigint) => bigint): Value {
    const right = termOf(this.type, other);
    if (fold && this.constant !== undefined && right.constant !== undefined)
      return constantOf(this.type, fold(this.constant, right.constant));
    return op(this.#name(operator), this, right);
  }
  #compare(operator: string, other: Term, fold: (a: bigint, b: bigint) => boolean): Value {
    const right = termOf(this.type, other);
    if (this.constant !== undefined && right.constant !== undefined)
      return i32(fold(this.constant, right.constant) ? 1 : 0);
    return op(this.#name(operator), this, right);
  }
}

export function i32(value: number | bigint): Value {
  const constant = BigInt.asIntN(32, BigInt(value));
  return new Value('i32', (f) => f.i32(Number(constant)), constant);
}
export function i64(value: number | bigint): Value {
  const constant = BigInt.asIntN(64, BigInt(value));
  return new Value('i64', (f) => f.i64(constant), constant);
}
export const f32 = (value: number): Value => new Value('f32', (f) => f.f32(value));
export const f64 = (value: number): Value => new Value('f64', (f) => f.f64(value));
/** Low and high half. */
export const v128 = (low: bigint, high: bigint): Value => new Value('v128', (f) => f.v128(low, high));

function constantOf(type: ValType, value: bigint): Value {
  return type === 'i64' ? i64(value) : i32(value);
}

/** A term as a value of `type`. */
export function termOf(type: ValType, term: Term): Value {
  if (term instanceof Value) {
    if (term.type !== type) throw new TypeError(`${term.type} where ${type} is needed`);
    return term;
  }
  if (type === 'f32') return f32(Number(term));
  if (type === 'f64') return f64(Number(term));
  if (type === 'v128') throw new TypeError('no number is a v128');
  return constantOf(type, BigInt(term));
}

/** Any operator: `op('i32x4.add', a, b)`, `op('f64.sqrt', x)`. */
export function op(name: Operator, ...terms: readonly Term[]): Value {
  const { params, result } = signatureOf(name);
  if (terms.length !== params.length) throw new TypeError(`${name} takes ${params.length} operands`);
  const values = terms.map((term, index) => termOf(params[index]!, term));
  return new Value(result, (f) => {
    for (const value of values) value.emit(f);
    f.op(name);
  });
}

/** Any operator on a lane: `lane('i32x4.extract_lane', 2, v)`, `lane('i16x8.replace_lane', 0, v, x)`. */
export function lane(name: LaneOperator, index: number, ...terms: readonly Term[]): Value {
  const { params, result } = signatureOf(name);
  const values = params.map((type, at) => termOf(type, terms[at]!));
  return new Value(result, (f) => {
    for (const value of values) value.emit(f);
    f.lane(name, index);
  });
}

/** i8x16.shuffle: bytes 0 to 15 are of `a`, 16 to 31 of `b`. */
export function shuffle(a: Value, b: Value, lanes: readonly number[]): Value {
  return new Value('v128', (f) => {
    a.emit(f);
    b.emit(f);
    f.shuffle(lanes);
  });
}
