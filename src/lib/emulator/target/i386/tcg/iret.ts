/** IRET in every mode. SDM 2A IRET; source: QEMU target/i386/tcg/seg_helper.c helper_iret_real, helper_iret_protected. */
import { loadDescriptor, TYPE } from '../descriptors.ts';
import { cpu_load_eflags, EFLAGS_CONTROL, iopl } from '../eflags.ts';
import { ENV, EXCP, FLAG, HF, R_CS, R_DS, R_ES, R_ESP, R_FS, R_GS, R_SS, type Env } from '../env.ts';
import { loadRealSegment } from '../hflags.ts';
import { HF2_NMI } from '../hflags2.ts';
import type { X86Cpu } from '../x86-cpu.ts';
import { enterCode, returnOutward, returnTarget } from './far_transfer.ts';
import { generalProtection, selectorFault } from './exceptions.ts';
import { isProtected } from './seg_helper.ts';
import { Stack, type Width } from './stack.ts';
import { loadVm86Segment, switch_tss } from './task_switch.ts';

const EFLAGS = ENV.eflags;
const HFLAGS = ENV.hflags;
const HFLAGS2 = ENV.hflags2;
const REGS = ENV.regs;

export function helper_iret(cpu: X86Cpu, width: Width, nextEip: bigint): void {
  const { env } = cpu;
  if (!isProtected(env)) iretReal(cpu, width);
  else if (env.at(EFLAGS) & FLAG.NT) iretTask(cpu, nextEip);
  else if (width === 8) iret64(cpu);
  else iretProtected(cpu, width);
  env.put(HFLAGS2, env.at(HFLAGS2) & ~HF2_NMI);
}

/** Real mode, and virtual-8086 mode with IOPL 3. */
function iretReal(cpu: X86Cpu, width: Width): void {
  const { env } = cpu;
  const vm86 = (env.get('eflags') & FLAG.VM) !== 0;
  if (vm86 && iopl(env) < 3) throw generalProtection();
  const stack = Stack.current(cpu);
  const eip = stack.pop(width);
  const selector = stack.popSelector(width);
  const eflags = Number(stack.pop(width));
  stack.commit();
  loadRealSegment(env, R_CS, selector);
  env.set64('eip', eip);
  const mask = EFLAGS_CONTROL & ~(vm86 ? FLAG.VM | FLAG.IOPL : FLAG.VM);
  cpu_load_eflags(env, eflags, width === 2 ? mask & 0xffff : mask);
}

function iretTask(cpu: X86Cpu, nextEip: bigint): void {
  const { env, mmu } = cpu;
  if (env.get('hflags') & HF.LMA) throw generalProtection();
  const selector = mmu.load16(env.get64('tr_base'), 'kernel');
  const d = selector & 4 ? undefined : loadDescriptor(cpu, selector);
  if (d === undefined || (d.type & ~8) !== TYPE.TSS16_BUSY) throw selectorFault(EXCP.TS, selector);
  switch_tss(cpu, selector, d, 'iret', nextEip);
}

/** What of EFLAGS the level that executes IRET may change. */
function iretMask(env: Env, cpl: number, width: Width): number {
  let mask = FLAG.TF | FLAG.AC | FLAG.ID | FLAG.RF | FLAG.NT;
  if (cpl === 0) mask |= FLAG.IOPL | FLAG.VIF | FLAG.VIP;
  if (cpl <= iopl(env)) mask |= FLAG.IF;
  return width === 2 ? mask & 0xffff : mask;
}

/** IRETQ: the one that a 64-bit system takes all the time. SS:RSP is there always. */
function iret64(cpu: X86Cpu): void {
  const { env, mmu } = cpu;
  const sp = env.at64(REGS, R_ESP);
  const eip = mmu.load64(sp, 'current');
  const selector = Number(mmu.load64(sp + 8n, 'current') & 0xffffn);
  const eflags = Number(mmu.load64(sp + 16n, 'current') & 0xffff_ffffn);
  const newSp = mmu.load64(sp + 24n, 'current');
  const newSs = Number(mmu.load64(sp + 32n, 'current') & 0xffffn);
  const d = returnTarget(cpu, selector, eip);
  const mask = iretMask(env, env.at(HFLAGS) & HF.CPL, 8);
  returnOutward(cpu, selector, d, eip, newSs, newSp);
  cpu_load_eflags(env, eflags, mask);
}

/** Of 16 and 32 bits. */
function iretProtected(cpu: X86Cpu, width: Width): void {
  const { env } = cpu;
  const hflags = env.get('hflags');
  const cpl = hflags & HF.CPL;
  const stack = Stack.current(cpu);
  const eip = stack.pop(width);
  const selector = stack.popSelector(width);
  const eflags = Number(stack.pop(width) & 0xffff_ffffn);
  if (eflags & FLAG.VM && width === 4 && cpl === 0 && !(hflags & HF.LMA)) {
    returnToVm86(cpu, stack, eip, selector, eflags);
    return;
  }
  const d = returnTarget(cpu, selector, eip);
  const mask = iretMask(env, cpl, width);
  if ((selector & 3) === cpl && !(hflags & HF.CS64)) {
    stack.commit();
    enterCode(env, selector, cpl, d, eip);
  } else {
    const sp = stack.pop(width);
    returnOutward(cpu, selector, d, eip, stack.popSelector(width), sp);
  }
  cpu_load_eflags(env, eflags, mask);
}

function returnToVm86(cpu: X86Cpu, stack: Stack, eip: bigint, cs: number, eflags: number): void {
  const { env } = cpu;
  const esp = stack.pop(4);
  const selectors = [R_SS, R_ES, R_DS, R_FS, R_GS].map((seg) => [seg, stack.popSelector(4)] as const);
  cpu_load_eflags(env, eflags, EFLAGS_CONTROL | FLAG.VIF | FLAG.VIP);
  loadVm86Segment(cpu, R_CS, cs);
  for (const [seg, selector] of selectors) loadVm86Segment(cpu, seg, selector);
  env.set64('eip', eip & 0xffffn);
  env.set64('regs', esp, R_ESP);
}
