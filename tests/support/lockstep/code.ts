/** Instructions in the memory of our machine, as iced-x86 sees them. */
import iced from 'iced-x86';
import type { TcgCpu } from '../../../src/lib/emulator/accel/tcg/cpu-exec.ts';
import { CPUException, FLAG, HF, R_CS } from '../../../src/lib/emulator/target/i386/env.ts';

const {
  Decoder,
  DecoderError,
  DecoderOptions,
  Formatter,
  FormatterSyntax,
  InstructionInfoFactory,
  Mnemonic,
  OpAccess,
  Register,
  RegisterExt
} = iced;
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

const PAGE = 4096n;

/** Bytes of the instruction, and others behind it in its page: a page that it is not in is not to count as accessed. */
function bytesAt({ mmu }: TcgCpu, { linear, bits }: Place): Uint8Array {
  const bytes: number[] = [];
  const read = (length: number): void => {
    while (bytes.length < length) bytes.push(mmu.load8(linear + BigInt(bytes.length), 'kernel'));
  };
  try {
    read(Math.min(LONGEST, Number(PAGE - (linear % PAGE))));
    while (bytes.length < LONGEST) {
      const decoder = new Decoder(bits, Uint8Array.from(bytes), DecoderOptions.None);
      decoder.decode();
      if (decoder.lastError !== DecoderError.NoMoreBytes) break;
      read(bytes.length + 1);
    }
  } catch (fault) {
    if (!(fault instanceof CPUException)) throw fault;
  }
  return Uint8Array.from(bytes);
}

function decoded(cpu: TcgCpu, place: Place): iced.Instruction {
  const decoder = new Decoder(place.bits, bytesAt(cpu, place), DecoderOptions.None);
  decoder.ip = place.eip;
  return decoder.decode();
}

/** `cs:eip  bytes  text` */
export function disassembled(cpu: TcgCpu, place: Place): string {
  const insn = decoded(cpu, place);
  const text = new Formatter(FormatterSyntax.Nasm).format(insn);
  const bytes = Buffer.from(bytesAt(cpu, place).subarray(0, insn.length)).toString('hex');
  return `${place.eip.toString(16).padStart(place.bits / 4, '0')}  ${bytes.padEnd(24)}  ${text}`;
}

/** iced's RflagsBits in order, as bits of EFLAGS. */
const RFLAGS = [FLAG.OF, FLAG.SF, FLAG.ZF, FLAG.AF, FLAG.CF, FLAG.PF, FLAG.DF, FLAG.IF, FLAG.AC];
/** From bit 10 on: C0 to C3, as bits of the x87's status word. */
const CONDITIONS = [0x100, 0x200, 0x400, 0x4000];

export interface Effects {
  /** Of INT n. */
  readonly vector: number | undefined;
  /** Flags that it leaves undefined, and that it may change at all. */
  readonly undefinedFlags: number;
  readonly changedFlags: number;
  /** Of the x87's status word. */
  readonly undefinedConditions: number;
  readonly isCpuid: boolean;
  /** It reads what it then writes, in memory. */
  readonly modifiesMemory: boolean;
  /** General registers that it writes, by number. */
  readonly writes: ReadonlySet<number>;
  /** A string instruction that repeats. */
  readonly repeats: boolean;
}

/** What was worked out before, by the code's size and bytes. */
const known = new Map<string, Effects>();

/** What an instruction may do, by the manuals. */
export function effectsOf(cpu: TcgCpu, place: Place): Effects {
  const key = `${place.bits} ${Buffer.from(bytesAt(cpu, place)).toString('latin1')}`;
  const effects = known.get(key) ?? workOut(decoded(cpu, place));
  known.set(key, effects);
  return effects;
}

function workOut(insn: iced.Instruction): Effects {
  const picked = (masks: readonly number[], bits: number): number =>
    masks.reduce((sum, mask, i) => sum | ((bits >> i) & 1 ? mask : 0), 0);
  const writes = new Set<number>();
  const info = new InstructionInfoFactory().info(insn);
  for (const used of info.usedRegisters()) {
    const reads = used.access === OpAccess.Read || used.access === OpAccess.CondRead;
    const full = RegisterExt.fullRegister(used.register);
    if (!reads && RegisterExt.isGPR(used.register)) writes.add(full - Register.RAX);
  }
  return {
    vector: insn.mnemonic === Mnemonic.Int ? insn.immediate8 : undefined,
    undefinedFlags: picked(RFLAGS, insn.rflagsUndefined),
    changedFlags: picked(RFLAGS, insn.rflagsModified),
    undefinedConditions: picked(CONDITIONS, insn.rflagsUndefined >> 10),
    modifiesMemory: info
      .usedMemory()
      .some(({ access }) => access === OpAccess.ReadWrite || access === OpAccess.ReadCondWrite),
    isCpuid: insn.mnemonic === Mnemonic.Cpuid,
    writes,
    repeats: insn.isStringInstruction && (insn.hasRepePrefix || insn.hasRepnePrefix)
  };
}
