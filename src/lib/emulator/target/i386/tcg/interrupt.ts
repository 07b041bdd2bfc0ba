/**
 * Delivery of exceptions and interrupts through the IDT. SDM 3A chapter 6, SDM 2A INT n.
 * Source: QEMU target/i386/tcg/seg_helper.c do_interrupt_all. Faults met on the way have the EXT bit, which QEMU leaves
 * out, set as the manual says.
 */
import { accessed, DESC, Descriptor, TYPE } from '../descriptors.ts';
import { cpu_compute_eflags, iopl, setEflags } from '../eflags.ts';
import { CPUException, ENV, EXCP, FLAG, HF, R_CS, R_DS, R_ES, R_ESP, R_FS, R_GS, R_SS } from '../env.ts';
import { cpu_x86_load_seg_cache, loadRealSegment } from '../hflags.ts';
import type { X86Cpu } from '../x86-cpu.ts';
import { checkCodeTarget, codeSegment, enterCode, loadInnerSs, openInnerStack } from './far_transfer.ts';
import { generalProtection, selectorFault } from './exceptions.ts';
import { Stack, type Width } from './stack.ts';
import { switch_tss } from './task_switch.ts';
import { innerStack, isCanonicalHalf, rspFromTss } from './tss.ts';

const IDT_LIMIT = ENV.idt_limit;
const IDT_BASE = ENV.idt_base;
const HFLAGS = ENV.hflags;
const SEG_SELECTOR = ENV.seg_selector;
const EIP = ENV.eip;
const REGS = ENV.regs;
const EFLAGS = ENV.eflags;

/** INT n, INT3, INTO check the gate's privilege and return after themselves; interrupts of devices push no error code. */
export type Cause = 'software' | 'exception' | 'hardware';

const isTrapOrAbort = (vector: number): boolean =>
  vector === EXCP.DB || vector === EXCP.BP || vector === EXCP.OF || vector === EXCP.DF || vector === EXCP.MC;

/**
 * Goes on in the handler of `vector`. `error`: the code of an exception that has one. `nextEip`: where the program returns
 * to from a software interrupt; from others it is `eip`. Throws what is met on the way, with nothing changed but memory
 * below the stack.
 */
export function do_interrupt_all(
  cpu: X86Cpu,
  vector: number,
  cause: Cause,
  error?: number,
  nextEip: bigint = cpu.env.get64('eip')
): void {
  cpu.singleStep = false;
  const hflags = cpu.env.get('hflags');
  cpu.observer?.interrupt?.(vector, cause, error);
  if (!(hflags & HF.PE)) interruptReal(cpu, vector, nextEip);
  else if (hflags & HF.LMA) interrupt64(cpu, vector, cause, error, nextEip);
  else interruptProtected(cpu, vector, cause, error, nextEip);
}

function interruptReal(cpu: X86Cpu, vector: number, nextEip: bigint): void {
  const { env, mmu } = cpu;
  if (vector * 4 + 3 > env.get('idt_limit')) throw new CPUException(EXCP.GP, vector * 8 + 2);
  const gate = env.get64('idt_base') + BigInt(vector * 4);
  const offset = mmu.load16(gate, 'kernel');
  const selector = mmu.load16(gate + 2n, 'kernel');
  const stack = Stack.current(cpu);
  stack.push(2, cpu_compute_eflags(env));
  stack.push(2, env.get('seg_selector', R_CS));
  stack.push(2, nextEip);
  stack.commit();
  loadRealSegment(env, R_CS, selector);
  env.set64('eip', BigInt(offset));
  setEflags(env, env.get('eflags') & ~(FLAG.IF | FLAG.TF | FLAG.AC | FLAG.RF));
}

/** What the handler's flags are saved as: RF keeps a code breakpoint from hitting twice. SDM 3B 17.3.1.1. */
function savedEflags({ env }: X86Cpu, vector: number, cause: Cause): number {
  const eflags = cpu_compute_eflags(env);
  return cause === 'exception' && !isTrapOrAbort(vector) ? eflags | FLAG.RF : eflags;
}

/** Interrupt gates, of even type, mask interrupts; trap gates leave them. */
function clearFlags({ env }: X86Cpu, type: number): void {
  const cleared = FLAG.TF | FLAG.VM | FLAG.RF | FLAG.NT | (type & 1 ? 0 : FLAG.IF);
  setEflags(env, env.at(EFLAGS) & ~cleared);
}

const GATES: readonly number[] = [
  TYPE.TASK_GATE,
  TYPE.INTERRUPT_GATE16,
  TYPE.TRAP_GATE16,
  TYPE.INTERRUPT_GATE32,
  TYPE.TRAP_GATE32
];

function interruptProtected(
  cpu: X86Cpu,
  vector: number,
  cause: Cause,
  error: number | undefined,
  nextEip: bigint
): void {
  const { env, mmu } = cpu;
  const ext = cause === 'software' ? 0 : 1;
  const idtError = vector * 8 + 2 + ext;
  if (vector * 8 + 7 > env.get('idt_limit')) throw new CPUException(EXCP.GP, idtError);
  const at = env.get64('idt_base') + BigInt(vector * 8);
  const gate = new Descriptor(mmu.load32(at, 'kernel'), mmu.load32(at + 4n, 'kernel'));
  const cpl = env.get('hflags') & HF.CPL;
  if (!GATES.includes(gate.type) || (cause === 'software' && gate.dpl < cpl)) {
    throw new CPUException(EXCP.GP, idtError);
  }
  if (!gate.present) throw new CPUException(EXCP.NP, idtError);
  if (gate.type === TYPE.TASK_GATE) {
    switch_tss(cpu, vector * 8, gate, 'call', nextEip, ext, error);
    return;
  }
  const selector = gate.e1 >>> 16;
  const found = codeSegment(cpu, selector, ext);
  const vm86 = (env.get('eflags') & FLAG.VM) !== 0;
  const dpl = found.conforming ? cpl : found.dpl;
  if (found.dpl > cpl || (vm86 && dpl !== 0)) throw selectorFault(EXCP.GP, selector, ext);
  const width: Width = gate.type & 8 ? 4 : 2;
  const offset = (gate.e1 & 0xffff) | (width === 4 ? gate.e2 & 0xffff_0000 : 0);
  const d = checkCodeTarget(cpu, found, selector, BigInt(offset >>> 0), ext);
  const inner = dpl < cpl ? innerStack(cpu, dpl, ext) : undefined;
  const stack = inner === undefined ? Stack.current(cpu) : openInnerStack(cpu, inner, BigInt(inner.esp));
  if (inner !== undefined) {
    if (vm86) for (const seg of [R_GS, R_FS, R_DS, R_ES]) stack.push(width, env.get('seg_selector', seg));
    stack.push(width, env.get('seg_selector', R_SS));
    stack.push(width, env.get64('regs', R_ESP));
  }
  stack.push(width, savedEflags(cpu, vector, cause));
  stack.push(width, env.get('seg_selector', R_CS));
  stack.push(width, nextEip);
  if (error !== undefined) stack.push(width, error);

  clearFlags(cpu, gate.type);
  if (inner !== undefined) {
    if (vm86) for (const seg of [R_ES, R_DS, R_FS, R_GS]) cpu_x86_load_seg_cache(env, seg, 0, 0, 0, 0);
    loadInnerSs(env, dpl, inner);
  }
  stack.commit();
  enterCode(env, selector, dpl, d, BigInt(offset >>> 0));
}

/** The one that a 64-bit system takes all the time: on numbers where it can. */
function interrupt64(cpu: X86Cpu, vector: number, cause: Cause, error: number | undefined, nextEip: bigint): void {
  const { env, mmu } = cpu;
  const ext = cause === 'software' ? 0 : 1;
  const idtError = vector * 8 + 2 + ext;
  if (vector * 16 + 15 > env.at(IDT_LIMIT)) throw new CPUException(EXCP.GP, idtError);
  const at = env.at64(IDT_BASE) + BigInt(vector * 16);
  const e1 = mmu.load32(at, 'kernel');
  const e2 = mmu.load32(at + 4n, 'kernel');
  const offsetHigh = mmu.load32(at + 8n, 'kernel');
  const type = (e2 >>> 8) & 0x1f;
  const cpl = env.at(HFLAGS) & HF.CPL;
  const known = type === TYPE.INTERRUPT_GATE32 || type === TYPE.TRAP_GATE32;
  if (!known || (cause === 'software' && ((e2 >>> DESC.DPL_SHIFT) & 3) < cpl)) {
    throw new CPUException(EXCP.GP, idtError);
  }
  if (!(e2 & DESC.P)) throw new CPUException(EXCP.NP, idtError);
  const selector = e1 >>> 16;
  const found = codeSegment(cpu, selector, ext);
  if (found.dpl > cpl) throw selectorFault(EXCP.GP, selector, ext);
  if (!found.present) throw selectorFault(EXCP.NP, selector, ext);
  if ((found.e2 & (DESC.L | DESC.B)) !== DESC.L) throw selectorFault(EXCP.GP, selector, ext);
  if (!isCanonicalHalf(env, offsetHigh)) throw selectorFault(EXCP.GP, 0, ext);
  const d = accessed(cpu, selector, found);
  const dpl = d.conforming ? cpl : d.dpl;
  const ist = e2 & 7;
  const newStack = dpl < cpl || ist !== 0;
  let sp = newStack ? rspFromTss(cpu, ist === 0 ? dpl : ist + 3, ext) : env.at64(REGS, R_ESP);
  sp &= ~0xfn;
  const mode = dpl === 3 ? 'user' : 'kernel';
  mmu.store64((sp -= 8n), BigInt(env.at(SEG_SELECTOR, R_SS)), mode);
  mmu.store64((sp -= 8n), env.at64(REGS, R_ESP), mode);
  mmu.store64((sp -= 8n), BigInt(savedEflags(cpu, vector, cause)), mode);
  mmu.store64((sp -= 8n), BigInt(env.at(SEG_SELECTOR, R_CS)), mode);
  mmu.store64((sp -= 8n), nextEip, mode);
  if (error !== undefined) mmu.store64((sp -= 8n), BigInt(error), mode);

  clearFlags(cpu, type);
  if (newStack) loadInnerSs(env, dpl, undefined);
  env.put64(REGS, sp, R_ESP);
  cpu_x86_load_seg_cache(env, R_CS, (selector & ~3) | dpl, d.base, d.limit, d.e2);
  env.put(EIP, ((e2 & 0xffff_0000) | (e1 & 0xffff)) >>> 0);
  env.put(EIP, offsetHigh, 1);
}

/** INT n. */
export function helper_int(cpu: X86Cpu, vector: number, nextEip: bigint): void {
  const { env } = cpu;
  if (env.get('eflags') & FLAG.VM && iopl(env) < 3) throw generalProtection();
  do_interrupt_all(cpu, vector, 'software', undefined, nextEip);
}

/** INT1: #DB as a trap, which no privilege keeps a program from. QEMU helper_icebp. */
export function helper_icebp(cpu: X86Cpu, nextEip: bigint): void {
  do_interrupt_all(cpu, EXCP.DB, 'exception', undefined, nextEip);
}

/** INT3, INTO: EFLAGS.IOPL does not matter to them. QEMU raise_interrupt. */
export function helper_raise_interrupt(cpu: X86Cpu, vector: number, nextEip: bigint): void {
  do_interrupt_all(cpu, vector, 'software', undefined, nextEip);
}
