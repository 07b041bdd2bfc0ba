import { expect, test } from 'vitest';
import { stringCompare } from '../../../../../../../src/lib/emulator/target/i386/isa/semantics/string-compare.ts';
import { noNativeFpu } from '../../../../../../support/native-fpu.ts';
import { tellCount, timeout } from '../../../../../../support/random-instructions.ts';
import { computed, fuzz } from '../../../../../../support/vector-fuzz.ts';

tellCount('PCMPxSTRx');

test.skipIf(noNativeFpu !== undefined)('the CPU of this machine finds the same in random strings', { timeout }, () => {
  expect(fuzz(stringCompare, 300)).toEqual([]);
});

test('"world" is found in "hello world!"', () => {
  const text = (characters: string): bigint =>
    [...characters].reduce((sum, each, i) => sum | (BigInt(each.charCodeAt(0)) << BigInt(8 * i)), 0n);
  // PCMPISTRM XMM1, XMM2, equal ordered, expanded mask
  const mask = computed(stringCompare, [0x66, 0x0f, 0x3a, 0x62, 0xca, 0x4c], {
    1: text('world'),
    2: text('hello world!')
  });
  expect(mask).toBe(0xffn << 48n);
});
