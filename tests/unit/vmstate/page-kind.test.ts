import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { lookAt, PageGuess, pageGuessNames } from '../../../src/lib/vmstate/page-kind.ts';
import { page, table } from '../../support/snapshots.ts';

const guess = (bytes: Uint8Array): string | undefined => pageGuessNames[lookAt(bytes).guess];
const made = (byte: (i: number) => number): Uint8Array => Uint8Array.from({ length: 4096 }, (_, i) => byte(i) & 0xff);
/** xorshift32, so that the bytes are the same in every run. */
function random(): () => number {
  let x = 2463534242;
  return () => ((x ^= x << 13), (x ^= x >>> 17), (x ^= x << 5));
}

test('zeros and a repeated byte have no entropy', () => {
  expect(lookAt(new Uint8Array(4096))).toEqual({ entropy: 0, guess: PageGuess.zero });
  expect(lookAt(made(() => 0xff))).toEqual({ entropy: 0, guess: PageGuess.fill });
});

test('entropy is in bits per byte: 256 equally frequent values have 8, two have 1', () => {
  expect(lookAt(made((i) => i)).entropy).toBeCloseTo(8, 12);
  expect(lookAt(made((i) => i % 2)).entropy).toBeCloseTo(1, 12);
  const skew = lookAt(made((i) => (i < 1024 ? 1 : 0))).entropy;
  expect(skew).toBeCloseTo(-(0.25 * Math.log2(0.25) + 0.75 * Math.log2(0.75)), 12);
});

test('random bytes look random', () => {
  const next = random();
  expect(guess(made(next))).toBe('looks compressed or random');
});

test('prose and log lines look like text', () => {
  const line = '[    0.000000] Linux version 6.1.0 (debian) #1 SMP PREEMPT_DYNAMIC\n';
  expect(guess(made((i) => line.charCodeAt(i % line.length)))).toBe('looks like text');
});

test('every full page of the workload guest’s own program looks like code', () => {
  const image = readFileSync('guests/workload.bin');
  const looks: (string | undefined)[] = [];
  for (let at = 0; at + 4096 <= image.length; at += 4096) looks.push(guess(image.subarray(at, at + 4096)));
  expect(looks.filter((l) => l === 'looks like x86 code').length).toBeGreaterThan(0);
  expect(looks).not.toContain('looks compressed or random');
});

test('tables of present entries look like page tables, also when there are few', () => {
  const full = Object.fromEntries(Array.from({ length: 512 }, (_, i) => [i, BigInt(0x100000 + i * 4096) | 0x63n]));
  expect(guess(table(full))).toBe('looks like a page table');
  expect(guess(table({ 0: 0x1067n, 511: (1n << 63n) | 0x1234_5063n }))).toBe('looks like a page table');
});

test('kernel and program addresses look like pointers', () => {
  const next = random();
  const kernel = Array.from({ length: 512 }, (_, i) => [i, 0xffff888000000000n | BigInt(next() >>> 4)]);
  expect(guess(table(Object.fromEntries(kernel)))).toBe('looks like pointers');
  const user = Array.from({ length: 512 }, (_, i) => [i, i % 2 ? BigInt(i) : 0x7f12_0000_0000n | BigInt(next() >>> 0)]);
  expect(guess(table(Object.fromEntries(user)))).toBe('looks like pointers');
});

test('a few bytes in a page of zeros are nearly all zeros', () => {
  expect(guess(page({ 100: 'hello', 4000: [1, 2, 3] }))).toBe('nearly all zeros');
});

test('counters are no code and no pointers', () => {
  expect(guess(table(Object.fromEntries(Array.from({ length: 512 }, (_, i) => [i, BigInt(i * 7)]))))).toBe(
    'other data'
  );
});

test('a page cut short counts as filled with zeros', () => {
  expect(lookAt(new Uint8Array(10).fill(1)).entropy).toBeCloseTo(
    lookAt(page({ 0: new Uint8Array(10).fill(1) })).entropy
  );
});
