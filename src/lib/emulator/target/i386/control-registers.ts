/** Bits of the control registers and of EFER that the CPU acts on. SDM 3A 2.5, APM 2 3.1. */
import type { CpuModel } from './x86-cpu.ts';

export const CR0 = {
  PE: 1,
  MP: 1 << 1,
  EM: 1 << 2,
  TS: 1 << 3,
  ET: 1 << 4,
  NE: 1 << 5,
  WP: 1 << 16,
  AM: 1 << 18,
  NW: 1 << 29,
  CD: 1 << 30,
  PG: 0x8000_0000
} as const;

export const CR4 = {
  VME: 1,
  PVI: 1 << 1,
  TSD: 1 << 2,
  DE: 1 << 3,
  PSE: 1 << 4,
  PAE: 1 << 5,
  MCE: 1 << 6,
  PGE: 1 << 7,
  PCE: 1 << 8,
  OSFXSR: 1 << 9,
  OSXMMEXCPT: 1 << 10,
  UMIP: 1 << 11,
  LA57: 1 << 12,
  FSGSBASE: 1 << 16,
  PCIDE: 1 << 17,
  OSXSAVE: 1 << 18,
  SMEP: 1 << 20,
  SMAP: 1 << 21,
  PKE: 1 << 22,
  PKS: 1 << 24
} as const;

export const EFER = { SCE: 1, LME: 1 << 8, LMA: 1 << 10, NXE: 1 << 11, SVME: 1 << 12, FFXSR: 1 << 14 } as const;

/** XCR0: which state XSAVE knows. SDM 1 13.3. */
export const XSTATE = { FP: 1, SSE: 2, YMM: 4, BNDREGS: 8, BNDCSR: 16, PKRU: 1 << 9 } as const;

/** TCG's, whatever the model. QEMU target/i386/cpu.h TCG_PHYS_ADDR_BITS. */
export const PHYS_ADDR_BITS = 40;

/** Whether the model has a feature: word as in `CpuModel.features`, bit of it. */
export const hasFeature = (model: CpuModel, word: string, bit: number): boolean =>
  (((model.features[word] ?? 0) >>> bit) & 1) !== 0;

/** The bits of CR4 that exist with a feature only. Source: QEMU target/i386/cpu.h cr4_reserved_bits; SDM 3A 2.5 for the first. */
const CR4_FEATURES: readonly (readonly [cr4: number, word: string, bit: number])[] = [
  [CR4.PCIDE, '1_ECX', 17],
  [CR4.OSXSAVE, '1_ECX', 26],
  [CR4.SMEP, '7_0_EBX', 7],
  [CR4.SMAP, '7_0_EBX', 20],
  [CR4.FSGSBASE, '7_0_EBX', 0],
  [CR4.PKE, '7_0_ECX', 3],
  [CR4.LA57, '7_0_ECX', 16],
  [CR4.UMIP, '7_0_ECX', 2],
  [CR4.PKS, '7_0_ECX', 31]
];
const CR4_ALL = Object.values(CR4).reduce((all, bit) => all | bit, 0);

/** Bits of CR4 that the model lacks. */
export const cr4_reserved_bits = (model: CpuModel): number =>
  CR4_FEATURES.reduce((bits, [cr4, word, bit]) => (hasFeature(model, word, bit) ? bits : bits | cr4), ~CR4_ALL) >>> 0;
