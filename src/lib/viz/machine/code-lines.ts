/** The instructions around an address: those before it too, as far as decoding meets it. */
import { disassemble, type Instruction } from '../cpu/disassemble.ts';
import type { Bitness } from '../cpu/vcpu.ts';

export interface CodeLine {
  readonly address: bigint;
  readonly bytes: Uint8Array;
  readonly instruction: Instruction;
}

/** Bytes before the address in which a beginning is looked for: some ten instructions. */
export const BEFORE = 48;
/** Bytes from the address on. */
export const AFTER = 512;

/**
 * x86 code cannot be read backwards: decoding begins at the farthest byte from which it arrives at the address.
 * @param bytes from `start` on
 * @param address in them, where an instruction begins
 */
export async function codeLines(
  bytes: Uint8Array,
  start: bigint,
  address: bigint,
  bitness: Bitness
): Promise<readonly CodeLine[]> {
  const at = Number(address - start);
  let found: readonly Instruction[] = [];
  for (let from = 0; from <= at; from++) {
    const before = from === at ? [] : await disassemble(bytes.subarray(0, at), start, bitness, from);
    const last = before.at(-1);
    const meets = last === undefined || (last.offset + last.length === at && before.every((i) => i.valid));
    if (!meets) continue;
    found = [...before, ...(await disassemble(bytes, start, bitness, at))];
    break;
  }
  return found.map((instruction) => ({
    address: BigInt.asUintN(64, start + BigInt(instruction.offset)),
    bytes: bytes.subarray(instruction.offset, instruction.offset + instruction.length),
    instruction
  }));
}
