/** What this CPU lacks, by name, for the support page and the command line: by the instruction table and the CPU models. */
import { CPU_MODELS, missingFeatures, supportedFeatures } from './cpu-models.ts';
import { parseCpu } from './cpu-options.ts';
import { SEMANTICS } from './isa/semantics/registry.ts';
import { rowsWithoutSemantics, TABLE } from './isa/table.ts';

export interface MissingFeature {
  /** QEMU's name. */
  readonly name: string;
  /** Models that have it in native QEMU, and not here. */
  readonly models: readonly string[];
  /** Its instructions in the table that raise #UD. */
  readonly instructions: readonly string[];
}

/** Features of any model that are not here, in alphabetical order. */
export function missingCpuFeatures(): readonly MissingFeature[] {
  const supported = supportedFeatures(TABLE, (name) => SEMANTICS.has(name));
  const lackedBy = new Map<string, string[]>();
  for (const model of CPU_MODELS) {
    for (const feature of missingFeatures(model, supported))
      lackedBy.set(feature, [...(lackedBy.get(feature) ?? []), model]);
  }
  const without = rowsWithoutSemantics(new Set(SEMANTICS.keys()));
  return [...lackedBy]
    .sort(([a], [b]) => a.localeCompare(b))
    .map(([name, models]) => ({
      ...{ name, models },
      instructions: [...new Set(without.filter((row) => row.feature === name).map((row) => row.name))]
    }));
}

/** What a -cpu asks for by name, and this CPU lacks; `enforce`: without it there is to be no machine. */
export function lackedOf(text: string): { readonly lacked: readonly string[]; readonly enforce: boolean } {
  const choice = parseCpu(text);
  if (typeof choice === 'string') return { lacked: [], enforce: false };
  const supported = supportedFeatures(TABLE, (name) => SEMANTICS.has(name));
  const lacked = [...choice.features].flatMap(([name, on]) => (on && !supported.has(name) ? [name] : []));
  return { lacked, enforce: choice.enforce };
}

/** Mnemonics that this CPU executes: how many. */
export function instructionCount(): number {
  return new Set(TABLE.filter((row) => row.semantics !== undefined && SEMANTICS.has(row.semantics)).map((r) => r.name))
    .size;
}
