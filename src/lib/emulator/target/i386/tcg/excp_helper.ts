/**
 * Exceptions that meet each other on the way to a handler, and what interrupts a CPU between instructions.
 * SDM 3A 6.15 (#DF), table 6-5. Source: QEMU target/i386/tcg/excp_helper.c, tcg/sysemu/seg_helper.c x86_cpu_exec_interrupt.
 */
import { CPU_INTERRUPT, CPUException, EXCP, FLAG, HF } from '../env.ts';
import { HF2_GIF, HF2_NMI } from '../hflags2.ts';
import { cpu_init } from '../reset.ts';
import type { X86Cpu } from '../x86-cpu.ts';
import { DR6 } from './bpt_helper.ts';
import { do_interrupt_all, type Cause } from './interrupt.ts';
import { do_smm_enter } from './smm_helper.ts';

const isContributory = (vector: number): boolean => vector === EXCP.DE || (vector >= EXCP.TS && vector <= EXCP.GP);

/**
 * What becomes of an exception met while delivering another: itself, #DF, or undefined for a triple fault.
 * `first`: the last contributory one, #PF or #DF; undefined when there was none. QEMU check_exception.
 */
export function mergeExceptions(first: number | undefined, second: CPUException): CPUException | undefined {
  if (first === undefined) return second;
  if (first === EXCP.DF) return undefined;
  const contributory = isContributory(second.vector);
  const doubles = isContributory(first) ? contributory : contributory || second.vector === EXCP.PF;
  return doubles ? new CPUException(EXCP.DF, 0) : second;
}

/** Has an exception handled, whatever it takes: afterwards the CPU is in a handler, or the board knows of the triple fault. */
export function deliverException(cpu: X86Cpu, exception: CPUException): void {
  let next = exception;
  let first: number | undefined;
  const { env } = cpu;
  for (;;) {
    // the page fault that becomes a double fault has left its address all the same
    if (next.vector === EXCP.PF) env.set64('cr', env.get64('fault_linear'), 2);
    const merged = mergeExceptions(first, next);
    if (merged === undefined) {
      cpu.outside.tripleFault();
      return;
    }
    if (isContributory(merged.vector) || merged.vector === EXCP.PF || merged.vector === EXCP.DF) first = merged.vector;
    try {
      do_interrupt_all(cpu, merged.vector, 'exception', merged.error);
      return;
    } catch (met) {
      if (!(met instanceof CPUException)) throw met;
      next = met;
    }
  }
}

/** An interrupt of a device or NMI, and whatever exception delivering it meets. */
function deliverInterrupt(cpu: X86Cpu, vector: number, cause: Cause): void {
  try {
    do_interrupt_all(cpu, vector, cause);
  } catch (met) {
    if (!(met instanceof CPUException)) throw met;
    deliverException(cpu, met);
  }
}

/** The most urgent request that may be served now, as one bit of `interrupt_request`; 0: none. QEMU x86_cpu_pending_interrupt. */
export function x86_cpu_pending_interrupt({ env }: X86Cpu): number {
  const requests = env.get('interrupt_request');
  if (requests === 0) return 0;
  if (requests & CPU_INTERRUPT.INIT) return CPU_INTERRUPT.INIT;
  if (requests & CPU_INTERRUPT.POLL) return CPU_INTERRUPT.POLL;
  if (requests & CPU_INTERRUPT.SIPI) return CPU_INTERRUPT.SIPI;
  const hflags2 = env.get('hflags2');
  if (!(hflags2 & HF2_GIF)) return 0;
  if (requests & CPU_INTERRUPT.SMI && !(env.get('hflags') & HF.SMM)) return CPU_INTERRUPT.SMI;
  if (requests & CPU_INTERRUPT.NMI && !(hflags2 & HF2_NMI)) return CPU_INTERRUPT.NMI;
  if (requests & CPU_INTERRUPT.MCE) return CPU_INTERRUPT.MCE;
  const open = (env.get('eflags') & FLAG.IF) !== 0 && env.get('inhibit_irq') === 0;
  return requests & CPU_INTERRUPT.HARD && open ? CPU_INTERRUPT.HARD : 0;
}

/** Serves one request, between instructions; false: none may be served now. A halted CPU wakes first. */
export function x86_cpu_exec_interrupt(cpu: X86Cpu): boolean {
  const { env } = cpu;
  const request = x86_cpu_pending_interrupt(cpu);
  if (request === 0) return false;
  if (env.get('halted') !== 0 && wake(cpu)) return true;
  const served = request === CPU_INTERRUPT.HARD ? CPU_INTERRUPT.HARD | CPU_INTERRUPT.VIRQ : request;
  env.set('interrupt_request', env.get('interrupt_request') & ~served);
  switch (request) {
    case CPU_INTERRUPT.INIT:
      cpu_init(cpu);
      break;
    case CPU_INTERRUPT.POLL:
      // a snapshot's: whether there is a vector, the local APIC says when it is asked
      env.set('interrupt_request', env.get('interrupt_request') | CPU_INTERRUPT.HARD);
      break;
    case CPU_INTERRUPT.SMI:
      do_smm_enter(cpu);
      break;
    case CPU_INTERRUPT.NMI:
      env.set('hflags2', env.get('hflags2') | HF2_NMI);
      deliverInterrupt(cpu, EXCP.NMI, 'hardware');
      break;
    case CPU_INTERRUPT.MCE:
      deliverInterrupt(cpu, EXCP.MC, 'exception');
      break;
    case CPU_INTERRUPT.HARD: {
      const vector = cpu.outside.interruptVector();
      if (vector >= 0) deliverInterrupt(cpu, vector, 'hardware');
      break;
    }
    // SIPI starts a CPU that waits for it; the only one never does
  }
  return true;
}

/** HLT ends. True: TF was set, so that its trap comes before what woke the CPU. QEMU x86_cpu_exec_halt. */
function wake(cpu: X86Cpu): boolean {
  const { env } = cpu;
  env.set('halted', 0);
  if (!(env.get('eflags') & FLAG.TF)) return false;
  env.set('dr', env.get('dr', 6 * 2) | DR6.BS, 6 * 2);
  deliverInterrupt(cpu, EXCP.DB, 'exception');
  return true;
}
