/** CPUID. SDM 2A CPUID, APM 3 appendix D; source: QEMU target/i386/cpu.c cpu_x86_cpuid, for one CPU under TCG. */
import { CR4, hasFeature, PHYS_ADDR_BITS, XSTATE } from './control-registers.ts';
import type { CpuModel, X86Cpu } from './x86-cpu.ts';

/** EAX, EBX, ECX, EDX, unsigned. */
export type CpuidResult = readonly [eax: number, ebx: number, ecx: number, edx: number];

const FEATURE_APIC = 1 << 9;
const APICBASE_ENABLE = 1n << 11n;

const NOTHING: CpuidResult = [0, 0, 0, 0];

/** Family, model and stepping as leaf 1 has them, and EDX after a reset. */
export function cpuid_version({ family, model, stepping }: CpuModel): number {
  const base = family > 15 ? 0xf00 | ((family - 15) << 20) : family << 8;
  return base | ((model & 0xf) << 4) | ((model >> 4) << 16) | stepping;
}

const textAt = (text: string, at: number): number =>
  [3, 2, 1, 0].reduce((word, i) => (word << 8) | (text.charCodeAt(at + i) || 0), 0) >>> 0;

const vendor = (eax: number, { vendor: name }: CpuModel): CpuidResult => [
  eax,
  textAt(name, 0),
  textAt(name, 8),
  textAt(name, 4)
];

/** Components of XSAVE areas beyond the legacy region: bit of XCR0, feature, place and size in bytes. */
const XSAVE_AREAS: readonly (readonly [bit: number, word: string, feature: number, offset: number, size: number])[] = [
  [2, '1_ECX', 28, 0x240, 0x100],
  [9, '7_0_ECX', 3, 0xa80, 8]
];
const XSAVE_LEGACY = 0x240;

/** Bits of XCR0 that the model has. */
export function supportedXcr0(model: CpuModel): number {
  const legacy = XSTATE.FP | (hasFeature(model, '1_EDX', 25) ? XSTATE.SSE : 0);
  return XSAVE_AREAS.reduce(
    (bits, [bit, word, feature]) => (hasFeature(model, word, feature) ? bits | (1 << bit) : bits),
    legacy
  );
}

/** Bytes of an XSAVE area, in the standard or the compacted format. QEMU xsave_area_size. */
export const xsaveAreaSize = (xcr0: number, compacted: boolean): number =>
  XSAVE_AREAS.reduce((end, [bit, , , offset, size]) => {
    if (!((xcr0 >>> bit) & 1)) return end;
    return compacted ? end + size : Math.max(end, offset + size);
  }, XSAVE_LEGACY);

function extendedState({ env, model }: X86Cpu, count: number): CpuidResult {
  if (!hasFeature(model, '1_ECX', 26)) return NOTHING;
  const xcr0 = supportedXcr0(model);
  if (count === 0) return [xcr0, xsaveAreaSize(env.get('xcr0'), false), xsaveAreaSize(xcr0, false), 0];
  if (count === 1) return [model.features['XSAVE'] ?? 0, xsaveAreaSize(xcr0, true), 0, 0];
  const area = XSAVE_AREAS.find(([bit]) => bit === count && (xcr0 >>> bit) & 1);
  return area ? [area[4], area[3], 0, 0] : NOTHING;
}

/** Caches of models that are not AMD's: L1 data, L1 code, L2, L3. QEMU's defaults. */
const INTEL_CACHES: readonly CpuidResult[] = [
  [0x121, 0x01c0_003f, 0x3f, 1],
  [0x122, 0x01c0_003f, 0x3f, 1],
  [0x143, 0x03c0_003f, 0xfff, 1],
  [0x163, 0x03c0_003f, 0x3fff, 6]
];

function leaf1({ env, model, outside }: X86Cpu): CpuidResult {
  // an APIC that its MSR turned off is not there
  const hidden = outside.apicBase() & APICBASE_ENABLE ? 0 : FEATURE_APIC;
  const osxsave = hasFeature(model, '1_ECX', 26) && env.get('cr', 4 * 2) & CR4.OSXSAVE ? 1 << 27 : 0;
  const clflush = 8 << 8; // in units of 8 bytes
  return [
    cpuid_version(model),
    clflush,
    ((model.features['1_ECX'] ?? 0) | osxsave) >>> 0,
    ((model.features['1_EDX'] ?? 0) & ~hidden) >>> 0
  ];
}

function leaf7({ env, model: { features } }: X86Cpu, count: number): CpuidResult {
  const subleaf1 = features['7_1_EAX'] ?? 0;
  if (count === 1) return [subleaf1, 0, 0, 0];
  if (count !== 0) return NOTHING;
  const ecx = features['7_0_ECX'] ?? 0;
  const ospke = ecx & 8 && env.get('cr', 4 * 2) & CR4.PKE ? 1 << 4 : 0;
  return [subleaf1 === 0 ? 0 : 1, features['7_0_EBX'] ?? 0, (ecx | ospke) >>> 0, features['7_0_EDX'] ?? 0];
}

/** One thread, one core. */
const topology = (count: number): CpuidResult =>
  count < 2 ? [0, 1, ((count + 1) << 8) | count, 0] : [0, 0, count & 0xff, 0];

/** SYSCALL is Intel's in 64-bit mode only, and shown there only. */
function leaf8000_0001({ env, model }: X86Cpu): CpuidResult {
  const edx = model.features['8000_0001_EDX'] ?? 0;
  const hidden = model.vendor === 'GenuineIntel' && !(env.get('efer') & 0x400) ? 1 << 11 : 0;
  return [cpuid_version(model), 0, model.features['8000_0001_ECX'] ?? 0, (edx & ~hidden) >>> 0];
}

type Leaf = (cpu: X86Cpu, count: number) => CpuidResult;

const modelId =
  (part: number): Leaf =>
  ({ model }) =>
    [0, 4, 8, 12].map((at) => textAt(model.modelId, part * 16 + at)) as unknown as CpuidResult;

const LEAVES: ReadonlyMap<number, Leaf> = new Map<number, Leaf>([
  [0, ({ model }) => vendor(model.level, model)],
  [1, leaf1],
  [2, ({ model }) => (model.vendor === 'AuthenticAMD' ? NOTHING : [1, 0, 0x4d, 0x2c_307d])],
  [4, ({ model }, count) => (model.vendor === 'AuthenticAMD' ? NOTHING : (INTEL_CACHES[count] ?? NOTHING))],
  [5, () => [0, 0, 3, 0]], // MWAIT's extensions are enumerated, and interrupts end it
  [6, ({ model }) => [model.features['6_EAX'] ?? 0, 0, 0, 0]],
  [7, leaf7],
  [0xb, (_, count) => topology(count)],
  [0xd, extendedState],
  [0x4000_0000, () => [0x4000_0001, ...[0, 4, 8].map((at) => textAt('TCGTCGTCGTCG', at))] as unknown as CpuidResult],
  [0x8000_0000, ({ model }) => vendor(model.xlevel, model)],
  [0x8000_0001, leaf8000_0001],
  [0x8000_0002, modelId(0)],
  [0x8000_0003, modelId(1)],
  [0x8000_0004, modelId(2)],
  [0x8000_0005, () => [0x01ff_01ff, 0x01ff_01ff, 0x4002_0140, 0x4002_0140]],
  [0x8000_0006, () => [0, 0x4200_4200, 0x0200_8140, 0x0080_8140]],
  [
    0x8000_0008,
    ({ model }) => {
      const linear = hasFeature(model, '7_0_ECX', 16) ? 57 : 48;
      const long = hasFeature(model, '8000_0001_EDX', 29);
      return [PHYS_ADDR_BITS | (long ? linear << 8 : 0), model.features['8000_0008_EBX'] ?? 0, 0, 0];
    }
  ]
]);

/** The highest leaf of the range that a number lies in. */
function limitOf(leaf: number, { level, xlevel }: CpuModel): number {
  if (leaf >= 0xc000_0000) return 0;
  if (leaf >= 0x8000_0000) return xlevel;
  return leaf >= 0x4000_0000 ? 0x4000_0001 : level;
}

/** What CPUID gives for EAX = `leaf` and ECX = `count`, both unsigned. */
export function cpu_x86_cpuid(cpu: X86Cpu, leaf: number, count: number): CpuidResult {
  // beyond its range, a leaf says what the last basic one does
  const answered = leaf > limitOf(leaf, cpu.model) ? cpu.model.level : leaf;
  return LEAVES.get(answered)?.(cpu, count) ?? NOTHING;
}
