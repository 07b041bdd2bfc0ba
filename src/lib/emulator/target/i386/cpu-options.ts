/** -cpu MODEL,+FEATURE,-FEATURE,NAME=VALUE. Source: QEMU target/i386/cpu.c x86_cpu_parse_featurestr, x86_cpu_properties. */
import { FEATURE_NAMES } from './cpu-features.ts';

/** A model, and how it differs from what is called so. */
export interface CpuChoice {
  readonly name: string;
  /** Features by name: on or off. */
  readonly features: ReadonlyMap<string, boolean>;
  readonly changes: Partial<Record<'level' | 'xlevel' | 'family' | 'model' | 'stepping', number>> & {
    readonly vendor?: string;
    readonly modelId?: string;
  };
  /** Ends where a feature that is asked for is missing. */
  readonly enforce: boolean;
}

const NAMES = new Set(
  Object.values(FEATURE_NAMES)
    .flat()
    .filter((name) => name !== '-')
);
/** Other names of the same. Source: x86_cpu_initfn. */
const ALIASES: Readonly<Record<string, string>> = {
  ...{ sse3: 'pni', 'sse4-1': 'sse4.1', 'sse4-2': 'sse4.2', xd: 'nx', i64: 'lm', ffxsr: 'fxsr-opt' },
  pclmuldq: 'pclmulqdq'
};
const MOST: Readonly<Record<string, number>> = {
  ...{ level: 0xffff_ffff, xlevel: 0xffff_ffff, family: 0xff + 0xf, model: 0xff, stepping: 0xf }
};
const FLAGS: Readonly<Record<string, boolean>> = {
  on: true,
  yes: true,
  true: true,
  off: false,
  no: false,
  false: false
};
/** That features are looked at is so anyway, and that none keeps a guest from migrating. */
const YES_OR_NO = new Set(['enforce', 'check', 'migratable']);
const VENDOR_LENGTH = 12;
const MAX_MODEL_ID = 48;

/** What a -cpu says; a text says what is wrong with it. */
export function parseCpu(text: string): CpuChoice | string {
  const [name = '', ...words] = text.split(',');
  const named = new Map<string, boolean>();
  const [plus, minus]: [string[], string[]] = [[], []];
  const changes: Record<string, number | string> = {};
  let enforce = false;
  for (const word of words) {
    const [, sign] = /^([+-])/.exec(word) ?? [];
    const [, key, value] = /^[+-]?([^=]*)(?:=(.*))?$/s.exec(word)!;
    const dashed = key!.replaceAll('_', '-');
    const property = Object.hasOwn(ALIASES, dashed) ? ALIASES[dashed]! : dashed;
    const isFeature = NAMES.has(property);
    if (sign !== undefined) {
      if (!isFeature || value !== undefined) return `Property '${name}-x86_64-cpu.${word.slice(1)}' not found`;
      (sign === '+' ? plus : minus).push(property);
      continue;
    }
    const on = Object.hasOwn(FLAGS, value ?? 'on') ? FLAGS[value ?? 'on'] : undefined;
    if (isFeature || YES_OR_NO.has(property)) {
      if (on === undefined) return `Parameter '${property}' expects 'on' or 'off'`;
      if (isFeature) named.set(property, on);
      else if (property === 'enforce') enforce = on;
    } else if (Object.hasOwn(MOST, property)) {
      const number = /^(0x[\da-f]+|\d+)$/i.test(value ?? '') ? Number(value) : NaN;
      if (!(number <= MOST[property]!)) return `Parameter '${property}' doesn't take value '${value ?? ''}'`;
      changes[property] = number;
    } else if (property === 'vendor') {
      if (value?.length !== VENDOR_LENGTH) return `Property 'vendor' doesn't take value '${value ?? ''}'`;
      changes.vendor = value;
    } else if (property === 'model-id') changes.modelId = (value ?? '').slice(0, MAX_MODEL_ID);
    else return `Property '${name}-x86_64-cpu.${property}' not found`;
  }
  const features = new Map([
    ...named,
    ...plus.map((f) => [f, true] as const),
    ...minus.map((f) => [f, false] as const)
  ]);
  return { name, features, changes, enforce };
}
