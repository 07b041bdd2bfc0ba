/**
 * SYSCALL, SYSRET, SYSENTER, SYSEXIT: no tables are read, so nothing can fault once the checks are over, and all is done on
 * halves of registers. APM 3, SDM 2; source: QEMU target/i386/tcg/sysemu/seg_helper.c, tcg/seg_helper.c.
 */
import { EFER } from '../control-registers.ts';
import { DESC, FLAT } from '../descriptors.ts';
import { cpu_compute_eflags, cpu_load_eflags, setEflags } from '../eflags.ts';
import { CPUException, ENV, EXCP, FLAG, HF, R_CS, R_ECX, R_EDX, R_ESP, R_SS, type Env } from '../env.ts';
import { cpu_x86_load_seg_cache } from '../hflags.ts';
import type { X86Cpu } from '../x86-cpu.ts';
import { generalProtection } from './exceptions.ts';
import type { Width } from './stack.ts';

const CODE = FLAT | DESC.CS | DESC.R;
const STACK = FLAT | DESC.B | DESC.W;
const DPL3 = 3 << DESC.DPL_SHIFT;
const R_R11 = 11;

const EFER_AT = ENV.efer;
const EFLAGS = ENV.eflags;
const HFLAGS = ENV.hflags;
const EIP = ENV.eip;
const REGS = ENV.regs;
const STAR = ENV.star;
const LSTAR = ENV.lstar;
const CSTAR = ENV.cstar;
const FMASK = ENV.fmask;
const SYSENTER_ESP = ENV.sysenter_esp;
const SYSENTER_EIP = ENV.sysenter_eip;

/** Flat code and stack at a level. `size`: L, B (32 bits) or 0. */
function loadFlat(env: Env, code: number, stack: number, size: number, dpl: number): void {
  cpu_x86_load_seg_cache(env, R_SS, stack, 0, 0xffff_ffff, STACK | dpl);
  cpu_x86_load_seg_cache(env, R_CS, code, 0, 0xffff_ffff, CODE | size | dpl);
}

/** Both halves of a 64-bit field into another. */
function copy64(env: Env, to: number, toIndex: number, from: number, fromIndex = 0): void {
  env.put(to, env.at(from, fromIndex * 2), toIndex * 2);
  env.put(to, env.at(from, fromIndex * 2 + 1), toIndex * 2 + 1);
}

const isIntel = (cpu: X86Cpu): boolean => cpu.model.vendor === 'GenuineIntel';

/** A user who steps over a system call stops behind it, and never in the kernel. */
function trapAfter(cpu: X86Cpu): void {
  cpu.singleStep = (cpu.env.at(EFLAGS) & FLAG.TF) !== 0;
}

export function helper_syscall(cpu: X86Cpu, nextEip: bigint): void {
  const { env } = cpu;
  const hflags = env.at(HFLAGS);
  if (!(env.at(EFER_AT) & EFER.SCE) || (isIntel(cpu) && !(hflags & HF.CS64))) throw new CPUException(EXCP.UD);
  const selector = env.at(STAR, 1) & 0xfffc;
  env.set64('regs', nextEip, R_ECX);
  if (!(hflags & HF.LMA)) {
    setEflags(env, env.at(EFLAGS) & ~(FLAG.IF | FLAG.RF | FLAG.VM));
    loadFlat(env, selector, (selector + 8) & 0xfffc, DESC.B, 0);
    env.put(EIP, env.at(STAR));
    env.put(EIP, 0, 1);
    return;
  }
  const eflags = cpu_compute_eflags(env) & ~FLAG.RF;
  env.put(REGS, eflags, R_R11 * 2);
  env.put(REGS, 0, R_R11 * 2 + 1);
  cpu_load_eflags(env, eflags & ~env.at(FMASK), ~0);
  loadFlat(env, selector, (selector + 8) & 0xfffc, DESC.L, 0);
  copy64(env, EIP, 0, hflags & HF.CS64 ? LSTAR : CSTAR);
  trapAfter(cpu);
}

/** All of EFLAGS that R11 brings: not RF and VM. SDM 2B SYSRET. */
const SYSRET_FLAGS = 0x3c_7fd7;

/** `width` 8: to 64-bit code. */
export function helper_sysret(cpu: X86Cpu, width: Width): void {
  const { env } = cpu;
  const hflags = env.at(HFLAGS);
  if (!(env.at(EFER_AT) & EFER.SCE) || (isIntel(cpu) && !(hflags & HF.CS64))) throw new CPUException(EXCP.UD);
  if (!(hflags & HF.PE) || hflags & HF.CPL) throw generalProtection();
  const selector = env.at(STAR, 1) >>> 16;
  if (hflags & HF.LMA) cpu_load_eflags(env, env.at(REGS, R_R11 * 2) & SYSRET_FLAGS, ~0);
  else env.put(EFLAGS, env.at(EFLAGS) | FLAG.IF);
  const long = width === 8;
  const code = ((long ? selector + 16 : selector) & 0xffff) | 3;
  loadFlat(env, code, ((selector + 8) & 0xffff) | 3, long ? DESC.L : DESC.B, DPL3);
  copy64(env, EIP, 0, REGS, R_ECX);
  if (!long) env.put(EIP, 0, 1);
  trapAfter(cpu);
}

export function helper_sysenter(cpu: X86Cpu): void {
  const { env } = cpu;
  const hflags = env.get('hflags');
  if (!isIntel(cpu) && hflags & HF.CS64) throw new CPUException(EXCP.UD);
  const selector = env.get('sysenter_cs') & 0xfffc;
  if (!(hflags & HF.PE) || selector === 0) throw generalProtection();
  const long = (hflags & HF.LMA) !== 0;
  setEflags(env, env.get('eflags') & ~(FLAG.VM | FLAG.IF | FLAG.RF));
  loadFlat(env, selector, (selector + 8) & 0xfffc, long ? DESC.L : DESC.B, 0);
  copy64(env, REGS, R_ESP, SYSENTER_ESP);
  copy64(env, EIP, 0, SYSENTER_EIP);
  if (!long) clearUpper(env);
}

/** `width` 8: to 64-bit code. */
export function helper_sysexit(cpu: X86Cpu, width: Width): void {
  const { env } = cpu;
  const hflags = env.get('hflags');
  if (!isIntel(cpu) && hflags & HF.CS64) throw new CPUException(EXCP.UD);
  const selector = env.get('sysenter_cs') & 0xfffc;
  if (!(hflags & HF.PE) || hflags & HF.CPL || selector === 0) throw generalProtection();
  const long = width === 8;
  const code = selector + (long ? 32 : 16);
  loadFlat(env, (code & 0xfffc) | 3, ((code + 8) & 0xfffc) | 3, long ? DESC.L : DESC.B, DPL3);
  copy64(env, REGS, R_ESP, REGS, R_ECX);
  copy64(env, EIP, 0, REGS, R_EDX);
  if (!long) clearUpper(env);
}

/** 32-bit targets take the low halves of RSP and RIP. */
function clearUpper(env: Env): void {
  env.set('regs', 0, R_ESP * 2 + 1);
  env.set('eip', 0, 1);
}
