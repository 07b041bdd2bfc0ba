import { expect, test } from 'vitest';
import { adler32, crc32 } from '../../../src/lib/vmstate/checksum.ts';

test('checksums are those of RFC 1950 and RFC 1952', () => {
  const digits = new TextEncoder().encode('123456789');
  expect(crc32(digits)).toBe(0xcbf43926);
  expect(crc32(digits.subarray(4), crc32(digits.subarray(0, 4)))).toBe(0xcbf43926);
  expect(adler32(new TextEncoder().encode('Wikipedia'))).toBe(0x11e60398);
  expect(adler32(new Uint8Array(1_000_000).fill(255))).toBe(0x3843e1be);
});
