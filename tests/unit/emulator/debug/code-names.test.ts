import { expect, test } from 'vitest';
import { codeNames } from '../../../../src/lib/emulator/debug/code-names.ts';
import { Symbols } from '../../../../src/lib/emulator/symbols.ts';

const BASE = 0xffff_ffff_8100_0000n;
const symbols = Symbols.parse(
  ['ffffffff81000000 T first', 'ffffffff81000100 T second', 'ffffffff81000110 t third', 'ffffffff81002000 T far'].join(
    '\n'
  )
);

test('names where a piece of code lies, what is in it, and what its branches go to', () => {
  const bytes = new Uint8Array(32).fill(0x90);
  bytes.set([0xe8, 0xfb, 0x1e, 0, 0], 0x00); // call far
  bytes.set([0x74, 0xf6], 0x08); // je second
  bytes.set([0x0f, 0x85, 0xf0, 0xfe, 0xff, 0xff], 0x0a); // jne first
  expect([...codeNames(symbols, BASE + 0x100n, bytes, 64)]).toEqual([
    [BASE + 0x100n, 'second'],
    [BASE + 0x110n, 'third'],
    [BASE + 0x2000n, 'far'],
    [BASE, 'first']
  ]);
});

test('branches that the bytes end in are left out, and so is what has no name', () => {
  expect([...codeNames(symbols, BASE + 8n, Uint8Array.of(0x0f, 0x84, 0), 64)]).toEqual([[BASE + 8n, 'first+0x8']]);
  expect(codeNames(symbols, 0x1000n, Uint8Array.of(0xeb, 0xfe), 16).size).toBe(0);
});

test('in 16- and 32-bit code a distance may have two bytes, and addresses end at 4 GiB', () => {
  const low = Symbols.parse('00100000 T low\n00100105 T here');
  expect([...codeNames(low, 0x10_0102n, Uint8Array.of(0xe9, 0xfb, 0xfe), 16).values()]).toEqual(['low+0x102', 'low']);
  expect(codeNames(low, 0xffff_fff0n, Uint8Array.of(0xe9, 0x0b, 0, 0x10, 0), 32).get(0x10_0000n)).toBe('low');
});
