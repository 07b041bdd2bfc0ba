import { expect, test } from 'vitest';
import { aes } from '../../../../../../../src/lib/emulator/target/i386/isa/semantics/aes.ts';
import { noNativeFpu } from '../../../../../../support/native-fpu.ts';
import { tellCount, timeout } from '../../../../../../support/random-instructions.ts';
import { computed, fuzz } from '../../../../../../support/vector-fuzz.ts';

tellCount('AES');

test.skipIf(noNativeFpu !== undefined)('the CPU of this machine computes the same rounds', { timeout }, () => {
  expect(fuzz(aes, 60)).toEqual([]);
});

test('the first round of FIPS 197, appendix B', () => {
  // The standard writes the first byte first.
  const swap = (value: bigint): bigint =>
    BigInt(`0x${value.toString(16).padStart(32, '0').match(/../g)!.reverse().join('')}`);
  const input = swap(0x193de3bea0f4e22b9ac68d2ae9f84808n);
  const key = swap(0xa0fafe1788542cb123a339392a6c7605n);
  // AESENC XMM0, XMM1
  expect(computed(aes, [0x66, 0x0f, 0x38, 0xdc, 0xc1], { 0: input, 1: key })).toBe(
    swap(0xa49c7ff2689f352b6b5bea43026a5049n)
  );
  // AESKEYGENASSIST XMM0, XMM1, 1: of the key's last word 09cf4f3c comes 8b84eb01, without the constant 8a84eb01.
  const assisted = computed(aes, [0x66, 0x0f, 0x3a, 0xdf, 0xc1, 1], { 1: swap(0x2b7e151628aed2a6abf7158809cf4f3cn) });
  expect(swap(assisted & ((1n << 128n) - 1n)) & 0xffff_ffffn).toBe(0x8b84eb01n);
});

test('products without carries', () => {
  const product = (a: bigint, b: bigint): bigint =>
    computed(aes, [0x66, 0x0f, 0x3a, 0x44, 0xc1, 0x10], { 0: a, 1: b << 64n });
  expect(product(3n, 3n)).toBe(5n);
  expect(product(0xffff_ffff_ffff_ffffn, 0xffff_ffff_ffff_ffffn)).toBe(0x5555_5555_5555_5555_5555_5555_5555_5555n);
});
