/**
 * What iced-x86 decodes and what we decode, spelled the same way, so that the two can be compared as text:
 * length, prefixes that count, mnemonic, operands.
 */
import iced from 'iced-x86';
import type { CodeSize, Insn, Operand } from '../../src/lib/emulator/target/i386/isa/insn.ts';
import { R_ZERO } from '../../src/lib/emulator/target/i386/env.ts';

const { CpuidFeature, Decoder, DecoderOptions, Instruction, MemorySizeExt, Mnemonic, OpKind, Register } = iced;

const names = (all: object): string[] => {
  const out: string[] = [];
  for (const [name, value] of Object.entries(all)) if (typeof value === 'number') out[value] = name.toLowerCase();
  return out;
};
const MNEMONICS = names(Mnemonic);
const REGISTERS = names(Register);

const LEGACY = ['ax', 'cx', 'dx', 'bx', 'sp', 'bp', 'si', 'di'];
const LOW = ['al', 'cl', 'dl', 'bl', 'spl', 'bpl', 'sil', 'dil'];
const HIGH = ['ah', 'ch', 'dh', 'bh'];
const SEGMENTS = ['es', 'cs', 'ss', 'ds', 'fs', 'gs'];

function gpr(index: number, size: number, high = false): string {
  if (high) return HIGH[index]!;
  if (size === 1) return index < 8 ? LOW[index]! : `r${index}l`;
  if (index < 8) return (size === 8 ? 'r' : size === 4 ? 'e' : '') + LEGACY[index]!;
  return `r${index}${size === 8 ? '' : size === 4 ? 'd' : 'w'}`;
}

const hex = (value: bigint): string => value.toString(16);

/** Ours. Memory is `bytes:segment:[base+index*scale+displacement]`, the displacement cut to the address size. */
export function ours(insn: Insn, code: CodeSize): string {
  const address = insn.addressSize;
  const memory = (operand: Operand & { kind: 'mem' }): string => {
    const { mem, bytes } = operand;
    const vector = insn.operands[insn.row.operands.findIndex((o) => o.startsWith('VI'))];
    const parts: string[] = [];
    if (mem.ripRelative) parts.push(address === 8 ? 'rip' : 'eip');
    if (mem.base !== R_ZERO) parts.push(gpr(mem.base, address));
    const scale = 1 << mem.scale;
    if (mem.index !== R_ZERO) parts.push(`${gpr(mem.index, address)}*${scale}`);
    if (vector !== undefined) parts.push(`${vector.kind}${(vector as { index: number }).index}*${scale}`);
    return `${bytes}:${SEGMENTS[mem.segment]}:[${parts.join('+')}+${hex(BigInt.asUintN(address * 8, mem.disp))}]`;
  };
  const operand = (o: Operand, i: number): string => {
    switch (o.kind) {
      case 'reg':
        return gpr(o.index, o.size, o.high);
      case 'mem':
        return memory(o);
      case 'imm': {
        // Sign-extended bytes take part at the operand size.
        const extended = insn.row.operands[i]!.endsWith('bs') || (insn.row.operands[i] === 'Iz' && insn.size === 8);
        return hex(BigInt.asUintN((extended ? insn.size : o.size) * 8, o.value));
      }
      case 'rel':
        return `rel ${hex(BigInt.asUintN(code === 64 ? 64 : insn.size * 8, BigInt(o.value)))}`;
      case 'far':
        return `${hex(BigInt(o.selector))}:${hex(BigInt(o.offset))}`;
      case 'sreg':
        return SEGMENTS[o.index]!;
      case 'creg':
        return `cr${o.index}`;
      case 'dreg':
        return `dr${o.index}`;
      default:
        return `${o.kind}${o.index}`;
    }
  };
  const prefix = (insn.lock ? 'lock ' : '') + (insn.rep === 'none' ? '' : `${insn.rep} `);
  // A vector of indices is part of the memory operand.
  const operands = insn.operands.filter((_, i) => !insn.row.operands[i]!.startsWith('VI'));
  return `${insn.length} ${prefix}${mnemonic(insn)} ${operands.map(operand).join(',')}`;
}

/** Mnemonics that the table has once and the manuals once a size: by operand size, 2 to 8. */
const SIZED: Readonly<Record<string, Readonly<Partial<Record<number, string>>>>> = {
  cbw: { 2: 'cbw', 4: 'cwde', 8: 'cdqe' },
  cwd: { 2: 'cwd', 4: 'cdq', 8: 'cqo' },
  pushf: { 4: 'pushfd', 8: 'pushfq' },
  popf: { 4: 'popfd', 8: 'popfq' },
  pusha: { 4: 'pushad' },
  popa: { 4: 'popad' },
  iret: { 4: 'iretd', 8: 'iretq' },
  sysret: { 8: 'sysretq' },
  sysexit: { 8: 'sysexitq' },
  pcmpestri: { 8: 'pcmpestri64' },
  pcmpestrm: { 8: 'pcmpestrm64' },
  vpcmpestri: { 8: 'vpcmpestri64' },
  vpcmpestrm: { 8: 'vpcmpestrm64' },
  fwait: { 2: 'wait', 4: 'wait', 8: 'wait' },
  callf: { 2: 'call', 4: 'call', 8: 'call' },
  jmpf: { 2: 'jmp', 4: 'jmp', 8: 'jmp' },
  xlat: { 2: 'xlatb', 4: 'xlatb', 8: 'xlatb' }
};
const JCXZ = { 2: 'jcxz', 4: 'jecxz', 8: 'jrcxz' } as const;
const STRING = { 1: 'b', 2: 'w', 4: 'd', 8: 'q' } as const;

function mnemonic(insn: Insn): string {
  const { name } = insn.row;
  if (name === 'jcxz') return JCXZ[insn.addressSize];
  const memory = insn.operands.find((o) => o.kind === 'mem');
  if (/^(movs|cmps|stos|lods|scas|ins|outs)$/.test(name)) return name + STRING[memory!.bytes as 1 | 2 | 4 | 8];
  return SIZED[name]?.[insn.size] ?? name;
}

/**
 * What TCG's `-cpu max` lacks of what iced knows, so that we have no rows: they are #UD.
 * QEMU target/i386/cpu.c TCG_*_FEATURES; VMX, SMX and the like are KVM's only; XOP to LWP were AMD's.
 */
const ABSENT: ReadonlySet<number> = new Set([
  ...[CpuidFeature.AVX512F, CpuidFeature.AVX512VL, CpuidFeature.AVX512BW, CpuidFeature.AVX512DQ],
  ...[CpuidFeature.AVX512CD, CpuidFeature.AVX512ER, CpuidFeature.AVX512PF, CpuidFeature.AVX512_FP16],
  ...[CpuidFeature.AVX512_4FMAPS, CpuidFeature.AVX512_4VNNIW, CpuidFeature.AVX512_BF16, CpuidFeature.AVX512_BITALG],
  ...[CpuidFeature.AVX512_IFMA, CpuidFeature.AVX512_VBMI, CpuidFeature.AVX512_VBMI2, CpuidFeature.AVX512_VNNI],
  ...[CpuidFeature.AVX512_VP2INTERSECT, CpuidFeature.AVX512_VPOPCNTDQ, CpuidFeature.AVX_VNNI],
  ...[CpuidFeature.AVX_IFMA, CpuidFeature.AVX_NE_CONVERT, CpuidFeature.AVX_VNNI_INT8, CpuidFeature.AVX_VNNI_INT16],
  ...[CpuidFeature.GFNI, CpuidFeature.VPCLMULQDQ, CpuidFeature.SHA512, CpuidFeature.SM3, CpuidFeature.SM4],
  ...[CpuidFeature.KL, CpuidFeature.AESKLE, CpuidFeature.WIDE_KL, CpuidFeature.AMX_TILE, CpuidFeature.AMX_BF16],
  ...[CpuidFeature.AMX_INT8, CpuidFeature.AMX_FP16, CpuidFeature.AMX_COMPLEX, CpuidFeature.RAO_INT],
  ...[CpuidFeature.MOVDIRI, CpuidFeature.MOVDIR64B, CpuidFeature.ENQCMD, CpuidFeature.PTWRITE, CpuidFeature.WAITPKG],
  ...[CpuidFeature.VMX, CpuidFeature.INVEPT, CpuidFeature.INVVPID, CpuidFeature.SMX, CpuidFeature.SGX1],
  ...[CpuidFeature.TDX, CpuidFeature.SEV_ES, CpuidFeature.SEV_SNP, CpuidFeature.RMPQUERY, CpuidFeature.PCONFIG],
  ...[CpuidFeature.TSE, CpuidFeature.HRESET, CpuidFeature.UINTR, CpuidFeature.FRED, CpuidFeature.LKGS],
  ...[CpuidFeature.SERIALIZE, CpuidFeature.WRMSRNS, CpuidFeature.MSRLIST, CpuidFeature.CLZERO],
  ...[CpuidFeature.MONITORX, CpuidFeature.MCOMMIT, CpuidFeature.RDPRU, CpuidFeature.INVLPGB],
  ...[CpuidFeature.RTM, CpuidFeature.HLE_or_RTM, CpuidFeature.TSXLDTRK, CpuidFeature.CET_SS],
  ...[CpuidFeature.XSAVEC, CpuidFeature.XSAVES, CpuidFeature.XOP],
  ...[CpuidFeature.FMA4, CpuidFeature.TBM, CpuidFeature.LWP, CpuidFeature.PADLOCK_ACE, CpuidFeature.PADLOCK_PHE],
  ...[CpuidFeature.PADLOCK_PMM, CpuidFeature.PADLOCK_RNG, CpuidFeature.PADLOCK_GMI, CpuidFeature.PADLOCK_UNDOC]
]);

/** iced's decoder over `bytes`, reused. What QEMU has not is undefined, as what is invalid. */
export function icedDecoder(code: CodeSize, bytes: Uint8Array): (offset: number) => string | undefined {
  const decoder = new Decoder(code, bytes, DecoderOptions.None);
  const decoded = new Instruction();
  return (offset) => {
    decoder.position = offset;
    decoder.ip = 0n;
    decoder.decodeOut(decoded);
    if (decoded.isInvalid || decoded.cpuidFeatures().some((feature) => ABSENT.has(feature))) return undefined;
    return spelled(decoded, code);
  };
}

/** Selectors are 16 bits wide; iced calls some of them by the operand size. */
const SELECTOR = /^(lldt|ltr|verr|verw|lmsw|arpl)$/;

function spelled(insn: InstanceType<typeof Instruction>, code: CodeSize): string {
  let name = MNEMONICS[insn.mnemonic]!;
  let operands = Array.from({ length: insn.opCount }, (_, i) => operandOf(insn, i, code));
  if (SELECTOR.test(name)) operands = operands.map(word);
  else if (/^(lar|lsl)$/.test(name) || SEGMENTS.includes(operands[0]!))
    operands = operands.map((o, i) => (i === 1 ? word(o) : o));
  // Operands that only one of us names.
  if (/^v?maskmov(q|dqu)$/.test(name)) operands.shift();
  else if (/^(pblendvb|blendvp[sd]|sha256rnds2|v?pcmp[ei]strm(64)?)$/.test(name)) operands.push('xmm0');
  else if (name === 'xlatb') operands = [];
  // Hints and reserved NOPs.
  if (name === 'reservednop') [name, operands] = ['nop', operands.slice(0, 1)];
  else if (name === 'sal') name = 'shl';
  else if (name === 'fstpnce') name = 'fstp';
  const lock = insn.hasLockPrefix ? 'lock ' : '';
  let rep = '';
  if (insn.isStringInstruction) {
    if (insn.hasRepePrefix) rep = 'rep ';
    else if (insn.hasRepnePrefix) rep = /^(cmps|scas)/.test(name) ? 'repne ' : 'rep ';
  }
  return `${insn.length} ${lock}${rep}${name} ${operands.join(',')}`;
}

/** A general register as its low 16 bits. */
function word(operand: string): string {
  return operand.replace(/^[er]([a-ds][ipx])$/, '$1').replace(/^(r\d+)d?$/, '$1w');
}

function operandOf(insn: InstanceType<typeof Instruction>, i: number, code: CodeSize): string {
  const kind = insn.opKind(i);
  const segment = (): string => REGISTERS[insn.memorySegment]!;
  const bytes = (): number => MemorySizeExt.size(insn.memorySize);
  switch (kind) {
    case OpKind.Register:
      return REGISTERS[insn.opRegister(i)]!;
    case OpKind.NearBranch16:
    case OpKind.NearBranch32:
    case OpKind.NearBranch64: {
      const bits = kind === OpKind.NearBranch16 ? 16 : kind === OpKind.NearBranch32 ? 32 : 64;
      return `rel ${hex(BigInt.asUintN(bits, insn.nearBranchTarget - BigInt(insn.length)))}`;
    }
    case OpKind.FarBranch16:
    case OpKind.FarBranch32:
      return `${hex(BigInt(insn.farBranchSelector))}:${hex(BigInt(kind === OpKind.FarBranch16 ? insn.farBranch16 : insn.farBranch32))}`;
    case OpKind.Immediate8:
    case OpKind.Immediate8_2nd:
    case OpKind.Immediate16:
    case OpKind.Immediate32:
    case OpKind.Immediate64:
      return hex(insn.immediate(i));
    case OpKind.Immediate8to16:
      return hex(BigInt.asUintN(16, insn.immediate(i)));
    case OpKind.Immediate8to32:
      return hex(BigInt.asUintN(32, insn.immediate(i)));
    case OpKind.Immediate8to64:
    case OpKind.Immediate32to64:
      return hex(BigInt.asUintN(64, insn.immediate(i)));
    case OpKind.MemorySegSI:
    case OpKind.MemorySegESI:
    case OpKind.MemorySegRSI:
      return `${bytes()}:${segment()}:[${gpr(6, 2 << (kind - OpKind.MemorySegSI))}+0]`;
    case OpKind.MemorySegDI:
    case OpKind.MemorySegEDI:
    case OpKind.MemorySegRDI:
      return `${bytes()}:${segment()}:[${gpr(7, 2 << (kind - OpKind.MemorySegDI))}+0]`;
    case OpKind.MemoryESDI:
    case OpKind.MemoryESEDI:
    case OpKind.MemoryESRDI:
      return `${bytes()}:es:[${gpr(7, 2 << (kind - OpKind.MemoryESDI))}+0]`;
    case OpKind.Memory: {
      const parts: string[] = [];
      const ip = insn.isIpRelMemoryOperand;
      const base = insn.memoryBase;
      const index = insn.memoryIndex;
      if (base !== Register.None) parts.push(REGISTERS[base]!);
      if (index !== Register.None) parts.push(`${REGISTERS[index]}*${insn.memoryIndexScale}`);
      const size = addressSize(insn, code);
      const disp = ip ? insn.ipRelMemoryAddress - BigInt(insn.length) : insn.memoryDisplacement;
      return `${bytes()}:${segment()}:[${parts.join('+')}+${hex(BigInt.asUintN(size * 8, disp))}]`;
    }
    default:
      return `?${kind}`;
  }
}

/** Of a memory operand, from its registers or its displacement. */
function addressSize(insn: InstanceType<typeof Instruction>, code: CodeSize): number {
  const name = REGISTERS[insn.memoryBase !== Register.None ? insn.memoryBase : insn.memoryIndex]!;
  if (/^(r..|r\d+|rip)$/.test(name)) return 8;
  if (/^(e..|r\d+d|eip)$/.test(name)) return 4;
  if (/^(bx|bp|si|di)$/.test(name)) return 2;
  return insn.memoryDisplSize === 8 || insn.memoryDisplSize === 2 ? insn.memoryDisplSize : code === 64 ? 8 : 4;
}
