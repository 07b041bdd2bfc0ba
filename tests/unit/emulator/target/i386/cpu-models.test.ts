import { describe, expect, test } from 'vitest';
import {
  CPU_MODELS,
  cpuModel,
  missingFeatures,
  supportedFeatures
} from '../../../../../src/lib/emulator/target/i386/cpu-models.ts';
import { FEATURE_NAMES } from '../../../../../src/lib/emulator/target/i386/cpu-features.ts';
import { hasFeature } from '../../../../../src/lib/emulator/target/i386/control-registers.ts';
import type { Row } from '../../../../../src/lib/emulator/target/i386/isa/insn.ts';
import { SEMANTICS } from '../../../../../src/lib/emulator/target/i386/isa/semantics/registry.ts';
import { TABLE } from '../../../../../src/lib/emulator/target/i386/isa/table.ts';
import { withMachine } from '../../../../../scripts/qemu/machine.mjs';
import { qemus } from '../../../../../scripts/qemu/qemu.mjs';
import { allFeatures } from '../../../../support/flat-cpu.ts';

const row = (name: string, feature: string): Row => ({
  name,
  map: '0f',
  opcode: 0,
  operands: [],
  semantics: name,
  feature
});

describe('features', () => {
  test('are supported where every row of theirs has semantics', () => {
    const rows = [row('tzcnt', 'bmi1'), row('blsr', 'bmi1'), row('lzcnt', 'abm')];
    const features = supportedFeatures(rows, (name) => name !== 'blsr');
    expect([features.has('bmi1'), features.has('abm'), features.has('pae')]).toEqual([false, true, true]);
  });

  test('that need another which is not there are not there', () => {
    const { features } = cpuModel('max', new Set([...allFeatures].filter((f) => f !== 'xsave')))!;
    expect(hasFeature({ features } as never, '1_ECX', 28)).toBe(false); // AVX
    expect(hasFeature({ features } as never, '7_0_EBX', 5)).toBe(false); // AVX2
    expect(hasFeature({ features } as never, '7_0_EBX', 3)).toBe(true); // BMI1
  });

  test('of a model that this CPU lacks have names', () => {
    expect(missingFeatures('qemu64', new Set(['fpu', 'sse']))).toContain('svm');
    expect(missingFeatures('qemu64', new Set(['fpu', 'sse']))).not.toContain('sse');
  });
});

describe('models', () => {
  test.each(CPU_MODELS)('%s has a name of at most 48 bytes and all words', (name) => {
    const model = cpuModel(name, allFeatures)!;
    expect(model.modelId.length).toBeLessThanOrEqual(48);
    for (const word of Object.values(model.features)) expect(word).toBe(word >>> 0);
  });

  /** By QEMU's names, in its newest spelling: it takes - and _ alike, and knows sse4.1 as sse4-1 too. */
  const spelled = (name: string): string => name.replaceAll('_', '-').replaceAll('.', '-');
  const supported = supportedFeatures(TABLE, (name) => SEMANTICS.has(name));
  function featuresOf(name: string): string[] {
    const { features } = cpuModel(name, supported)!;
    const bits = Object.entries(FEATURE_NAMES).flatMap(([word, names]) =>
      names.filter((_, bit) => (features[word]! >>> bit) & 1).map(spelled)
    );
    return [...new Set(bits)].sort();
  }
  const known = new Set(Object.values(FEATURE_NAMES).flat().map(spelled));
  // 7.2 lacked some of what later versions have.
  const natives = qemus().filter(({ suite }) => suite !== 'bookworm');
  if (natives.length === 0) console.warn('SKIPPED: no native QEMU; get it with: node scripts/qemu/install.mjs');

  describe.skipIf(natives.length === 0).each(natives)('have of native QEMU $version', (qemu) => {
    test.each([
      ['max', ['mpx', 'svm']],
      ['qemu64', ['svm']],
      ['qemu32', []],
      ['kvm64', []]
    ])('%s all but %j', { timeout: 30_000 }, async (name, missing) => {
      const props = await withMachine(qemu, ['-S', '-nic', 'none', '-accel', 'tcg'], async (machine) => {
        const answer = (await machine.qmp('query-cpu-model-expansion', { type: 'full', model: { name } })) as {
          model: { props: Record<string, unknown> };
        };
        return answer.model.props;
      });
      const theirs = new Set(Object.entries(props).flatMap(([prop, value]) => (value === true ? spelled(prop) : [])));
      const ours = featuresOf(name);
      expect(ours.filter((feature) => !theirs.has(feature))).toEqual([]);
      expect([...theirs].filter((feature) => known.has(feature) && !ours.includes(feature)).sort()).toEqual(missing);
    });
  });

  test('that are not there are undefined', () => {
    expect(cpuModel('i486', allFeatures)).toBeUndefined();
  });
});
