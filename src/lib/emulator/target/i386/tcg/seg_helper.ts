/**
 * Segment registers and the instructions that ask about descriptors: MOV/POP/LxS to segment registers, LLDT, LTR, LAR,
 * LSL, VERR, VERW. SDM 2 for each; source: QEMU target/i386/tcg/seg_helper.c.
 */
import {
  accessed,
  DESC,
  Descriptor,
  descriptorAddress,
  descriptorAt,
  isNull,
  loadDescriptor,
  TYPE
} from '../descriptors.ts';
import { ENV, EXCP, FLAG, HF, R_SS, type Env } from '../env.ts';
import { cpu_x86_load_seg_cache, loadRealSegment } from '../hflags.ts';
import type { X86Cpu } from '../x86-cpu.ts';
import { cpu_compute_eflags, cpu_load_eflags } from '../eflags.ts';
import { generalProtection, selectorFault } from './exceptions.ts';

const HFLAGS = ENV.hflags;

/** CR0.PE without EFLAGS.VM: selectors name descriptors. */
export const isProtected = (env: Env): boolean => (env.at(HFLAGS) & (HF.PE | HF.VM)) === HF.PE;

/** Loads DS, ES, FS, GS or SS from a selector, in every mode. After MOV and POP to SS one more instruction is undisturbed. */
export function helper_load_seg(cpu: X86Cpu, seg: number, selector: number): void {
  const { env } = cpu;
  selector &= 0xffff;
  if (!isProtected(env)) {
    loadRealSegment(env, seg, selector);
    return;
  }
  const hflags = env.get('hflags');
  const cpl = hflags & HF.CPL;
  if (isNull(selector)) {
    if (seg === R_SS && (!(hflags & HF.CS64) || cpl === 3 || (selector & 3) !== cpl)) throw generalProtection();
    cpu_x86_load_seg_cache(env, seg, selector, 0, 0, seg === R_SS ? cpl << DESC.DPL_SHIFT : 0);
    return;
  }
  const found = loadDescriptor(cpu, selector);
  if (found === undefined) throw selectorFault(EXCP.GP, selector);
  const rpl = selector & 3;
  if (seg === R_SS) {
    if (!found.isWritableData || rpl !== cpl || found.dpl !== cpl) throw selectorFault(EXCP.GP, selector);
    if (!found.present) throw selectorFault(EXCP.SS, selector);
  } else {
    if (!isReadable(found, cpl, rpl)) throw selectorFault(EXCP.GP, selector);
    if (!found.present) throw selectorFault(EXCP.NP, selector);
  }
  const { base, limit, e2 } = accessed(cpu, selector, found);
  cpu_x86_load_seg_cache(env, seg, selector, base, limit, e2);
}

/** What DS, ES, FS, GS take: data or readable code, privileged enough unless it is conforming. */
export function isReadable(d: Descriptor, cpl: number, rpl: number): boolean {
  if (!(d.e2 & DESC.S) || (d.isCode && !(d.e2 & DESC.R))) return false;
  return (d.isCode && d.conforming) || (d.dpl >= cpl && d.dpl >= rpl);
}

type SystemRegister = 'ldt' | 'tr';

function setSystemRegister(env: Env, register: SystemRegister, d: Descriptor, baseHigh: number): void {
  env.set(`${register}_base`, d.base);
  env.set(`${register}_base`, baseHigh, 1);
  env.set(`${register}_limit`, d.limit);
  env.set(`${register}_flags`, d.e2);
}

/** The descriptor of 8 bytes, or 16 in long mode, that LLDT and LTR load. */
function systemDescriptor(cpu: X86Cpu, selector: number, types: readonly number[]) {
  const long = (cpu.env.get('hflags') & HF.LMA) !== 0;
  const address = selector & 4 ? undefined : descriptorAddress(cpu, selector, long ? 16 : 8);
  if (address === undefined) throw selectorFault(EXCP.GP, selector);
  const d = descriptorAt(cpu, address);
  if (!types.includes(d.type)) throw selectorFault(EXCP.GP, selector);
  if (!d.present) throw selectorFault(EXCP.NP, selector);
  if (!long) return { d, address, baseHigh: 0 };
  const upper = descriptorAt(cpu, address + 8n);
  if (upper.type !== 0) throw selectorFault(EXCP.GP, selector);
  return { d, address, baseHigh: upper.e1 };
}

export function helper_lldt(cpu: X86Cpu, selector: number): void {
  const { env } = cpu;
  selector &= 0xffff;
  if (isNull(selector)) {
    env.set64('ldt_base', 0n);
    env.set('ldt_limit', 0);
  } else {
    const { d, baseHigh } = systemDescriptor(cpu, selector, [TYPE.LDT]);
    setSystemRegister(env, 'ldt', d, baseHigh);
  }
  env.set('ldt_selector', selector);
}

export function helper_ltr(cpu: X86Cpu, selector: number): void {
  const { env } = cpu;
  selector &= 0xffff;
  if (isNull(selector)) throw generalProtection();
  const { d, address, baseHigh } = systemDescriptor(cpu, selector, [TYPE.TSS16, TYPE.TSS32]);
  cpu.mmu.store32(address + 4n, (d.e2 | DESC.TSS_BUSY) >>> 0, 'kernel');
  // TR itself stays "available": QEMU TCG aborts on a state that says otherwise
  setSystemRegister(env, 'tr', d, baseHigh);
  env.set('tr_selector', selector);
}

const LSL_TYPES: readonly number[] = [TYPE.TSS16, TYPE.LDT, TYPE.TSS16_BUSY, TYPE.TSS32, TYPE.TSS32_BUSY];
const LAR_TYPES: readonly number[] = [...LSL_TYPES, TYPE.CALL_GATE16, TYPE.TASK_GATE, TYPE.CALL_GATE32];
/** Types that long mode no longer has. SDM 2 LAR, LSL: tables of types. */
const LEGACY_TYPES: readonly number[] = [TYPE.TSS16, TYPE.TSS16_BUSY, TYPE.CALL_GATE16, TYPE.TASK_GATE];

/** What LAR, LSL, VERR and VERW may see: undefined where they leave ZF clear. */
function visible(cpu: X86Cpu, selector: number, systemTypes: readonly number[]): Descriptor | undefined {
  if (isNull(selector)) return undefined;
  const d = loadDescriptor(cpu, selector);
  if (d === undefined) return undefined;
  const hflags = cpu.env.get('hflags');
  if (!(d.e2 & DESC.S)) {
    if (!systemTypes.includes(d.type)) return undefined;
    if (hflags & HF.LMA && LEGACY_TYPES.includes(d.type)) return undefined;
  }
  const conforming = d.isCode && d.conforming;
  return conforming || (d.dpl >= (hflags & HF.CPL) && d.dpl >= (selector & 3)) ? d : undefined;
}

function setZf(env: Env, zf: boolean): void {
  const eflags = cpu_compute_eflags(env);
  cpu_load_eflags(env, zf ? eflags | FLAG.ZF : eflags & ~FLAG.ZF, 0);
}

/** The limit in bytes; undefined with ZF clear, when the destination stays as it was. */
export function helper_lsl(cpu: X86Cpu, selector: number): number | undefined {
  const d = visible(cpu, selector & 0xffff, LSL_TYPES);
  setZf(cpu.env, d !== undefined);
  return d?.limit;
}

/** Access rights as bits 8 to 23; undefined with ZF clear, when the destination stays as it was. */
export function helper_lar(cpu: X86Cpu, selector: number): number | undefined {
  const d = visible(cpu, selector & 0xffff, LAR_TYPES);
  setZf(cpu.env, d !== undefined);
  return d && d.e2 & 0xf0_ff00;
}

export function helper_verr(cpu: X86Cpu, selector: number): void {
  const d = visible(cpu, selector & 0xffff, []);
  setZf(cpu.env, d !== undefined && (!d.isCode || (d.e2 & DESC.R) !== 0));
}

export function helper_verw(cpu: X86Cpu, selector: number): void {
  const d = visible(cpu, selector & 0xffff, []);
  setZf(cpu.env, d?.isWritableData ?? false);
}
