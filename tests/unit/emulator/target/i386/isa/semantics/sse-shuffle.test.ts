import { expect, test } from 'vitest';
import { sseShuffle } from '../../../../../../../src/lib/emulator/target/i386/isa/semantics/sse-shuffle.ts';
import { noNativeFpu } from '../../../../../../support/native-fpu.ts';
import { tellCount, timeout } from '../../../../../../support/random-instructions.ts';
import { computed, fuzz } from '../../../../../../support/vector-fuzz.ts';

tellCount('SSE shuffles');

test.skipIf(noNativeFpu !== undefined)('the CPU of this machine selects the same elements', { timeout }, () => {
  expect(fuzz(sseShuffle, 20)).toEqual([]);
});

test.skipIf(noNativeFpu !== undefined)(
  'the same with immediates that are known when code is generated',
  { timeout },
  () => {
    expect(fuzz(sseShuffle, 5, true)).toEqual([]);
  }
);

test('PSHUFD, SHUFPS and BLENDPS take what the immediate says', () => {
  const a = 0x3_00000002_00000001_00000000n;
  const b = 0x7_00000006_00000005_00000004n;
  expect(computed(sseShuffle, [0x66, 0x0f, 0x70, 0xc1, 0x1b], { 1: a })).toBe(0x1_00000002_00000003n);
  expect(computed(sseShuffle, [0x0f, 0xc6, 0xc1, 0xe4], { 0: a, 1: b })).toBe(0x7_00000006_00000001_00000000n);
  expect(computed(sseShuffle, [0x66, 0x0f, 0x3a, 0x0c, 0xc1, 0x5], { 0: a, 1: b })).toBe(
    0x3_00000006_00000001_00000004n
  );
});
