import { expect, test } from 'vitest';
import { codeLines } from '../../../../src/lib/viz/machine/code-lines.ts';

const START = 0xffff_ffff_8100_0000n;
const texts = async (bytes: readonly number[], at: number) =>
  (await codeLines(Uint8Array.from(bytes), START, START + BigInt(at), 64)).map(
    ({ address, instruction: { mnemonic, operands } }) => `${Number(address - START)} ${mnemonic} ${operands}`.trim()
  );

test('instructions before the address are those from which decoding arrives at it, from the farthest on', async () => {
  // mov eax,1 / nop / ret: read from its second byte on it is add [rax],eax …, which arrives there too, but later.
  expect(await texts([0xb8, 1, 0, 0, 0, 0x90, 0xc3], 6)).toEqual(['0 mov eax,0x1', '5 nop', '6 ret']);
});

test('what overlaps the address is left out', async () => {
  // The tail of an instruction that began earlier: 0x0f 0x90 would take the first byte of the address.
  expect(await texts([0x0f, 0x90, 0xc3], 1)).toEqual(['1 nop', '2 ret']);
  expect(await texts([0x48], 0)).toEqual(['0 (bad)']);
  expect(await texts([], 0)).toEqual([]);
});

test('the lines have their own bytes', async () => {
  const [call] = await codeLines(Uint8Array.of(0xe8, 0, 0, 0, 0, 0x90), START, START, 64);
  expect(call!.bytes).toEqual(Uint8Array.of(0xe8, 0, 0, 0, 0));
  expect(call!.instruction.target).toBe(START + 5n);
});
