/**
 * What semantics are written against: once for the interpreter (`backend/interp.ts`, where an operand is looked up in a
 * decoded record at run time) and for a compiler (where it is known). A semantics function runs when code is generated;
 * it calls these methods in the order in which things shall happen.
 *
 * Rules
 * - Faults first. Whatever may fault (memory, `raise`, helpers) comes before the first change of state: registers, flags,
 *   memory. A store is a change that may itself fault, so it comes before registers and flags. `rmw` of memory probes for
 *   writing when it is called; its `write` faults no more.
 * - Values read are captured: `read` then `write` of the same register leaves the value read as it was.
 * - Pure expressions may be used twice, at the price of being computed twice: `let` what is dear.
 * - A `when` whose condition is a constant emits one branch only, so facts known to a compiler cost nothing.
 *
 * @example
 * const add: Semantics = (b) => {
 *   const [destination, source] = b.operands;
 *   const right = b.read(source);
 *   const target = b.rmw(destination);
 *   const result = b.let(truncate(size, target.value.add(right)));
 *   target.write(result);
 *   b.setFlags('ADD', destination.size, { dst: result, src: right });
 * };
 * const movaps: Semantics = (b) => b.writeVector(b.operands[0], b.readVector(b.operands[1], { aligned: true }));
 */
import type { ValType } from '../../../wasm/asm.ts';
import type { EnvName } from '../env.ts';
import type { X86Cpu } from '../x86-cpu.ts';
import type { CodeSize, Operand, Size } from './insn.ts';
import type { Term, Value } from './value.ts';

export type { Term } from './value.ts';
export { Value, f32, f64, i32, i64, lane, op, shuffle, v128 } from './value.ts';

/** An operand as far as code differs by it. Which register or constant it is, only the engine knows. */
export interface OperandShape {
  /** Its place in `Insn.operands`. */
  readonly index: number;
  readonly kind: Operand['kind'];
  /** Bytes: 1 2 4 8 of `reg`, `imm`, `mem`; 16 and 32 of `xmm`, `ymm`, and of `mem` in their company; 10 of an 80-bit real. */
  readonly bytes: number;
}

/** What an instruction is apart from its register numbers and constants: each shape has code of its own. */
export interface Shape {
  /** `Row.semantics`: which function of `isa/semantics` this is. */
  readonly semantics: string;
  /** Effective operand size (of `v` operands). */
  readonly size: Size;
  readonly addressSize: 2 | 4 | 8;
  /** What PUSH, POP, CALL use of RSP: SS.B, and 8 in 64-bit mode. */
  readonly stackSize: 2 | 4 | 8;
  readonly codeSize: CodeSize;
  readonly rep: 'none' | 'rep' | 'repne';
  /** VEX.L. */
  readonly wide: boolean;
  /** `Row.ends`: without a jump of its own, the block ends at the next instruction (see `endBlock`). */
  readonly ends: boolean;
  /** Of Jcc, where each condition has code of its own. */
  readonly condition?: number;
  /** VEX-encoded: 128-bit results clear the upper half of their YMM register. */
  readonly vex: boolean;
  readonly operands: readonly OperandShape[];
}

export type Semantics = (b: Backend) => void;

/** How the arithmetic flags follow from `dst`, `src` and `src2`: QEMU's CC_OP_*, without the size. */
export type FlagRule =
  /** `src` holds CF PF AF ZF SF OF in their places. Size is ignored. */
  | 'EFLAGS'
  /** dst = a + src. */
  | 'ADD'
  /** dst = a + src + src2, src2 being the carry, 0 or 1. */
  | 'ADC'
  /** dst = src2 − src: `src2` is the minuend (CMP, SUB, NEG, CMPXCHG, SCAS). */
  | 'SUB'
  /** dst = a − src − src2, src2 being the borrow. */
  | 'SBB'
  /** CF = OF = AF = 0. */
  | 'LOGIC'
  /** dst = a ± 1; `src` is CF as it was, 0 or 1. */
  | 'INC'
  | 'DEC'
  /** `src` is the operand shifted by one less than the count: CF is its top bit (SHL), its bottom bit (SAR, SHR). */
  | 'SHL'
  | 'SAR'
  /** CF = OF = (src ≠ 0); the rest as LOGIC. */
  | 'MUL'
  /** CF = (src = 0), OF = 0: BLSR, BLSMSK, BZHI. */
  | 'BMILG'
  /** CF = (src ≠ 0), OF = 0. */
  | 'BLSI'
  /** ZF = (src = 0), the rest 0. */
  | 'POPCNT';

export interface FlagInputs {
  /** Each of the operation's type: i64 for size 8, i32 for less (bits above the size do not matter). */
  readonly dst?: Value;
  readonly src?: Term;
  readonly src2?: Term;
}

/** A function in TypeScript that semantics call. Give it to `Backend.call`. */
export interface Helper {
  /** QEMU's name where it has one. Unique. */
  readonly name: string;
  /** i32 arrives as a number (signed), i64 as a bigint (signed). */
  readonly params: readonly ValType[];
  readonly result?: ValType;
  /** May throw CPUException: `eip` in the state is the current instruction's; flags are materialised (see `ENV.cc_op`). */
  readonly run: (cpu: X86Cpu, ...args: never[]) => number | bigint | void;
}

/** A function in the same language, generated once and called from many semantics: what is too long to repeat. */
export interface Routine {
  readonly name: string;
  readonly params: readonly ValType[];
  readonly result?: ValType;
  /** Operand methods (`read` of an operand and so on) are not available in it; `load`, `store`, `raise` are. */
  readonly body: (b: RoutineBackend, ...args: Value[]) => Value | undefined;
}

/** A memory operand, or register, read and then written. */
export interface ReadWrite {
  readonly value: Value;
  write(value: Value): void;
}

/** A variable of the generated code. */
export interface Variable {
  readonly value: Value;
  set(value: Term): void;
}

export interface MemoryOptions {
  /** Raise #GP(0) where the address is no multiple of the operand's bytes (MOVAPS and legacy SSE operands). */
  readonly aligned?: boolean;
}

/** What routines and semantics have in common. */
export interface RoutineBackend {
  /** Keeps a value in a local. */
  let(value: Value): Value;
  variable(type: ValType, initial?: Term): Variable;
  when(condition: Value, then: () => void, otherwise?: () => void): void;
  /** Repeats until the body calls `leave` (for good) ; `again` starts the next round; the end of the body does too. */
  loop(body: (again: () => void, leave: () => void) => void): void;

  /**
   * The state by field of `env.ts`: i32 for fields up to 32 bits (u8 zero-extended), i64, v128. `index` selects the
   * element. Not for `regs`, `eip` and `cc_*`, which a compiler keeps elsewhere; `xmm` only through operands or `address`.
   */
  env(name: EnvName, index?: Term): Value;
  setEnv(name: EnvName, value: Term, index?: Term): void;
  /** The mode (HF_*): an i32, constant in a compiler. Bits MP EM TS, CPL, PE, VM, LMA and the like. */
  hflags(): Value;

  /** General register by number (constant, or an i32), `bytes` wide, zero-extended: i64 for 8, i32 for less. */
  reg(index: Term, bytes: Size): Value;
  /** Writing 4 bytes clears the upper half, writing 1 or 2 keeps the rest. */
  setReg(index: Term, bytes: Size, value: Term): void;

  /** Memory by linear address (i64), with the paging in force. i64 for 8 bytes, v128 for 16, i32 zero-extended for less. */
  load(linear: Value, bytes: Size | 16): Value;
  store(linear: Value, bytes: Size | 16, value: Value): void;

  /** Arithmetic flags: one of them as 0 or 1, or all six in their places in EFLAGS, i32. */
  flag(name: 'C' | 'P' | 'A' | 'Z' | 'S' | 'O'): Value;
  flags(): Value;
  setFlags(rule: FlagRule, size: Size, inputs: FlagInputs): void;

  /** `bytes` bytes (i32) of WebAssembly's memory, from and to addresses as `span` gives them; they may overlap. */
  copy(to: Value, from: Value, bytes: Value): void;
  /** `count` (i32) elements of 1 to 8 bytes, from an address as `span` gives it. */
  fill(to: Value, element: Value, bytes: Size, count: Value): void;

  /** Raises an exception; nothing after it is reached. `error` where the vector has an error code. */
  raise(vector: number, error?: Term): void;
  call(callee: Helper | Routine, ...args: readonly Term[]): Value;
}

export interface Backend extends RoutineBackend {
  readonly shape: Shape;
  /** Same as `shape.operands`. */
  readonly operands: readonly OperandShape[];

  // Operands
  /**
   * The low `bytes` (the operand's own number when absent) of a register, constant or memory; i64 for 8, i32 zero-extended
   * for less. Constants are sign-extended to what is asked. Also of `xmm` and `mm` (their low bytes), `sreg` (selector).
   */
  read(operand: OperandShape, bytes?: Size): Value;
  /** Writes the low `bytes`. 4 of a `reg` clears the upper half; of an `xmm` or `mm` the rest stays. */
  write(operand: OperandShape, value: Value, bytes?: Size): void;
  /** For read-modify-write with one translation. */
  rmw(operand: OperandShape, bytes?: Size): ReadWrite;
  /** 16 bytes of an `xmm`, `ymm` or memory operand. `half` 1 is the upper half of a YMM register, or bytes 16 to 31. */
  readVector(operand: OperandShape, options?: MemoryOptions & { readonly half?: 0 | 1 }): Value;
  /**
   * Of a register: with `high` absent, bits 128 and up stay (legacy SSE) or are cleared (`shape.vex`). With `high`, both
   * halves are written; of memory all 32 bytes or none.
   */
  writeVector(operand: OperandShape, low: Value, options?: MemoryOptions & { readonly high?: Value }): void;
  /** Effective address (LEA), without segment base; i64, cut to the address size. */
  effectiveAddress(operand: OperandShape): Value;
  /** Effective address + displacement (cut to the address size), plus segment base: for `load` and `store`. */
  linear(operand: OperandShape, displacement?: Term): Value;
  /** `rmw` at a linear address. */
  update(linear: Value, bytes: Size): ReadWrite;
  /** `offset` (i64) in a segment: `R_ES` …, or 'operand' for the one in force (strings, XLAT, MASKMOVDQU). */
  linearIn(segment: number | 'operand', offset: Value): Value;
  /**
   * Where `bytes` bytes of the operand lie in WebAssembly's memory (i32), for loads at computed places and odd shapes.
   * Registers `xmm`, `ymm`, `mm` and memory; memory is a copy when the operand crosses pages, so it is for reading only.
   */
  address(operand: OperandShape, bytes: number): Value;
  /** Number of the register: i32. For `sreg`, `creg`, `dreg`, `st`, `mm`, `xmm`, `reg`. Of `mem`: log2 of its scale. */
  index(operand: OperandShape): Value;
  /** Of a `far` operand. */
  farSelector(operand: OperandShape): Value;
  farOffset(operand: OperandShape): Value;

  // Stack
  /** Value at SS:(RSP + displacement), of the operand size unless told. RSP stays. */
  stackTop(bytes?: Size, displacement?: number): Value;
  /** Adds to as much of RSP as `shape.stackSize` says. */
  addSp(bytes: Term): void;
  /** Stores below RSP, then moves it. */
  push(value: Value, bytes?: Size): void;
  /** `stackTop`, then `addSp`. For several that must fault together use those. */
  pop(bytes?: Size): Value;

  // Flags
  /** The condition in the low bits of the opcode (Jcc, SETcc, CMOVcc): i32, 0 or 1. */
  condition(): Value;

  // Control. Each but `eip` and `nextEip` ends the instruction.
  /** Of this and of the next instruction: i64, offset in CS. */
  eip(): Value;
  nextEip(): Value;
  /** To the `rel` operand where the condition holds, else on. */
  branch(condition: Value, target: OperandShape): void;
  /** To the `rel` operand. */
  jump(target: OperandShape): void;
  /** To an offset in CS, i64, cut to the operand size already. */
  jumpTo(eip: Value): void;
  /** On at `ENV.eip`, which a helper set, perhaps in another mode: far transfers, interrupts, SYSCALL, IRET, HLT. */
  resume(): void;
  /**
   * On at the next instruction, with everything that was derived from the state worked out again: after helpers that
   * changed hflags, control registers, AC, IF, TF. Implied at the end of rows with `ends` that did none of the above.
   */
  endBlock(): void;

  /** For string instructions: `body` does one iteration and the engine counts. See `Shape.rep`; 'none' runs it once. */
  repeat(body: () => void, options?: RepeatOptions): void;
  /** Where a linear address lies in WebAssembly's memory if its page is mapped for that and plain RAM, else 0: i32. */
  span(linear: Value, write: boolean): Value;
}

export interface RepeatOptions {
  /** REPE and REPNE look at ZF after each iteration. */
  readonly until?: 'Z';
  /**
   * Does as many iterations at once as it can, at most `limit` (i64, at least 1), index registers included, and gives
   * their number (i64). 0: it cannot, and `body` does the next one.
   */
  readonly bulk?: (limit: Value) => Value;
}
