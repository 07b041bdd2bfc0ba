/**
 * Control registers and the small system instructions, with the checks of the manuals. SDM 2 for each, SDM 3A 2.5.
 * Source for side effects: QEMU target/i386/tcg/misc_helper.c, tcg/sysemu/misc_helper.c, translate.c.
 */
import { CR0, CR4, cr4_reserved_bits, EFER, hasFeature, PHYS_ADDR_BITS, XSTATE } from '../control-registers.ts';
import { cpu_x86_cpuid, supportedXcr0 } from '../cpuid.ts';
import { DESC } from '../descriptors.ts';
import { HF, R_CS, R_EAX, R_EBX, R_ECX, R_EDX, type Env } from '../env.ts';
import { cpu_sync_avx_hflag, cpu_x86_update_cr0, cpu_x86_update_cr3, cpu_x86_update_cr4 } from '../hflags.ts';
import type { X86Cpu } from '../x86-cpu.ts';
import { generalProtection, undefinedOpcode } from './exceptions.ts';
import { isCanonical } from './tss.ts';

/** EAX or EDX and the like: 32 bits that clear the upper half. */
function setReg32(env: Env, reg: number, value: number): void {
  env.set('regs', value, reg * 2);
  env.set('regs', 0, reg * 2 + 1);
}

/** EDX:EAX. */
function setEdxEax(env: Env, low: number, high: number): void {
  setReg32(env, R_EAX, low);
  setReg32(env, R_EDX, high);
}
export const edxEax = (env: Env): bigint =>
  (BigInt(env.get('regs', R_EDX * 2)) << 32n) | BigInt(env.get('regs', R_EAX * 2));
export const setEdxEax64 = (env: Env, value: bigint): void =>
  setEdxEax(env, Number(BigInt.asUintN(32, value)), Number(BigInt.asUintN(32, value >> 32n)));

export function requireCpl0({ env }: X86Cpu): void {
  if (env.get('hflags') & HF.CPL) throw generalProtection();
}

/**
 * Bits of them that must be 0 (SDM 3A table 4-8), but for bit 5: QEMU's page walk, and so ours, marks these entries as
 * accessed, which a CPU does not.
 */
const PDPTE_RESERVED = 0x1c6;

/** With PAE and not in long mode CR3 leads to four entries that are checked at once. SDM 3A 4.4.1. */
function checkPdptes({ mmu }: X86Cpu, cr3: bigint): void {
  const table = Number(cr3 & 0xffff_ffe0n);
  for (let i = 0; i < 4; i++) {
    const low = mmu.loadPhysical(table + i * 8, 4);
    const high = mmu.loadPhysical(table + i * 8 + 4, 4) >>> 0;
    if (low & 1 && (low & PDPTE_RESERVED || high >>> (PHYS_ADDR_BITS - 32) !== 0)) throw generalProtection();
  }
}

const usesPdptes = (cr0: number, cr4: number, efer: number): boolean =>
  (cr0 & CR0.PG) !== 0 && (cr4 & CR4.PAE) !== 0 && (efer & EFER.LME) === 0;

function writeCr0(cpu: X86Cpu, value: bigint): void {
  const { env } = cpu;
  if (value >> 32n !== 0n) throw generalProtection();
  const cr0 = Number(value);
  const old = env.get('cr');
  const cr4 = env.get('cr', 4 * 2);
  const efer = env.get('efer');
  if ((cr0 & CR0.PG && !(cr0 & CR0.PE)) || (cr0 & CR0.NW && !(cr0 & CR0.CD))) throw generalProtection();
  if (cr0 & CR0.PG && !(old & CR0.PG) && efer & EFER.LME) {
    if (!(cr4 & CR4.PAE) || env.get('seg_flags', R_CS) & DESC.L) throw generalProtection();
  }
  if (!(cr0 & CR0.PG) && (env.get('hflags') & HF.CS64 || cr4 & CR4.PCIDE)) throw generalProtection();
  const paging = CR0.PG | CR0.CD | CR0.NW;
  if (usesPdptes(cr0, cr4, efer) && (old ^ cr0) & paging) checkPdptes(cpu, env.get64('cr', 3));
  cpu_x86_update_cr0(cpu, cr0);
}

function writeCr3(cpu: X86Cpu, value: bigint): void {
  const { env } = cpu;
  const cr4 = env.get('cr', 4 * 2);
  if (env.get('efer') & EFER.LMA) {
    if (cr4 & CR4.PCIDE) value &= ~(1n << 63n); // whether to keep what is cached; nothing is
    if (value >> BigInt(PHYS_ADDR_BITS) !== 0n) throw generalProtection();
  } else {
    value &= 0xffff_ffffn;
    if (usesPdptes(env.get('cr'), cr4, env.get('efer'))) checkPdptes(cpu, value);
  }
  cpu_x86_update_cr3(cpu, value);
}

function writeCr4(cpu: X86Cpu, value: bigint): void {
  const { env } = cpu;
  const old = env.get('cr', 4 * 2);
  if (value >> 32n !== 0n) throw generalProtection();
  const cr4 = Number(value);
  const changed = old ^ cr4;
  // what a snapshot of another model has set may stay
  if (cr4 & changed & cr4_reserved_bits(cpu.model)) throw generalProtection();
  const long = (env.get('efer') & EFER.LMA) !== 0;
  if (long && ((changed & CR4.PAE) !== 0 || (changed & CR4.LA57) !== 0)) throw generalProtection();
  if (cr4 & changed & CR4.PCIDE && (!long || env.get('cr', 3 * 2) & 0xfff)) throw generalProtection();
  const paging = CR4.PAE | CR4.PSE | CR4.PGE | CR4.SMEP;
  if (usesPdptes(env.get('cr'), cr4, env.get('efer')) && changed & paging) checkPdptes(cpu, env.get64('cr', 3));
  cpu_x86_update_cr4(cpu, cr4);
}

const isControlRegister = (reg: number): boolean => reg === 0 || reg === 2 || reg === 3 || reg === 4 || reg === 8;

/** MOV from CRn. */
export function helper_read_crN(cpu: X86Cpu, reg: number): bigint {
  if (!isControlRegister(reg)) throw undefinedOpcode();
  requireCpl0(cpu);
  return reg === 8 ? BigInt(cpu.outside.apicTpr()) : cpu.env.get64('cr', reg);
}

/** MOV to CRn. `value` unsigned. */
export function helper_write_crN(cpu: X86Cpu, reg: number, value: bigint): void {
  if (!isControlRegister(reg)) throw undefinedOpcode();
  requireCpl0(cpu);
  switch (reg) {
    case 0:
      writeCr0(cpu, value);
      break;
    case 2:
      cpu.env.set64('cr', value, 2);
      break;
    case 3:
      writeCr3(cpu, value);
      break;
    case 4:
      writeCr4(cpu, value);
      break;
    case 8:
      if (value > 15n) throw generalProtection();
      cpu.outside.setApicTpr(Number(value));
      break;
  }
}

/** LMSW: PE can be set, not cleared. */
export function helper_lmsw(cpu: X86Cpu, value: number): void {
  requireCpl0(cpu);
  const old = cpu.env.get('cr');
  cpu_x86_update_cr0(cpu, (old & ~0xe) | (value & 0xf));
}

export function helper_clts(cpu: X86Cpu): void {
  requireCpl0(cpu);
  const { env } = cpu;
  env.set('cr', env.get('cr') & ~CR0.TS);
  env.set('hflags', env.get('hflags') & ~HF.TS);
}

export function helper_invlpg(cpu: X86Cpu, linear: bigint): void {
  requireCpl0(cpu);
  // an address that is not canonical has nothing cached
  if (!(cpu.env.get('hflags') & HF.CS64) || isCanonical(cpu.env, linear)) cpu.mmu.flushPage(linear);
}

/** INVPCID: no PCID has anything of its own cached, so all types flush. `pcid` and `address`: the descriptor's halves. */
export function helper_invpcid(cpu: X86Cpu, type: bigint, pcid: bigint, address: bigint): void {
  requireCpl0(cpu);
  const { env, mmu } = cpu;
  const enabled = (env.get('cr', 4 * 2) & CR4.PCIDE) !== 0;
  if (type > 3n || (type < 2n && (pcid >> 12n !== 0n || (!enabled && pcid !== 0n)))) throw generalProtection();
  if (type === 0n && !isCanonical(env, address)) throw generalProtection();
  if (type === 0n && (!enabled || pcid === (env.get64('cr', 3) & 0xfffn))) mmu.flushPage(address);
  else mmu.flush(type === 2n);
}

/** HLT: the run loop sleeps when it sees `halted`. */
export function helper_hlt(cpu: X86Cpu, nextEip: bigint): void {
  requireCpl0(cpu);
  cpu.env.set64('eip', nextEip);
  cpu.env.set('inhibit_irq', 0);
  cpu.env.set('halted', 1);
}

/** MONITOR arms nothing: MWAIT waits for interrupts only, as QEMU with one CPU. */
export function helper_monitor({ env }: X86Cpu): void {
  if (env.get('hflags') & HF.CPL) throw undefinedOpcode();
  if (env.get('regs', R_ECX * 2) !== 0) throw generalProtection();
}
export function helper_mwait(cpu: X86Cpu, nextEip: bigint): void {
  helper_monitor(cpu);
  helper_hlt(cpu, nextEip);
}

export function helper_rdtsc({ env, outside }: X86Cpu): void {
  if (env.get('cr', 4 * 2) & CR4.TSD && env.get('hflags') & HF.CPL) throw generalProtection();
  setEdxEax64(env, outside.tsc() + env.get64('tsc_offset'));
}
export function helper_rdtscp(cpu: X86Cpu): void {
  helper_rdtsc(cpu);
  setReg32(cpu.env, R_ECX, cpu.env.get('tsc_aux'));
}
/**
 * What RDRAND and RDSEED give, 64 bits. It is made of the clock, the place and what the destination held, so that a run
 * can be repeated: nothing to keep secrets with. The mixing is SplitMix64's (Steele, Lea, Flood: Fast splittable
 * pseudorandom number generators).
 */
export function helper_rdrand({ outside }: X86Cpu, old: bigint, eip: bigint): bigint {
  let mixed = BigInt.asUintN(64, outside.tsc() * 0x9e37_79b9_7f4a_7c15n + (old ^ (eip << 32n)));
  mixed = BigInt.asUintN(64, (mixed ^ (mixed >> 30n)) * 0xbf58_476d_1ce4_e5b9n);
  mixed = BigInt.asUintN(64, (mixed ^ (mixed >> 27n)) * 0x94d0_49bb_1331_11ebn);
  return mixed ^ (mixed >> 31n);
}
/** No counters are there. QEMU: #UD where it is allowed. */
export function helper_rdpmc({ env, outside }: X86Cpu): void {
  if (!(env.get('cr', 4 * 2) & CR4.PCE) && env.get('hflags') & HF.CPL) throw generalProtection();
  outside.log('x86: unimplemented rdpmc');
  throw undefinedOpcode();
}

export function helper_cpuid(cpu: X86Cpu): void {
  const { env } = cpu;
  const [eax, ebx, ecx, edx] = cpu_x86_cpuid(cpu, env.get('regs', R_EAX * 2), env.get('regs', R_ECX * 2));
  setReg32(env, R_EAX, eax);
  setReg32(env, R_EBX, ebx);
  setReg32(env, R_ECX, ecx);
  setReg32(env, R_EDX, edx);
}

/** XCR0, and with ECX 1 the part of it that is in use: all, as with QEMU. */
export function helper_xgetbv({ env, model }: X86Cpu): void {
  if (!(env.get('cr', 4 * 2) & CR4.OSXSAVE)) throw undefinedOpcode();
  const index = env.get('regs', R_ECX * 2);
  if (index !== 0 && !(index === 1 && hasFeature(model, 'XSAVE', 2))) throw generalProtection();
  setEdxEax64(env, env.get64('xcr0'));
}

export function helper_xsetbv(cpu: X86Cpu): void {
  const { env } = cpu;
  if (!(env.get('cr', 4 * 2) & CR4.OSXSAVE)) throw undefinedOpcode();
  requireCpl0(cpu);
  const value = edxEax(env);
  const low = Number(value & 0xffff_ffffn);
  // What a loaded state has on stays allowed: components that XSAVE carries along.
  const known = value >> 32n === 0n && (low & ~(supportedXcr0(cpu.model) | env.get('xcr0'))) === 0;
  if (env.get('regs', R_ECX * 2) !== 0 || !known || !(low & XSTATE.FP)) throw generalProtection();
  if (low & XSTATE.YMM && !(low & XSTATE.SSE)) throw generalProtection();
  env.set64('xcr0', value);
  cpu_sync_avx_hflag(env);
}

export function helper_rdpkru({ env }: X86Cpu): void {
  if (!(env.get('cr', 4 * 2) & CR4.PKE)) throw undefinedOpcode();
  if (env.get('regs', R_ECX * 2) !== 0) throw generalProtection();
  setEdxEax(env, env.get('pkru'), 0);
}
export function helper_wrpkru({ env, mmu }: X86Cpu): void {
  if (!(env.get('cr', 4 * 2) & CR4.PKE)) throw undefinedOpcode();
  if (env.get('regs', R_ECX * 2) !== 0 || env.get('regs', R_EDX * 2) !== 0) throw generalProtection();
  env.set('pkru', env.get('regs', R_EAX * 2));
  mmu.flush(true);
}

/** WRFSBASE, WRGSBASE, once CR4.FSGSBASE is known to be set. */
export function helper_wrsegbase({ env }: X86Cpu, seg: number, value: bigint): void {
  if (!isCanonical(env, value)) throw generalProtection();
  env.set64('seg_base', value, seg);
}
