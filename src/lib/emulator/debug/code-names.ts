/** The names that are needed to show a piece of code, without decoding it. SDM 2, opcodes of near branches. */
import type { Symbols } from '../symbols.ts';

/** One byte of distance: Jcc, LOOPcc, JCXZ, JMP. */
const isShort = (opcode: number): boolean => (opcode & 0xf0) === 0x70 || (opcode & 0xfc) === 0xe0 || opcode === 0xeb;
/** A distance as wide as operands are: CALL, JMP, and Jcc behind 0x0f. */
const isNear = (opcode: number, before: number | undefined): boolean =>
  (opcode & 0xfe) === 0xe8 || ((opcode & 0xf0) === 0x80 && before === 0x0f);

/**
 * Of `start`, of each symbol in the bytes, and of what near branches go to. Wherever a branch may lie, one is taken to lie:
 * where instructions begin is for others to find out, and a name too many does no harm.
 * @param start address of the first of `bytes`
 * @param codeSize 16, 32 or 64
 */
export function codeNames(
  symbols: Symbols,
  start: bigint,
  bytes: Uint8Array,
  codeSize: 16 | 32 | 64
): ReadonlyMap<bigint, string> {
  const names = new Map<bigint, string>();
  const add = (address: bigint): void => {
    const name = symbols.nameOf(address);
    if (name !== undefined) names.set(address, name);
  };
  add(start);
  for (const address of symbols.within(start, bytes.length)) add(address);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const bits = codeSize === 64 ? 64 : 32;
  const goes = (end: number, distance: number): void =>
    add(BigInt.asUintN(bits, start + BigInt(end) + BigInt(distance)));
  for (let at = 0; at < bytes.length; at++) {
    const opcode = bytes[at]!;
    if (isShort(opcode) && at + 2 <= bytes.length) goes(at + 2, view.getInt8(at + 1));
    else if (isNear(opcode, bytes[at - 1])) {
      if (at + 5 <= bytes.length) goes(at + 5, view.getInt32(at + 1, true));
      if (codeSize !== 64 && at + 3 <= bytes.length) goes(at + 3, view.getInt16(at + 1, true));
    }
  }
  return names;
}
