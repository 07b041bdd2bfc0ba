import { expect, test } from 'vitest';
import { sha } from '../../../../../../../src/lib/emulator/target/i386/isa/semantics/sha.ts';
import { noNativeFpu } from '../../../../../../support/native-fpu.ts';
import { tellCount, timeout } from '../../../../../../support/random-instructions.ts';
import { computed, fuzz } from '../../../../../../support/vector-fuzz.ts';

tellCount('SHA');

test.skipIf(noNativeFpu !== undefined)('the CPU of this machine computes the same steps', { timeout }, () => {
  expect(fuzz(sha, 60)).toEqual([]);
});

test('four rounds of SHA-1 begin as FIPS 180-4 says', () => {
  // SHA1RNDS4 XMM0, XMM1, 0 on A B C D of the initial state and no message but E.
  const state = 0x67452301_efcdab89_98badcfe_10325476n;
  const message = 0xc3d2e1f0n << 96n;
  let [a, b, c, d, e] = [0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0];
  const rotate = (x: number, by: number): number => ((x << by) | (x >>> (32 - by))) >>> 0;
  for (let i = 0; i < 4; i++) {
    const next = (rotate(a!, 5) + ((b! & c!) | (~b! & d!)) + e! + 0x5a827999) >>> 0;
    [a, b, c, d, e] = [next, a, rotate(b!, 30), c, d];
  }
  const expected = [a, b, c, d].reduce((sum, word) => (sum << 32n) | BigInt(word!), 0n);
  expect(computed(sha, [0x0f, 0x3a, 0xcc, 0xc1, 0], { 0: state, 1: message })).toBe(expected);
});
