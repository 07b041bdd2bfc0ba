/** Task switches by TSS of 16 and 32 bits. SDM 3A 8.3; source: QEMU target/i386/tcg/seg_helper.c switch_tss_ra. */
import { CR0 } from '../control-registers.ts';
import { accessed, DESC, type Descriptor, descriptorAddress, isNull, loadDescriptor, TYPE } from '../descriptors.ts';
import { cpu_compute_eflags, cpu_load_eflags, EFLAGS_CONTROL } from '../eflags.ts';
import { CPUException, EXCP, FLAG, HF, R_CS, R_DS, R_ES, R_FS, R_GS, R_SS } from '../env.ts';
import { cpu_x86_load_seg_cache, cpu_x86_update_cr3 } from '../hflags.ts';
import type { X86Cpu } from '../x86-cpu.ts';
import { cpu_x86_update_dr7, DR6, DR7_LOCAL } from './bpt_helper.ts';
import { selectorFault } from './exceptions.ts';
import { isReadable } from './seg_helper.ts';
import { Stack } from './stack.ts';
import { is32BitTss } from './tss.ts';

/** Offsets in a TSS. `step`: bytes from one register or selector to the next. */
interface Layout {
  readonly size: number;
  readonly eip: bigint;
  readonly eflags: bigint;
  readonly regs: bigint;
  readonly segs: bigint;
  readonly segments: number;
  readonly ldt: bigint;
  readonly step: 2 | 4;
}
const TSS16: Layout = {
  size: 44,
  eip: 0x0en,
  eflags: 0x10n,
  regs: 0x12n,
  segs: 0x22n,
  segments: 4,
  ldt: 0x2an,
  step: 2
};
const TSS32: Layout = {
  size: 104,
  eip: 0x20n,
  eflags: 0x24n,
  regs: 0x28n,
  segs: 0x48n,
  segments: 6,
  ldt: 0x60n,
  step: 4
};
const CR3_AT = 0x1cn;
const TRAP_AT = 0x64n;

/** What the new task's TSS says. */
interface Task {
  readonly eip: number;
  readonly eflags: number;
  readonly regs: readonly number[];
  readonly segs: readonly number[];
  readonly ldt: number;
  readonly cr3: number;
  readonly trap: boolean;
}

const indices = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

function readTask({ mmu }: X86Cpu, base: bigint, at: Layout): Task {
  const word = (offset: bigint): number =>
    at.step === 4 ? mmu.load32(base + offset, 'kernel') : mmu.load16(base + offset, 'kernel');
  const wide = at.step === 4;
  return {
    cr3: wide ? mmu.load32(base + CR3_AT, 'kernel') : 0,
    eip: word(at.eip),
    eflags: word(at.eflags),
    regs: indices(8).map((i) => word(at.regs + BigInt(i * at.step))),
    segs: indices(6).map((i) => (i < at.segments ? mmu.load16(base + at.segs + BigInt(i * at.step), 'kernel') : 0)),
    ldt: mmu.load16(base + at.ldt, 'kernel'),
    trap: wide && (mmu.load16(base + TRAP_AT, 'kernel') & 1) !== 0
  };
}

function saveTask({ env, mmu }: X86Cpu, base: bigint, at: Layout, eip: bigint, eflags: number): void {
  const store = (offset: bigint, value: number): void => {
    if (at.step === 4) mmu.store32(base + offset, value, 'kernel');
    else mmu.store16(base + offset, value & 0xffff, 'kernel');
  };
  store(at.eip, Number(eip & 0xffff_ffffn));
  store(at.eflags, eflags);
  for (const i of indices(8)) store(at.regs + BigInt(i * at.step), env.get('regs', i * 2));
  for (const i of indices(at.segments)) {
    mmu.store16(base + at.segs + BigInt(i * at.step), env.get('seg_selector', i), 'kernel');
  }
}

function setBusy(cpu: X86Cpu, selector: number, busy: boolean): void {
  const address = descriptorAddress(cpu, selector);
  if (address === undefined) return; // a TR that was never loaded from this GDT
  const e2 = cpu.mmu.load32(address + 4n, 'kernel');
  cpu.mmu.store32(address + 4n, (busy ? e2 | DESC.TSS_BUSY : e2 & ~DESC.TSS_BUSY) >>> 0, 'kernel');
}

/** The TSS behind a task gate. */
function throughGate(cpu: X86Cpu, gateSelector: number, gate: Descriptor, ext: number): [number, Descriptor] {
  if (!gate.present) throw selectorFault(EXCP.NP, gateSelector, ext);
  const selector = gate.e1 >>> 16;
  const d = selector & 4 ? undefined : loadDescriptor(cpu, selector);
  if (d === undefined || (d.type & ~(8 | 2)) !== TYPE.TSS16) throw selectorFault(EXCP.GP, selector, ext);
  return [selector, d];
}

/**
 * `d`: descriptor of a TSS or task gate at `selector`. `errorCode` is pushed on the new task's stack.
 * Faults before the switch belong to the old task, later ones to the new.
 */
export function switch_tss(
  cpu: X86Cpu,
  selector: number,
  d: Descriptor,
  source: 'jmp' | 'call' | 'iret',
  nextEip: bigint,
  ext = 0,
  errorCode?: number
): void {
  const { env, mmu } = cpu;
  if (d.type === TYPE.TASK_GATE) [selector, d] = throughGate(cpu, selector, d, ext);
  if (!d.present) throw selectorFault(EXCP.NP, selector, ext);
  const wide = (d.type & 8) !== 0;
  const at = wide ? TSS32 : TSS16;
  const busy = (d.e2 & DESC.TSS_BUSY) !== 0;
  if (busy !== (source === 'iret')) throw selectorFault(source === 'iret' ? EXCP.TS : EXCP.GP, selector, ext);
  if (selector & 4 || d.limit < at.size - 1) throw selectorFault(EXCP.TS, selector, ext);

  const oldBase = env.get64('tr_base');
  const oldAt = is32BitTss(env) ? TSS32 : TSS16;
  const base = BigInt(d.base);
  mmu.probeWrite(oldBase, oldAt.size, 'kernel');
  if (source === 'call') mmu.probeWrite(base, 2, 'kernel');
  const task = readTask(cpu, base, at);

  const oldEflags = cpu_compute_eflags(env);
  saveTask(cpu, oldBase, oldAt, nextEip, source === 'iret' ? oldEflags & ~FLAG.NT : oldEflags);
  if (source !== 'call') setBusy(cpu, env.get('tr_selector'), false);
  else mmu.store16(base, env.get('tr_selector'), 'kernel');
  if (source !== 'iret') setBusy(cpu, selector, true);

  env.set('cr', env.get('cr') | CR0.TS);
  env.set('hflags', env.get('hflags') | HF.TS);
  env.set('tr_selector', selector);
  env.set64('tr_base', base);
  env.set('tr_limit', d.limit);
  env.set('tr_flags', d.e2 & ~DESC.TSS_BUSY);
  if (wide && env.get('cr') & CR0.PG) cpu_x86_update_cr3(cpu, BigInt(task.cr3));
  enterTask(cpu, task, wide, source === 'call' ? FLAG.NT : 0);

  if (errorCode !== undefined) {
    const stack = Stack.current(cpu);
    stack.push(wide ? 4 : 2, errorCode);
    stack.commit();
  }
  if (task.trap) {
    env.set('dr', env.get('dr', 6 * 2) | DR6.BT, 6 * 2);
    throw new CPUException(EXCP.DB);
  }
}

function enterTask(cpu: X86Cpu, task: Task, wide: boolean, nested: number): void {
  const { env } = cpu;
  const eflags = task.eflags | nested;
  env.set64('eip', BigInt(task.eip));
  cpu_load_eflags(env, eflags, wide ? EFLAGS_CONTROL : EFLAGS_CONTROL & 0xffff);
  task.regs.forEach((value, i) => {
    env.set('regs', wide ? value : (env.get('regs', i * 2) & 0xffff_0000) | value, i * 2);
    env.set('regs', 0, i * 2 + 1);
  });
  const vm86 = wide && (eflags & FLAG.VM) !== 0;
  // first the selectors alone: what faults from here on does so in the new task
  task.segs.forEach((selector, seg) => {
    if (vm86) loadVm86Segment(cpu, seg, selector);
    else cpu_x86_load_seg_cache(env, seg, selector, 0, 0, seg === R_SS ? (task.segs[R_CS]! & 3) << DESC.DPL_SHIFT : 0);
  });
  loadLdt(cpu, task.ldt);
  if (!vm86) {
    const cpl = task.segs[R_CS]! & 3;
    for (const seg of [R_CS, R_SS, R_ES, R_DS, R_FS, R_GS]) loadTaskSegment(cpu, seg, task.segs[seg]!, cpl);
  }
  if (task.eip > env.get('seg_limit', R_CS)) throw new CPUException(EXCP.GP, 0);
  const dr7 = env.get('dr', 7 * 2);
  if (dr7 & DR7_LOCAL) cpu_x86_update_dr7(cpu, dr7 & ~DR7_LOCAL);
}

/** Virtual-8086 mode: DPL 3, 64 KiB, writable. */
export function loadVm86Segment({ env }: X86Cpu, seg: number, selector: number): void {
  const flags = DESC.P | DESC.S | DESC.W | DESC.A | (3 << DESC.DPL_SHIFT);
  cpu_x86_load_seg_cache(env, seg, selector & 0xffff, (selector & 0xffff) << 4, 0xffff, flags);
}

function loadLdt(cpu: X86Cpu, selector: number): void {
  const { env } = cpu;
  env.set('ldt_selector', selector & ~4);
  env.set64('ldt_base', 0n);
  env.set('ldt_limit', 0);
  env.set('ldt_flags', 0);
  if (selector & 4) throw selectorFault(EXCP.TS, selector);
  if (isNull(selector)) return;
  const d = loadDescriptor(cpu, selector);
  if (d?.type !== TYPE.LDT || !d.present) throw selectorFault(EXCP.TS, selector);
  env.set('ldt_base', d.base);
  env.set('ldt_limit', d.limit);
  env.set('ldt_flags', d.e2);
}

/** QEMU tss_load_seg: invalid is #TS where an instruction would say #GP. */
function loadTaskSegment(cpu: X86Cpu, seg: number, selector: number, cpl: number): void {
  const stackOrCode = seg === R_SS || seg === R_CS;
  if (isNull(selector)) {
    if (stackOrCode) throw selectorFault(EXCP.TS, selector);
    return;
  }
  const found = loadDescriptor(cpu, selector);
  if (found === undefined || !isLoadable(found, seg, selector & 3, cpl)) throw selectorFault(EXCP.TS, selector);
  if (!found.present) throw selectorFault(seg === R_SS ? EXCP.SS : EXCP.NP, selector);
  const { base, limit, e2 } = accessed(cpu, selector, found);
  cpu_x86_load_seg_cache(cpu.env, seg, selector, base, limit, e2);
}

function isLoadable(d: Descriptor, seg: number, rpl: number, cpl: number): boolean {
  if (seg === R_CS) return d.isCode && (d.conforming ? d.dpl <= rpl : d.dpl === rpl);
  if (seg === R_SS) return d.isWritableData && d.dpl === cpl && d.dpl === rpl;
  return isReadable(d, cpl, rpl);
}
