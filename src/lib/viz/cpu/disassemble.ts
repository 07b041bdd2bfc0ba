/** Bytes as x86 instructions, by iced-x86, which is fetched when first wanted. */
import type { Bitness } from './vcpu.ts';

export interface Instruction {
  /** Offset in the bytes. */
  readonly offset: number;
  readonly length: number;
  readonly mnemonic: string;
  readonly operands: string;
  readonly valid: boolean;
  /** Where a near branch or call goes, as an address. */
  readonly target?: bigint;
}

/**
 * Decodes from `start` to the end. What is no instruction is one byte of `(bad)`, and decoding goes on behind it.
 * @param address of the first of `bytes`, for branch targets
 */
export async function disassemble(
  bytes: Uint8Array,
  address: bigint,
  bitness: Bitness,
  start = 0
): Promise<readonly Instruction[]> {
  const { default: load } = await import('virtual:iced-x86');
  const { Decoder, DecoderOptions, FastFormatter, FlowControl, Instruction: Decoded } = await load();
  const decoder = new Decoder(bitness, bytes.subarray(start), DecoderOptions.None);
  const formatter = new FastFormatter();
  formatter.useHexPrefix = true;
  formatter.uppercaseHex = false;
  const decoded = new Decoded();
  const out: Instruction[] = [];
  const branches: ReadonlySet<number> = new Set([
    FlowControl.UnconditionalBranch,
    FlowControl.ConditionalBranch,
    FlowControl.Call
  ]);
  try {
    decoder.ip = BigInt.asUintN(64, address + BigInt(start));
    while (decoder.canDecode) {
      const offset = start + decoder.position;
      decoder.decodeOut(decoded);
      if (decoded.isInvalid) {
        out.push({ offset, length: 1, mnemonic: '(bad)', operands: '', valid: false });
        decoder.position = offset - start + 1;
        decoder.ip = BigInt.asUintN(64, address + BigInt(offset + 1));
        continue;
      }
      const text = formatter.format(decoded);
      const space = text.indexOf(' ');
      const target = branches.has(decoded.flowControl) ? decoded.nearBranchTarget : 0n;
      out.push({
        offset,
        length: decoded.length,
        mnemonic: space < 0 ? text : text.slice(0, space),
        operands: space < 0 ? '' : text.slice(space + 1),
        valid: true,
        ...(target === 0n ? {} : { target })
      });
    }
  } finally {
    decoded.free();
    formatter.free();
    decoder.free();
  }
  return out;
}

/** How long the instruction is that begins at each of the bytes; 0 where none does, or it goes beyond the end. */
export async function instructionLengths(bytes: Uint8Array, bitness: Bitness): Promise<readonly number[]> {
  const { default: load } = await import('virtual:iced-x86');
  const { Decoder, DecoderOptions, Instruction: Decoded } = await load();
  const decoder = new Decoder(bitness, bytes, DecoderOptions.None);
  const decoded = new Decoded();
  try {
    return Array.from(bytes, (_, at) => {
      decoder.position = at;
      decoder.decodeOut(decoded);
      return decoded.isInvalid ? 0 : decoded.length;
    });
  } finally {
    decoded.free();
    decoder.free();
  }
}
