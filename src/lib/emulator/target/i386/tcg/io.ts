/** IN and OUT: who may, and I/O breakpoints. SDM 1 18.5; source: QEMU target/i386/tcg/translate.c gen_check_io. */
import { iopl } from '../eflags.ts';
import { FLAG, HF, R_EAX, type Env } from '../env.ts';
import type { X86Cpu } from '../x86-cpu.ts';
import { helper_bpt_io, HF_IOBPT } from './bpt_helper.ts';
import { checkPortBitmap } from './tss.ts';

export type PortSize = 1 | 2 | 4;

/** #GP(0) where neither IOPL nor the TSS lets the program at the port. */
export function helper_check_io(cpu: X86Cpu, port: number, size: PortSize): void {
  const { env } = cpu;
  const hflags = env.get('hflags');
  if (!(hflags & HF.PE)) return;
  if (env.get('eflags') & FLAG.VM || (hflags & HF.CPL) > iopl(env)) checkPortBitmap(cpu, port & 0xffff, size);
}

const hasBreakpoints = (env: Env): boolean => (env.get('hflags') & HF_IOBPT) !== 0;

/** IN into AL, AX or EAX. */
export function helper_in(cpu: X86Cpu, port: number, size: PortSize, nextEip: bigint): void {
  const { env, outside } = cpu;
  port &= 0xffff;
  helper_check_io(cpu, port, size);
  const value = outside.ioRead(port, size) >>> 0;
  if (size === 4) {
    env.set('regs', value, R_EAX * 2);
    env.set('regs', 0, R_EAX * 2 + 1);
  } else {
    const mask = size === 1 ? 0xff : 0xffff;
    env.set('regs', ((env.get('regs', R_EAX * 2) & ~mask) | (value & mask)) >>> 0, R_EAX * 2);
  }
  if (hasBreakpoints(env)) helper_bpt_io(env, port, size, nextEip);
}

/** OUT from AL, AX or EAX. */
export function helper_out(cpu: X86Cpu, port: number, size: PortSize, nextEip: bigint): void {
  const { env, outside } = cpu;
  port &= 0xffff;
  helper_check_io(cpu, port, size);
  const value = env.get('regs', R_EAX * 2);
  outside.ioWrite(port, size === 4 ? value : value & (size === 1 ? 0xff : 0xffff), size);
  if (hasBreakpoints(env)) helper_bpt_io(env, port, size, nextEip);
}
