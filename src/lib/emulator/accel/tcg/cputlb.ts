/** Memory through the MMU for TypeScript: the same TLB and page walk that generated code uses. QEMU accel/tcg/cputlb.c. */
import type { Interpreter } from '../../target/i386/backend/interpreter.ts';
import { type Layout, MMU_MODES, TLB_MODE_BITS } from '../../target/i386/backend/layout.ts';
import { CPUException, EXCP, FLAG, HF, type Env } from '../../target/i386/env.ts';
import type { AccessMode, Mmu } from '../../target/i386/x86-cpu.ts';

/** Physical memory, devices included. */
export interface PhysicalSpace {
  /** 1, 2 or 4 bytes, unsigned. */
  read(address: number, size: number): number;
  write(address: number, value: number, size: number): void;
}

const WITH_ERROR_CODE: ReadonlySet<number> = new Set([EXCP.DF, EXCP.TS, EXCP.NP, EXCP.SS, EXCP.GP, EXCP.PF, EXCP.AC]);

/** Takes the exception that generated code left in the state. */
export function takeException(env: Env): CPUException {
  const vector = env.i32[(env.base + env.offsetOf('exception_index')) >> 2]!;
  env.set('exception_index', -1);
  return new CPUException(vector, WITH_ERROR_CODE.has(vector) ? env.get('error_code') : undefined);
}

export class CpuTlb implements Mmu {
  readonly #env: Env;
  readonly #layout: Layout;
  readonly #interpreter: Interpreter;
  readonly #physical: PhysicalSpace;
  #view: DataView<ArrayBufferLike>;

  constructor(env: Env, layout: Layout, interpreter: Interpreter, physical: PhysicalSpace) {
    this.#env = env;
    this.#layout = layout;
    this.#interpreter = interpreter;
    this.#physical = physical;
    this.#view = new DataView(env.memory.buffer);
  }

  load8(linear: bigint, mode?: AccessMode): number {
    return this.#env.u8[this.#load(linear, 1, mode)]!;
  }
  load16(linear: bigint, mode?: AccessMode): number {
    const at = this.#load(linear, 2, mode);
    return this.#memory().getUint16(at, true);
  }
  load32(linear: bigint, mode?: AccessMode): number {
    const at = this.#load(linear, 4, mode);
    return this.#memory().getUint32(at, true);
  }
  load64(linear: bigint, mode?: AccessMode): bigint {
    const at = this.#load(linear, 8, mode);
    return this.#memory().getBigUint64(at, true);
  }
  store8(linear: bigint, value: number, mode?: AccessMode): void {
    this.#store(linear, 1, mode, (view, at) => view.setUint8(at, value));
  }
  store16(linear: bigint, value: number, mode?: AccessMode): void {
    this.#store(linear, 2, mode, (view, at) => view.setUint16(at, value, true));
  }
  store32(linear: bigint, value: number, mode?: AccessMode): void {
    this.#store(linear, 4, mode, (view, at) => view.setUint32(at, value, true));
  }
  store64(linear: bigint, value: bigint, mode?: AccessMode): void {
    this.#store(linear, 8, mode, (view, at) => view.setBigUint64(at, value, true));
  }
  probeWrite(linear: bigint, bytes: number, mode?: AccessMode): void {
    const { exports } = this.#interpreter;
    const tlb = this.#tlb(mode);
    // Page by page: bytes may be more than one access has.
    const last = linear + BigInt(bytes - 1);
    for (let at = linear; ; at = (at | 0xfffn) + 1n) {
      if (at > last) return;
      if (exports.fill(at, 1, tlb) === 0) throw takeException(this.#env);
    }
  }

  loadPhysical(address: number, size: 1 | 2 | 4): number {
    return this.#physical.read(address, size);
  }
  storePhysical(address: number, value: number, size: 1 | 2 | 4): void {
    this.#physical.write(address, value, size);
  }

  flush(global: boolean): void {
    this.#interpreter.exports.flush(global ? 1 : 0);
  }
  flushPage(linear: bigint): void {
    this.#interpreter.exports.flush_page(linear);
  }

  #load(linear: bigint, bytes: number, mode: AccessMode | undefined): number {
    const at = this.#interpreter.exports.slow_load(linear, bytes, this.#tlb(mode)) >>> 0;
    if (at === 0) throw takeException(this.#env);
    return at;
  }
  #store(
    linear: bigint,
    bytes: number,
    mode: AccessMode | undefined,
    write: (view: DataView, at: number) => void
  ): void {
    const { exports } = this.#interpreter;
    const at = exports.slow_store(linear, bytes, this.#tlb(mode)) >>> 0;
    if (at === 0) throw takeException(this.#env);
    write(this.#memory(), at);
    if (at === this.#env.base + this.#env.offsetOf('bounce')) exports.commit();
  }

  /** A view made before the memory grew stays short. */
  #memory(): DataView {
    if (this.#view.byteLength !== this.#env.u8.length) this.#view = new DataView(this.#env.memory.buffer);
    return this.#view;
  }

  #tlb(mode: AccessMode = 'current'): number {
    const which = mode === 'user' ? MMU_MODES.user : mode === 'kernel' ? MMU_MODES.kernel : this.#current();
    return this.#layout.tlb + which * 2 ** TLB_MODE_BITS;
  }
  /** QEMU cpu_mmu_index. */
  #current(): number {
    const hflags = this.#env.get('hflags');
    if ((hflags & HF.CPL) === 3) return MMU_MODES.user;
    return hflags & HF.SMAP && !(this.#env.get('eflags') & FLAG.AC) ? MMU_MODES.ksmap : MMU_MODES.kernel;
  }
}
