/** Code of one function from values and statements, in the order in which they are given. */
import { type FunctionBuilder, typeOfLoad, typeOfStore, type ValType } from '../../../wasm/asm.ts';
import type { Load, Store } from '../../../wasm/opcodes.ts';
import type { Variable } from '../isa/backend.ts';
import { i32, termOf, Value, type Term } from '../isa/value.ts';

/** A function of a module, or imported into it. */
export interface Callee {
  readonly index: number;
  readonly params: readonly ValType[];
  readonly result?: ValType;
}

export class Emitter {
  readonly f: FunctionBuilder;

  constructor(f: FunctionBuilder) {
    this.f = f;
  }

  /** Parameter or local by number. */
  param(index: number): Value {
    return new Value(this.f.params[index]!, (f) => f.get(index));
  }

  let(value: Value): Value {
    if (value.constant !== undefined) return value;
    const local = this.f.temporary(value.type);
    value.emit(this.f);
    this.f.set(local);
    return new Value(value.type, (f) => f.get(local));
  }

  variable(type: ValType, initial?: Term): Variable {
    const local = this.f.temporary(type);
    const variable: Variable = {
      value: new Value(type, (f) => f.get(local)),
      set: (value) => {
        termOf(type, value).emit(this.f);
        this.f.set(local);
      }
    };
    if (initial !== undefined) variable.set(initial);
    return variable;
  }

  when(condition: Value, then: () => void, otherwise?: () => void): void {
    if (condition.constant !== undefined) {
      if (condition.constant !== 0n) then();
      else otherwise?.();
      return;
    }
    condition.emit(this.f);
    this.f.if();
    then();
    if (otherwise) {
      this.f.else();
      otherwise();
    }
    this.f.end();
  }

  /** `when` with a result. */
  choose(condition: Value, then: () => Value, otherwise: () => Value, type: ValType): Value {
    const result = this.variable(type);
    this.when(
      condition,
      () => result.set(then()),
      () => result.set(otherwise())
    );
    return result.value;
  }

  loop(body: (again: () => void, leave: () => void) => void): void {
    const out = this.f.block();
    const head = this.f.loop();
    body(
      () => this.f.br(head),
      () => this.f.br(out)
    );
    this.f.br(head);
    this.f.end();
    this.f.end();
  }

  /** Memory of WebAssembly, at the moment of the call. */
  peek(load: Load, address: Value, offset = 0): Value {
    return this.let(this.lazyPeek(load, address, offset));
  }
  /** The same, at the moment of use. */
  lazyPeek(load: Load, address: Value, offset = 0): Value {
    return new Value(typeOfLoad(load), (f) => {
      address.emit(f);
      f.load(load, offset);
    });
  }
  poke(store: Store, address: Value, value: Term, offset = 0): void {
    address.emit(this.f);
    termOf(typeOfStore(store), value).emit(this.f);
    this.f.store(store, offset);
  }

  /** A call for its effects and its result, which is in a local (or, without a result, 0). */
  invoke(callee: Callee, ...args: readonly Term[]): Value {
    if (args.length !== callee.params.length) throw new TypeError(`${callee.params.length} arguments are needed`);
    args.forEach((arg, at) => termOf(callee.params[at]!, arg).emit(this.f));
    this.f.call(callee.index);
    if (callee.result === undefined) return i32(0);
    const local = this.f.temporary(callee.result);
    this.f.set(local);
    return new Value(callee.result, (f) => f.get(local));
  }

  return(value?: Term): void {
    if (value !== undefined) termOf(this.f.results[0]!, value).emit(this.f);
    this.f.return();
  }
}
