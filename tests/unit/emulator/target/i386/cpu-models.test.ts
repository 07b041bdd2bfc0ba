import { describe, expect, test } from 'vitest';
import {
  CPU_MODELS,
  cpuModel,
  missingFeatures,
  supportedFeatures
} from '../../../../../src/lib/emulator/target/i386/cpu-models.ts';
import { hasFeature } from '../../../../../src/lib/emulator/target/i386/control-registers.ts';
import type { Row } from '../../../../../src/lib/emulator/target/i386/isa/insn.ts';
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

  test('that are not there are undefined', () => {
    expect(cpuModel('i486', allFeatures)).toBeUndefined();
  });
});
