/**
 * EFLAGS as a whole, out of its two places and back. While TypeScript runs, the arithmetic flags lie in `cc_src`.
 * Source: QEMU target/i386/cpu.h cpu_compute_eflags, tcg/misc_helper.c cpu_load_eflags, tcg/emit.c.inc gen_POPF.
 */
import { CC_MASK, FLAG, HF, type Env } from './env.ts';

export const cpu_compute_eflags = (env: Env): number => (env.get('eflags') & ~CC_MASK) | (env.get('cc_src') & CC_MASK);

/** The arithmetic flags and DF always, of the others those in `mask`. */
export function cpu_load_eflags(env: Env, eflags: number, mask: number): void {
  env.set('cc_src', eflags & CC_MASK);
  env.set('cc_src', 0, 1);
  mask = (mask | FLAG.DF) & ~CC_MASK;
  env.set('eflags', (env.get('eflags') & ~mask) | (eflags & mask) | 2);
}

/** Beyond the arithmetic flags and DF, what a task, or an IRET to virtual-8086 mode, brings along. */
export const EFLAGS_CONTROL = FLAG.TF | FLAG.AC | FLAG.ID | FLAG.IF | FLAG.IOPL | FLAG.VM | FLAG.RF | FLAG.NT;

export const iopl = (env: Env): number => (env.get('eflags') >>> 12) & 3;

/** QEMU helper_write_eflags with POPF's mask: IF and IOPL are left alone, without a fault, where privilege lacks. */
export function helper_popf(env: Env, value: number, width: 2 | 4 | 8): void {
  const cpl = env.get('hflags') & HF.CPL;
  let mask = FLAG.TF | FLAG.AC | FLAG.ID | FLAG.NT;
  if (cpl === 0) mask |= FLAG.IF | FLAG.IOPL;
  else if (cpl <= iopl(env)) mask |= FLAG.IF;
  cpu_load_eflags(env, value, width === 2 ? mask & 0xffff : mask);
}
