/**
 * One CPU that runs: its state, its engine, and the loop around it that delivers exceptions and takes interrupts, which
 * come only between instructions. QEMU accel/tcg/cpu-exec.c, target/i386/tcg/tcg-cpu.c.
 *
 * Counting: every instruction begun is one, also one that faults; of a repeated string instruction each iteration is one,
 * and one that repeats zero times is one. Delivering exceptions and interrupts counts nothing.
 */
import { Interpreter } from '../../target/i386/backend/interpreter.ts';
import {
  EXIT,
  type Layout,
  layOut,
  layoutBytes,
  PAGE_SIZE,
  RECORD,
  WATCHING
} from '../../target/i386/backend/layout.ts';
import { FEATURE_NAMES } from '../../target/i386/cpu-features.ts';
import { CPUException, Env, FLAG, HF, INHIBIT_TRAPS, R_CS } from '../../target/i386/env.ts';
import { decoderFor } from '../../target/i386/isa/decode.ts';
import { hotShapes } from '../../target/i386/isa/hot.ts';
import { SEMANTICS } from '../../target/i386/isa/semantics/registry.ts';
import {
  checkCodeBreakpoints,
  breakpointsEnabled,
  debugTrap,
  watchpointHits
} from '../../target/i386/tcg/bpt_helper.ts';
import {
  deliverException,
  x86_cpu_exec_interrupt,
  x86_cpu_pending_interrupt
} from '../../target/i386/tcg/excp_helper.ts';
import type { CpuModel, CpuObserver, CpuOutside, Mmu, X86Cpu } from '../../target/i386/x86-cpu.ts';
import type { CpuExit, Processor } from '../../system/cpus.ts';
import { CpuTlb, type PhysicalSpace, takeException } from './cputlb.ts';
import { CodePages } from './tb-maint.ts';
import { type Watchpoint, Watchpoints } from './watchpoint.ts';

/** Room for decoded instructions: a kernel and some programs. When it is full, all is decoded anew. */
const ARENA_BYTES = 32 << 20;
/** Bytes of WebAssembly memory that a CPU needs, at a multiple of 4 KiB. */
export const CPU_BYTES = layoutBytes(ARENA_BYTES);

const LONGEST_RUN = 0x7fff_ffff;

/** Names of the features that a model has. */
function featuresOf({ features }: CpuModel): ReadonlySet<string> {
  return new Set(
    Object.entries(FEATURE_NAMES).flatMap(([word, names]) =>
      names.filter((name, bit) => name !== '-' && ((features[word] ?? 0) >>> bit) & 1)
    )
  );
}

export interface CpuOptions {
  readonly memory: WebAssembly.Memory;
  /** Where the CPU's CPU_BYTES lie; zeroed. */
  readonly base: number;
  /** `PhysMem.pageFlags`, `PhysPageMap.base`. */
  readonly pageFlags: number;
  readonly pageMap: number;
  readonly physical: PhysicalSpace;
  readonly model: CpuModel;
  readonly outside: CpuOutside;
  /** `PhysMem.onFirstWrite` */
  readonly firstWrite?: (hostPage: number) => void;
  /** Sees each exception before it is delivered; true keeps it from being so, and `run` stops with 'debug'. */
  readonly intercept?: (exception: CPUException) => boolean;
}

export class TcgCpu implements X86Cpu, Processor {
  readonly env: Env;
  readonly mmu: Mmu;
  readonly outside: CpuOutside;
  readonly model: CpuModel;
  singleStep = false;
  observer: CpuObserver | undefined;
  readonly #layout: Layout;
  readonly #interpreter: Interpreter;
  readonly #pages: CodePages;
  /** Instructions when `run` was called, how many it may run, and how many of them the engine was not given yet. */
  #before = 0;
  #total = 0;
  #rest = 0;
  #inEngine = false;
  /** Data breakpoints that the instruction has hit, as in DR6. */
  #watchHits = 0;
  #breakpoints: ReadonlyMap<bigint, () => boolean> = new Map();
  readonly #watchpoints = new Watchpoints();
  /** The breakpoint that has been told, and when: running on passes it. */
  #told = { address: -1n, count: -1 };
  /** `run` comes back with 'debug' before the next instruction: a breakpoint on it, or something that was watched. */
  #stop = false;
  #running = false;
  readonly #intercept: (exception: CPUException) => boolean;

  constructor({ memory, base, pageFlags, pageMap, physical, model, outside, firstWrite, intercept }: CpuOptions) {
    this.model = model;
    this.outside = {
      ...outside,
      ioRead: (port, size) => {
        const value = outside.ioRead(port, size);
        this.#observed?.port?.(port, size, value >>> 0, false);
        this.#observed?.device?.();
        return value;
      },
      ioWrite: (port, value, size) => {
        this.#observed?.port?.(port, size, value >>> 0, true);
        outside.ioWrite(port, value, size);
        this.#observed?.device?.();
      }
    };
    this.#intercept = intercept ?? (() => false);
    this.#layout = layOut(base, ARENA_BYTES, { pageFlags, pageMap, physBits: 40 });
    this.env = new Env(memory, this.#layout.env);
    const features = featuresOf(model);
    const decode = decoderFor((feature) => features.has(feature));
    this.#pages = new CodePages(this.env, this.#layout, decode, ({ semantics }) => SEMANTICS.has(semantics!));
    const pages = this.#pages;
    this.#interpreter = new Interpreter(
      this,
      this.#layout,
      {
        mmio_read: (address, size) => {
          const value = physical.read(address, size);
          this.#observed?.device?.();
          return value;
        },
        mmio_write: (address, value, size) => {
          physical.write(address, value >>> 0, size);
          this.#observed?.device?.();
        },
        first_write: (host) => firstWrite?.(host >>> 12),
        watch: (linear, bytes, write, gpa) => this.#access(BigInt.asUintN(64, linear), bytes, write !== 0, gpa),
        watched: (linear, gpa) => (this.#watchpoints.inPage(BigInt.asUintN(64, linear), gpa) ? 1 : 0),
        at_stop: () => (this.#stopsHere() ? 1 : 0),
        new_page: (host, key) => pages.newPage(host >>> 0, key),
        decode: (page, offset) => pages.decode(page >>> 0, offset),
        decode_cross: (record, page) => pages.decodeCross(record >>> 0, page >>> 0)
      },
      SEMANTICS,
      hotShapes()
    );
    pages.attach(this.#interpreter);
    this.mmu = new CpuTlb(this.env, this.#layout, this.#interpreter, physical);
    this.#interpreter.exports.tlb_reset();
    this.env.set('exception_index', -1);
  }

  /** Instructions retired, exact inside `run` too. */
  get icount(): bigint {
    return BigInt(this.#count());
  }
  set icount(value: bigint) {
    this.#told = { address: -1n, count: -1 };
    this.#before = Number(value) - (this.#count() - this.#before);
  }
  #count(): number {
    const unused = this.#rest + (this.#inEngine ? this.#budget() : 0);
    return this.#before + this.#total - unused;
  }
  #budget(): number {
    return this.env.i32[(this.env.base + this.env.offsetOf('budget')) >> 2]!;
  }

  /**
   * Linear addresses before whose instructions `run` may stop with 'debug', and what decides it when the CPU is there.
   * Only records of instructions at their offsets of a page are slower for it.
   */
  get breakpoints(): ReadonlyMap<bigint, () => boolean> {
    return this.#breakpoints;
  }
  set breakpoints(breakpoints: ReadonlyMap<bigint, () => boolean>) {
    this.#breakpoints = breakpoints;
    this.#pages.setStops(new Set([...breakpoints.keys()].map((address) => Number(address % BigInt(PAGE_SIZE)))));
  }
  /** The breakpoint at the next instruction has been told: the next run goes on over it. */
  passBreakpoint(): void {
    this.#told = { address: this.#linearEip(), count: this.#count() };
  }
  /** Accesses of instructions and interrupts to data; those of a debugger are not told. */
  get watchpoints(): readonly Watchpoint[] {
    return this.#watchpoints.list;
  }
  set watchpoints(list: readonly Watchpoint[]) {
    if (list.length === 0 && this.#watchpoints.list.length === 0) return;
    this.#watchpoints.list = list;
    const others = this.env.get('watching') & ~WATCHING.PAGES;
    this.env.set('watching', list.length > 0 ? others | WATCHING.PAGES : others);
    this.flushAll();
  }
  /** Has `run` come back with 'debug' after the instruction, or before the first. */
  requestDebug(): void {
    this.#stop = true;
    this.#leaveEngine();
  }
  /** eip of the instruction that runs, for those that look on. */
  get currentEip(): bigint {
    const { env } = this;
    if (!this.#inEngine || env.get('record') === 0) return env.get64('eip');
    return env.get64('eip_page') + BigInt(env.u16[(env.get('record') + RECORD.offset) >>> 1]!);
  }

  /** The table of `PhysMem.pageWriters`. */
  get pageWriters(): number {
    return this.#layout.pageWriters;
  }

  /** HLT, and nothing has come that would end it. */
  get idle(): boolean {
    return this.env.get('halted') !== 0 && x86_cpu_pending_interrupt(this) === 0;
  }

  requestExit(): void {
    this.env.set('exit_request', 1);
    this.#leaveEngine();
  }
  limit(instructions: number): void {
    const given = this.#inEngine ? this.#budget() : 0;
    const excess = given + this.#rest - Math.max(0, instructions);
    if (excess <= 0) return;
    this.#total -= excess;
    const fromRest = Math.min(this.#rest, excess);
    this.#rest -= fromRest;
    if (excess > fromRest) this.env.set64('budget', BigInt(given - (excess - fromRest)));
  }
  /** QEMU cpu_interrupt: CPU_INTERRUPT_* were raised. */
  interrupt(mask: number): void {
    this.env.set('interrupt_request', this.env.get('interrupt_request') | mask);
    this.#leaveEngine();
  }
  resetInterrupt(mask: number): void {
    this.env.set('interrupt_request', this.env.get('interrupt_request') & ~mask);
  }
  /** Has the engine come back before the next instruction. */
  #leaveEngine(): void {
    if (!this.#inEngine) return;
    this.#rest += Math.max(0, this.#budget());
    this.env.set64('budget', 0n);
  }

  /** The physical memory map, or the state as a whole, is another. */
  flushAll(): void {
    this.mmu.flush(true);
  }
  /** PhysMem.onCodeWrite */
  codeWritten(hostPage: number): void {
    this.#pages.discard(hostPage);
  }
  /** PhysMem.onProtect */
  dirtyCleared(): void {
    this.#interpreter.exports.protect_all();
  }
  /** The memory grew: views of it are made anew. */
  memoryGrew(): void {
    this.env.grown();
  }

  run(instructions: number, goOn?: () => boolean): CpuExit {
    this.#before = this.#count();
    this.#total = this.#rest = Math.min(instructions, LONGEST_RUN);
    this.#running = true;
    const exit = this.#loop(goOn);
    this.#running = false;
    this.#total -= this.#rest;
    this.#rest = 0;
    this.env.set('exit_request', 0);
    this.env.set64('icount', this.icount);
    return exit;
  }

  #loop(goOn: (() => boolean) | undefined): CpuExit {
    const { env } = this;
    for (;;) {
      if (this.#stop) {
        this.#stop = false;
        return 'debug';
      }
      if (env.get('interrupt_request') !== 0 && x86_cpu_exec_interrupt(this)) continue;
      if (env.get('halted') !== 0) return 'halted';
      if (env.get('exit_request') !== 0) return 'request';
      if (this.#rest === 0) return 'budget';
      const debugging = breakpointsEnabled(env);
      if (debugging) {
        if (this.breakpoints.has(this.#linearEip()) && this.#stopsHere()) continue;
        if (this.#hitsDebugRegister()) continue;
        this.#watchHits = 0;
        this.passBreakpoint();
      }
      const eflags = env.get('eflags');
      if (eflags & FLAG.RF) env.set('eflags', eflags & ~FLAG.RF); // it shields one instruction
      this.singleStep = (eflags & FLAG.TF) !== 0;
      const inhibited = env.get('inhibit_irq') !== 0;
      env.set('inhibit_irq', 0);
      const before = this.#rest;
      const raised = this.#enter(debugging || this.singleStep || inhibited || goOn ? 1 : this.#rest);
      if (this.#rest === before && !raised) {
        // Nothing ran: a breakpoint was met.
        if (inhibited) env.set('inhibit_irq', 1);
        continue;
      }
      if (raised) {
        if (this.#intercept(raised)) return 'debug';
        deliverException(this, raised);
      } else {
        const hits = debugging ? this.#watchHits : 0;
        const trapped = this.singleStep && env.get('inhibit_irq') !== INHIBIT_TRAPS;
        if (trapped || hits !== 0) this.#deliver(() => debugTrap(env, hits, trapped));
      }
      if (goOn?.() === false) return 'budget';
    }
  }

  #linearEip(): bigint {
    const { env } = this;
    const long = (env.get('hflags') & HF.CS64) !== 0;
    return BigInt.asUintN(long ? 64 : 32, (long ? 0n : env.get64('seg_base', R_CS)) + env.get64('eip'));
  }
  /** What a debugger does by itself is nothing to look at. */
  get #observed(): CpuObserver | undefined {
    return this.#running ? this.observer : undefined;
  }
  /** Whether to stop before the instruction at eip. */
  #stopsHere(): boolean {
    if (this.#breakpoints.size === 0) return false;
    const address = this.#linearEip();
    const decide = this.#breakpoints.get(address);
    const count = this.#count();
    if (!decide || (this.#told.count === count && this.#told.address === address)) return false;
    this.#told = { address, count };
    this.#interpreter.exports.cc_materialise();
    return (this.#stop = decide());
  }
  #access(linear: bigint, bytes: number, write: boolean, gpa: bigint): void {
    const watching = this.env.get('watching');
    if (watching & WATCHING.DR) this.#watchHits |= watchpointHits(this.env, linear, bytes, write);
    if (watching & WATCHING.PAGES && this.#running) {
      this.#watchpoints.access({ linear, gpa, bytes, write, eip: this.currentEip });
    }
  }
  #hitsDebugRegister(): boolean {
    if (this.env.get('eflags') & FLAG.RF) return false;
    return this.#deliver(() => checkCodeBreakpoints(this.env));
  }
  /** Has an exception delivered that a function raises; whether it did. */
  #deliver(raises: () => void): boolean {
    try {
      raises();
      return false;
    } catch (exception) {
      if (!(exception instanceof CPUException)) throw exception;
      deliverException(this, exception);
      return true;
    }
  }

  /** Runs the engine for at most so many instructions. Returns the exception that ended it. */
  #enter(instructions: number): CPUException | undefined {
    const { env } = this;
    this.#rest -= instructions;
    env.set64('budget', BigInt(instructions));
    this.#inEngine = true;
    let raised: CPUException | undefined;
    try {
      if (this.#interpreter.exports.run() === EXIT.EXCEPTION) raised = takeException(env);
    } catch (exception) {
      if (!(exception instanceof CPUException)) throw exception;
      raised = exception;
    } finally {
      this.#rest += Math.max(0, this.#budget());
      this.#inEngine = false;
    }
    return raised;
  }
}
