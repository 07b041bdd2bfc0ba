/** The functions in TypeScript that the system instructions call, as semantics name them. Arguments are in the manuals' order. */
import type { ValType } from '../../../../wasm/asm.ts';
import * as far from '../../tcg/far_transfer.ts';
import * as interrupt from '../../tcg/interrupt.ts';
import * as io from '../../tcg/io.ts';
import { helper_iret } from '../../tcg/iret.ts';
import * as misc from '../../tcg/misc_helper.ts';
import * as msr from '../../tcg/msr.ts';
import * as seg from '../../tcg/seg_helper.ts';
import { helper_bpt_io, helper_get_dr, helper_set_dr } from '../../tcg/bpt_helper.ts';
import { helper_rsm } from '../../tcg/smm_helper.ts';
import type { Width } from '../../tcg/stack.ts';
import * as syscall from '../../tcg/syscall.ts';
import type { X86Cpu } from '../../x86-cpu.ts';
import type { Helper } from '../backend.ts';

type Run = (cpu: X86Cpu, ...args: never[]) => number | bigint | void;
const helper = (name: string, params: readonly ValType[], run: Run, result?: ValType): Helper =>
  result === undefined ? { name, params, run } : { name, params, run, result };

/** Arguments arrive signed. */
const u64 = (value: bigint): bigint => BigInt.asUintN(64, value);
/** −1 for undefined: results are 32 bits wide. */
const orMinusOne = (value: number | undefined): bigint => (value === undefined ? -1n : BigInt(value));

export const LOAD_SEG = helper('load_seg', ['i32', 'i32'], seg.helper_load_seg);
export const LLDT = helper('lldt', ['i32'], seg.helper_lldt);
export const LTR = helper('ltr', ['i32'], seg.helper_ltr);
export const LAR = helper('lar', ['i32'], (cpu, selector: number) => orMinusOne(seg.helper_lar(cpu, selector)), 'i64');
export const LSL = helper('lsl', ['i32'], (cpu, selector: number) => orMinusOne(seg.helper_lsl(cpu, selector)), 'i64');
export const VERR = helper('verr', ['i32'], seg.helper_verr);
export const VERW = helper('verw', ['i32'], seg.helper_verw);

export const LJMP = helper('ljmp', ['i32', 'i64', 'i64'], (cpu, selector: number, offset: bigint, next: bigint) =>
  far.helper_ljmp(cpu, selector & 0xffff, u64(offset), u64(next))
);
export const LCALL = helper(
  'lcall',
  ['i32', 'i64', 'i32', 'i64'],
  (cpu, selector: number, offset: bigint, width: Width, next: bigint) =>
    far.helper_lcall(cpu, selector & 0xffff, u64(offset), width, u64(next))
);
export const LRET = helper('lret', ['i32', 'i32'], far.helper_lret);
export const IRET = helper('iret', ['i32', 'i64'], (cpu, width: Width, next: bigint) =>
  helper_iret(cpu, width, u64(next))
);

export const INT = helper('int', ['i32', 'i64'], (cpu, vector: number, next: bigint) =>
  interrupt.helper_int(cpu, vector & 0xff, u64(next))
);
export const RAISE_INTERRUPT = helper('raise_interrupt', ['i32', 'i64'], (cpu, vector: number, next: bigint) =>
  interrupt.helper_raise_interrupt(cpu, vector, u64(next))
);
export const ICEBP = helper('icebp', ['i64'], (cpu, next: bigint) => interrupt.helper_icebp(cpu, u64(next)));

export const SYSCALL = helper('syscall', ['i64'], (cpu, next: bigint) => syscall.helper_syscall(cpu, u64(next)));
export const SYSRET = helper('sysret', ['i32'], syscall.helper_sysret);
export const SYSENTER = helper('sysenter', [], syscall.helper_sysenter);
export const SYSEXIT = helper('sysexit', ['i32'], syscall.helper_sysexit);

export const READ_CR = helper('read_crN', ['i32'], misc.helper_read_crN, 'i64');
export const WRITE_CR = helper('write_crN', ['i32', 'i64'], (cpu, reg: number, value: bigint) =>
  misc.helper_write_crN(cpu, reg, u64(value))
);
export const GET_DR = helper('get_dr', ['i32'], helper_get_dr, 'i64');
export const SET_DR = helper('set_dr', ['i32', 'i64'], (cpu, reg: number, value: bigint) =>
  helper_set_dr(cpu, reg, u64(value))
);
export const LMSW = helper('lmsw', ['i32'], misc.helper_lmsw);
export const CLTS = helper('clts', [], misc.helper_clts);
export const INVLPG = helper('invlpg', ['i64'], (cpu, linear: bigint) => misc.helper_invlpg(cpu, u64(linear)));
export const INVPCID = helper('invpcid', ['i64', 'i64', 'i64'], (cpu, type: bigint, pcid: bigint, address: bigint) =>
  misc.helper_invpcid(cpu, u64(type), u64(pcid), u64(address))
);
export const HLT = helper('hlt', ['i64'], (cpu, next: bigint) => misc.helper_hlt(cpu, u64(next)));
export const MONITOR = helper('monitor', [], misc.helper_monitor);
export const MWAIT = helper('mwait', ['i64'], (cpu, next: bigint) => misc.helper_mwait(cpu, u64(next)));
export const RDTSC = helper('rdtsc', [], misc.helper_rdtsc);
export const RDTSCP = helper('rdtscp', [], misc.helper_rdtscp);
export const RDRAND = helper(
  'rdrand',
  ['i64', 'i64'],
  (cpu, old: bigint, eip: bigint) => misc.helper_rdrand(cpu, u64(old), u64(eip)),
  'i64'
);
export const RDPMC = helper('rdpmc', [], misc.helper_rdpmc);
export const CPUID = helper('cpuid', [], misc.helper_cpuid);
export const XGETBV = helper('xgetbv', [], misc.helper_xgetbv);
export const XSETBV = helper('xsetbv', [], misc.helper_xsetbv);
export const RDPKRU = helper('rdpkru', [], misc.helper_rdpkru);
export const WRPKRU = helper('wrpkru', [], misc.helper_wrpkru);
export const WRSEGBASE = helper('wrsegbase', ['i32', 'i64'], (cpu, segment: number, value: bigint) =>
  misc.helper_wrsegbase(cpu, segment, u64(value))
);
export const RDMSR = helper('rdmsr', [], msr.helper_rdmsr);
export const WRMSR = helper('wrmsr', [], msr.helper_wrmsr);
export const RSM = helper('rsm', [], helper_rsm);

export const IN = helper('in', ['i32', 'i32', 'i64'], (cpu, port: number, size: io.PortSize, next: bigint) =>
  io.helper_in(cpu, port, size, u64(next))
);
export const OUT = helper('out', ['i32', 'i32', 'i64'], (cpu, port: number, size: io.PortSize, next: bigint) =>
  io.helper_out(cpu, port, size, u64(next))
);
/** For INS and OUTS. */
export const CHECK_IO = helper('check_io', ['i32', 'i32'], io.helper_check_io);
export const PORT_READ = helper(
  'port_read',
  ['i32', 'i32'],
  ({ outside }, port: number, size: io.PortSize) => outside.ioRead(port & 0xffff, size) | 0,
  'i32'
);
export const PORT_WRITE = helper(
  'port_write',
  ['i32', 'i32', 'i32'],
  ({ outside }, port: number, value: number, size: io.PortSize) => outside.ioWrite(port & 0xffff, value >>> 0, size)
);
export const BPT_IO = helper('bpt_io', ['i32', 'i32', 'i64'], ({ env }, port: number, size: number, next: bigint) =>
  helper_bpt_io(env, port & 0xffff, size, u64(next))
);
