/**
 * System management mode: the state save area of 64-bit processors, entry and RSM. APM 2, chapter 10, table 10-1;
 * source: QEMU target/i386/tcg/sysemu/smm_helper.c.
 */
import { CR0 } from '../control-registers.ts';
import { DESC } from '../descriptors.ts';
import { cpu_compute_eflags, cpu_load_eflags } from '../eflags.ts';
import { R_CS, type Env } from '../env.ts';
import {
  cpu_load_efer,
  cpu_x86_load_seg_cache,
  cpu_x86_update_cr0,
  cpu_x86_update_cr3,
  cpu_x86_update_cr4,
  setSmm
} from '../hflags.ts';
import { HF2_NMI, HF2_SMM_INSIDE_NMI } from '../hflags2.ts';
import type { X86Cpu } from '../x86-cpu.ts';
import { cpu_x86_update_dr7, DR6 } from './bpt_helper.ts';

const REVISION_ID = 0x2_0064;
const REVISION_RELOCATES = 0x2_0000;

/** Offsets from SMBASE + 8000. */
const AT = {
  segment: 0x7e00,
  gdt: 0x7e60,
  ldt: 0x7e70,
  idt: 0x7e80,
  tr: 0x7e90,
  efer: 0x7ed0,
  revision: 0x7efc,
  smbase: 0x7f00,
  cr4: 0x7f48,
  cr3: 0x7f50,
  cr0: 0x7f58,
  dr7: 0x7f60,
  dr6: 0x7f68,
  eflags: 0x7f70,
  eip: 0x7f78,
  /** RAX; the others lie below in the order of their numbers. */
  rax: 0x7ff8
} as const;

/** The save area as memory: reads and writes of physical addresses. */
class SaveArea {
  readonly #cpu: X86Cpu;
  readonly #base: number;
  constructor(cpu: X86Cpu) {
    this.#cpu = cpu;
    this.#base = cpu.env.get('smbase') + 0x8000;
  }
  load16(offset: number): number {
    return this.#cpu.mmu.loadPhysical(this.#base + offset, 2);
  }
  load32(offset: number): number {
    return this.#cpu.mmu.loadPhysical(this.#base + offset, 4) >>> 0;
  }
  load64(offset: number): bigint {
    return (BigInt(this.load32(offset + 4)) << 32n) | BigInt(this.load32(offset));
  }
  store16(offset: number, value: number): void {
    this.#cpu.mmu.storePhysical(this.#base + offset, value & 0xffff, 2);
  }
  store32(offset: number, value: number): void {
    this.#cpu.mmu.storePhysical(this.#base + offset, value >>> 0, 4);
  }
  store64(offset: number, value: bigint): void {
    this.store32(offset, Number(BigInt.asUintN(32, value)));
    this.store32(offset + 4, Number(BigInt.asUintN(32, value >> 32n)));
  }
}

const attributes = (flags: number): number => (flags >>> 8) & 0xf0ff;
const indices = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

function save(env: Env, area: SaveArea): void {
  for (const i of indices(6)) {
    const at = AT.segment + i * 16;
    area.store16(at, env.get('seg_selector', i));
    area.store16(at + 2, attributes(env.get('seg_flags', i)));
    area.store32(at + 4, env.get('seg_limit', i));
    area.store64(at + 8, env.get64('seg_base', i));
  }
  for (const register of ['ldt', 'tr'] as const) {
    area.store16(AT[register], env.get(`${register}_selector`));
    area.store16(AT[register] + 2, attributes(env.get(`${register}_flags`)));
  }
  for (const register of ['gdt', 'ldt', 'idt', 'tr'] as const) {
    area.store32(AT[register] + 4, env.get(`${register}_limit`));
    area.store64(AT[register] + 8, env.get64(`${register}_base`));
  }
  for (const i of indices(16)) area.store64(AT.rax - i * 8, env.get64('regs', i));
  area.store64(AT.efer, env.get64('efer'));
  area.store64(AT.eip, env.get64('eip'));
  area.store32(AT.eflags, cpu_compute_eflags(env));
  area.store32(AT.dr6, env.get('dr', 6 * 2));
  area.store32(AT.dr7, env.get('dr', 7 * 2));
  area.store32(AT.cr4, env.get('cr', 4 * 2));
  area.store64(AT.cr3, env.get64('cr', 3));
  area.store32(AT.cr0, env.get('cr'));
  area.store32(AT.revision, REVISION_ID);
  area.store32(AT.smbase, env.get('smbase'));
}

/** All of EFLAGS is replaced. */
const ALL_FLAGS = ~0;
const DATA = DESC.P | DESC.S | DESC.W | DESC.G | DESC.A;

/** Takes an SMI. */
export function do_smm_enter(cpu: X86Cpu): void {
  const { env } = cpu;
  env.set('msr_smi_count', env.get('msr_smi_count') + 1);
  setSmm(cpu, true);
  const hflags2 = env.get('hflags2');
  env.set('hflags2', hflags2 | (hflags2 & HF2_NMI ? HF2_SMM_INSIDE_NMI : HF2_NMI));
  save(env, new SaveArea(cpu));

  cpu_load_efer(cpu, 0);
  cpu_load_eflags(env, 0, ALL_FLAGS);
  env.set64('eip', 0x8000n);
  cpu_x86_update_cr0(cpu, env.get('cr') & ~(CR0.PE | CR0.EM | CR0.TS | CR0.PG));
  cpu_x86_update_cr4(cpu, 0);
  cpu_x86_update_dr7(cpu, 0);
  const smbase = env.get('smbase');
  for (const seg of indices(6)) {
    if (seg === R_CS) cpu_x86_load_seg_cache(env, seg, (smbase >>> 4) & 0xffff, smbase, 0xffff_ffff, DATA);
    else cpu_x86_load_seg_cache(env, seg, 0, 0, 0xffff_ffff, DATA);
  }
}

function loadTable(env: Env, area: SaveArea, register: 'gdt' | 'ldt' | 'idt' | 'tr'): void {
  env.set64(`${register}_base`, area.load64(AT[register] + 8));
  env.set(`${register}_limit`, area.load32(AT[register] + 4));
}

/** RSM, in SMM. */
export function helper_rsm(cpu: X86Cpu): void {
  const { env } = cpu;
  const area = new SaveArea(cpu);
  cpu_load_efer(cpu, area.load32(AT.efer));
  for (const register of ['gdt', 'ldt', 'idt', 'tr'] as const) loadTable(env, area, register);
  for (const register of ['ldt', 'tr'] as const) {
    env.set(`${register}_selector`, area.load16(AT[register]));
    env.set(`${register}_flags`, (area.load16(AT[register] + 2) & 0xf0ff) << 8);
  }
  for (const i of indices(16)) env.set64('regs', area.load64(AT.rax - i * 8), i);
  env.set64('eip', area.load64(AT.eip));
  cpu_load_eflags(env, area.load32(AT.eflags), ALL_FLAGS);
  env.set64('dr', BigInt((area.load32(AT.dr6) | DR6.FIXED_1) >>> 0), 6);
  cpu_x86_update_dr7(cpu, area.load32(AT.dr7));

  cpu_x86_update_cr4(cpu, area.load32(AT.cr4));
  cpu_x86_update_cr3(cpu, area.load64(AT.cr3));
  cpu_x86_update_cr0(cpu, area.load32(AT.cr0));
  for (const i of indices(6)) {
    const at = AT.segment + i * 16;
    const flags = (area.load16(at + 2) & 0xf0ff) << 8;
    cpu_x86_load_seg_cache(env, i, area.load16(at), area.load32(at + 8), area.load32(at + 4), flags);
    env.set('seg_base', area.load32(at + 12), i * 2 + 1);
  }
  if (area.load32(AT.revision) & REVISION_RELOCATES) env.set('smbase', area.load32(AT.smbase));

  let hflags2 = env.get('hflags2');
  if (!(hflags2 & HF2_SMM_INSIDE_NMI)) hflags2 &= ~HF2_NMI;
  env.set('hflags2', hflags2 & ~HF2_SMM_INSIDE_NMI);
  setSmm(cpu, false);
}
