/**
 * CPU models by QEMU's names, as TCG offers them: what a model has and QEMU filters out for TCG is not listed here, and
 * what this CPU cannot do is dropped when a model is made. Source: QEMU target/i386/cpu.c builtin_x86_defs,
 * max_x86_cpu_initfn, TCG_*_FEATURES (7.2 to 11.1).
 */
import { FEATURE_NAMES, NEEDS, SYSTEM_FEATURES } from './cpu-features.ts';
import { parseCpu, type CpuChoice } from './cpu-options.ts';
import type { Row } from './isa/insn.ts';
import type { CpuModel } from './x86-cpu.ts';

type Definition = Omit<CpuModel, 'features'> & { readonly has: string };

const PPRO = 'fpu de pse tsc msr mce cx8 pge cmov pat fxsr mmx sse sse2 pae sep apic';
const QEMU64 = `${PPRO} mtrr clflush mca pse36 pni cx16 lm syscall nx hypervisor`;
const AMD = 'AuthenticAMD';
const INTEL = 'GenuineIntel';

const MAX = `${QEMU64} acpi ss lahf-lm cmp-legacy svm cr8legacy abm sse4a 3dnowprefetch
  pclmulqdq monitor ssse3 fma sse4.1 sse4.2 x2apic movbe popcnt aes xsave avx f16c rdrand
  mmxext 3dnow 3dnowext pdpe1gb rdtscp
  fsgsbase bmi1 avx2 smep bmi2 erms mpx rdseed adx smap clflushopt clwb sha-ni
  umip pku vaes la57 rdpid pks fsrm fzrm fsrs fsrc cmpccxadd arat xsaveopt xgetbv1 xsaveerptr wbnoinvd`;
const LARGEST = {
  level: 0xd,
  xlevel: 0x8000_000a,
  vendor: AMD,
  family: 15,
  model: 107,
  stepping: 1,
  modelId: 'QEMU TCG CPU version 2.5+'
};

/** `host` is `max` with what TCG has not: for guests that have found it under KVM. */
const DEFINITIONS: readonly Definition[] = [
  {
    name: 'qemu64',
    level: 0xd,
    xlevel: 0x8000_000a,
    vendor: AMD,
    family: 15,
    model: 107,
    stepping: 1,
    modelId: 'QEMU Virtual CPU version 2.5+',
    has: `${QEMU64} lahf-lm svm`
  },
  {
    name: 'qemu32',
    level: 4,
    xlevel: 0x8000_0004,
    vendor: INTEL,
    family: 6,
    model: 6,
    stepping: 3,
    modelId: 'QEMU Virtual CPU version 2.5+',
    has: `${PPRO} pni hypervisor`
  },
  {
    name: 'kvm64',
    level: 0xd,
    xlevel: 0x8000_0008,
    vendor: INTEL,
    family: 15,
    model: 6,
    stepping: 1,
    modelId: 'Common KVM processor',
    has: QEMU64
  },
  {
    name: 'max',
    ...LARGEST,
    has: MAX
  },
  {
    name: 'host',
    ...LARGEST,
    has: `${MAX} pcid invpcid`
  }
];

export const CPU_MODELS: readonly string[] = DEFINITIONS.map(({ name }) => name);

/** What works: the processor's own features, and those of which every row of the table has semantics. */
export function supportedFeatures(rows: readonly Row[], hasSemantics: (name: string) => boolean): ReadonlySet<string> {
  const works = (row: Row): boolean => row.semantics !== undefined && hasSemantics(row.semantics);
  const features = new Set([...SYSTEM_FEATURES, ...rows.flatMap(({ feature }) => feature ?? [])]);
  for (const row of rows) if (row.feature !== undefined && !works(row)) features.delete(row.feature);
  return features;
}

/** AMD repeats these of leaf 1 in leaf 80000001. QEMU CPUID_EXT2_AMD_ALIASES. */
const AMD_ALIASES = 0x0183_f3ff;

function wordsOf(features: ReadonlySet<string>, vendor: string): Readonly<Record<string, number>> {
  const result: Record<string, number> = {};
  for (const [word, names] of Object.entries(FEATURE_NAMES)) {
    const own = word !== '8000_0001_EDX' ? ~0 : ~AMD_ALIASES;
    result[word] = names.reduce((bits, name, bit) => (features.has(name) ? bits | (1 << bit) : bits), 0) & own;
  }
  if (vendor === AMD) result['8000_0001_EDX']! |= result['1_EDX']! & AMD_ALIASES;
  for (const word of Object.keys(result)) result[word]! >>>= 0;
  return result;
}

const definitionOf = (name: string): Definition | undefined => DEFINITIONS.find((model) => model.name === name);

/** What keeps a -cpu from being made; undefined: nothing does. */
export function cpuError(text: string): string | undefined {
  const choice = parseCpu(text);
  if (typeof choice === 'string') return choice;
  if (definitionOf(choice.name)) return undefined;
  return `unable to find CPU model '${choice.name}'; there are: ${CPU_MODELS.join(', ')}`;
}

/** Leaves that features need to be seen in. Source: QEMU x86_cpu_adjust_feat_level. */
function levelsFor(features: Readonly<Record<string, number>>): { readonly level: number; readonly xlevel: number } {
  const has = (word: RegExp): boolean => Object.entries(features).some(([name, bits]) => word.test(name) && bits !== 0);
  return {
    level: has(/^XSAVE/) ? 0xd : has(/^7_/) ? 7 : 0,
    xlevel: has(/^8000_0008/) ? 0x8000_0008 : has(/^8000_0001/) ? 0x8000_0001 : 0
  };
}

/**
 * The CPU of a -cpu with what is supported of it; undefined: there is no such model.
 * @param text a model's name, perhaps with changes behind it: `qemu64,+avx,family=6`
 */
export function cpuModel(text: string, supported: ReadonlySet<string>): CpuModel | undefined {
  const choice: CpuChoice | string = parseCpu(text);
  const definition = typeof choice === 'string' ? undefined : definitionOf(choice.name);
  if (typeof choice === 'string' || !definition) return undefined;
  const { has, ...model } = definition;
  const on = [...choice.features].flatMap(([feature, value]) => (value ? [feature] : []));
  const asked = [...has.split(/\s+/).filter((feature) => choice.features.get(feature) ?? true), ...on];
  const wanted = asked.filter((feature) => supported.has(feature));
  const complete = (feature: string): boolean => {
    const needed = NEEDS[feature];
    return needed === undefined || (wanted.includes(needed) && complete(needed));
  };
  const vendor = choice.changes.vendor ?? model.vendor;
  const features = wordsOf(new Set(wanted.filter(complete)), vendor);
  const least = levelsFor(features);
  const [level, xlevel] = [Math.max(model.level, least.level), Math.max(model.xlevel, least.xlevel)];
  return { ...model, level, xlevel, ...choice.changes, features };
}

/** Features of the model that this CPU lacks, by name. */
export function missingFeatures(name: string, supported: ReadonlySet<string>): readonly string[] {
  const definition = DEFINITIONS.find((model) => model.name === name);
  return definition === undefined ? [] : definition.has.split(/\s+/).filter((feature) => !supported.has(feature));
}
