/** Functions of the core module by name, written with values; and the CPU's state as seen from generated code. */
import { FunctionBuilder, ModuleBuilder, type ValType } from '../../../wasm/asm.ts';
import type { Load, Store } from '../../../wasm/opcodes.ts';
import { ENV, ENV_TYPES, type EnvName, type EnvType } from '../env.ts';
import { i32, termOf, Value, type Term } from '../isa/value.ts';
import { Emitter, type Callee } from './emitter.ts';
import { envAt, type Layout } from './layout.ts';

const ACCESS: Readonly<Record<EnvType, readonly [Load, Store, log2: number]>> = {
  u8: ['i32.load8_u', 'i32.store8', 0],
  u16: ['i32.load16_u', 'i32.store16', 1],
  u32: ['i32.load', 'i32.store', 2],
  i32: ['i32.load', 'i32.store', 2],
  u64: ['i64.load', 'i64.store', 3],
  v128: ['v128.load', 'v128.store', 4]
};

/** An emitter that knows where the state lies. */
export class StateEmitter extends Emitter {
  readonly layout: Layout;

  constructor(f: FunctionBuilder, layout: Layout) {
    super(f);
    this.layout = layout;
  }

  /** A field, or element `index` of it, read where the value is used. */
  lazyEnv(name: EnvName, index: Term = 0): Value {
    const [load, , log2] = ACCESS[ENV_TYPES[name]];
    const [address, offset] = this.#place(name, index, log2);
    return this.lazyPeek(load, address, offset);
  }
  env(name: EnvName, index: Term = 0): Value {
    return this.let(this.lazyEnv(name, index));
  }
  setEnv(name: EnvName, value: Term, index: Term = 0): void {
    const [, store, log2] = ACCESS[ENV_TYPES[name]];
    const [address, offset] = this.#place(name, index, log2);
    this.poke(store, address, value, offset);
  }

  #place(name: EnvName, index: Term, log2: number): [Value, number] {
    const at = termOf('i32', index);
    const base = envAt(this.layout, name);
    return at.constant === undefined ? [at.shl(log2), base] : [i32(0), base + (Number(at.constant) << log2)];
  }
}
/** Offset of an element of a field from the state's base. */
export const envOffset = (name: EnvName, index: number): number => ENV[name] + (index << ACCESS[ENV_TYPES[name]][2]);

type Body = (e: StateEmitter, ...args: Value[]) => void;

/** A module whose functions call each other by name. */
export class CoreBuilder {
  readonly module = new ModuleBuilder();
  readonly layout: Layout;
  readonly #callees = new Map<string, Callee>();
  readonly #bodies: (() => void)[] = [];

  constructor(layout: Layout) {
    this.layout = layout;
  }

  import(name: string, params: readonly ValType[], result?: ValType): void {
    const index = this.module.importFunction(name, params, result ? [result] : []);
    this.#callees.set(name, { index, params, result });
  }

  /** Declares a function, exports it under its name, and has its body written by `build`: so all can call all. */
  define(name: string, params: readonly ValType[], result: ValType | undefined, body: Body): void {
    const results = result ? [result] : [];
    const index = this.module.declare(params, results);
    this.#callees.set(name, { index, params, result });
    this.module.export(name, index);
    this.#bodies.push(() => {
      const e = new StateEmitter(new FunctionBuilder(params, results), this.layout);
      body(e, ...params.map((_, at) => e.param(at)));
      // What follows a `return` on every path still has to type-check.
      if (result) e.f.unreachable();
      this.module.define(index, e.f);
    });
  }

  callee(name: string): Callee {
    const callee = this.#callees.get(name);
    if (!callee) throw new Error(`no function ${name}`);
    return callee;
  }

  callees(): IterableIterator<[string, Callee]> {
    return this.#callees.entries();
  }

  build(): Uint8Array<ArrayBuffer> {
    for (const body of this.#bodies) body();
    return this.module.build();
  }
}
