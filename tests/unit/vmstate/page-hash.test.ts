import { expect, test } from 'vitest';
import { HashBuffer, hashPage } from '../../../src/lib/vmstate/page-hash.ts';

const M = (1n << 64n) - 1n;
const [P1, P2, P3, P4] = [0x9e3779b185ebca87n, 0xc2b2ae3d27d4eb4fn, 0x165667b19e3779f9n, 0x85ebca77c2b2ae63n];
const rotl = (x: bigint, n: bigint): bigint => ((x << n) | (x >> (64n - n))) & M;

/** XXH64 word by word after the specification, for lengths that are multiples of 32. */
function xxh64(bytes: Uint8Array): bigint {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const round = (acc: bigint, x: bigint): bigint => (rotl((acc + x * P2) & M, 31n) * P1) & M;
  const acc = [(P1 + P2) & M, P2, 0n, (M + 1n - P1) & M];
  for (let i = 0; i < bytes.length; i += 32) {
    for (let k = 0; k < 4; k++) acc[k] = round(acc[k]!, view.getBigUint64(i + 8 * k, true));
  }
  let h = (rotl(acc[0]!, 1n) + rotl(acc[1]!, 7n) + rotl(acc[2]!, 12n) + rotl(acc[3]!, 18n)) & M;
  for (const a of acc) h = ((h ^ round(0n, a)) * P1 + P4) & M;
  h = (h + BigInt(bytes.length)) & M;
  h = ((h ^ (h >> 33n)) * P2) & M;
  h = ((h ^ (h >> 29n)) * P3) & M;
  return h ^ (h >> 32n);
}
const asBigInt = (h: { low: number; high: number }): bigint => (BigInt(h.high >>> 0) << 32n) | BigInt(h.low >>> 0);

test('a page hashes as XXH64 specifies', () => {
  const page = new Uint8Array(4096);
  for (let seed = 1; seed < 20; seed++) {
    for (let i = 0; i < page.length; i++) page[i] = (i * seed * 2654435761) >>> 13;
    expect(asBigInt(hashPage(page))).toBe(xxh64(page));
  }
});

test('a page of zeros is known as such, one with a single bit set is not', () => {
  const page = new Uint8Array(4096);
  expect(hashPage(page)).toMatchObject({ zero: true });
  expect(asBigInt(hashPage(page))).toBe(xxh64(page));
  page[4095] = 1;
  expect(hashPage(page).zero).toBe(false);
});

test('a buffer hashes a page at any index, also after growing', () => {
  const buffer = new HashBuffer(8192);
  const page = Uint8Array.from({ length: 4096 }, (_, i) => i & 0xff);
  buffer.bytes.set(page, 13);
  buffer.hash(13);
  expect(asBigInt(buffer)).toBe(xxh64(page));
  buffer.grow(1 << 20);
  buffer.bytes.set(page, 900_001);
  buffer.hash(900_001);
  expect(asBigInt(buffer)).toBe(xxh64(page));
});
