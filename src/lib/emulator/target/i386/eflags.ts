/**
 * EFLAGS as a whole, out of its two places and back. While TypeScript runs, the arithmetic flags lie in `cc_src`.
 * Source: QEMU target/i386/cpu.h cpu_compute_eflags, tcg/misc_helper.c cpu_load_eflags, tcg/emit.c.inc gen_POPF.
 */
import { CC_MASK, ENV, FLAG, HF, type Env } from './env.ts';

const EFLAGS = ENV.eflags;
const HFLAGS = ENV.hflags;
const CC_SRC = ENV.cc_src;

export const cpu_compute_eflags = (env: Env): number => (env.at(EFLAGS) & ~CC_MASK) | (env.at(CC_SRC) & CC_MASK);

/** All but the arithmetic flags, and VM's copy in hflags. */
export function setEflags(env: Env, eflags: number): void {
  env.put(EFLAGS, eflags | 2);
  env.put(HFLAGS, (env.at(HFLAGS) & ~HF.VM) | (eflags & HF.VM));
}

/** The arithmetic flags and DF always, of the others those in `mask`. */
export function cpu_load_eflags(env: Env, eflags: number, mask: number): void {
  env.put(CC_SRC, eflags & CC_MASK);
  env.put(CC_SRC, 0, 1);
  mask = (mask | FLAG.DF) & ~CC_MASK;
  setEflags(env, (env.at(EFLAGS) & ~mask) | (eflags & mask));
}

/** Beyond the arithmetic flags and DF, what a task, or an IRET to virtual-8086 mode, brings along. */
export const EFLAGS_CONTROL = FLAG.TF | FLAG.AC | FLAG.ID | FLAG.IF | FLAG.IOPL | FLAG.VM | FLAG.RF | FLAG.NT;

export const iopl = (env: Env): number => (env.at(EFLAGS) >>> 12) & 3;
