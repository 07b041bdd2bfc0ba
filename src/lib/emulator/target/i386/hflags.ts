/**
 * Changes to segments and control registers with what is cached of them in `hflags`. Of EFLAGS' own bits only VM is kept
 * there (`setEflags`); TF, IOPL, RF and AC are looked up in EFLAGS.
 * Source: QEMU target/i386/helper.c cpu_x86_update_cr*, cpu_load_efer, cpu_sync_*; cpu.h cpu_x86_load_seg_cache.
 */
import { CR0, CR4, EFER, XSTATE } from './control-registers.ts';
import { DESC } from './descriptors.ts';
import { ENV, HF, R_CS, R_DS, R_ES, R_SS, type Env } from './env.ts';
import type { X86Cpu } from './x86-cpu.ts';

/** Bits of EFLAGS that have a place in hflags. KVM fills them in streams, TCG does not. */
export const HF_OF_EFLAGS = HF.TF | HF.IOPL | HF.RF | HF.VM | HF.AC;

const HFLAGS = ENV.hflags;
const SEG_BASE = ENV.seg_base;
const SEG_SELECTOR = ENV.seg_selector;
const SEG_LIMIT = ENV.seg_limit;
const SEG_FLAGS = ENV.seg_flags;

const B_TO_SS32 = 22 - 5;
const B_TO_CS32 = 22 - 4;

/** hflags as a segment's change leaves them; `hflags` has what CS and SS decided. */
function withStack(env: Env, hflags: number): number {
  hflags &= ~(HF.SS32 | HF.ADDSEG);
  hflags |= (env.at(SEG_FLAGS, R_SS) & DESC.B) >>> B_TO_SS32;
  if (hflags & HF.CS64) return hflags; // bases of DS, ES and SS count as zero
  if (!(hflags & HF.PE) || hflags & HF.VM || !(hflags & HF.CS32)) return hflags | HF.ADDSEG;
  const bases =
    env.at(SEG_BASE, R_DS * 2) |
    env.at(SEG_BASE, R_DS * 2 + 1) |
    env.at(SEG_BASE, R_ES * 2) |
    env.at(SEG_BASE, R_ES * 2 + 1) |
    env.at(SEG_BASE, R_SS * 2) |
    env.at(SEG_BASE, R_SS * 2 + 1);
  return bases === 0 ? hflags : hflags | HF.ADDSEG;
}

/** `base` is a linear address of 32 bits: all that descriptors give. FS and GS take 64 bits from MSRs only. */
export function cpu_x86_load_seg_cache(
  env: Env,
  seg: number,
  selector: number,
  base: number,
  limit: number,
  flags: number
): void {
  env.put(SEG_SELECTOR, selector, seg);
  env.put(SEG_BASE, base, seg * 2);
  env.put(SEG_BASE, 0, seg * 2 + 1);
  env.put(SEG_LIMIT, limit, seg);
  env.put(SEG_FLAGS, flags, seg);
  let hflags = env.at(HFLAGS);
  if (seg === R_CS) {
    if (hflags & HF.LMA && flags & DESC.L) {
      hflags |= HF.CS32 | HF.CS64;
    } else {
      hflags = (hflags & ~(HF.CS32 | HF.CS64)) | ((flags & DESC.B) >>> B_TO_CS32);
    }
  } else if (seg === R_SS) {
    hflags = (hflags & ~HF.CPL) | ((flags >>> DESC.DPL_SHIFT) & 3);
  }
  env.put(HFLAGS, withStack(env, hflags));
}

/** Enters or leaves system management mode as far as memory is concerned. */
export function setSmm({ env, mmu, outside }: X86Cpu, on: boolean): void {
  const hflags = env.get('hflags');
  if (((hflags & HF.SMM) !== 0) === on) return;
  env.set('hflags', on ? hflags | HF.SMM : hflags & ~HF.SMM);
  outside.smm?.(on);
  mmu.flush(true);
}

/** Real mode's and virtual-8086 mode's: only selector and base change; limit and attributes stay, as in the hardware. */
export function loadRealSegment(env: Env, seg: number, selector: number): void {
  env.set('seg_selector', selector & 0xffff, seg);
  env.set('seg_base', (selector & 0xffff) << 4, seg * 2);
  env.set('seg_base', 0, seg * 2 + 1);
}

export function cpu_sync_avx_hflag(env: Env): void {
  const needed = XSTATE.SSE | XSTATE.YMM;
  const enabled = (env.get('cr', 4 * 2) & CR4.OSXSAVE) !== 0 && (env.get('xcr0') & needed) === needed;
  env.set('hflags', enabled ? env.get('hflags') | HF.AVX_EN : env.get('hflags') & ~HF.AVX_EN);
}

/** CR0 without checks. Long mode is entered and left here, with EFER.LMA. */
export function cpu_x86_update_cr0({ env, mmu }: X86Cpu, value: number): void {
  const old = env.get('cr');
  let hflags = env.get('hflags');
  if (!(old & CR0.PG) && value & CR0.PG && env.get('efer') & EFER.LME) {
    env.set('efer', env.get('efer') | EFER.LMA);
    hflags |= HF.LMA;
  } else if (old & CR0.PG && !(value & CR0.PG) && env.get('efer') & EFER.LMA) {
    env.set('efer', env.get('efer') & ~EFER.LMA);
    hflags &= ~(HF.LMA | HF.CS64);
    env.set('eip', 0, 1);
  }
  env.set('cr', (value | CR0.ET) >>> 0);
  hflags &= ~(HF.PE | HF.MP | HF.EM | HF.TS);
  hflags |= value & CR0.PE ? HF.PE : HF.ADDSEG;
  hflags |= (value << 8) & (HF.MP | HF.EM | HF.TS);
  env.set('hflags', hflags);
  if ((old ^ value) & (CR0.PG | CR0.WP | CR0.PE)) mmu.flush(true);
}

/** CR3 without checks. PCIDs are not told apart in what is cached, so that no bit spares the flush. */
export function cpu_x86_update_cr3({ env, mmu }: X86Cpu, value: bigint): void {
  env.set64('cr', value, 3);
  if (env.get('cr') & CR0.PG) mmu.flush(false);
}

const CR4_FLUSH = CR4.PGE | CR4.PAE | CR4.PSE | CR4.SMEP | CR4.SMAP | CR4.LA57 | CR4.PCIDE | CR4.PKE | CR4.PKS;

/** CR4 without checks. */
export function cpu_x86_update_cr4({ env, mmu }: X86Cpu, value: number): void {
  const old = env.get('cr', 4 * 2);
  env.set('cr', value, 4 * 2);
  let hflags = env.get('hflags') & ~(HF.OSFXSR | HF.SMAP | HF.UMIP);
  if (value & CR4.OSFXSR) hflags |= HF.OSFXSR;
  if (value & CR4.SMAP) hflags |= HF.SMAP;
  if (value & CR4.UMIP) hflags |= HF.UMIP;
  env.set('hflags', hflags);
  cpu_sync_avx_hflag(env);
  if ((old ^ value) & CR4_FLUSH) mmu.flush(true);
}

/** EFER without checks. */
export function cpu_load_efer({ env, mmu }: X86Cpu, value: number): void {
  const old = env.get('efer');
  env.set('efer', value);
  env.set('efer', 0, 1);
  let hflags = env.get('hflags') & ~(HF.LMA | HF.SVME);
  if (value & EFER.LMA) hflags |= HF.LMA;
  if (value & EFER.SVME) hflags |= HF.SVME;
  env.set('hflags', hflags);
  if ((old ^ value) & (EFER.NXE | EFER.LMA)) mmu.flush(true);
}

const RECOMPUTED =
  HF_OF_EFLAGS |
  HF.CPL |
  HF.INHIBIT_IRQ |
  HF.CS32 |
  HF.SS32 |
  HF.ADDSEG |
  HF.PE |
  HF.MP |
  HF.EM |
  HF.TS |
  HF.LMA |
  HF.CS64 |
  HF.SVME |
  HF.OSFXSR |
  HF.SMAP |
  HF.UMIP;

/** All of hflags that follows from other registers, as after a load; KVM leaves some of it out. QEMU x86_update_hflags. */
export function recomputeHflags(env: Env): void {
  const cr0 = env.get('cr');
  const cr4 = env.get('cr', 4 * 2);
  const efer = env.get('efer');
  let hflags = env.get('hflags') & ~RECOMPUTED;
  hflags |= env.get('eflags') & HF.VM;
  hflags |= (env.get('seg_flags', R_SS) >>> DESC.DPL_SHIFT) & HF.CPL;
  if (cr0 & CR0.PE) hflags |= HF.PE;
  hflags |= (cr0 << 8) & (HF.MP | HF.EM | HF.TS);
  if (cr4 & CR4.OSFXSR) hflags |= HF.OSFXSR;
  if (cr4 & CR4.SMAP) hflags |= HF.SMAP;
  if (cr4 & CR4.UMIP) hflags |= HF.UMIP;
  if (efer & EFER.SVME) hflags |= HF.SVME;
  if (efer & EFER.LMA) hflags |= HF.LMA;
  const cs = env.get('seg_flags', R_CS);
  if (hflags & HF.LMA && cs & DESC.L) hflags |= HF.CS32 | HF.CS64;
  else hflags |= (cs & DESC.B) >>> B_TO_CS32;
  env.set('hflags', withStack(env, hflags));
  cpu_sync_avx_hflag(env);
}
