/**
 * Runs the code of single instructions, without an engine around it: memory is where its linear address says, below 4 GiB,
 * and nothing is paged. For tests of semantics against this machine's CPU.
 */
import { FunctionBackend } from '../../src/lib/emulator/target/i386/backend/interp.ts';
import { RoutineEngine, type Linker } from '../../src/lib/emulator/target/i386/backend/engine.ts';
import { layOut, layoutBytes, RECORD, STATUS } from '../../src/lib/emulator/target/i386/backend/layout.ts';
import { writeRecord } from '../../src/lib/emulator/target/i386/backend/record.ts';
import { Env } from '../../src/lib/emulator/target/i386/env.ts';
import {
  i32,
  i64,
  type Helper,
  type OperandShape,
  type Routine,
  type Semantics,
  type Value
} from '../../src/lib/emulator/target/i386/isa/backend.ts';
import type { CodeSize, Insn, Size } from '../../src/lib/emulator/target/i386/isa/insn.ts';
import { shapeKey, shapeOf } from '../../src/lib/emulator/target/i386/isa/shape.ts';
import { FunctionBuilder, ModuleBuilder, type ValType } from '../../src/lib/emulator/wasm/asm.ts';

type Signature = readonly [params: readonly ValType[], result?: ValType];
type Run = (...args: never[]) => number | bigint | void;

const PAGE = 65536;
const BASE = PAGE;
const ARENA = PAGE;

/** The engine's functions that instructions call for memory that is not simply there: here it always is. */
const CORE: Readonly<Record<string, readonly [Signature, Run]>> = {
  slow_load: [[['i64', 'i32', 'i32'], 'i32'], (linear: bigint) => Number(linear)],
  slow_store: [[['i64', 'i32', 'i32'], 'i32'], (linear: bigint) => Number(linear)],
  slow_rmw: [[['i64', 'i32', 'i32'], 'i32'], (linear: bigint) => Number(linear)],
  ea_linear: [
    [['i32', 'i64'], 'i64'],
    () => {
      throw new Error('no segment bases, no addresses of other sizes here');
    }
  ],
  commit: [[[]], () => undefined],
  cc_materialise: [[[]], () => undefined]
};

/** An engine that knows the immediates, as a compiler does. */
class KnownConstants extends FunctionBackend {
  insn!: Insn;
  override read(operand: OperandShape, bytes: Size = operand.bytes as Size): Value {
    const known = this.insn.operands[operand.index]!;
    if (known.kind !== 'imm') return super.read(operand, bytes);
    return bytes === 8 ? i64(known.value) : i32(BigInt.asUintN(bytes * 8, known.value));
  }
}

export class OneInstruction {
  readonly env: Env;
  /** Linear address of memory that a test may use. */
  readonly free: number;
  readonly #semantics: ReadonlyMap<string, Semantics>;
  readonly #constants: boolean;
  readonly #layout;
  readonly #functions = new Map<string, Run>();
  readonly #routines = new Map<string, { readonly run: Run; readonly raises: boolean }>();

  /** @param constants whether immediates are known when code is generated */
  constructor(semantics: ReadonlyMap<string, Semantics>, constants = false) {
    this.#semantics = semantics;
    this.#constants = constants;
    const end = BASE + layoutBytes(ARENA);
    this.#layout = layOut(BASE, ARENA, { pageFlags: 0, pageMap: 0, physBits: 40 });
    this.free = Math.ceil(end / PAGE) * PAGE;
    const pages = this.free / PAGE + 16;
    const memory = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
    this.env = new Env(memory, this.#layout.env);
    this.env.set('mmu', this.#layout.tlb);
    this.env.set('exception_index', -1);
  }

  /** Undefined, or the vector of the exception that it raised. */
  run(insn: Insn, code: CodeSize): number | undefined {
    const shape = shapeOf(insn, code, 8);
    const immediates = insn.operands.map((operand) => (operand.kind === 'imm' ? operand.value : ''));
    const key = shapeKey(shape) + (this.#constants ? immediates.join() : '');
    let run = this.#functions.get(key);
    if (run === undefined) {
      run = this.#build([['i32'], 'i32'], (f, linker) => {
        const b = new (this.#constants ? KnownConstants : FunctionBackend)(f, this.#layout, linker, shape);
        if (b instanceof KnownConstants) b.insn = insn;
        this.#semantics.get(shape.semantics)!(b);
        if (!b.ended) b.next();
        f.unreachable();
      });
      this.#functions.set(key, run);
    }
    const record = Math.ceil(this.#layout.arena / RECORD.size) * RECORD.size;
    writeRecord(this.env, record, insn, code, 0, { handler: 0, fn: 0 });
    this.env.set('exception_index', -1);
    const status = (run as (record: number) => number)(record);
    return status === STATUS.EXCEPTION ? this.env.get('exception_index') : undefined;
  }

  #build([params, result]: Signature, write: (f: FunctionBuilder, linker: Linker) => void): Run {
    const module = new ModuleBuilder();
    module.importMemory('memory', { initial: 1, maximum: 65536, shared: true });
    const env: Record<string, WebAssembly.ImportValue> = { memory: this.env.memory };
    const imported = new Map<string, number>();
    const load = (name: string, [types, type]: Signature, run: Run) => {
      let index = imported.get(name);
      if (index === undefined) {
        index = module.importFunction(name, types, type ? [type] : []);
        imported.set(name, index);
        env[name] = run;
      }
      return { index, params: types, result: type };
    };
    const f = new FunctionBuilder(params, result ? [result] : []);
    write(f, {
      core: (name) => load(name, ...CORE[name]!),
      helper: (helper: Helper) =>
        load(helper.name, [helper.params, helper.result], () => {
          throw new Error(`${helper.name} is not to be called here`);
        }),
      routine: (routine) => {
        const { run, raises } = this.#routine(routine);
        return { callee: load(routine.name, [routine.params, routine.result], run), raises };
      }
    });
    module.export('f', module.add(f));
    const instance = new WebAssembly.Instance(new WebAssembly.Module(module.build()), { env });
    return instance.exports.f as Run;
  }

  #routine({ name, params, result, body }: Routine): { readonly run: Run; readonly raises: boolean } {
    let routine = this.#routines.get(name);
    if (!routine) {
      let raises = false;
      const run = this.#build([params, result], (f, linker) => {
        const b = new RoutineEngine(f, this.#layout, linker);
        const value = body(b, ...params.map((_, at) => b.param(at)));
        if (value) {
          b.return(value);
          f.unreachable();
        }
        raises = b.raises;
      });
      routine = { run, raises };
      this.#routines.set(name, routine);
    }
    return routine;
  }
}
