import { expect, test } from 'vitest';
import { Symbols } from '../../../src/lib/emulator/symbols.ts';

const map = `0000000000000000 A fixed_percpu_data
ffffffff81000000 T _text
ffffffff81c00000 T entry_SYSCALL_64
ffffffff81b17a00 t default_idle
no symbol at all
`;

test('an address has the name of the symbol at or before it', () => {
  const symbols = Symbols.parse(map);
  expect(symbols.nameOf(0xffffffff81b17a0bn)).toBe('default_idle+0xb');
  expect(symbols.nameOf(0xffffffff81000000n)).toBe('_text');
  expect(symbols.nameOf(0xffffffff90000000n)).toBeUndefined();
  expect(symbols.addressOf('default_idle')).toBe(0xffffffff81b17a00n);
  expect(symbols.addressOf('nothing')).toBeUndefined();
  expect(symbols.nameOf(0x10n)).toBeUndefined();
});

test('a kernel that was moved is found by where SYSCALL enters it', () => {
  const symbols = Symbols.parse(map);
  symbols.relocate(0xffffffffab100000n);
  expect(symbols.nameOf(0xffffffffab017a0bn)).toBe('default_idle+0xb');
  expect(symbols.addressOf('_text')).toBe(0xffffffffaa500000n);
});

test('before the kernel set LSTAR it is where it was linked', () => {
  const symbols = Symbols.parse(map);
  symbols.relocate(0n);
  expect(symbols.addressOf('_text')).toBe(0xffffffff81000000n);
});

test('a file without symbols names nothing', () => {
  expect(Symbols.parse('\0\0\0').nameOf(1n)).toBeUndefined();
});
