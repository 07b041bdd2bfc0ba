/** Segment and system descriptors in memory, and their second word as every SegmentCache.flags holds it. SDM 3A 3.4.5, 3.5. */
import { ENV } from './env.ts';
import type { X86Cpu } from './x86-cpu.ts';

const GDT_LIMIT = ENV.gdt_limit;
const GDT_BASE = ENV.gdt_base;
const LDT_LIMIT = ENV.ldt_limit;
const LDT_BASE = ENV.ldt_base;

export const DESC = {
  A: 1 << 8,
  /** Of data: writable. Of code: readable. */
  W: 1 << 9,
  R: 1 << 9,
  /** Of code: conforming. Of data: expands down. */
  C: 1 << 10,
  /** Code, not data. */
  CS: 1 << 11,
  /** Code or data, not a system segment. */
  S: 1 << 12,
  DPL_SHIFT: 13,
  P: 1 << 15,
  L: 1 << 21,
  /** D of code. */
  B: 1 << 22,
  G: 1 << 23,
  /** In the type of a TSS. */
  TSS_BUSY: 1 << 9
} as const;

/** Types of system descriptors. SDM 3A table 3-2. */
export const TYPE = {
  TSS16: 1,
  LDT: 2,
  TSS16_BUSY: 3,
  CALL_GATE16: 4,
  TASK_GATE: 5,
  INTERRUPT_GATE16: 6,
  TRAP_GATE16: 7,
  TSS32: 9,
  TSS32_BUSY: 11,
  CALL_GATE32: 12,
  INTERRUPT_GATE32: 14,
  TRAP_GATE32: 15
} as const;

/** Flags of a flat segment as SYSCALL, SYSENTER and their returns make them, without CS, L, B, W and DPL. */
export const FLAT = DESC.G | DESC.P | DESC.S | DESC.A;

/** Eight bytes of a descriptor table. */
export class Descriptor {
  readonly e1: number;
  readonly e2: number;
  constructor(e1: number, e2: number) {
    this.e1 = e1;
    this.e2 = e2;
  }
  get base(): number {
    return ((this.e1 >>> 16) | ((this.e2 & 0xff) << 16) | (this.e2 & 0xff00_0000)) >>> 0;
  }
  /** In bytes: granularity applied. */
  get limit(): number {
    const limit = (this.e1 & 0xffff) | (this.e2 & 0xf_0000);
    return (this.e2 & DESC.G ? (limit << 12) | 0xfff : limit) >>> 0;
  }
  get dpl(): number {
    return (this.e2 >>> DESC.DPL_SHIFT) & 3;
  }
  /** Type of a system descriptor, 0 to 15, with bit 4 set for code and data. */
  get type(): number {
    return (this.e2 >>> 8) & 0x1f;
  }
  get present(): boolean {
    return (this.e2 & DESC.P) !== 0;
  }
  get isCode(): boolean {
    return (this.e2 & (DESC.S | DESC.CS)) === (DESC.S | DESC.CS);
  }
  get conforming(): boolean {
    return (this.e2 & DESC.C) !== 0;
  }
  get isWritableData(): boolean {
    return (this.e2 & (DESC.S | DESC.CS | DESC.W)) === (DESC.S | DESC.W);
  }
}

export const isNull = (selector: number): boolean => (selector & 0xfffc) === 0;

/** Linear address of a selector's descriptor; undefined where `bytes` from there pass the table's limit. */
export function descriptorAddress({ env }: X86Cpu, selector: number, bytes = 8): bigint | undefined {
  const offset = selector & 0xfff8;
  const local = (selector & 4) !== 0;
  if (offset + bytes - 1 > env.at(local ? LDT_LIMIT : GDT_LIMIT)) return undefined;
  return env.at64(local ? LDT_BASE : GDT_BASE) + BigInt(offset);
}

/** QEMU load_segment: undefined beyond the table; #PF where it is not mapped. */
export function loadDescriptor(cpu: X86Cpu, selector: number): Descriptor | undefined {
  const address = descriptorAddress(cpu, selector);
  return address === undefined ? undefined : descriptorAt(cpu, address);
}

export function descriptorAt({ mmu }: X86Cpu, address: bigint): Descriptor {
  return new Descriptor(mmu.load32(address, 'kernel'), mmu.load32(address + 4n, 'kernel'));
}

/** The descriptor with its accessed bit set, in memory too. Its selector is known to be within the table. */
export function accessed(cpu: X86Cpu, selector: number, descriptor: Descriptor): Descriptor {
  if (descriptor.e2 & DESC.A) return descriptor;
  const e2 = (descriptor.e2 | DESC.A) >>> 0;
  cpu.mmu.store32(descriptorAddress(cpu, selector)! + 4n, e2, 'kernel');
  return new Descriptor(descriptor.e1, e2);
}
