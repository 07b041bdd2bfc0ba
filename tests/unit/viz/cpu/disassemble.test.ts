import { describe, expect, test } from 'vitest';
import { disassemble } from '../../../../src/lib/viz/cpu/disassemble.ts';

describe('disassembly', () => {
  test('goes by the mode: one byte is a prefix in one and an instruction in another', async () => {
    const bytes = Uint8Array.of(0x48, 0x89, 0xd8);
    expect((await disassemble(bytes, 0n, 64)).map((i) => `${i.mnemonic} ${i.operands}`)).toEqual(['mov rax,rbx']);
    expect((await disassemble(bytes, 0n, 32)).map((i) => `${i.mnemonic} ${i.operands}`)).toEqual([
      'dec eax',
      'mov eax,ebx'
    ]);
    expect((await disassemble(bytes, 0n, 16)).map((i) => i.operands)).toEqual(['ax', 'ax,bx']);
  });

  test('knows where branches and calls go', async () => {
    const bytes = Uint8Array.of(0xeb, 0xfe, 0xe8, 1, 0, 0, 0, 0xc3);
    const found = await disassemble(bytes, 0xffffffff81000000n, 64);
    expect(found.map((i) => [i.offset, i.length, i.mnemonic, i.target])).toEqual([
      [0, 2, 'jmp', 0xffffffff81000000n],
      [2, 5, 'call', 0xffffffff81000008n],
      [7, 1, 'ret', undefined]
    ]);
  });

  test('goes on behind what is no instruction, and stops at a cut one', async () => {
    const bytes = Uint8Array.of(0x06, 0x90, 0x48);
    expect((await disassemble(bytes, 0n, 64)).map((i) => [i.offset, i.mnemonic])).toEqual([
      [0, '(bad)'],
      [1, 'nop'],
      [2, '(bad)']
    ]);
  });

  test('can begin inside', async () => {
    const bytes = Uint8Array.of(0x0f, 0x90, 0xc3);
    expect((await disassemble(bytes, 0x1000n, 64, 1)).map((i) => [i.offset, i.mnemonic])).toEqual([
      [1, 'nop'],
      [2, 'ret']
    ]);
  });
});
