import { expect, test } from 'vitest';
import { disassembler } from '../../../../src/lib/emulator/disas/att.ts';

const decode = await disassembler();
/** @param code bytes in hex; zeros follow, as they may in memory */
function shown(code: string, bitness: 16 | 32 | 64, address: bigint): string {
  const given = code.split(' ').map((byte) => Number.parseInt(byte, 16));
  const decoded = decode(
    Uint8Array.from([...given, ...new Array<number>(15).fill(0)]).subarray(0, 15),
    address,
    bitness
  )!;
  expect(decoded.length).toBe(given.length);
  return `${decoded.mnemonic} ${decoded.operands}`.trim();
}

// What QEMU 11.1's monitor printed of the same bytes.
test.each([
  ['c3', 'retq'],
  ['eb 07', 'jmp 0xffffffff93e17a19'],
  ['e8 19 fb fe ff', 'callq 0xffffffff93e0752e'],
  ['0f 00 2d 79 13 5f 00', 'verw 0x5f1379(%rip)'],
  ['0f 1f 44 00 00', 'nopl (%rax, %rax)'],
  ['66 66 2e 0f 1f 84 00 00 00 00 00', 'nopw %cs:(%rax, %rax)'],
  ['66 90', 'nop'],
  ['65 8b 15 33 17 20 6c', 'movl %gs:0x6c201733(%rip), %edx'],
  ['3e 80 60 02 df', 'andb $0xdf, %ds:2(%rax)'],
  ['48 83 e7 f8', 'andq $0xfffffffffffffff8, %rdi'],
  ['48 c7 c7 50 0b ff ac', 'movq $-0x5300f4b0, %rdi'],
  ['83 f8 01', 'cmpl $1, %eax'],
  ['48 8d 40 ff', 'leaq -1(%rax), %rax'],
  ['0f 95 c0', 'setne %al'],
  ['f3 48 ab', 'rep stosq %rax, (%rdi)'],
  ['48 63 c7', 'movslq %edi, %rax'],
  ['6b ff 38', 'imull $0x38, %edi, %edi'],
  ['69 64 65 20 77 69 74 68', 'imull $0x68746977, 0x20(%rbp), %esp']
])('%s in long mode is %s', (code, text) => {
  expect(shown(code, 64, 0xffff_ffff_93e1_7a10n)).toBe(text);
});

test.each([
  ['eb 6a', 'jmp 0x1026c'],
  ['66 c3', 'retl'],
  ['83 3d c8', 'cmpw $-0x38, (%di)'],
  ['0f b7 ea', 'movzww %dx, %bp'],
  ['67 c7 44 24 10 07 00', 'movw $7, 0x10(%esp)'],
  ['f3 66 ab', 'rep stosl %eax, %es:(%di)'],
  ['c8 4c 0f 00', 'enter $0xf4c, $0'],
  ['e0 fe', 'loopne 0x10200'],
  ['d7', 'xlatb'],
  ['9a e4 ff ff b9', 'lcallw $0xb9ff, $0xffe4']
])('%s in real mode is %s', (code, text) => {
  expect(shown(code, 16, 0x10200n)).toBe(text);
});

test('A branch of 32-bit code wraps at 4 GiB', () => {
  expect(shown('eb fe', 32, 0n)).toBe('jmp 0');
  expect(shown('e8 f6 ff ff ff', 32, 0n)).toBe('calll 0xfffffffb');
});

test('What is no instruction is a byte; what goes beyond the bytes is nothing', () => {
  expect(decode(Uint8Array.of(6, 0, 0), 0n, 64)).toEqual({ length: 1, mnemonic: '.byte', operands: '0x06' });
  expect(decode(Uint8Array.of(0x48, 0x8b), 0n, 64)).toBeUndefined();
  expect(decode(new Uint8Array(0), 0n, 64)).toBeUndefined();
});
