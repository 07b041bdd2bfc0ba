/** The instructions around an address: those before it too, as far as decoding meets it. */
import { disassemble, instructionLengths, type Instruction } from '../cpu/disassemble.ts';
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
  const lengths = await instructionLengths(bytes.subarray(0, at), bitness);
  let first = at;
  /** Where decoding arrives at the address. */
  const arrives = new Set([at]);
  for (let from = at - 1; from >= 0; from--) {
    if (lengths[from] === 0 || !arrives.has(from + lengths[from]!)) continue;
    arrives.add(from);
    first = from;
  }
  const found = await disassemble(bytes, start, bitness, first);
  return found.map((instruction) => ({
    address: BigInt.asUintN(64, start + BigInt(instruction.offset)),
    bytes: bytes.subarray(instruction.offset, instruction.offset + instruction.length),
    instruction
  }));
}
