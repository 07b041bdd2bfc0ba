/**
 * One instruction in AT&T syntax, spelled as capstone does it for QEMU's monitor, by iced-x86, which is fetched when first
 * wanted. Source: QEMU disas/capstone.c.
 */
import load from 'virtual:iced-x86';
import type { Formatter, Instruction } from 'iced-x86';

type Iced = Awaited<ReturnType<typeof load>>;

/** The longest instruction, in bytes. */
export const LONGEST = 15;

export interface Decoded {
  readonly length: number;
  /** What capstone calls mnemonic: prefixes as `rep` are of it. */
  readonly mnemonic: string;
  readonly operands: string;
}

/**
 * @param address of the first of the bytes; branches are shown from there
 * @returns undefined when the instruction goes beyond the bytes
 */
export type Disassembler = (bytes: Uint8Array, address: bigint, bitness: 16 | 32 | 64) => Decoded | undefined;

/** What iced writes otherwise. */
const MNEMONICS: Readonly<Record<string, string>> = {
  ...{ movzxw: 'movzww', movsxw: 'movsww', movsxd: 'movslq', fwait: 'wait', arplw: 'arpl' },
  ...{ verww: 'verw', verrw: 'verr', fnsavel: 'fnsave', frstorl: 'frstor' }
};
/** Take no suffix of their size. */
const PLAIN = /^(leave|enter|bound|loop|loope|loopne|set[a-z]{1,2}?)[bwlq]$/;
/** These are about bits: an immediate is what it becomes, not a negative number. */
const OF_BITS = /^(and|or|xor)[bwlq]$/;

function formatterOf({ Formatter, FormatterSyntax }: Iced): Formatter {
  const formatter = new Formatter(FormatterSyntax.Gas);
  formatter.uppercaseHex = false;
  formatter.hexPrefix = '0x';
  formatter.smallHexNumbersInDecimal = true;
  formatter.gasShowMnemonicSizeSuffix = true;
  formatter.gasSpaceAfterMemoryOperandComma = true;
  formatter.ripRelativeAddresses = true;
  return formatter;
}

/** Kinds of operands that are written in a way of their own. */
interface Kinds {
  /** Immediates that are extended by their sign. */
  readonly signed: ReadonlySet<number>;
  /** Bits of where a branch goes. */
  readonly near: ReadonlyMap<number, number>;
  /** Of string instructions, in ES. */
  readonly ofEs: ReadonlySet<number>;
}

const kindsOf = ({ OpKind }: Iced): Kinds => ({
  signed: new Set([OpKind.Immediate8to16, OpKind.Immediate8to32, OpKind.Immediate8to64, OpKind.Immediate32to64]),
  near: new Map([
    [OpKind.NearBranch16, 16],
    [OpKind.NearBranch32, 32],
    [OpKind.NearBranch64, 64]
  ]),
  ofEs: new Set([OpKind.MemoryESDI, OpKind.MemoryESEDI, OpKind.MemoryESRDI])
});

/** Its operands, one a text. */
function operandsOf(
  { OpKind, Register, CodeSize, Mnemonic }: Iced,
  kinds: Kinds,
  formatter: Formatter,
  decoded: Instruction,
  address: bigint,
  mnemonic: string
): string[] {
  const wide = decoded.codeSize === CodeSize.Code64;
  const { signed, near, ofEs } = kinds;
  const segment = decoded.segmentPrefix;
  if (decoded.mnemonic === Mnemonic.Xlatb) return [];
  return Array.from({ length: formatter.operandCount(decoded) }, (_, n) => {
    const operand = formatter.getInstructionOperand(decoded, n);
    const kind = operand === undefined ? undefined : decoded.opKind(operand);
    const bits = kind === undefined ? undefined : near.get(kind);
    if (bits !== undefined) {
      // By the linear address, which is what the monitor asks by.
      const next = address + BigInt(decoded.length);
      const by = BigInt.asIntN(bits, decoded.nearBranchTarget - next);
      const to = BigInt.asUintN(wide ? 64 : 32, next + by);
      return to < 10n ? String(to) : `0x${to.toString(16)}`;
    }
    formatter.signedImmediateOperands = kind !== undefined && signed.has(kind) && !OF_BITS.test(mnemonic);
    const text = formatter.formatOperand(decoded, n).replace(', )', ')');
    if (kind === OpKind.FarBranch16 || kind === OpKind.FarBranch32) return text.replace(',', ', ');
    if (kind !== undefined && ofEs.has(kind)) {
      const rest = text.replace(/^%es:/, '');
      return wide ? rest : `%es:${rest}`;
    }
    // Prefixes that change nothing are shown, too.
    if (kind === OpKind.Memory && segment !== Register.None && !/%..:/.test(text))
      return text.replace(/^\*?/, `$&${formatter.formatRegister(segment)}:`);
    return text;
  });
}

function spell(
  iced: Iced,
  kinds: Kinds,
  formatter: Formatter,
  decoded: Instruction,
  address: bigint
): Omit<Decoded, 'length'> {
  const { FormatMnemonicOptions, Mnemonic } = iced;
  const whole = formatter.formatMnemonicOptions(decoded, FormatMnemonicOptions.None).replace(/\s+/g, ' ');
  const [, prefixes = '', name = ''] = /^(.* )?(\S+)$/.exec(whole) ?? [];
  if (decoded.mnemonic === Mnemonic.Nop && name.startsWith('xchg')) return { mnemonic: 'nop', operands: '' };
  const plain = PLAIN.exec(name)?.[1];
  const mnemonic = MNEMONICS[name] ?? plain ?? name;
  const operands = operandsOf(iced, kinds, formatter, decoded, address, name);
  // Of three operands the last two may be one register: both are shown.
  if (decoded.mnemonic === Mnemonic.Imul && decoded.opCount === 3 && operands.length === 2) operands.push(operands[1]!);
  return { mnemonic: prefixes + mnemonic, operands: operands.join(', ') };
}

let made: Promise<Disassembler> | undefined;

/** One for all: what it is made of is not given back. */
export function disassembler(): Promise<Disassembler> {
  return (made ??= load().then((iced) => {
    const formatter = formatterOf(iced);
    const kinds = kindsOf(iced);
    const { Decoder, DecoderError, DecoderOptions } = iced;
    return (bytes, address, bitness) => {
      const decoder = new Decoder(bitness, bytes, DecoderOptions.None);
      decoder.ip = address;
      const decoded = decoder.decode();
      try {
        if (decoder.lastError === DecoderError.NoMoreBytes) return undefined;
        if (decoded.isInvalid)
          return { length: 1, mnemonic: '.byte', operands: `0x${bytes[0]!.toString(16).padStart(2, '0')}` };
        return { length: decoded.length, ...spell(iced, kinds, formatter, decoded, address) };
      } finally {
        decoded.free();
        decoder.free();
      }
    };
  }));
}
