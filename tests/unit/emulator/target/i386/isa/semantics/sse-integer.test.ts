import { describe, expect, test } from 'vitest';
import { HF } from '../../../../../../../src/lib/emulator/target/i386/env.ts';
import { sseInteger } from '../../../../../../../src/lib/emulator/target/i386/isa/semantics/sse-integer.ts';
import { noNativeFpu } from '../../../../../../support/native-fpu.ts';
import { tellCount, timeout } from '../../../../../../support/random-instructions.ts';
import { computed, fuzz } from '../../../../../../support/vector-fuzz.ts';

tellCount('SSE integers');

test.skipIf(noNativeFpu !== undefined)(
  'the CPU of this machine computes the same from random integers',
  { timeout },
  () => {
    expect(fuzz(sseInteger, 20)).toEqual([]);
  }
);

test.skipIf(noNativeFpu !== undefined)(
  'the same with immediates that are known when code is generated',
  { timeout },
  () => {
    const names = ['palignr', 'psrldq', 'pslldq', 'psllw', 'psrad', 'psrlq', 'mpsadbw'];
    const some = Object.fromEntries(names.map((name) => [name, sseInteger[name]!]));
    expect(fuzz(some, 20, true)).toEqual([]);
  }
);

test('a legacy result leaves the upper half of YMM, a VEX result clears it', () => {
  const registers = { 0: (7n << 128n) | 1n, 1: (9n << 128n) | 2n };
  expect(computed(sseInteger, [0x66, 0x0f, 0xfe, 0xc1], registers)).toBe((7n << 128n) | 3n);
  expect(computed(sseInteger, [0xc5, 0xf9, 0xfe, 0xc1], registers)).toBe(3n);
  expect(computed(sseInteger, [0xc5, 0xfd, 0xfe, 0xc1], registers)).toBe((16n << 128n) | 3n);
});

test('PMULHRSW of the least numbers wraps around', () => {
  expect(computed(sseInteger, [0x66, 0x0f, 0x38, 0x0b, 0xc1], { 0: 0x8000n, 1: 0x8000n })).toBe(0x8000n);
});

test('shifts by more than an element has bits', () => {
  const shift = (opcode: number): bigint =>
    computed(sseInteger, [0x66, 0x0f, opcode, 0xc1], { 0: 0x8001n, 1: 1n << 32n });
  expect(shift(0xf1)).toBe(0n); // PSLLW
  expect(shift(0xe1)).toBe(0xffffn); // PSRAW
});

describe('what must hold before', () => {
  const base = HF.CS64 | HF.PE | HF.LMA;
  const outcome = (code: readonly number[], flags: number): string => {
    try {
      computed(sseInteger, code, {}, base | flags);
      return 'runs';
    } catch (error) {
      return (error as Error).message;
    }
  };
  const PADDD_MMX = [0x0f, 0xfe, 0xc1];
  const PADDD_SSE = [0x66, 0x0f, 0xfe, 0xc1];
  const PADDD_AVX = [0xc5, 0xf9, 0xfe, 0xc1];

  test('SSE wants CR4.OSFXSR and no CR0.EM, and waits with CR0.TS', () => {
    expect(outcome(PADDD_SSE, HF.OSFXSR)).toBe('runs');
    expect(outcome(PADDD_SSE, 0)).toBe('#6');
    expect(outcome(PADDD_SSE, HF.OSFXSR | HF.EM)).toBe('#6');
    expect(outcome(PADDD_SSE, HF.OSFXSR | HF.TS)).toBe('#7');
    expect(outcome(PADDD_SSE, HF.TS)).toBe('#6');
  });
  test('AVX wants XCR0, and waits with CR0.TS', () => {
    expect(outcome(PADDD_AVX, HF.AVX_EN)).toBe('runs');
    expect(outcome(PADDD_AVX, HF.OSFXSR)).toBe('#6');
    expect(outcome(PADDD_AVX, HF.AVX_EN | HF.TS)).toBe('#7');
  });
  test('MMX wants no CR0.EM, and waits with CR0.TS', () => {
    expect(outcome(PADDD_MMX, 0)).toBe('runs');
    expect(outcome(PADDD_MMX, HF.EM)).toBe('#6');
    expect(outcome(PADDD_MMX, HF.TS)).toBe('#7');
  });
});
