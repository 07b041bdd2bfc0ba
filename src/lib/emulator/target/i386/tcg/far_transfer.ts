/**
 * Far JMP, CALL and RET through code segments and gates, in every mode. SDM 2A CALL, JMP, 2B RET: their pseudo code.
 * Source: QEMU target/i386/tcg/seg_helper.c; where it checks less or tells another exception, the manual is followed.
 */
import { accessed, DESC, type Descriptor, isNull, loadDescriptor, TYPE } from '../descriptors.ts';
import { ENV, EXCP, HF, R_CS, R_DS, R_ES, R_ESP, R_FS, R_GS, R_SS, type Env } from '../env.ts';
import { cpu_x86_load_seg_cache, loadRealSegment } from '../hflags.ts';
import type { X86Cpu } from '../x86-cpu.ts';
import { generalProtection, selectorFault } from './exceptions.ts';
import { isProtected } from './seg_helper.ts';
import { MASK64, setStackPointer, Stack, stackMask, type Width } from './stack.ts';
import { switch_tss } from './task_switch.ts';
import { type InnerStack, innerStack, isCanonical, rspFromTss } from './tss.ts';

const HFLAGS = ENV.hflags;
const EIP = ENV.eip;
const REGS = ENV.regs;
const SEG_SELECTOR = ENV.seg_selector;
const SEG_FLAGS = ENV.seg_flags;

const isLong = (env: Env): boolean => (env.at(HFLAGS) & HF.LMA) !== 0;

/** The code segment that a far transfer or an interrupt arrives in; privilege is up to the caller. */
export function codeSegment(cpu: X86Cpu, selector: number, ext = 0): Descriptor {
  if (isNull(selector)) throw selectorFault(EXCP.GP, 0, ext);
  const d = loadDescriptor(cpu, selector);
  if (d === undefined || !d.isCode) throw selectorFault(EXCP.GP, selector, ext);
  return d;
}

/** The segment, marked accessed, when what is checked after privilege holds: presence, no reserved mode, offset within it. */
export function checkCodeTarget(cpu: X86Cpu, d: Descriptor, selector: number, offset: bigint, ext = 0): Descriptor {
  const { env } = cpu;
  const long = isLong(env) && (d.e2 & DESC.L) !== 0;
  if (long && d.e2 & DESC.B) throw selectorFault(EXCP.GP, selector, ext);
  if (!d.present) throw selectorFault(EXCP.NP, selector, ext);
  if (long ? !isCanonical(env, offset) : offset > BigInt(d.limit)) throw selectorFault(EXCP.GP, 0, ext);
  return accessed(cpu, selector, d);
}

/** Goes on in a code segment at `cpl`. Nothing here faults. */
export function enterCode(env: Env, selector: number, cpl: number, d: Descriptor, offset: bigint): void {
  cpu_x86_load_seg_cache(env, R_CS, (selector & ~3) | cpl, d.base, d.limit, d.e2);
  env.put64(EIP, offset);
}

/** A direct JMP or CALL stays at its privilege level. */
function checkDirect(d: Descriptor, selector: number, cpl: number): void {
  const allowed = d.conforming ? d.dpl <= cpl : (selector & 3) <= cpl && d.dpl === cpl;
  if (!allowed) throw selectorFault(EXCP.GP, selector);
}

interface Gate {
  readonly selector: number;
  readonly offset: bigint;
  /** Bytes of each push. */
  readonly width: Width;
  /** Parameters that CALL copies. */
  readonly count: number;
}

/** The call gate behind a system descriptor; task gates and TSS are not let through to here. */
function callGate(cpu: X86Cpu, selector: number, d: Descriptor): Gate {
  const long = isLong(cpu.env);
  if (!d.present) throw selectorFault(EXCP.NP, selector);
  const low = d.e1 & 0xffff;
  const wide = d.type === TYPE.CALL_GATE32;
  let offset = BigInt((wide ? low | (d.e2 & 0xffff_0000) : low) >>> 0);
  if (long) {
    const upper = loadDescriptor(cpu, selector + 8);
    if (upper === undefined || upper.type !== 0) throw selectorFault(EXCP.GP, selector);
    offset |= BigInt(upper.e1) << 32n;
  }
  return { selector: d.e1 >>> 16, offset, width: long ? 8 : wide ? 4 : 2, count: d.e2 & 0x1f };
}

/** The 64-bit code segment that long mode's call gates must lead to; any in legacy mode. */
function gateTarget(cpu: X86Cpu, selector: number): Descriptor {
  const d = codeSegment(cpu, selector);
  if (isLong(cpu.env) && !(d.e2 & DESC.L)) throw selectorFault(EXCP.GP, selector);
  return d;
}

/** What a far pointer leads to: a code segment, a call gate, or a task, which has then been switched to. */
function destination(
  cpu: X86Cpu,
  selector: number,
  source: 'jmp' | 'call',
  nextEip: bigint
): { readonly code: Descriptor } | { readonly gate: Gate } | undefined {
  const { env } = cpu;
  if (isNull(selector)) throw generalProtection();
  const d = loadDescriptor(cpu, selector);
  if (d === undefined) throw selectorFault(EXCP.GP, selector);
  if (d.isCode) return { code: d };
  const cpl = env.get('hflags') & HF.CPL;
  const known = isLong(env)
    ? d.type === TYPE.CALL_GATE32
    : [TYPE.TSS16, TYPE.TSS32, TYPE.TASK_GATE, TYPE.CALL_GATE16, TYPE.CALL_GATE32].some((type) => type === d.type);
  if (!known || d.dpl < cpl || d.dpl < (selector & 3)) throw selectorFault(EXCP.GP, selector);
  if (d.type === TYPE.CALL_GATE16 || d.type === TYPE.CALL_GATE32) return { gate: callGate(cpu, selector, d) };
  switch_tss(cpu, selector, d, source, nextEip);
  return undefined;
}

/** JMP far. `offset` as wide as the operand. */
export function helper_ljmp(cpu: X86Cpu, selector: number, offset: bigint, nextEip: bigint): void {
  const { env } = cpu;
  if (!isProtected(env)) {
    loadRealSegment(env, R_CS, selector);
    env.set64('eip', offset);
    return;
  }
  const to = destination(cpu, selector, 'jmp', nextEip);
  if (to === undefined) return;
  const cpl = env.get('hflags') & HF.CPL;
  if ('code' in to) {
    checkDirect(to.code, selector, cpl);
    enterCode(env, selector, cpl, checkCodeTarget(cpu, to.code, selector, offset), offset);
    return;
  }
  const { gate } = to;
  const d = gateTarget(cpu, gate.selector);
  if (d.conforming ? d.dpl > cpl : d.dpl !== cpl) throw selectorFault(EXCP.GP, gate.selector);
  enterCode(env, gate.selector, cpl, checkCodeTarget(cpu, d, gate.selector, gate.offset), gate.offset);
}

/** Pushes CS and the return address. */
function pushReturn(stack: Stack, width: Width, env: Env, nextEip: bigint): void {
  stack.push(width, env.get('seg_selector', R_CS));
  stack.push(width, nextEip);
}

/** CALL far. `offset` as wide as the operand, `width` the bytes of each push. */
export function helper_lcall(cpu: X86Cpu, selector: number, offset: bigint, width: Width, nextEip: bigint): void {
  const { env } = cpu;
  if (!isProtected(env)) {
    const stack = Stack.current(cpu);
    pushReturn(stack, width, env, nextEip);
    stack.commit();
    loadRealSegment(env, R_CS, selector);
    env.set64('eip', offset);
    return;
  }
  const to = destination(cpu, selector, 'call', nextEip);
  if (to === undefined) return;
  if ('gate' in to) {
    callThrough(cpu, to.gate, nextEip);
    return;
  }
  const cpl = env.get('hflags') & HF.CPL;
  checkDirect(to.code, selector, cpl);
  const code = checkCodeTarget(cpu, to.code, selector, offset);
  const stack = Stack.current(cpu);
  pushReturn(stack, width, env, nextEip);
  stack.commit();
  enterCode(env, selector, cpl, code, offset);
}

function callThrough(cpu: X86Cpu, gate: Gate, nextEip: bigint): void {
  const { env } = cpu;
  const { selector, width } = gate;
  const cpl = env.get('hflags') & HF.CPL;
  const found = gateTarget(cpu, selector);
  if (found.dpl > cpl) throw selectorFault(EXCP.GP, selector);
  const d = checkCodeTarget(cpu, found, selector, gate.offset);
  if (d.conforming || d.dpl === cpl) {
    const stack = Stack.current(cpu);
    pushReturn(stack, width, env, nextEip);
    stack.commit();
    enterCode(env, selector, cpl, d, gate.offset);
    return;
  }
  const old = Stack.current(cpu);
  const oldSp = old.sp;
  const inner = width === 8 ? undefined : innerStack(cpu, d.dpl, 0);
  const stack = openInnerStack(cpu, inner, inner === undefined ? rspFromTss(cpu, d.dpl, 0) : BigInt(inner.esp));
  stack.push(width, env.get('seg_selector', R_SS));
  stack.push(width, oldSp);
  if (inner !== undefined) {
    const parameters = Array.from({ length: gate.count }, () => old.pop(width));
    for (const value of parameters.reverse()) stack.push(width, value);
  }
  pushReturn(stack, width, env, nextEip);
  loadInnerSs(env, d.dpl, inner);
  stack.commit();
  enterCode(env, selector, d.dpl, d, gate.offset);
}

/** The stack of a more privileged level, of the TSS; in long mode without a segment. */
export const openInnerStack = (cpu: X86Cpu, inner: InnerStack | undefined, sp: bigint): Stack =>
  inner === undefined
    ? new Stack(cpu, 0n, MASK64, sp, 'kernel')
    : new Stack(cpu, BigInt(inner.descriptor.base), stackMask(inner.descriptor.e2), sp, 'kernel');

/** SS of that stack; in long mode a null selector. */
export function loadInnerSs(env: Env, dpl: number, inner: InnerStack | undefined): void {
  if (inner === undefined) {
    cpu_x86_load_seg_cache(env, R_SS, dpl, 0, 0, dpl << DESC.DPL_SHIFT);
  } else {
    const { selector, descriptor: d } = inner;
    cpu_x86_load_seg_cache(env, R_SS, selector, d.base, d.limit, d.e2);
  }
}

/** RET far. `addend`: bytes of parameters to drop. */
export function helper_lret(cpu: X86Cpu, width: Width, addend: number): void {
  const { env } = cpu;
  const stack = Stack.current(cpu);
  const offset = stack.pop(width);
  const selector = stack.popSelector(width);
  if (!isProtected(env)) {
    stack.sp += BigInt(addend);
    stack.commit();
    loadRealSegment(env, R_CS, selector);
    env.set64('eip', offset);
    return;
  }
  const d = returnTarget(cpu, selector, offset);
  stack.sp += BigInt(addend);
  if ((selector & 3) === (env.get('hflags') & HF.CPL)) {
    stack.commit();
    enterCode(env, selector, selector & 3, d, offset);
  } else {
    const sp = stack.pop(width) + BigInt(addend);
    returnOutward(cpu, selector, d, offset, stack.popSelector(width), sp);
  }
}

/** The code segment of a return, at the same or a less privileged level. */
export function returnTarget(cpu: X86Cpu, selector: number, offset: bigint): Descriptor {
  const { env } = cpu;
  const d = codeSegment(cpu, selector);
  const rpl = selector & 3;
  if (rpl < (env.at(HFLAGS) & HF.CPL) || (d.conforming ? d.dpl > rpl : d.dpl !== rpl)) {
    throw selectorFault(EXCP.GP, selector);
  }
  return checkCodeTarget(cpu, d, selector, offset);
}

/** Goes on at the level of `selector`, which may be the same in 64-bit IRET, with SS:SP as they were popped. */
export function returnOutward(
  cpu: X86Cpu,
  selector: number,
  d: Descriptor,
  offset: bigint,
  newSs: number,
  sp: bigint
): void {
  const { env } = cpu;
  const rpl = selector & 3;
  let flags: number;
  if (isNull(newSs)) {
    if (!isLong(env) || !(d.e2 & DESC.L) || rpl === 3) throw generalProtection();
    flags = DESC.G | DESC.B | DESC.P | DESC.S | (rpl << DESC.DPL_SHIFT) | DESC.W | DESC.A;
    cpu_x86_load_seg_cache(env, R_SS, newSs, 0, 0xffff_ffff, flags);
  } else {
    const ss = loadDescriptor(cpu, newSs);
    if (ss === undefined || (newSs & 3) !== rpl || ss.dpl !== rpl || !ss.isWritableData) {
      throw selectorFault(EXCP.GP, newSs);
    }
    if (!ss.present) throw selectorFault(EXCP.SS, newSs);
    const { base, limit, e2 } = accessed(cpu, newSs, ss);
    flags = e2;
    cpu_x86_load_seg_cache(env, R_SS, newSs, base, limit, e2);
  }
  enterCode(env, selector, rpl, d, offset);
  dropPrivileged(env, R_ES, rpl);
  dropPrivileged(env, R_DS, rpl);
  dropPrivileged(env, R_FS, rpl);
  dropPrivileged(env, R_GS, rpl);
  if (env.at(HFLAGS) & HF.CS64) env.put64(REGS, sp, R_ESP);
  else setStackPointer(env, sp, stackMask(flags));
}

/** Data segments that the outer level may not use become null; their bases stay. QEMU validate_seg. */
function dropPrivileged(env: Env, seg: number, cpl: number): void {
  if ((seg === R_FS || seg === R_GS) && isNull(env.at(SEG_SELECTOR, seg))) return;
  const flags = env.at(SEG_FLAGS, seg);
  const conforming = (flags & (DESC.CS | DESC.C)) === (DESC.CS | DESC.C);
  if (conforming || ((flags >>> DESC.DPL_SHIFT) & 3) >= cpl) return;
  env.put(SEG_SELECTOR, 0, seg);
  env.put(SEG_FLAGS, flags & ~DESC.P, seg);
}
