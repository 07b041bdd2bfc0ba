/** Instructions in the memory of our machine, as iced-x86 sees them. */
import iced from 'iced-x86';
import type { TcgCpu } from '../../../src/lib/emulator/accel/tcg/cpu-exec.ts';
import { FLAG, HF, R_CS } from '../../../src/lib/emulator/target/i386/env.ts';

const { Decoder, DecoderOptions, FlowControl, Formatter, FormatterSyntax, InstructionInfoFactory, OpAccess, Register, RegisterExt } =
  iced;
const LONGEST = 15;

export interface Place {
  readonly linear: bigint;
  readonly eip: bigint;
  readonly bits: 16 | 32 | 64;
}

/** What the CPU executes next. */
export function placeOf({ env }: TcgCpu): Place {
  const hflags = env.get('hflags');
  const eip = env.get64('eip');
  const bits = hflags & HF.CS64 ? 64 : hflags & HF.CS32 ? 32 : 16;
  return { eip, bits, linear: BigInt.asUintN(bits === 64 ? 64 : 32, env.get64('seg_base', R_CS) + eip) };
}

/** As far as they are mapped. */
function bytesAt({ mmu }: TcgCpu, linear: bigint): Uint8Array {
  const bytes: number[] = [];
  try {
    while (bytes.length < LONGEST) bytes.push(mmu.load8(linear + BigInt(bytes.length), 'kernel'));
  } catch {
    // the next page is not there
  }
  return Uint8Array.from(bytes);
}

const decoded = (cpu: TcgCpu, { linear, eip, bits }: Place): iced.Instruction => {
  const decoder = new Decoder(bits, bytesAt(cpu, linear), DecoderOptions.None);
  decoder.ip = eip;
  return decoder.decode();
};

/** `cs:eip  bytes  text` */
export function disassembled(cpu: TcgCpu, place: Place): string {
  const insn = decoded(cpu, place);
  const text = new Formatter(FormatterSyntax.Nasm).format(insn);
  const bytes = Buffer.from(bytesAt(cpu, place.linear).subarray(0, insn.length)).toString('hex');
  return `${place.eip.toString(16).padStart(place.bits / 4, '0')}  ${bytes.padEnd(24)}  ${text}`;
}

/** iced's RflagsBits in order, as bits of EFLAGS. */
const RFLAGS = [FLAG.OF, FLAG.SF, FLAG.ZF, FLAG.AF, FLAG.CF, FLAG.PF, FLAG.DF, FLAG.IF, FLAG.AC];

export interface Effects {
  /** INT n, INT3, INTO, INT1. */
  readonly interrupts: boolean;
  /** Flags that it leaves undefined, and that it may change at all. */
  readonly undefinedFlags: number;
  readonly changedFlags: number;
  /** General registers that it writes, by number. */
  readonly writes: ReadonlySet<number>;
  /** A string instruction that repeats. */
  readonly repeats: boolean;
}

/** What was worked out before, by the code's size and bytes. */
const known = new Map<string, Effects>();

/** What an instruction may do, by the manuals. */
export function effectsOf(cpu: TcgCpu, place: Place): Effects {
  const key = `${place.bits} ${Buffer.from(bytesAt(cpu, place.linear)).toString('latin1')}`;
  const effects = known.get(key) ?? workOut(decoded(cpu, place));
  known.set(key, effects);
  return effects;
}

function workOut(insn: iced.Instruction): Effects {
  const flags = (bits: number): number => RFLAGS.reduce((sum, flag, i) => sum | ((bits >> i) & 1 ? flag : 0), 0);
  const writes = new Set<number>();
  for (const used of new InstructionInfoFactory().info(insn).usedRegisters()) {
    const reads = used.access === OpAccess.Read || used.access === OpAccess.CondRead;
    const full = RegisterExt.fullRegister(used.register);
    if (!reads && RegisterExt.isGPR(used.register)) writes.add(full - Register.RAX);
  }
  return {
    interrupts: insn.flowControl === FlowControl.Interrupt,
    undefinedFlags: flags(insn.rflagsUndefined),
    changedFlags: flags(insn.rflagsModified),
    writes,
    repeats: insn.isStringInstruction && (insn.hasRepePrefix || insn.hasRepnePrefix)
  };
}
