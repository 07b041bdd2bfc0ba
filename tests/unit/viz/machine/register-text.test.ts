import { expect, test } from 'vitest';
import { extendedText, vectorText } from '../../../../src/lib/viz/machine/register-text.ts';

test('x87 registers are read as numbers', () => {
  expect(extendedText(0x3fff_8000_0000_0000_0000n)).toBe('1');
  expect(extendedText(0xc000_c90f_daa2_2168_c235n)).toBe('-3.141593');
  expect(extendedText(0n)).toBe('0');
  expect(extendedText(0x7fff_8000_0000_0000_0000n)).toBe('∞');
  expect(extendedText(0x7fff_c000_0000_0000_0000n)).toBe('NaN');
  expect(extendedText(0x7ffe_8000_0000_0000_0000n)).toBe('beyond a double');
});

test('vector registers are read as doubles, else as single precision, else as nothing', () => {
  expect(vectorText(0x3ff8_0000_0000_0000n, 16)).toBe('f64: 1.5, 0');
  // As doubles the upper half would be 1e-300 or so.
  expect(vectorText(0x0000_0000_0000_0000_0000_0000_3fc0_0000n, 16)).toBe('f32: 1.5, 0, 0, 0');
  expect(vectorText(0xffff_ffff_8100_0000_ffff_ffff_8100_0000n, 16)).toBe('');
  expect(vectorText(0n, 32)).toBe('');
});
