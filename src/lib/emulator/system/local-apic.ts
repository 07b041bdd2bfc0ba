/**
 * Where a CPU and its local APIC meet, so that neither knows the other's file.
 * Source: QEMU include/hw/i386/apic.h, hw/i386/x86-cpu.c, target/i386/helper.c.
 */

/** CPU_INTERRUPT_* that an APIC raises. INIT is also called RESET. */
export type ApicInterrupt = 'HARD' | 'SMI' | 'NMI' | 'INIT' | 'SIPI';

/** What an APIC wants of its CPU. */
export interface ApicCpu {
  /** Source: cpu_interrupt. */
  interrupt(kind: ApicInterrupt): void;
  /** Source: cpu_reset_interrupt with CPU_INTERRUPT_HARD. */
  resetInterrupt(): void;
  /** Leaves the wait for a start-up interrupt: real mode at vector * 4096. Source: cpu_x86_load_seg_cache_sipi. */
  startUp(vector: number): void;
  /** CPUID.1:EDX.APIC follows the MSR. Source: cpu_set_apic_feature, cpu_clear_apic_feature. */
  setApicFeature(on: boolean): void;
  /** CPUID.1:ECX.x2APIC. */
  readonly x2apic: boolean;
  /** The deadline has passed: MSR 6e0 reads 0 again. */
  tscDeadlinePassed(): void;
}

/** What a CPU wants of its APIC. */
export interface LocalApic {
  /**
   * The vector to serve now, which becomes in service; -1 when the request has gone. From the 8259s where the APIC
   * lets those through. Source: cpu_get_pic_interrupt.
   */
  interruptVector(): number;
  /** Looks anew whether an interrupt is to be raised, for CPU_INTERRUPT_POLL of a loaded state. Source: apic_poll_irq. */
  poll(): void;
  /** MSR 1b. */
  apicBase(): bigint;
  /** False: #GP. Source: cpu_set_apic_base. */
  setApicBase(value: bigint): boolean;
  /** CR8: bits 7 to 4 of the task priority. */
  cr8(): number;
  setCr8(value: number): void;
  /** MSR 800 + index; undefined: #GP. */
  msrRead(index: number): bigint | undefined;
  /** False: #GP. */
  msrWrite(index: number, value: bigint): boolean;
  /** MSR 6e0 as a time of the virtual clock; undefined disarms. Only heard in TSC-deadline mode. */
  setTscDeadline(expire: bigint | undefined): void;
  /** CPU_INTERRUPT_SIPI is being served. Source: apic_sipi. */
  sipi(): void;
  /** CPU_INTERRUPT_INIT is being served. Source: apic_init_reset. */
  initReset(): void;
}
