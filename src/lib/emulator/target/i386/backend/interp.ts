/** The interpreter's back end: operands are looked up in the decoded record, whose address is at hand. */
import type { FunctionBuilder } from '../../../wasm/asm.ts';
import type { Load } from '../../../wasm/opcodes.ts';
import { ENV, EXCP, R_ECX, R_ESP, R_SS } from '../env.ts';
import type { Backend, MemoryOptions, OperandShape, ReadWrite, RepeatOptions, Shape } from '../isa/backend.ts';
import type { Size } from '../isa/insn.ts';
import { i64, termOf, type Term, v128, type Value } from '../isa/value.ts';
import type { Callee } from './emitter.ts';
import { Engine, type Linker, loadOf, storeOf } from './engine.ts';
import { KIND, type Layout, RECORD, STATUS } from './layout.ts';

export abstract class InterpBackend extends Engine implements Backend {
  readonly shape: Shape;
  readonly operands: readonly OperandShape[];
  /** Address of the record. */
  protected abstract readonly record: Value;
  /** What comes next was said. */
  ended = false;

  constructor(f: FunctionBuilder, layout: Layout, linker: Linker, shape: Shape) {
    super(f, layout, linker);
    this.shape = shape;
    this.operands = shape.operands;
  }

  /** Only where both branches said what comes next is it said. */
  override when(condition: Value, then: () => void, otherwise?: () => void): void {
    const before = this.ended;
    const ends: boolean[] = [];
    const watched = (body: () => void) => (): void => {
      this.ended = false;
      body();
      ends.push(this.ended);
    };
    super.when(condition, watched(then), otherwise && watched(otherwise));
    const needed = condition.constant !== undefined && ends.length > 0 ? 1 : 2;
    this.ended = before || (ends.length === needed && ends.every((end) => end));
  }

  /** On with the next record; the same one; at an eip; at the one in the state. Nothing after them is reached. */
  abstract next(): void;
  protected abstract again(): void;
  protected abstract leaveTo(eip: Value): void;
  protected abstract leaveToState(): void;
  protected abstract leaveToTarget(): void;

  // Operands

  protected field(load: Load, offset: number): Value {
    return this.lazyPeek(load, this.record, offset);
  }
  /** Of a register operand: its offset in the state. */
  #slot(operand: OperandShape): Value {
    return this.field('i32.load16_u', RECORD.operands[operand.index]!);
  }

  read(operand: OperandShape, bytes = operand.bytes as Size): Value {
    switch (operand.kind) {
      case 'mem':
        return this.load(this.linear(operand), bytes);
      case 'imm':
        return this.#constant(operand, bytes);
      case 'sreg':
        return this.env('seg_selector', this.#slot(operand));
      default:
        return this.peek(loadOf(bytes), this.#slot(operand), this.layout.env);
    }
  }
  #constant(operand: OperandShape, bytes: Size): Value {
    const first = this.operands.find(({ kind }) => kind === 'imm');
    if (first === operand) return this.let(this.field(loadOf(bytes), RECORD.imm));
    const small = this.let(this.#slot(operand));
    return bytes === 8 ? small.i64() : small;
  }

  write(operand: OperandShape, value: Value, bytes = operand.bytes as Size): void {
    if (operand.kind === 'mem') this.store(this.linear(operand), bytes, value);
    else if (operand.kind === 'reg' && bytes === 4)
      this.poke('i64.store', this.#slot(operand), value.i64(), this.layout.env);
    else this.poke(storeOf(bytes), this.#slot(operand), value, this.layout.env);
  }

  rmw(operand: OperandShape, bytes = operand.bytes as Size): ReadWrite {
    if (operand.kind !== 'mem')
      return { value: this.read(operand, bytes), write: (value) => this.write(operand, value, bytes) };
    return this.update(this.linear(operand), bytes);
  }
  update(linear: Value, bytes: Size): ReadWrite {
    const { host, done } = this.hostForUpdate(linear, bytes);
    return {
      value: this.peek(loadOf(bytes), host),
      write: (value) => {
        this.poke(storeOf(bytes), host, value);
        done();
      }
    };
  }

  readVector(operand: OperandShape, { aligned, half = 0 }: MemoryOptions & { readonly half?: 0 | 1 } = {}): Value {
    if (operand.kind !== 'mem') return this.peek('v128.load', this.#slot(operand), this.layout.env + 16 * half);
    const linear = this.let(this.linear(operand, 16 * half));
    if (aligned) this.#checkAligned(linear, operand);
    return this.load(linear, 16);
  }
  writeVector(
    operand: OperandShape,
    low: Value,
    { aligned, high }: MemoryOptions & { readonly high?: Value } = {}
  ): void {
    if (operand.kind === 'mem') {
      const linear = this.let(this.linear(operand));
      if (aligned) this.#checkAligned(linear, operand);
      if (!high) return this.store(linear, 16, low);
      const [first, second] = [this.let(low), this.let(high)];
      const upper = this.let(this.linear(operand, 16));
      // Both halves or none: the upper is probed first, by writing back what is there.
      const probed = this.hostForUpdate(upper, 16);
      this.store(linear, 16, first);
      void probed;
      return this.store(upper, 16, second);
    }
    const slot = this.let(this.#slot(operand));
    this.poke('v128.store', slot, low, this.layout.env);
    const upper = high ?? (this.shape.vex ? v128(0n, 0n) : undefined);
    if (upper) this.poke('v128.store', slot, upper, this.layout.env + 16);
  }
  #checkAligned(linear: Value, operand: OperandShape): void {
    const mask = operand.bytes === 32 ? 31 : 15;
    this.when(linear.i32().and(mask), () => this.raise(EXCP.GP, 0));
  }

  effectiveAddress(_operand: OperandShape): Value {
    return this.#address(i64(0), 'ea_offset');
  }
  linear(_operand: OperandShape, displacement: Term = 0): Value {
    return this.#address(termOf('i64', displacement), 'ea_linear');
  }
  #address(displacement: Value, general: string): Value {
    const kind = this.let(this.field('i32.load8_u', RECORD.kind));
    const env = (offset: number): Value =>
      this.lazyPeek('i64.load', this.field('i32.load16_u', offset), this.layout.env);
    const added = (sum: Value): Value => (displacement.constant === 0n ? sum : sum.add(displacement));
    return this.choose(
      kind.ltU(KIND.SIMPLE),
      () => added(env(RECORD.base).add(env(RECORD.index).shl(kind.i64())).add(this.field('i64.load32_s', RECORD.disp))),
      () => this.core(general, this.record, displacement),
      'i64'
    );
  }
  linearIn(segment: number | 'operand', offset: Value): Value {
    if (segment === 'operand') {
      const kind = this.field('i32.load8_u', RECORD.kind);
      const index = this.let(kind.and(KIND.SEGMENT).shrU(KIND.SEGMENT_SHIFT));
      return this.#cut(offset.add(this.lazyEnv('seg_none', index)));
    }
    if (this.shape.codeSize === 64 && segment < 4) return offset;
    return this.#cut(offset.add(this.lazyEnv('seg_base', segment)));
  }
  /** Linear addresses have 32 bits outside of 64-bit mode. */
  #cut(linear: Value): Value {
    return this.shape.codeSize === 64 ? linear : linear.and(0xffff_ffff);
  }

  address(operand: OperandShape, bytes: number): Value {
    if (operand.kind === 'mem') return this.hostForLoad(this.linear(operand), bytes);
    return this.let(this.#slot(operand).add(this.layout.env));
  }
  index(operand: OperandShape): Value {
    const slot = this.#slot(operand);
    switch (operand.kind) {
      case 'reg':
        return this.let(slot.sub(ENV.regs).shrU(3));
      case 'xmm':
      case 'ymm':
        return this.let(slot.sub(ENV.xmm).shrU(5));
      case 'mm':
        return this.let(slot.sub(ENV.fpregs).shrU(4));
      default:
        return this.let(slot);
    }
  }
  farSelector(operand: OperandShape): Value {
    return this.let(this.#slot(operand));
  }
  farOffset(_operand: OperandShape): Value {
    return this.let(this.field('i64.load', RECORD.imm));
  }

  // Stack

  #stackPointer(): Value {
    const pointer = this.reg(R_ESP, this.shape.stackSize);
    return pointer.i64();
  }
  #onStack(pointer: Value): Value {
    if (this.shape.stackSize === 8) return pointer;
    const cut = pointer.and(this.shape.stackSize === 4 ? 0xffff_ffff : 0xffff);
    return this.linearIn(R_SS, cut);
  }
  stackTop(bytes: Size = this.shape.size, displacement = 0): Value {
    return this.load(this.#onStack(this.#stackPointer().add(displacement)), bytes);
  }
  addSp(bytes: Term): void {
    const sum = this.#stackPointer().add(termOf('i64', bytes));
    this.setReg(R_ESP, this.shape.stackSize, this.shape.stackSize === 8 ? sum : sum.i32());
  }
  push(value: Value, bytes: Size = this.shape.size): void {
    this.store(this.#onStack(this.#stackPointer().sub(bytes)), bytes, value);
    this.addSp(-bytes);
  }
  pop(bytes: Size = this.shape.size): Value {
    const value = this.stackTop(bytes);
    this.addSp(bytes);
    return value;
  }

  // Flags

  condition(): Value {
    return this.core('cond', this.field('i32.load16_u', RECORD.condition));
  }

  // Control

  eip(): Value {
    return this.lazyEnv('eip_page').add(this.field('i64.load16_u', RECORD.offset));
  }
  nextEip(): Value {
    return this.#cut(this.eip().add(this.field('i64.load8_u', RECORD.length)));
  }
  branch(condition: Value, target: OperandShape): void {
    this.when(condition, () => this.jump(target));
    this.next();
    this.ended = true;
  }
  jump(_target: OperandShape): void {
    this.leaveToTarget();
    this.ended = true;
  }
  jumpTo(eip: Value): void {
    this.leaveTo(eip);
    this.ended = true;
  }
  resume(): void {
    this.leaveToState();
    this.ended = true;
  }
  endBlock(): void {
    this.setEnv('eip', this.nextEip());
    this.resume();
  }
  /** A target in CS: relative to the next instruction, cut to the operand size. */
  protected relative(): Value {
    const eip = this.nextEip().add(this.field('i64.load32_s', RECORD.imm));
    if (this.shape.size === 2 && this.shape.codeSize !== 64) return eip.and(0xffff);
    return this.#cut(eip);
  }

  protected override callHelper(helper: Callee, args: readonly Term[]): Value {
    this.setEnv('eip', this.eip());
    return super.callHelper(helper, args);
  }

  repeat(body: () => void, { until, bulk }: RepeatOptions = {}): void {
    const { rep, addressSize } = this.shape;
    if (rep === 'none') return body();
    const count = (): Value => this.reg(R_ECX, addressSize).i64();
    const setCount = (value: Value): void => this.setReg(R_ECX, addressSize, addressSize === 8 ? value : value.i32());
    const one = (): void => {
      body();
      setCount(count().sub(1));
    };
    this.when(count().eqz(), () => this.next());
    this.loop((_again, leave) => {
      if (bulk) {
        // The iteration that is under way is counted already.
        const left = this.let(this.lazyEnv('budget').add(1));
        const most = count();
        const done = bulk(this.let(most.ltU(left).select(most, left)));
        this.when(done.eqz(), one, () => {
          setCount(most.sub(done));
          this.setEnv('budget', left.sub(done));
        });
      } else one();
      if (until) this.when(rep === 'repne' ? this.flag('Z') : this.flag('Z').eqz(), leave);
      this.when(count().eqz(), leave);
      this.#countIteration();
    });
  }
  /** Every iteration is an instruction; where the budget ends, the next one waits. */
  #countIteration(): void {
    const budget = this.let(this.lazyEnv('budget').sub(1));
    this.when(budget.ltS(0), () => this.again());
    this.setEnv('budget', budget);
  }
}

/** A shape's code as a function of the table: (record) → STATUS. The budget is in the state. */
export class FunctionBackend extends InterpBackend {
  protected readonly record: Value = this.param(0);

  next(): void {
    this.return(STATUS.NEXT);
  }
  protected again(): void {
    this.return(STATUS.AGAIN);
  }
  protected leaveTo(eip: Value): void {
    this.setEnv('eip', eip);
    this.return(STATUS.JUMP);
  }
  protected leaveToState(): void {
    this.return(STATUS.RESUME);
  }
  protected leaveToTarget(): void {
    this.leaveTo(this.relative());
  }
  protected leaveWithException(): void {
    this.return(STATUS.EXCEPTION);
  }
}
