import { expect, test } from 'vitest';
import { instructionCount, missingCpuFeatures } from '../../../../../src/lib/emulator/target/i386/cpu-support.ts';
import { SEMANTICS } from '../../../../../src/lib/emulator/target/i386/isa/semantics/registry.ts';
import { rowsWithoutSemantics } from '../../../../../src/lib/emulator/target/i386/isa/table.ts';

test('what is missing has names, models and instructions', () => {
  const missing = missingCpuFeatures();
  expect(missing.map(({ name }) => name)).toEqual(['mpx', 'svm']);
  const svm = missing.find(({ name }) => name === 'svm');
  expect(svm?.models).toEqual(['qemu64', 'max', 'host']);
  expect(svm?.instructions).toContain('vmrun');
});

test('every instruction of the table that is missing belongs to a feature that is listed', () => {
  const listed = new Set(missingCpuFeatures().flatMap(({ instructions }) => instructions));
  const without = rowsWithoutSemantics(new Set(SEMANTICS.keys())).map((row) => row.name);
  expect(without.filter((name) => !listed.has(name))).toEqual([]);
});

test('a CPU has some hundred instructions', () => {
  expect(instructionCount()).toBeGreaterThan(900);
});
