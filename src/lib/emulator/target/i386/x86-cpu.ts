/** One CPU as its TypeScript helpers see it: its registers, memory through its MMU, and what is outside the chip. */
import type { Env } from './env.ts';

/** On whose behalf memory is accessed. QEMU's MMU indices: `kernel` ignores SMAP (implicit accesses: descriptors, stacks). */
export type AccessMode = 'current' | 'user' | 'kernel';

/**
 * Memory by linear address, with the paging in force. Little-endian. Raises CPUException (#PF with cr2 pending in
 * `fault_linear`, #GP for what is not canonical); an access that crosses a page faults before anything is stored.
 */
export interface Mmu {
  load8(linear: bigint, mode?: AccessMode): number;
  load16(linear: bigint, mode?: AccessMode): number;
  load32(linear: bigint, mode?: AccessMode): number;
  load64(linear: bigint, mode?: AccessMode): bigint;
  store8(linear: bigint, value: number, mode?: AccessMode): void;
  store16(linear: bigint, value: number, mode?: AccessMode): void;
  store32(linear: bigint, value: number, mode?: AccessMode): void;
  store64(linear: bigint, value: bigint, mode?: AccessMode): void;
  /** Faults as a store of `bytes` bytes would, and stores nothing. */
  probeWrite(linear: bigint, bytes: number, mode?: AccessMode): void;
  /** Physical memory, for SMM's save area and tests. */
  loadPhysical(address: number, size: 1 | 2 | 4): number;
  storePhysical(address: number, value: number, size: 1 | 2 | 4): void;
  /** After CR3, CR0, CR4, EFER, A20 or SMM changed. `global`: global pages too. */
  flush(global: boolean): void;
  flushPage(linear: bigint): void;
}

/** What is outside the CPU: clocks, ports, the local APIC, the board's reset line. */
export interface CpuOutside {
  /** QEMU cpu_get_tsc, before tsc_offset. */
  tsc(): bigint;
  ioRead(port: number, size: 1 | 2 | 4): number;
  ioWrite(port: number, value: number, size: 1 | 2 | 4): void;
  /** QEMU cpu_get_pic_interrupt: the vector to deliver now, or −1 when it has gone. */
  interruptVector(): number;
  apicBase(): bigint;
  /** False: no such bits, or no such change of mode; #GP. */
  setApicBase(value: bigint): boolean;
  /** CR8: bits 7 to 4 of the task priority. */
  apicTpr(): number;
  setApicTpr(value: number): void;
  /** x2APIC and APIC MSRs; undefined: no such MSR, #GP. */
  apicMsrRead(index: number): bigint | undefined;
  apicMsrWrite(index: number, value: bigint): boolean;
  /** IA32_TSC_DEADLINE was written. */
  tscDeadline(value: bigint): void;
  ferr(): void;
  /** System management mode begins or ends: from here on the CPU sees SMRAM, or what lies over it. The TLB is flushed after. */
  smm?(on: boolean): void;
  /** A triple fault, as QEMU: reset, or shutdown with -no-reboot. */
  tripleFault(): void;
  /** What a guest did that QEMU would log with -d guest_errors or unimp. */
  log(message: string): void;
}

/** Who looks on what a CPU does, a debugger: called where it happens, before `run` is left. */
export interface CpuObserver {
  /** After IN and INS, before OUT and OUTS. */
  port?(port: number, size: number, value: number, write: boolean): void;
  /** After RDMSR, before WRMSR. */
  msr?(index: number, value: bigint, write: boolean): void;
  /** Before a handler is entered. `error`: the code of an exception that has one. */
  interrupt?(vector: number, cause: 'software' | 'exception' | 'hardware', error: number | undefined): void;
  /** After a device was accessed, by a port or by memory. */
  device?(): void;
}

export interface X86Cpu {
  /** Undefined where nobody looks. */
  readonly observer?: CpuObserver | undefined;
  readonly env: Env;
  readonly mmu: Mmu;
  readonly outside: CpuOutside;
  /**
   * Whether a single-step trap follows the instruction. TF before it decides, unless it enters a handler, which ends
   * stepping, or is SYSCALL or SYSRET, of which TF behind it decides. QEMU target/i386/tcg/translate.c gen_eob_syscall.
   */
  singleStep: boolean;
  /** The features of the CPU model, by leaf; `cpuid.ts` answers from it. */
  readonly model: CpuModel;
}

/** CPUID of a model. Words as QEMU's FeatureWord array, keyed by QEMU's names (FEAT_1_EDX: '1_EDX'). */
export interface CpuModel {
  readonly name: string;
  readonly level: number;
  readonly xlevel: number;
  readonly vendor: string;
  readonly family: number;
  readonly model: number;
  readonly stepping: number;
  readonly modelId: string;
  readonly features: Readonly<Record<string, number>>;
}
