/**
 * The interpreter of one CPU as WebAssembly: the core module (loop, TLB, paging, flags) made at start, and for each shape
 * that is not in the loop a function made when it is first decoded.
 */
import { FunctionBuilder, ModuleBuilder, type ValType } from '../../../wasm/asm.ts';
import type { Helper, Routine, Semantics, Shape } from '../isa/backend.ts';
import { shapeKey } from '../isa/shape.ts';
import type { X86Cpu } from '../x86-cpu.ts';
import { defineCodePages } from './code-pages.ts';
import { CoreBuilder } from './core-builder.ts';
import { defineAddressFunctions, defineFlagFunctions } from './core-functions.ts';
import type { Callee } from './emitter.ts';
import { type Linker, RoutineEngine } from './engine.ts';
import { FunctionBackend } from './interp.ts';
import { HANDLER, type Layout } from './layout.ts';
import { defineLoop } from './loop.ts';
import { definePageWalk } from './page-walk.ts';
import { defineTlb } from './tlb.ts';

/** TypeScript that the core module calls. Addresses of devices are numbers of up to 52 bits. */
export interface CoreImports {
  mmio_read(address: number, size: number): number;
  mmio_write(address: number, value: number, size: number): void;
  /** A host page (an address in it) is about to be written to, without DIRTY_CHECKPOINT. */
  first_write(host: number): void;
  /** An access to data in one page that does not fault, while `watching` is set. `write`: 1 of stores and updates. */
  watch(linear: bigint, bytes: number, write: number, gpa: bigint): void;
  /** Whether accesses to a page are to be told, while `watching` has WATCHING.PAGES. */
  watched(linear: bigint, gpa: bigint): number;
  /** At a HANDLER.STOP record, with eip and budget in the state: whether to stop. */
  at_stop(): number;
  /** A new decoded page of a host page (its address) under a key. */
  new_page(host: number, key: number): number;
  /** Decodes from an offset of a decoded page on; returns the first record. */
  decode(page: number, offset: number): number;
  /** Decodes the instruction after a HANDLER.CROSS record, which ends in another decoded page. */
  decode_cross(record: number, page: number): void;
}

const IMPORT_TYPES: Readonly<Record<keyof CoreImports, readonly [readonly ValType[], ValType?]>> = {
  mmio_read: [['f64', 'i32'], 'i32'],
  mmio_write: [['f64', 'i32', 'i32']],
  first_write: [['i32']],
  watch: [['i64', 'i32', 'i32', 'i64']],
  watched: [['i64', 'i64'], 'i32'],
  at_stop: [[], 'i32'],
  new_page: [['i32', 'i32'], 'i32'],
  decode: [['i32', 'i32'], 'i32'],
  decode_cross: [['i32', 'i32']]
};

/** What TypeScript calls of the core module. */
export interface CoreExports {
  run(): number;
  resume(): number;
  tlb_reset(): void;
  flush(global: number): void;
  flush_code(): void;
  flush_page(linear: bigint): void;
  protect(hostPage: number): void;
  protect_all(): void;
  code_discard(host: number): void;
  slow_load(linear: bigint, bytes: number, tlb: number): number;
  slow_store(linear: bigint, bytes: number, tlb: number): number;
  slow_rmw(linear: bigint, bytes: number, tlb: number): number;
  commit(): void;
  fill(linear: bigint, access: number, tlb: number): number;
  notdirty(host: number, bytes: number): void;
  walk(linear: bigint, access: number, mode: number): number;
  cc_materialise(): void;
}

/** Which code runs a record. */
export interface Handler {
  readonly handler: number;
  readonly fn: number;
}

type WasmFunction = (...args: never[]) => number | bigint | void;

const TABLE_GROWTH = 256;

export class Interpreter {
  readonly exports: CoreExports;
  readonly #cpu: X86Cpu;
  readonly #memory: WebAssembly.Memory;
  readonly #layout: Layout;
  readonly #semantics: ReadonlyMap<string, Semantics>;
  readonly #table = new WebAssembly.Table({ element: 'anyfunc', initial: TABLE_GROWTH });
  #functions = 0;
  readonly #handlers = new Map<string, Handler>();
  readonly #routines = new Map<string, { readonly run: WasmFunction; readonly raises: boolean }>();
  readonly #helpers = new Map<string, WasmFunction>();
  readonly #coreTypes = new Map<string, readonly [readonly ValType[], ValType?]>();

  /** @param hot shapes for the loop */
  constructor(
    cpu: X86Cpu,
    layout: Layout,
    imports: CoreImports,
    semantics: ReadonlyMap<string, Semantics>,
    hot: readonly Shape[]
  ) {
    this.#cpu = cpu;
    this.#memory = cpu.env.memory;
    this.#layout = layout;
    this.#semantics = semantics;
    hot.forEach((shape, at) => this.#handlers.set(shapeKey(shape), { handler: HANDLER.FIRST + at, fn: 0 }));
    const instance = new WebAssembly.Instance(new WebAssembly.Module(this.#buildCore(hot)), {
      env: { ...imports, memory: this.#memory, table: this.#table }
    });
    this.exports = instance.exports as unknown as CoreExports;
  }

  /** The code for a shape; made now where it is new. The shape's semantics must exist. */
  handlerFor(shape: Shape): Handler {
    const key = shapeKey(shape);
    let handler = this.#handlers.get(key);
    if (!handler) {
      handler = { handler: HANDLER.CALL, fn: this.#addFunction(shape) };
      this.#handlers.set(key, handler);
    }
    return handler;
  }

  #importMemory(module: ModuleBuilder): void {
    // Any larger memory will do: sizes are those of the smallest memory that fits.
    module.importMemory('memory', { initial: 1, maximum: 65536, shared: true });
  }

  #buildCore(hot: readonly Shape[]): Uint8Array<ArrayBuffer> {
    const core = new CoreBuilder(this.#layout);
    this.#importMemory(core.module);
    core.module.importTable('table', TABLE_GROWTH);
    for (const [name, [params, result]] of Object.entries(IMPORT_TYPES)) core.import(name, params, result);
    definePageWalk(core);
    defineTlb(core);
    defineCodePages(core);
    defineFlagFunctions(core);
    defineAddressFunctions(core);
    const routines = new Map<string, ReturnType<Linker['routine']>>();
    const linker: Linker = {
      core: (name) => core.callee(name),
      helper: ({ name }) => {
        throw new Error(`${name} is called in the loop`);
      },
      routine: (routine) => {
        const known = routines.get(routine.name);
        if (known) return known;
        const [f, raises] = this.#writeRoutine(routine, linker);
        const { params, result } = routine;
        const made = { callee: { index: core.module.add(f), params, result }, raises };
        routines.set(routine.name, made);
        return made;
      }
    };
    defineLoop(core, linker, hot, this.#semantics);
    for (const [name, callee] of core.callees()) this.#coreTypes.set(name, [callee.params, callee.result]);
    return core.build();
  }

  /** A module with one function; what it calls is imported as it is met. */
  #build(write: (linker: Linker) => FunctionBuilder): WasmFunction {
    const module = new ModuleBuilder();
    this.#importMemory(module);
    const env: Record<string, unknown> = { memory: this.#memory };
    const callees = new Map<string, Callee>();
    const importOnce = (name: string, fn: unknown, [types, type]: readonly [readonly ValType[], ValType?]): Callee => {
      let callee = callees.get(name);
      if (!callee) {
        callee = { index: module.importFunction(name, types, type ? [type] : []), params: types, result: type };
        callees.set(name, callee);
        env[name] = fn;
      }
      return callee;
    };
    const f = write({
      core: (name) => importOnce(name, this.exports[name as keyof CoreExports], this.#coreTypes.get(name)!),
      helper: (helper) => importOnce(`helper ${helper.name}`, this.#helper(helper), [helper.params, helper.result]),
      routine: (routine) => {
        const { run, raises } = this.#routine(routine);
        return { callee: importOnce(`routine ${routine.name}`, run, [routine.params, routine.result]), raises };
      }
    });
    module.export('f', module.add(f));
    const instance = new WebAssembly.Instance(new WebAssembly.Module(module.build()), {
      env: env as WebAssembly.ModuleImports
    });
    return instance.exports.f as WasmFunction;
  }

  #addFunction(shape: Shape): number {
    const run = this.#build((linker) => {
      const f = new FunctionBuilder(['i32'], ['i32']);
      const b = new FunctionBackend(f, this.#layout, linker, shape);
      this.#semantics.get(shape.semantics)!(b);
      if (!b.ended && shape.ends) b.endBlock();
      if (!b.ended) b.next();
      f.unreachable();
      return f;
    });
    if (this.#functions === this.#table.length) this.#table.grow(TABLE_GROWTH);
    this.#table.set(this.#functions, run);
    return this.#functions++;
  }

  #helper({ name, run }: Helper): WasmFunction {
    let fn = this.#helpers.get(name);
    if (!fn) {
      const cpu = this.#cpu;
      fn = (...args: never[]) => run(cpu, ...args);
      this.#helpers.set(name, fn);
    }
    return fn;
  }

  #routine(routine: Routine): { readonly run: WasmFunction; readonly raises: boolean } {
    let known = this.#routines.get(routine.name);
    if (!known) {
      let raises = false;
      const run = this.#build((linker) => {
        const [f, mayRaise] = this.#writeRoutine(routine, linker);
        raises = mayRaise;
        return f;
      });
      known = { run, raises };
      this.#routines.set(routine.name, known);
    }
    return known;
  }

  /** A routine's code, and whether it may raise an exception. */
  #writeRoutine({ params, result, body }: Routine, linker: Linker): [FunctionBuilder, boolean] {
    const f = new FunctionBuilder(params, result ? [result] : []);
    const b = new RoutineEngine(f, this.#layout, linker);
    const value = body(b, ...params.map((_, at) => b.param(at)));
    if (value) {
      b.return(value);
      f.unreachable();
    }
    return [f, b.raises];
  }
}
