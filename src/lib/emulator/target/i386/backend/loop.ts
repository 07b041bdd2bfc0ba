/**
 * The interpreter's loop: one function, one `br_table`, the code of the frequent shapes in line. Everything else is
 * called through the table of functions. Record, budget and TLB are in locals; the state is complete at every exit.
 */
import type { FunctionBuilder, Label } from '../../../wasm/asm.ts';
import type { Semantics, Shape } from '../isa/backend.ts';
import { ccOp, CONDITION_RULES } from '../isa/flags.ts';
import { i32, Value } from '../isa/value.ts';
import { codeEntry } from './code-pages.ts';
import type { CoreBuilder, StateEmitter } from './core-builder.ts';
import { flagState } from './core-functions.ts';
import type { Linker } from './engine.ts';
import { InterpBackend } from './interp.ts';
import { DECODED, EXIT, HANDLER, type Layout, PAGE_SIZE, RECORD, STATUS } from './layout.ts';

/** Locals and labels of the loop. */
interface Loop {
  readonly record: number;
  readonly budget: number;
  readonly tlb: number;
  /** eip to go on at. */
  readonly target: number;
  /** Next record; `target`; the branch of the record; an exception of the instruction. */
  readonly next: Label;
  readonly lookup: Label;
  readonly branch: Label;
  readonly fault: Label;
}

class LoopBackend extends InterpBackend {
  protected readonly record: Value;
  readonly #loop: Loop;

  constructor(f: FunctionBuilder, layout: Layout, linker: Linker, shape: Shape, loop: Loop) {
    super(f, layout, linker, shape);
    this.#loop = loop;
    this.record = local('i32', loop.record);
  }

  protected override tlb(): Value {
    return local('i32', this.#loop.tlb);
  }
  protected override spill(): void {
    this.setEnv('budget', local('i32', this.#loop.budget).i64S());
    this.setEnv('record', this.record);
  }
  protected override reload(): void {
    this.lazyEnv('budget').i32().emit(this.f);
    this.f.set(this.#loop.budget);
  }
  next(): void {
    this.record.add(RECORD.size).emit(this.f);
    this.f.set(this.#loop.record);
    this.f.br(this.#loop.next);
  }
  protected again(): void {
    this.f.br(this.#loop.next);
  }
  protected leaveTo(eip: Value): void {
    eip.emit(this.f);
    this.f.set(this.#loop.target);
    this.f.br(this.#loop.lookup);
  }
  protected override callHelper(): never {
    throw new Error(`${this.shape.semantics} calls TypeScript: not for the loop`);
  }
  protected leaveToState(): void {
    throw new Error(`${this.shape.semantics} changes the mode: not for the loop`);
  }
  protected leaveToTarget(): void {
    if (this.shape.size === 2) return this.leaveTo(this.relative());
    const link = this.peek('i32.load', this.record, RECORD.link);
    this.when(link.eqz(), () => this.f.br(this.#loop.branch));
    link.emit(this.f);
    this.f.set(this.#loop.record);
    this.f.br(this.#loop.next);
  }
  protected leaveWithException(): void {
    this.f.br(this.#loop.fault);
  }

  override condition(): Value {
    const { condition } = this.shape;
    if (condition === undefined) return super.condition();
    const rule = CONDITION_RULES.sub[condition >> 1];
    const slow = (): Value => this.core('cond', condition);
    if (!rule) return slow();
    const state = flagState(this);
    const opposite = (value: Value): Value => (condition & 1 ? value.eqz() : value);
    const op = this.lazyEnv('cc_op');
    // ZF and SF follow from the result under all rules but EFLAGS.
    const fast = /^[24]$/.test(String(condition >> 1)) ? op.ne(0) : op.and(~3).eq(ccOp('SUB', 1));
    return this.choose(fast, () => opposite(rule(state)), slow, 'i32');
  }
}

const local = (type: 'i32' | 'i64', index: number): Value => new Value(type, (f) => f.get(index));

/** @param shapes the code of each handler from HANDLER.FIRST on */
export function defineLoop(
  core: CoreBuilder,
  linker: Linker,
  shapes: readonly Shape[],
  semantics: ReadonlyMap<string, Semantics>
): void {
  const functionType = core.module.type(['i32'], ['i32']);
  core.define('run', [], 'i32', (e) => {
    const { f, layout } = e;
    const record = f.local('i32');
    const budget = f.local('i32');
    const tlb = f.local('i32');
    const target = f.local('i64');
    const P = local('i32', record);
    const T = local('i64', target);
    const call = (name: string, ...args: Value[]): Value => e.invoke(core.callee(name), ...args);
    const set = (index: number, value: Value): void => {
      value.emit(f);
      f.set(index);
    };
    const spill = (): void => {
      e.setEnv('budget', local('i32', budget).i64S());
      e.setEnv('record', P);
    };
    const reload = (): void => set(budget, e.lazyEnv('budget').i32());
    const here = (): Value =>
      e
        .lazyEnv('eip_page')
        .add(e.lazyPeek('i64.load16_u', P, RECORD.offset))
        .and(e.lazyEnv('code_mask'));
    const exit = (reason: number): void => {
      spill();
      call('cc_materialise');
      e.return(reason);
    };

    call('resume');
    set(tlb, e.lazyEnv('mmu'));
    set(target, e.lazyEnv('eip'));
    reload();

    const noFetch = f.block();
    const fault = f.block();
    const out = f.block();
    const lookup = f.loop();
    {
      const mark = f.borrowed;
      const found = f.block();
      const linear = e.let(T.add(e.lazyEnv('code_base')).and(e.lazyEnv('code_mask')));
      const entry = e.let(codeEntry(layout, linear));
      const tag = linear.and(-PAGE_SIZE).or(e.lazyEnv('code_key'));
      e.when(e.lazyPeek('i64.load', entry).eq(tag), () => {
        const offset = e.let(linear.and(PAGE_SIZE - 1));
        const page = e.peek('i32.load', entry, 8);
        set(record, e.lazyPeek('i32.load', page.add(offset.i32().shl(2)), DECODED.records));
        e.setEnv('eip_page', T.sub(offset));
        e.setEnv('code_page', page);
        P.emit(f);
        f.brIf(found);
      });
      spill();
      set(record, call('code_lookup', T));
      P.eqz().emit(f);
      f.brIf(noFetch);
      reload();
      f.end();
      f.releaseTo(mark);
    }
    const next = f.loop();
    const branch = f.block();
    const loop: Loop = { record, budget, tlb, target, next, lookup, branch, fault };

    local('i32', budget).sub(1).emit(f);
    f.tee(budget);
    f.i32(0);
    f.op('i32.lt_s');
    f.brIf(out);
    const handlers: ((e: StateEmitter) => void)[] = [];
    handlers[HANDLER.CALL] = () => {
      spill();
      const status = e.let(
        new Value('i32', () => {
          P.emit(f);
          e.lazyPeek('i32.load16_u', P, RECORD.fn).emit(f);
          f.callIndirect(functionType);
        })
      );
      reload();
      e.when(status.eqz(), () => {
        set(record, P.add(RECORD.size));
        f.br(next);
      });
      status.eq(STATUS.EXCEPTION).emit(f);
      f.brIf(fault);
      status.eq(STATUS.AGAIN).emit(f);
      f.brIf(next);
      set(target, e.lazyEnv('eip'));
      e.when(status.eq(STATUS.RESUME), () => {
        const leave = call('resume');
        set(tlb, e.lazyEnv('mmu'));
        e.when(leave, () => exit(EXIT.REQUEST));
      });
      f.br(lookup);
    };
    const uncounted = (): void => set(budget, local('i32', budget).add(1));
    handlers[HANDLER.LOOKUP] = () => {
      uncounted();
      set(target, here());
      f.br(lookup);
    };
    handlers[HANDLER.GOTO] = () => {
      uncounted();
      set(record, e.lazyPeek('i32.load', P, RECORD.link));
      f.br(next);
    };
    handlers[HANDLER.CROSS] = () => {
      uncounted();
      spill();
      e.setEnv('eip', here());
      const page = call('code_cross', P);
      page.eqz().emit(f);
      f.brIf(noFetch);
      reload();
      set(record, page);
      f.br(next);
    };
    handlers[HANDLER.STOP] = () => {
      uncounted();
      spill();
      e.setEnv('eip', here());
      e.when(call('at_stop'), () => exit(EXIT.STOP));
      set(record, P.add(RECORD.size));
      f.br(next);
    };
    shapes.forEach((shape, at) => {
      handlers[HANDLER.FIRST + at] = () => {
        const b = new LoopBackend(f, layout, linker, shape, loop);
        semantics.get(shape.semantics)!(b);
        if (!b.ended) b.next();
      };
    });

    const labels = handlers.map(() => f.block()).reverse();
    e.lazyPeek('i32.load16_u', P, RECORD.handler).emit(f);
    f.brTable(labels, labels[0]!);
    for (const handler of handlers) {
      f.end();
      const mark = f.borrowed;
      handler(e);
      f.releaseTo(mark);
    }

    // A branch of operand size 4 or 8 whose target's record is not known yet. In the same page it is from now on.
    f.end();
    {
      const mark = f.borrowed;
      const after = e.lazyPeek('i32.load16_u', P, RECORD.offset).add(e.lazyPeek('i32.load8_u', P, RECORD.length));
      const displacement = e.peek('i32.load', P, RECORD.imm);
      const to = e.let(after.add(displacement));
      e.when(to.ltU(PAGE_SIZE), () => {
        const known = e.peek('i32.load', e.lazyEnv('code_page').add(to.shl(2)), DECODED.records);
        e.when(known, () => {
          e.poke('i32.store', P, known, RECORD.link);
          set(record, known);
          f.br(next);
        });
      });
      set(target, e.lazyEnv('eip_page').add(after.i64()).add(displacement.i64S()).and(e.lazyEnv('code_mask')));
      f.br(lookup);
      f.releaseTo(mark);
    }
    f.end(); // next
    f.end(); // lookup
    f.unreachable();

    f.end(); // out
    set(budget, i32(0));
    e.setEnv('eip', here());
    exit(EXIT.BUDGET);
    f.end(); // fault
    e.setEnv('eip', here());
    exit(EXIT.EXCEPTION);
    f.end(); // noFetch
    exit(EXIT.EXCEPTION);
  });
}
