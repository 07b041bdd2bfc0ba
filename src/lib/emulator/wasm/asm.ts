/**
 * A WebAssembly assembler: functions as a stream of instructions, modules as lists. It writes what it is told and checks
 * nothing but its own bookkeeping; `WebAssembly.Module` validates. Source: the core specification, chapter 5.
 */
import { LANE_OPERATORS, LOADS, OPERATORS, STORES } from './opcodes.ts';
import type { LaneOperator, Load, Operator, Store } from './opcodes.ts';

export type ValType = 'i32' | 'i64' | 'f32' | 'f64' | 'v128';

const TYPE_CODE: Readonly<Record<ValType, number>> = { i32: 0x7f, i64: 0x7e, f32: 0x7d, f64: 0x7c, v128: 0x7b };
const NO_RESULT = 0x40;
const TYPE_OF_LETTER: Readonly<Record<string, ValType>> = { i: 'i32', l: 'i64', f: 'f32', d: 'f64', v: 'v128' };

export interface Signature {
  readonly params: readonly ValType[];
  readonly result: ValType;
}

const signatures = new Map<string, Signature>(
  Object.entries({ ...OPERATORS, ...LANE_OPERATORS }).map(([name, [, text]]) => {
    const [params, result] = text.split(':') as [string, string];
    return [name, { params: Array.from(params, (letter) => TYPE_OF_LETTER[letter]!), result: TYPE_OF_LETTER[result]! }];
  })
);
/** Types of an operator's operands and its result. */
export const signatureOf = (name: Operator | LaneOperator): Signature => signatures.get(name)!;
export const typeOfLoad = (name: Load): ValType => TYPE_OF_LETTER[LOADS[name][1]]!;
export const typeOfStore = (name: Store): ValType => TYPE_OF_LETTER[STORES[name][1]]!;

/** Bytes that grow. */
class Bytes {
  #bytes: Uint8Array;
  length = 0;
  constructor(capacity = 256) {
    this.#bytes = new Uint8Array(capacity);
  }
  u8(value: number): void {
    if (this.length === this.#bytes.length) this.#grow(this.length + 1);
    this.#bytes[this.length++] = value;
  }
  /** LEB128, unsigned 32 bits. */
  u32(value: number): void {
    let rest = value >>> 0;
    while (rest > 0x7f) {
      this.u8((rest & 0x7f) | 0x80);
      rest >>>= 7;
    }
    this.u8(rest);
  }
  /** LEB128, signed. */
  s32(value: number): void {
    let rest = value | 0;
    for (;;) {
      const low = rest & 0x7f;
      rest >>= 7;
      if ((rest === 0 && low < 0x40) || (rest === -1 && low >= 0x40)) return this.u8(low);
      this.u8(low | 0x80);
    }
  }
  s64(value: bigint): void {
    let rest = BigInt.asIntN(64, value);
    if (rest === BigInt.asIntN(32, rest)) return this.s32(Number(rest));
    for (;;) {
      const low = Number(rest & 0x7fn);
      rest >>= 7n;
      if ((rest === 0n && low < 0x40) || (rest === -1n && low >= 0x40)) return this.u8(low);
      this.u8(low | 0x80);
    }
  }
  append(bytes: ArrayLike<number>): void {
    if (this.length + bytes.length > this.#bytes.length) this.#grow(this.length + bytes.length);
    this.#bytes.set(bytes, this.length);
    this.length += bytes.length;
  }
  name(text: string): void {
    const bytes = new TextEncoder().encode(text);
    this.u32(bytes.length);
    this.append(bytes);
  }
  view(): Uint8Array<ArrayBuffer> {
    return this.#bytes.subarray(0, this.length) as Uint8Array<ArrayBuffer>;
  }
  #grow(least: number): void {
    const old = this.#bytes;
    this.#bytes = new Uint8Array(Math.max(least, 2 * old.length));
    this.#bytes.set(old);
  }
}

/** What a branch names: how many blocks were open when it was opened. */
export type Label = number & { readonly unit: 'label' };

/** The body of one function, written instruction by instruction. */
export class FunctionBuilder {
  readonly params: readonly ValType[];
  readonly results: readonly ValType[];
  readonly #code = new Bytes();
  readonly #locals: ValType[] = [];
  readonly #free: Record<ValType, number[]> = { i32: [], i64: [], f32: [], f64: [], v128: [] };
  readonly #borrowed: [ValType, number][] = [];
  #depth = 0;

  constructor(params: readonly ValType[], results: readonly ValType[]) {
    this.params = params;
    this.results = results;
  }

  /** A new local, 0 at first. */
  local(type: ValType): number {
    this.#locals.push(type);
    return this.params.length + this.#locals.length - 1;
  }
  /** A local whose contents are unknown, to be given back by `releaseTo`. Few locals keep V8's compilers fast. */
  temporary(type: ValType): number {
    const index = this.#free[type].pop() ?? this.local(type);
    this.#borrowed.push([type, index]);
    return index;
  }
  /** For `releaseTo`. */
  get borrowed(): number {
    return this.#borrowed.length;
  }
  /** Gives back all temporaries taken since `borrowed` was read. */
  releaseTo(mark: number): void {
    while (this.#borrowed.length > mark) {
      const [type, index] = this.#borrowed.pop()!;
      this.#free[type].push(index);
    }
  }

  get(local: number): void {
    this.#code.u8(0x20);
    this.#code.u32(local);
  }
  set(local: number): void {
    this.#code.u8(0x21);
    this.#code.u32(local);
  }
  tee(local: number): void {
    this.#code.u8(0x22);
    this.#code.u32(local);
  }
  i32(value: number): void {
    this.#code.u8(0x41);
    this.#code.s32(value);
  }
  i64(value: bigint): void {
    this.#code.u8(0x42);
    this.#code.s64(value);
  }
  f32(value: number): void {
    this.#code.u8(0x43);
    this.#code.append(new Uint8Array(new Float32Array([value]).buffer));
  }
  f64(value: number): void {
    this.#code.u8(0x44);
    this.#code.append(new Uint8Array(new Float64Array([value]).buffer));
  }
  /** Low and high half. */
  v128(low: bigint, high: bigint): void {
    this.#prefixed(0xfd0c);
    this.#code.append(new Uint8Array(new BigUint64Array([BigInt.asUintN(64, low), BigInt.asUintN(64, high)]).buffer));
  }
  op(name: Operator): void {
    this.#prefixed(OPERATORS[name][0]);
  }
  lane(name: LaneOperator, lane: number): void {
    this.#prefixed(LANE_OPERATORS[name][0]);
    this.#code.u8(lane);
  }
  /** i8x16.shuffle: sixteen numbers 0 to 31. */
  shuffle(lanes: readonly number[]): void {
    this.#prefixed(0xfd0d);
    this.#code.append(lanes);
  }
  /** Address on the stack. Alignment is only a hint and none is given: addresses of guests have none. */
  load(name: Load, offset = 0): void {
    this.#memory(LOADS[name][0], offset);
  }
  /** Address and value on the stack. */
  store(name: Store, offset = 0): void {
    this.#memory(STORES[name][0], offset);
  }
  /** Destination, source, count on the stack. */
  memoryCopy(): void {
    this.#prefixed(0xfc0a);
    this.#code.append([0, 0]);
  }
  /** Destination, byte, count on the stack. */
  memoryFill(): void {
    this.#prefixed(0xfc0b);
    this.#code.u8(0);
  }
  drop(): void {
    this.#code.u8(0x1a);
  }
  select(): void {
    this.#code.u8(0x1b);
  }
  call(index: number): void {
    this.#code.u8(0x10);
    this.#code.u32(index);
  }
  /** Arguments, then the slot of table 0, on the stack. `type` is `ModuleBuilder.type`'s. */
  callIndirect(type: number): void {
    this.#code.u8(0x11);
    this.#code.u32(type);
    this.#code.u8(0);
  }
  return(): void {
    this.#code.u8(0x0f);
  }
  unreachable(): void {
    this.#code.u8(0x00);
  }
  block(result?: ValType): Label {
    return this.#open(0x02, result);
  }
  loop(result?: ValType): Label {
    return this.#open(0x03, result);
  }
  if(result?: ValType): Label {
    return this.#open(0x04, result);
  }
  else(): void {
    this.#code.u8(0x05);
  }
  end(): void {
    this.#code.u8(0x0b);
    this.#depth--;
  }
  br(label: Label): void {
    this.#code.u8(0x0c);
    this.#code.u32(this.#depth - label);
  }
  brIf(label: Label): void {
    this.#code.u8(0x0d);
    this.#code.u32(this.#depth - label);
  }
  brTable(labels: readonly Label[], otherwise: Label): void {
    this.#code.u8(0x0e);
    this.#code.u32(labels.length);
    for (const label of labels) this.#code.u32(this.#depth - label);
    this.#code.u32(this.#depth - otherwise);
  }

  /** Bytes of code so far. */
  get size(): number {
    return this.#code.length;
  }
  /** Locals and code as the code section holds them. */
  finish(): Uint8Array {
    if (this.#depth !== 0) throw new Error(`${this.#depth} blocks are still open`);
    const head = new Bytes();
    const runs: [number, ValType][] = [];
    for (const type of this.#locals) {
      const last = runs.at(-1);
      if (last?.[1] === type) last[0]++;
      else runs.push([1, type]);
    }
    head.u32(runs.length);
    for (const [count, type] of runs) {
      head.u32(count);
      head.u8(TYPE_CODE[type]);
    }
    head.append(this.#code.view());
    head.u8(0x0b);
    return head.view();
  }

  #open(opcode: number, result: ValType | undefined): Label {
    this.#code.u8(opcode);
    this.#code.u8(result ? TYPE_CODE[result] : NO_RESULT);
    return ++this.#depth as Label;
  }
  #prefixed(opcode: number): void {
    if (opcode < 0x100) return this.#code.u8(opcode);
    this.#code.u8(opcode >> 8);
    this.#code.u32(opcode & 0xff);
  }
  #memory(opcode: number, offset: number): void {
    this.#prefixed(opcode);
    this.#code.u8(0);
    this.#code.u32(offset);
  }
}

interface MemoryLimits {
  /** In pages of 64 KiB. */
  readonly initial: number;
  readonly maximum: number;
  readonly shared: boolean;
}

/** A module: imports first, then functions. Indices are those of the function index space. */
export class ModuleBuilder {
  readonly #types: { readonly params: readonly ValType[]; readonly results: readonly ValType[] }[] = [];
  readonly #typeIndex = new Map<string, number>();
  readonly #imports: { readonly name: string; readonly write: (out: Bytes) => void }[] = [];
  readonly #functions: (FunctionBuilder | undefined)[] = [];
  readonly #functionTypes: number[] = [];
  readonly #exports: [string, number][] = [];
  #importedFunctions = 0;

  /** Index of a function type, for `callIndirect`. */
  type(params: readonly ValType[], results: readonly ValType[]): number {
    const key = `${params.join()}>${results.join()}`;
    let index = this.#typeIndex.get(key);
    if (index === undefined) {
      index = this.#types.push({ params, results }) - 1;
      this.#typeIndex.set(key, index);
    }
    return index;
  }
  /** Imports `env.NAME`; every import must come before the first function. Returns its index. */
  importFunction(name: string, params: readonly ValType[], results: readonly ValType[]): number {
    if (this.#functionTypes.length) throw new Error('imports come before functions');
    const type = this.type(params, results);
    this.#imports.push({
      name,
      write: (out) => {
        out.u8(0);
        out.u32(type);
      }
    });
    return this.#importedFunctions++;
  }
  importMemory(name: string, { initial, maximum, shared }: MemoryLimits): void {
    this.#imports.push({
      name,
      write: (out) => {
        out.append([2, shared ? 3 : 1]);
        out.u32(initial);
        out.u32(maximum);
      }
    });
  }
  /** Table 0, of functions. */
  importTable(name: string, initial: number): void {
    this.#imports.push({
      name,
      write: (out) => {
        out.append([1, 0x70, 0]);
        out.u32(initial);
      }
    });
  }
  /** An index to call before the body is there, which `define` then gives. */
  declare(params: readonly ValType[], results: readonly ValType[]): number {
    this.#functionTypes.push(this.type(params, results));
    this.#functions.push(undefined);
    return this.#importedFunctions + this.#functionTypes.length - 1;
  }
  define(index: number, body: FunctionBuilder): void {
    this.#functions[index - this.#importedFunctions] = body;
  }
  add(body: FunctionBuilder): number {
    const index = this.declare(body.params, body.results);
    this.define(index, body);
    return index;
  }
  export(name: string, index: number): void {
    this.#exports.push([name, index]);
  }

  /** The module's bytes. */
  build(): Uint8Array<ArrayBuffer> {
    const out = new Bytes(4096);
    out.append([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]);
    const section = (id: number, count: number, write: (body: Bytes) => void): void => {
      if (count === 0) return;
      const body = new Bytes();
      body.u32(count);
      write(body);
      out.u8(id);
      out.u32(body.length);
      out.append(body.view());
    };
    const valTypes = (body: Bytes, types: readonly ValType[]): void => {
      body.u32(types.length);
      for (const type of types) body.u8(TYPE_CODE[type]);
    };
    section(1, this.#types.length, (body) => {
      for (const { params, results } of this.#types) {
        body.u8(0x60);
        valTypes(body, params);
        valTypes(body, results);
      }
    });
    section(2, this.#imports.length, (body) => {
      for (const { name, write } of this.#imports) {
        body.name('env');
        body.name(name);
        write(body);
      }
    });
    section(3, this.#functionTypes.length, (body) => this.#functionTypes.forEach((type) => body.u32(type)));
    section(7, this.#exports.length, (body) => {
      for (const [name, index] of this.#exports) {
        body.name(name);
        body.u8(0);
        body.u32(index);
      }
    });
    section(10, this.#functions.length, (body) => {
      this.#functions.forEach((fn, index) => {
        if (!fn) throw new Error(`function ${index + this.#importedFunctions} was declared and never defined`);
        const bytes = fn.finish();
        body.u32(bytes.length);
        body.append(bytes);
      });
    });
    return out.view().slice();
  }
}
