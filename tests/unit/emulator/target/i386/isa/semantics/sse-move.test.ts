import { expect, test } from 'vitest';
import { sseMove } from '../../../../../../../src/lib/emulator/target/i386/isa/semantics/sse-move.ts';
import { noNativeFpu } from '../../../../../../support/native-fpu.ts';
import { tellCount, timeout } from '../../../../../../support/random-instructions.ts';
import { computed, fuzz } from '../../../../../../support/vector-fuzz.ts';

tellCount('SSE moves');

test.skipIf(noNativeFpu !== undefined)('the CPU of this machine moves the same', { timeout }, () => {
  expect(fuzz(sseMove, 20)).toEqual([]);
});

test('MOVSD between registers keeps the upper half, MOVQ clears it', () => {
  const registers = { 0: (5n << 64n) | 1n, 1: (6n << 64n) | 2n };
  expect(computed(sseMove, [0xf2, 0x0f, 0x10, 0xc1], registers)).toBe((5n << 64n) | 2n);
  expect(computed(sseMove, [0xf3, 0x0f, 0x7e, 0xc1], registers)).toBe(2n);
});
