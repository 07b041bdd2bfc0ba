/** What generated code does alike in every function: state, memory through the TLB, flags, exceptions, calls. */
import type { FunctionBuilder } from '../../../wasm/asm.ts';
import type { Load, Store } from '../../../wasm/opcodes.ts';
import { type EnvName } from '../env.ts';
import type { FlagInputs, FlagRule, Helper, Routine, RoutineBackend } from '../isa/backend.ts';
import { lazyFlags } from '../isa/flags.ts';
import type { Size } from '../isa/insn.ts';
import { i32, termOf, type Term, Value } from '../isa/value.ts';
import { StateEmitter } from './core-builder.ts';
import type { Callee } from './emitter.ts';
import { envAt, type Layout, TLB_WRITE } from './layout.ts';
import { entryOffset } from './tlb.ts';

/** Finds what a function calls: imports it where it is not of the same module. */
export interface Linker {
  core(name: string): Callee;
  helper(helper: Helper): Callee;
  /** `raises`: whether it may come back with an exception. */
  routine(routine: Routine): { readonly callee: Callee; readonly raises: boolean };
}

type MemorySize = Size | 16;
const LOADS: Readonly<Record<MemorySize, Load>> = {
  1: 'i32.load8_u',
  2: 'i32.load16_u',
  4: 'i32.load',
  8: 'i64.load',
  16: 'v128.load'
};
const STORES: Readonly<Record<MemorySize, Store>> = {
  1: 'i32.store8',
  2: 'i32.store16',
  4: 'i32.store',
  8: 'i64.store',
  16: 'v128.store'
};
export const loadOf = (bytes: MemorySize): Load => LOADS[bytes];
export const storeOf = (bytes: MemorySize): Store => STORES[bytes];

const UPPER_HALF = 0xffff_ffff_0000_0000n;

export abstract class Engine extends StateEmitter implements RoutineBackend {
  protected readonly linker: Linker;
  /** Whether the function may come back with an exception. */
  raises = false;

  constructor(f: FunctionBuilder, layout: Layout, linker: Linker) {
    super(f, layout);
    this.linker = linker;
  }

  /** Leaves the function: an exception is in the state. */
  protected abstract leaveWithException(): void;
  /** The TLB of the mode. */
  protected tlb(): Value {
    return this.lazyEnv('mmu');
  }
  /** Around what may run TypeScript: it sees the budget in the state, and may cut it. */
  protected spill(): void {}
  protected reload(): void {}

  protected core(name: string, ...args: readonly Term[]): Value {
    return this.invoke(this.linker.core(name), ...args);
  }
  protected fault(): void {
    this.raises = true;
    this.leaveWithException();
  }

  hflags(): Value {
    return this.env('hflags');
  }

  reg(index: Term, bytes: Size): Value {
    const [address, offset] = this.#register(index);
    return this.peek(loadOf(bytes), address, offset);
  }
  setReg(index: Term, bytes: Size, value: Term): void {
    const [address, offset] = this.#register(index);
    if (bytes === 4) this.poke('i64.store', address, termOf('i32', value).i64(), offset);
    else this.poke(storeOf(bytes), address, value, offset);
  }
  #register(index: Term): [Value, number] {
    const at = termOf('i32', index);
    const base = envAt(this.layout, 'regs');
    return at.constant === undefined ? [at.shl(3), base] : [i32(0), base + Number(at.constant) * 8];
  }

  load(linear: Value, bytes: MemorySize): Value {
    return this.peek(loadOf(bytes), this.hostForLoad(linear, bytes));
  }
  store(linear: Value, bytes: MemorySize, value: Value): void {
    const kept = this.let(value);
    const va = this.let(linear);
    const host = this.let(this.#probe(va, TLB_WRITE));
    this.when(
      isHit(host, bytes),
      () => this.poke(storeOf(bytes), host.i32(), kept),
      () => {
        this.spill();
        const slow = this.core('slow_store', va, bytes, this.tlb());
        this.when(slow.eqz(), () => this.fault());
        this.poke(storeOf(bytes), slow, kept);
        this.#commit(slow);
        this.reload();
      }
    );
  }

  span(linear: Value, write: boolean): Value {
    const host = this.let(this.#probe(this.let(linear), write ? TLB_WRITE : 0));
    return this.let(host.and(UPPER_HALF).eqz().select(host.i32(), 0));
  }
  copy(to: Value, from: Value, bytes: Value): void {
    for (const value of [to, from, bytes]) value.emit(this.f);
    this.f.memoryCopy();
  }
  fill(to: Value, element: Value, bytes: Size, count: Value): void {
    if (bytes === 1) {
      for (const value of [to, element, count]) value.emit(this.f);
      this.f.memoryFill();
      return;
    }
    const at = this.variable('i32', to);
    const end = this.let(to.add(count.mul(bytes)));
    this.loop((_again, leave) => {
      this.when(at.value.eq(end), leave);
      this.poke(storeOf(bytes), at.value, element);
      at.set(at.value.add(bytes));
    });
  }

  /** Where `bytes` bytes to be read are, or a copy of them. */
  protected hostForLoad(linear: Value, bytes: number): Value {
    const va = this.let(linear);
    const host = this.let(this.#probe(va, 0));
    return this.choose(
      isHit(host, bytes),
      () => host.i32(),
      () => {
        this.spill();
        const slow = this.core('slow_load', va, bytes, this.tlb());
        this.when(slow.eqz(), () => this.fault());
        this.reload();
        return slow;
      },
      'i32'
    );
  }

  /** The same for what is read and then written; `done` is to be called after writing. */
  protected hostForUpdate(linear: Value, bytes: number): { readonly host: Value; done(): void } {
    const va = this.let(linear);
    const probed = this.let(this.#probe(va, TLB_WRITE));
    const host = this.choose(
      isHit(probed, bytes),
      () => probed.i32(),
      () => {
        this.spill();
        const slow = this.core('slow_rmw', va, bytes, this.tlb());
        this.when(slow.eqz(), () => this.fault());
        this.reload();
        return slow;
      },
      'i32'
    );
    return {
      host,
      done: () => {
        this.when(host.eq(envAt(this.layout, 'bounce')), () => {
          this.spill();
          this.core('commit');
          this.reload();
        });
      }
    };
  }
  #commit(host: Value): void {
    this.when(host.eq(envAt(this.layout, 'bounce')), () => {
      this.core('commit');
    });
  }
  /** Host address in the lower half; the upper is 0 if the entry is that of the page. */
  #probe(va: Value, table: number): Value {
    return this.lazyPeek('i64.load', entryOffset(va).add(this.tlb()), table).xor(va);
  }

  flag(name: 'C' | 'P' | 'A' | 'Z' | 'S' | 'O'): Value {
    return this.core(`cc_${name.toLowerCase()}`);
  }
  flags(): Value {
    return this.core('cc_all');
  }
  setFlags(rule: FlagRule, size: Size, inputs: FlagInputs): void {
    const { cc_op, ...parts } = lazyFlags(rule, size, inputs);
    this.setEnv('cc_op', cc_op);
    for (const [name, value] of Object.entries(parts))
      if (value) this.setEnv(name as EnvName & keyof typeof parts, value);
  }

  raise(vector: number, error: Term = 0): void {
    this.setEnv('exception_index', vector);
    this.setEnv('error_code', error);
    this.fault();
  }

  call(callee: Helper | Routine, ...args: readonly Term[]): Value {
    if ('run' in callee) return this.callHelper(this.linker.helper(callee), args);
    const { callee: target, raises } = this.linker.routine(callee);
    const result = this.invoke(target, ...args);
    if (raises) this.when(this.lazyEnv('exception_index').ne(-1), () => this.fault());
    return result;
  }
  /** TypeScript finds the flags materialised and sees its arguments; where `eip` is, only an instruction knows. */
  protected callHelper(helper: Callee, args: readonly Term[]): Value {
    const kept = args.map((arg, at) => this.let(termOf(helper.params[at]!, arg)));
    this.core('cc_materialise');
    return this.invoke(helper, ...kept);
  }
}

/** Hit and aligned: or else the slow way looks again. */
const isHit = (probed: Value, bytes: number): Value => probed.and(UPPER_HALF | BigInt(alignmentOf(bytes) - 1)).eqz();
/** The largest power of two in odd sizes decides nothing: those are never taken for aligned. */
const alignmentOf = (bytes: number): number => (Number.isInteger(Math.log2(bytes)) ? bytes : 4096);

/** A function of its own: what it raises, its caller looks for in the state. */
export class RoutineEngine extends Engine {
  protected leaveWithException(): void {
    const [type] = this.f.results;
    if (type === 'i64') this.f.i64(0n);
    else if (type === 'f32') this.f.f32(0);
    else if (type === 'f64') this.f.f64(0);
    else if (type === 'v128') this.f.v128(0n, 0n);
    else if (type) this.f.i32(0);
    this.f.return();
  }
}
