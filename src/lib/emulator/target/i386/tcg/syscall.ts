/**
 * SYSCALL, SYSRET, SYSENTER, SYSEXIT: no tables are read, so nothing can fault once the checks are over, and all is done on
 * halves of registers. APM 3, SDM 2; source: QEMU target/i386/tcg/sysemu/seg_helper.c, tcg/seg_helper.c.
 */
import { EFER } from '../control-registers.ts';
import { DESC, FLAT } from '../descriptors.ts';
import { cpu_compute_eflags, cpu_load_eflags, setEflags } from '../eflags.ts';
import { CPUException, EXCP, FLAG, HF, R_CS, R_ECX, R_EDX, R_ESP, R_SS, type Env, type EnvName } from '../env.ts';
import { cpu_x86_load_seg_cache } from '../hflags.ts';
import type { X86Cpu } from '../x86-cpu.ts';
import { generalProtection } from './exceptions.ts';
import type { Width } from './stack.ts';

const CODE = FLAT | DESC.CS | DESC.R;
const STACK = FLAT | DESC.B | DESC.W;
const DPL3 = 3 << DESC.DPL_SHIFT;
const R_R11 = 11;

/** Flat code and stack at a level. `size`: L, B (32 bits) or 0. */
function loadFlat(env: Env, code: number, stack: number, size: number, dpl: number): void {
  cpu_x86_load_seg_cache(env, R_SS, stack, 0, 0xffff_ffff, STACK | dpl);
  cpu_x86_load_seg_cache(env, R_CS, code, 0, 0xffff_ffff, CODE | size | dpl);
}

/** Both halves of a 64-bit field into another. */
function copy64(env: Env, to: 'eip' | 'regs', toIndex: number, from: EnvName, fromIndex = 0): void {
  env.set(to, env.get(from, fromIndex * 2), toIndex * 2);
  env.set(to, env.get(from, fromIndex * 2 + 1), toIndex * 2 + 1);
}

const isIntel = (cpu: X86Cpu): boolean => cpu.model.vendor === 'GenuineIntel';

export function helper_syscall(cpu: X86Cpu, nextEip: bigint): void {
  const { env } = cpu;
  const hflags = env.get('hflags');
  if (!(env.get('efer') & EFER.SCE) || (isIntel(cpu) && !(hflags & HF.CS64))) throw new CPUException(EXCP.UD);
  const selector = env.get('star', 1) & 0xfffc;
  env.set64('regs', nextEip, R_ECX);
  if (!(hflags & HF.LMA)) {
    setEflags(env, env.get('eflags') & ~(FLAG.IF | FLAG.RF | FLAG.VM));
    loadFlat(env, selector, (selector + 8) & 0xfffc, DESC.B, 0);
    env.set('eip', env.get('star'));
    env.set('eip', 0, 1);
    return;
  }
  const eflags = cpu_compute_eflags(env) & ~FLAG.RF;
  env.set('regs', eflags, R_R11 * 2);
  env.set('regs', 0, R_R11 * 2 + 1);
  cpu_load_eflags(env, eflags & ~env.get('fmask'), ~0);
  loadFlat(env, selector, (selector + 8) & 0xfffc, DESC.L, 0);
  copy64(env, 'eip', 0, hflags & HF.CS64 ? 'lstar' : 'cstar');
}

/** All of EFLAGS that R11 brings: not RF and VM. SDM 2B SYSRET. */
const SYSRET_FLAGS = 0x3c_7fd7;

/** `width` 8: to 64-bit code. */
export function helper_sysret(cpu: X86Cpu, width: Width): void {
  const { env } = cpu;
  const hflags = env.get('hflags');
  if (!(env.get('efer') & EFER.SCE) || (isIntel(cpu) && !(hflags & HF.CS64))) throw new CPUException(EXCP.UD);
  if (!(hflags & HF.PE) || hflags & HF.CPL) throw generalProtection();
  const selector = env.get('star', 1) >>> 16;
  if (hflags & HF.LMA) cpu_load_eflags(env, env.get('regs', R_R11 * 2) & SYSRET_FLAGS, ~0);
  else env.set('eflags', env.get('eflags') | FLAG.IF);
  const long = width === 8;
  const code = ((long ? selector + 16 : selector) & 0xffff) | 3;
  loadFlat(env, code, ((selector + 8) & 0xffff) | 3, long ? DESC.L : DESC.B, DPL3);
  copy64(env, 'eip', 0, 'regs', R_ECX);
  if (!long) env.set('eip', 0, 1);
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
  copy64(env, 'regs', R_ESP, 'sysenter_esp');
  copy64(env, 'eip', 0, 'sysenter_eip');
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
  copy64(env, 'regs', R_ESP, 'regs', R_ECX);
  copy64(env, 'eip', 0, 'regs', R_EDX);
  if (!long) clearUpper(env);
}

/** 32-bit targets take the low halves of RSP and RIP. */
function clearUpper(env: Env): void {
  env.set('regs', 0, R_ESP * 2 + 1);
  env.set('eip', 0, 1);
}
