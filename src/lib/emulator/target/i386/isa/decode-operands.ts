/** Operands of instructions: from the notation of the table to what reads them. SDM 2A, 2.1; QEMU's decode_op. */
import { R_CS, R_DS, R_ES, R_FS, R_GS, R_SS, R_ZERO } from '../env.ts';
import type { CodeSize, DecodeFault, MemoryOperand, Operand, Size } from './insn.ts';

/** Bytes of the longest instruction. */
export const MAX_LENGTH = 15;

/** Takes what an operand needs from the bytes. */
export type Read = (d: Reader) => Operand;

// Operands that need no allocation.
const regs = (size: Size): readonly Operand[] =>
  Array.from({ length: 16 }, (_, index) => ({ kind: 'reg', index, size }) as const);
const R8 = regs(1);
const R16 = regs(2);
const R32 = regs(4);
const R64 = regs(8);
const HIGH: readonly Operand[] = [0, 1, 2, 3].map((index) => ({ kind: 'reg', index, size: 1, high: true }) as const);
const numbered = (kind: 'sreg' | 'creg' | 'dreg' | 'mm' | 'st' | 'xmm' | 'ymm', count: number): readonly Operand[] =>
  Array.from({ length: count }, (_, index) => ({ kind, index }) as Operand);
const SREG = numbered('sreg', 6);
const CREG = numbered('creg', 16);
const DREG = numbered('dreg', 8);
const MM = numbered('mm', 8);
const ST = numbered('st', 8);
const XMM = numbered('xmm', 16);
const YMM = numbered('ymm', 16);
const ONE: Operand = { kind: 'imm', value: 1n, size: 1 };
/** Small numbers as bigints: most displacements and immediates. */
const SMALL = Array.from({ length: 512 }, (_, i) => BigInt(i - 256));
const big = (value: number): bigint => (value >= -256 && value < 256 ? SMALL[value + 256]! : BigInt(value));

/** Base, index, segment of 16-bit ModRM.rm. SDM 2A, table 2-1. */
const EA16 = [
  [3, 6, R_DS],
  [3, 7, R_DS],
  [5, 6, R_SS],
  [5, 7, R_SS],
  [6, R_ZERO, R_DS],
  [7, R_ZERO, R_DS],
  [5, R_ZERO, R_SS],
  [3, R_ZERO, R_DS]
] as const;

/** One instruction being read. One object serves all: nothing of it outlives decoding but what is copied. */
export class Reader {
  bytes!: Uint8Array;
  start = 0;
  pos = 0;
  end = 0;
  code: CodeSize = 64;
  fault: DecodeFault | undefined;
  modrm = 0;
  opcode = 0;
  segment = -1;
  size: Size = 4;
  addressSize: 2 | 4 | 8 = 8;
  /** A REX prefix is there: SPL BPL SIL DIL instead of AH CH DH BH. */
  rex = false;
  rexR = 0;
  rexX = 0;
  rexB = 0;
  wide = false;
  vvvv = 0;
  lock = false;
  /** LOCK MOV CR0 means CR8. */
  cr8legacy = false;
  /** Of VM operands: the vector of indices. */
  vectorIndex = 0;
  /** The memory operand is made once: its bytes are read once. */
  ea: MemoryOperand | undefined;

  u8(): number {
    const at = this.pos;
    if (at >= this.end) return this.short();
    this.pos = at + 1;
    return this.bytes[at]!;
  }
  i8(): number {
    return (this.u8() << 24) >> 24;
  }
  u16(): number {
    const at = this.pos;
    if (at + 2 > this.end) return this.short();
    this.pos = at + 2;
    return this.bytes[at]! | (this.bytes[at + 1]! << 8);
  }
  i32(): number {
    const at = this.pos;
    if (at + 4 > this.end) return this.short();
    this.pos = at + 4;
    const { bytes } = this;
    return bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
  }
  u64(): bigint {
    const low = this.i32() >>> 0;
    const high = this.i32() >>> 0;
    return (BigInt(high) << 32n) | BigInt(low);
  }
  private short(): number {
    this.fault ??= this.end === this.start + MAX_LENGTH ? 'too-long' : 'fetch';
    return 0;
  }

  gpr(index: number, size: Size): Operand {
    if (size === 4) return R32[index]!;
    if (size === 8) return R64[index]!;
    if (size === 2) return R16[index]!;
    return index >= 4 && index < 8 && !this.rex ? HIGH[index - 4]! : R8[index]!;
  }

  effectiveAddress(vector: boolean): MemoryOperand {
    if (this.ea !== undefined) return this.ea;
    const mod = this.modrm >> 6;
    const rm = this.modrm & 7;
    let segment = R_DS;
    let base: number = R_ZERO;
    let index: number = R_ZERO;
    let scale = 0;
    let disp = 0;
    let ripRelative = false;
    if (this.addressSize === 2) {
      if (mod === 0 && rm === 6) disp = (this.u16() << 16) >> 16;
      else {
        [base, index, segment] = EA16[rm]!;
        if (mod === 1) disp = this.i8();
        else if (mod === 2) disp = (this.u16() << 16) >> 16;
      }
    } else {
      base = rm | this.rexB;
      let sib = false;
      if (rm === 4) {
        sib = true;
        const byte = this.u8();
        scale = byte >> 6;
        index = ((byte >> 3) & 7) | this.rexX;
        base = (byte & 7) | this.rexB;
        if (vector) {
          this.vectorIndex = index;
          index = R_ZERO;
        } else if (index === 4) {
          index = R_ZERO;
          scale = 0;
        }
      }
      if (mod === 0) {
        if ((base & 7) === 5) {
          base = R_ZERO;
          disp = this.i32();
          ripRelative = !sib && this.code === 64;
        }
      } else disp = mod === 1 ? this.i8() : this.i32();
      if (base === 4 || base === 5) segment = R_SS;
    }
    return (this.ea = {
      segment: this.segment < 0 ? segment : this.segment,
      base,
      index,
      scale: scale as 0 | 1 | 2 | 3,
      disp: big(disp),
      ripRelative
    });
  }

  memory(bytes: number): Operand {
    return { kind: 'mem', mem: this.effectiveAddress(false), bytes };
  }

  /** SDM 2A, 2.3.12: there is an SIB byte; result, mask and indices are three different registers. */
  vectorMemory(bytes: number): Operand {
    const mem = this.effectiveAddress(true);
    const result = ((this.modrm >> 3) & 7) | this.rexR;
    const index = this.vectorIndex;
    if ((this.modrm & 7) !== 4 || this.addressSize === 2) this.fault ??= 'undefined';
    if (result === index || result === this.vvvv || index === this.vvvv) this.fault ??= 'undefined';
    return { kind: 'mem', mem, bytes };
  }

  /** DS:rSI (which a prefix overrides) and ES:rDI. */
  string(base: number, segment: number, bytes: number): Operand {
    return {
      kind: 'mem',
      mem: { segment, base, index: R_ZERO, scale: 0, disp: 0n, ripRelative: false },
      bytes
    };
  }
}

/** Bytes of a size letter. */
type Bytes = (d: Reader) => number;
const BYTES: Readonly<Record<string, Bytes>> = {
  '': () => 0,
  b: () => 1,
  bs: () => 1,
  w: () => 2,
  d: () => 4,
  q: () => 8,
  t: () => 10,
  dq: () => 16,
  qq: () => 32,
  v: (d) => d.size,
  z: (d) => (d.size === 2 ? 2 : 4),
  y: (d) => (d.size === 2 ? 4 : d.size),
  x: (d) => (d.wide ? 32 : 16),
  xh: (d) => (d.wide ? 16 : 8),
  xq: (d) => (d.wide ? 8 : 4),
  xo: (d) => (d.wide ? 4 : 2),
  p: (d) => d.size + 2,
  s: (d) => (d.code === 64 ? 10 : 6),
  a: (d) => d.size * 2,
  e: (d) => (d.size === 2 ? 14 : 28),
  f: (d) => (d.size === 2 ? 94 : 108)
};

/** Operands that are spelled out. `eAX` is z-sized, `rAX` v-sized. */
const FIXED: Readonly<Record<string, Read>> = {
  '1': () => ONE,
  AL: () => R8[0]!,
  CL: () => R8[1]!,
  DX: () => R16[2]!,
  AX: () => R16[0]!,
  eAX: (d) => (d.size === 2 ? R16[0]! : R32[0]!),
  rAX: (d) => d.gpr(0, d.size),
  ES: () => SREG[R_ES]!,
  CS: () => SREG[R_CS]!,
  SS: () => SREG[R_SS]!,
  DS: () => SREG[R_DS]!,
  FS: () => SREG[R_FS]!,
  GS: () => SREG[R_GS]!,
  ST0: () => ST[0]!,
  STi: (d) => ST[d.modrm & 7]!,
  XMM0: () => XMM[0]!
};

function undefinedOperand(d: Reader, operand: Operand | undefined): Operand {
  if (operand !== undefined) return operand;
  d.fault ??= 'undefined';
  return ONE;
}

/** Which vector register a size asks for: `x` by VEX.L, `qq` the whole, others the low part. */
function vectors(size: string): (d: Reader) => readonly Operand[] {
  if (size === 'x') return (d) => (d.wide ? YMM : XMM);
  return size === 'qq' ? () => YMM : () => XMM;
}

function immediate(size: string, bytes: Bytes): Read {
  switch (size) {
    case 'b':
      return (d) => ({ kind: 'imm', value: big(d.u8()), size: 1 });
    case 'bs':
      return (d) => ({ kind: 'imm', value: big(d.i8()), size: 1 });
    case 'w':
      return (d) => ({ kind: 'imm', value: big(d.u16()), size: 2 });
    case 'z':
      return (d) =>
        d.size === 2
          ? { kind: 'imm', value: big((d.u16() << 16) >> 16), size: 2 }
          : { kind: 'imm', value: big(d.i32()), size: 4 };
    case 'v':
      return (d) => {
        const size = bytes(d) as Size;
        return { kind: 'imm', value: size === 8 ? d.u64() : big(size === 2 ? d.u16() : d.i32() >>> 0), size };
      };
    default:
      throw new Error(`no immediate I${size}`);
  }
}

function reader(operand: string): Read {
  const fixed = FIXED[operand];
  if (fixed !== undefined) return fixed;
  const [, kind, size] = /^(VM|VI|[A-Z])(.*)$/.exec(operand)!;
  const number = Number(size);
  const bytes = size !== '' && !Number.isNaN(number) ? () => number : BYTES[size!];
  if (bytes === undefined) throw new Error(`operand ${operand}`);
  const registers = vectors(size!);
  const vectorSize: Bytes = bytes;
  switch (kind) {
    case 'A':
      return (d) => {
        const offset = d.size === 2 ? d.u16() : d.i32() >>> 0;
        return { kind: 'far', offset, selector: d.u16(), size: d.size };
      };
    case 'B':
      return (d) => d.gpr(d.vvvv, bytes(d) as Size);
    case 'C':
      // QEMU decode_op: with LOCK CR0 is CR8 (AMD's cr8legacy); others than 0, 2, 3, 4, 8 do not exist.
      return (d) => {
        let index = ((d.modrm >> 3) & 7) | d.rexR;
        if (index === 0 && d.lock && d.cr8legacy) {
          index = 8;
          d.lock = false;
        }
        return undefinedOperand(d, (0x11d >> index) & 1 ? CREG[index] : undefined);
      };
    case 'D':
      return (d) => undefinedOperand(d, DREG[((d.modrm >> 3) & 7) | d.rexR]);
    case 'E':
      return (d) => (d.modrm >= 0xc0 ? d.gpr((d.modrm & 7) | d.rexB, bytes(d) as Size) : d.memory(bytes(d)));
    case 'G':
      return (d) => d.gpr(((d.modrm >> 3) & 7) | d.rexR, bytes(d) as Size);
    case 'H':
      return (d) => registers(d)[d.vvvv]!;
    case 'I':
      return immediate(size!, bytes);
    case 'J':
      // In 64-bit mode the displacement of `z` is 32 bits whatever the prefixes (as Intel; QEMU's z_f64).
      return size === 'b'
        ? (d) => ({ kind: 'rel', value: d.i8() })
        : (d) => ({ kind: 'rel', value: d.size === 2 && d.code !== 64 ? (d.u16() << 16) >> 16 : d.i32() });
    case 'L':
      return (d) => registers(d)[(d.u8() >> 4) & (d.code === 64 ? 15 : 7)]!;
    case 'M':
      return (d) => d.memory(bytes(d));
    case 'VM':
      return (d) => d.vectorMemory(bytes(d));
    case 'VI':
      return (d) => registers(d)[d.vectorIndex]!;
    case 'N':
      return (d) => MM[d.modrm & 7]!;
    case 'O':
      return (d) => {
        const disp =
          d.addressSize === 8 ? BigInt.asIntN(64, d.u64()) : big(d.addressSize === 4 ? d.i32() : (d.u16() << 16) >> 16);
        const segment = d.segment < 0 ? R_DS : d.segment;
        return {
          kind: 'mem',
          mem: { segment, base: R_ZERO, index: R_ZERO, scale: 0, disp, ripRelative: false },
          bytes: bytes(d)
        };
      };
    case 'P':
      return (d) => MM[(d.modrm >> 3) & 7]!;
    case 'Q':
      return (d) => (d.modrm >= 0xc0 ? MM[d.modrm & 7]! : d.memory(bytes(d)));
    case 'R':
      return (d) => d.gpr((d.modrm & 7) | d.rexB, bytes(d) as Size);
    case 'S':
      return (d) => undefinedOperand(d, SREG[(d.modrm >> 3) & 7]);
    case 'U':
      return (d) => registers(d)[(d.modrm & 7) | d.rexB]!;
    case 'V':
      return (d) => registers(d)[((d.modrm >> 3) & 7) | d.rexR]!;
    case 'W':
      return (d) => (d.modrm >= 0xc0 ? registers(d)[(d.modrm & 7) | d.rexB]! : d.memory(vectorSize(d)));
    case 'X':
      return (d) => d.string(6, d.segment < 0 ? R_DS : d.segment, bytes(d));
    case 'Y':
      return (d) => d.string(7, R_ES, bytes(d));
    case 'Z':
      return (d) => d.gpr((d.opcode & 7) | d.rexB, bytes(d) as Size);
    default:
      throw new Error(`operand ${operand}`);
  }
}

const readers = new Map<string, Read>();
/** How an operand, in the table's notation, is read. */
export function readerOf(operand: string): Read {
  let read = readers.get(operand);
  if (read === undefined) readers.set(operand, (read = reader(operand)));
  return read;
}
