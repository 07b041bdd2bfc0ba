/**
 * The live CPU: where each register lies in linear memory, so that generated code, TypeScript and the page see one copy.
 * QEMU's CPUX86State (target/i386/cpu.h) is the model; names are its names. Little-endian, offsets from `env`'s base.
 * What of it migrates, in QEMU's wire order, is `cpu.ts` and `machine.ts`; `env-state.ts` carries one into the other.
 */

export type EnvType = 'u8' | 'u16' | 'u32' | 'i32' | 'u64' | 'v128';
const BYTES: Readonly<Record<EnvType, number>> = { u8: 1, u16: 2, u32: 4, i32: 4, u64: 8, v128: 16 };

/** name, type, count. The order is the order in memory: what every instruction touches comes first. */
const FIELDS = [
  ['regs', 'u64', 16], // RAX RCX RDX RBX RSP RBP RSI RDI R8…R15
  ['zero', 'u64', 1], // always 0: base or index "none" is register 16
  ['eip', 'u64', 1], // offset in CS, as everywhere in QEMU; linear is cs base + eip
  ['cc_dst', 'u64', 1], // lazy flags: result
  ['cc_src', 'u64', 1], // second operand, or what cc_op says
  ['cc_src2', 'u64', 1], // carry in, for ADC and SBB
  // CC_OP_* (isa/flags.ts): how the arithmetic flags follow from the three. While a helper in TypeScript runs, and whenever
  // generated code has been left, it is CC_OP_EFLAGS: cc_src holds CF PF AF ZF SF OF in their places. A helper that changes
  // them writes cc_src and leaves cc_op.
  ['cc_op', 'u32', 1],
  ['eflags', 'u32', 1], // all but CF PF AF ZF SF OF, which are lazy; bit 1 set, DF in place
  ['hflags', 'u32', 1], // HF_*: the mode that decoding and memory access depend on
  ['hflags2', 'u32', 1],
  ['budget', 'u64', 1], // instructions left in this slice; signed
  ['icount', 'u64', 1], // instructions retired since power on
  ['interrupt_request', 'u32', 1], // CPU_INTERRUPT_*
  ['exit_request', 'u32', 1], // not 0: leave at the next instruction boundary
  ['halted', 'u32', 1],
  ['exception_index', 'i32', 1], // −1: none
  ['error_code', 'u32', 1],
  ['exception_is_int', 'u32', 1],
  ['exception_next_eip', 'u64', 1],
  ['fault_linear', 'u64', 1], // what cr2 is about to become
  ['inhibit_irq', 'u32', 1], // one instruction without interrupts: 1 after STI, INHIBIT_TRAPS after MOV SS, POP SS
  ['a20_mask', 'u32', 1], // applied to physical addresses below 4 GiB

  // The engines' own, worked out from the rest (backend/layout.ts says how they are used).
  ['eip_page', 'u64', 1], // eip of the first byte of the linear page that runs; RIP-relative operands take it as base
  ['code_base', 'u64', 1], // of CS; 0 in 64-bit mode
  ['code_mask', 'u64', 1], // cuts linear addresses: 32 or 64 bits
  ['code_key', 'u64', 1], // what decoding and fetching depend on, low 12 bits
  ['code_page', 'u32', 1], // the decoded page that runs
  ['code_flushes', 'u32', 1], // how often all decoded pages were thrown away: records kept before are gone
  ['mmu', 'u32', 1], // TLB of the current mode
  ['watching', 'u32', 1], // WATCHING (backend/layout.ts): which accesses to data are told
  ['record', 'u32', 1], // the record that runs, where the loop may be left from
  ['walk_gpa', 'u64', 1], // results of a page walk
  ['walk_prot', 'u32', 1],
  ['walk_level', 'u32', 1],
  ['bounce', 'v128', 2], // what an access holds that is not one piece of RAM
  ['bounce_gpa', 'u64', 2],
  ['bounce_host', 'u32', 2],
  ['bounce_bytes', 'u32', 2],

  ['seg_none', 'u64', 1], // always 0: the base where no segment counts, before those of the segments
  ['seg_base', 'u64', 6], // ES CS SS DS FS GS: base in one row, so that index*8 finds it
  ['seg_selector', 'u32', 6],
  ['seg_limit', 'u32', 6],
  ['seg_flags', 'u32', 6], // second word of the descriptor, as QEMU's SegmentCache.flags
  ['ldt_selector', 'u32', 1],
  ['ldt_limit', 'u32', 1],
  ['ldt_flags', 'u32', 1],
  ['tr_selector', 'u32', 1],
  ['tr_limit', 'u32', 1],
  ['tr_flags', 'u32', 1],
  ['gdt_limit', 'u32', 1],
  ['idt_limit', 'u32', 1],
  ['ldt_base', 'u64', 1],
  ['tr_base', 'u64', 1],
  ['gdt_base', 'u64', 1],
  ['idt_base', 'u64', 1],

  ['cr', 'u64', 5], // cr[1] unused
  ['dr', 'u64', 8],
  ['xcr0', 'u64', 1],
  ['efer', 'u64', 1],
  ['star', 'u64', 1],
  ['lstar', 'u64', 1],
  ['cstar', 'u64', 1],
  ['fmask', 'u64', 1],
  ['kernelgsbase', 'u64', 1],
  ['tsc_offset', 'u64', 1],
  ['tsc_aux', 'u64', 1],
  ['tsc_adjust', 'u64', 1],
  ['tsc_deadline', 'u64', 1],
  ['sysenter_cs', 'u32', 1],
  ['pkru', 'u32', 1],
  ['pkrs', 'u32', 1],
  ['sysenter_esp', 'u64', 1],
  ['sysenter_eip', 'u64', 1],
  ['pat', 'u64', 1],
  ['smbase', 'u32', 1],
  ['msr_smi_count', 'u32', 1],
  ['misc_enable', 'u64', 1],
  ['mtrr_deftype', 'u64', 1],
  ['mtrr_fixed', 'u64', 11],
  ['mtrr_var', 'u64', 16], // base, mask pairs
  ['mcg_cap', 'u64', 1],
  ['mcg_status', 'u64', 1],
  ['mcg_ctl', 'u64', 1],
  ['mce_banks', 'u64', 40],
  ['xss', 'u64', 1],
  ['bnd_regs', 'u64', 8], // lower and upper bounds of BND0 to BND3
  ['bndcfgu', 'u64', 1],
  ['bndstatus', 'u64', 1],

  ['fpregs', 'v128', 8], // physical order: low 8 bytes mantissa, then sign and exponent; MMX is the mantissa
  ['fptags', 'u8', 8], // 0 valid, 1 empty; physical order
  ['fpstt', 'u32', 1], // TOP
  ['fpus', 'u32', 1], // status word without TOP
  ['fpuc', 'u32', 1],
  ['fpop', 'u32', 1],
  ['fpcs', 'u32', 1],
  ['fpds', 'u32', 1],
  ['fpip', 'u64', 1],
  ['fpdp', 'u64', 1],
  ['mxcsr', 'u32', 1],
  ['scratch_u32', 'u32', 7], // operands and results of calls into TypeScript
  ['scratch', 'u64', 16],
  ['xmm', 'v128', 32] // register n: low half at 2n, upper half of YMM at 2n + 1
] as const satisfies readonly (readonly [string, EnvType, number])[];

export type EnvName = (typeof FIELDS)[number][0];
type Name = EnvName;

function layOut(): { at: Record<Name, number>; size: number } {
  const at: Partial<Record<Name, number>> = {};
  let offset = 0;
  for (const [name, type, count] of FIELDS) {
    const bytes = BYTES[type];
    offset = Math.ceil(offset / bytes) * bytes;
    at[name] = offset;
    offset += bytes * count;
  }
  return { at: at as Record<Name, number>, size: Math.ceil(offset / 64) * 64 };
}
const laid = layOut();

export const ENV_TYPES: Readonly<Record<Name, EnvType>> = Object.fromEntries(
  FIELDS.map(([name, type]) => [name, type])
) as Record<Name, EnvType>;
/** Byte offset of each field from the base of the CPU's state. */
export const ENV: Readonly<Record<Name, number>> = laid.at;
export const ENV_SIZE = laid.size;

export const R_EAX = 0;
export const R_ECX = 1;
export const R_EDX = 2;
export const R_EBX = 3;
export const R_ESP = 4;
export const R_EBP = 5;
export const R_ESI = 6;
export const R_EDI = 7;
/** The register that is always zero. */
export const R_ZERO = 16;

export const R_ES = 0;
export const R_CS = 1;
export const R_SS = 2;
export const R_DS = 3;
export const R_FS = 4;
export const R_GS = 5;

/** Of `inhibit_irq`: single-step traps wait for one instruction too. SDM 3A, 7.8.3. */
export const INHIBIT_TRAPS = 2;

/** QEMU target/i386/cpu.h HF_*: cached mode. Those of a vm.state are loaded as they are, CPL taken from SS.DPL. */
export const HF = {
  CPL: 3,
  INHIBIT_IRQ: 1 << 3,
  CS32: 1 << 4,
  SS32: 1 << 5,
  ADDSEG: 1 << 6,
  PE: 1 << 7,
  TF: 1 << 8,
  MP: 1 << 9,
  EM: 1 << 10,
  TS: 1 << 11,
  IOPL: 3 << 12,
  LMA: 1 << 14,
  CS64: 1 << 15,
  RF: 1 << 16,
  VM: 1 << 17,
  AC: 1 << 18,
  SMM: 1 << 19,
  SVME: 1 << 20,
  GUEST: 1 << 21,
  OSFXSR: 1 << 22,
  SMAP: 1 << 23,
  MPX_IU: 1 << 26, // BND registers are in use
  UMIP: 1 << 27,
  AVX_EN: 1 << 28
} as const;

/** EFLAGS. SDM 1, 3.4.3. */
export const FLAG = {
  CF: 1,
  PF: 4,
  AF: 0x10,
  ZF: 0x40,
  SF: 0x80,
  TF: 0x100,
  IF: 0x200,
  DF: 0x400,
  OF: 0x800,
  IOPL: 0x3000,
  NT: 0x4000,
  RF: 0x1_0000,
  VM: 0x2_0000,
  AC: 0x4_0000,
  VIF: 0x8_0000,
  VIP: 0x10_0000,
  ID: 0x20_0000
} as const;
/** The flags that are kept lazily. */
export const CC_MASK = FLAG.CF | FLAG.PF | FLAG.AF | FLAG.ZF | FLAG.SF | FLAG.OF;

/** Vectors of exceptions. SDM 3A, table 6-1. */
export const EXCP = {
  DE: 0,
  DB: 1,
  NMI: 2,
  BP: 3,
  OF: 4,
  BR: 5,
  UD: 6,
  NM: 7,
  DF: 8,
  TS: 10,
  NP: 11,
  SS: 12,
  GP: 13,
  PF: 14,
  MF: 16,
  AC: 17,
  MC: 18,
  XM: 19
} as const;

/** QEMU target/i386/cpu.h and include/exec/cpu-interrupt.h. */
export const CPU_INTERRUPT = {
  HARD: 0x2,
  POLL: 0x10,
  SMI: 0x40,
  VIRQ: 0x100,
  NMI: 0x200,
  INIT: 0x400,
  SIPI: 0x800,
  MCE: 0x1000,
  TPR: 0x2000
} as const;

/**
 * Raised by TypeScript helpers, out through the generated code, to the run loop, which has the CPU deliver it.
 * `eip` in the state is the faulting instruction's by then. Not an Error: it is no fault of ours and needs no stack.
 */
export class CPUException {
  readonly vector: number;
  /** Undefined where the vector has none. */
  readonly error: number | undefined;
  constructor(vector: number, error?: number) {
    this.vector = vector;
    this.error = error;
  }
}

/** TypeScript's view of one CPU. Views are made again when the memory grows. */
export class Env {
  readonly base: number;
  readonly memory: WebAssembly.Memory;
  u8!: Uint8Array;
  u16!: Uint16Array;
  u32!: Uint32Array;
  i32!: Int32Array;
  u64!: BigUint64Array;
  i64!: BigInt64Array;

  constructor(memory: WebAssembly.Memory, base: number) {
    this.memory = memory;
    this.base = base;
    this.grown();
  }

  /** To be called after the memory grew: a shared memory's old views stay short. */
  grown(): void {
    const { buffer } = this.memory;
    this.u8 = new Uint8Array(buffer);
    this.u16 = new Uint16Array(buffer);
    this.u32 = new Uint32Array(buffer);
    this.i32 = new Int32Array(buffer);
    this.u64 = new BigUint64Array(buffer);
    this.i64 = new BigInt64Array(buffer);
  }

  /** Of a field, in bytes from `base`. */
  offsetOf(name: Name): number {
    return ENV[name];
  }
  /** Unsigned 32-bit field, or element `index` of it. */
  get(name: Name, index = 0): number {
    return this.u32[((this.base + ENV[name]) >>> 2) + index]!;
  }
  set(name: Name, value: number, index = 0): void {
    this.u32[((this.base + ENV[name]) >>> 2) + index] = value;
  }
  /** The same by the field's offset (of `ENV`, kept in a constant): names are looked up, which is felt in what runs often. */
  at(offset: number, index = 0): number {
    return this.u32[((this.base + offset) >>> 2) + index]!;
  }
  put(offset: number, value: number, index = 0): void {
    this.u32[((this.base + offset) >>> 2) + index] = value;
  }
  at64(offset: number, index = 0): bigint {
    return this.u64[((this.base + offset) >>> 3) + index]!;
  }
  put64(offset: number, value: bigint, index = 0): void {
    this.u64[((this.base + offset) >>> 3) + index] = value;
  }
  /** Unsigned 64-bit field, or element `index` of it. */
  get64(name: Name, index = 0): bigint {
    return this.u64[((this.base + ENV[name]) >>> 3) + index]!;
  }
  set64(name: Name, value: bigint, index = 0): void {
    this.u64[((this.base + ENV[name]) >>> 3) + index] = value;
  }
}
