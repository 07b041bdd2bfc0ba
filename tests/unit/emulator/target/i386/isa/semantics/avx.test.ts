import { expect, test } from 'vitest';
import { avx } from '../../../../../../../src/lib/emulator/target/i386/isa/semantics/avx.ts';
import { noNativeFpu } from '../../../../../../support/native-fpu.ts';
import { tellCount, timeout } from '../../../../../../support/random-instructions.ts';
import { computed, fuzz } from '../../../../../../support/vector-fuzz.ts';

tellCount('AVX');

test.skipIf(noNativeFpu !== undefined)(
  'the CPU of this machine permutes, shifts and masks the same',
  { timeout },
  () => {
    expect(fuzz(avx, 30)).toEqual([]);
  }
);

test('VPERMD takes doublewords from all of 256 bits', () => {
  const dwords = (...values: readonly number[]): bigint =>
    values.reduce((sum, value, i) => sum | (BigInt(value) << BigInt(32 * i)), 0n);
  expect(
    computed(avx, [0xc4, 0xe2, 0x75, 0x36, 0xc2], {
      1: dwords(7, 6, 5, 4, 3, 2, 1, 8),
      2: dwords(0, 1, 2, 3, 4, 5, 6, 7)
    })
  ).toBe(dwords(7, 6, 5, 4, 3, 2, 1, 0));
});
