/**
 * Bytes to instructions, by the table. What depends on more than the bytes and the code size is left to semantics:
 * privilege, CR0.PE and EFLAGS.VM (rows of mode `protected`), CR4, XCR0.
 *
 *   instruction ::= prefix* (rex? opcode | vex opcode) modrm? sib? displacement? immediate*      at most 15 bytes
 *
 * SDM 2A, chapter 2; QEMU target/i386/tcg/decode-new.c.inc disas_insn, translate.c gen_lea_modrm_0.
 */
import { R_CS, R_DS, R_ES, R_FS, R_GS, R_SS, R_ZERO } from '../env.ts';
import type { CodeSize, DecodeFault, Insn, MemoryOperand, Operand, Row, Size } from './insn.ts';
import { TABLE } from './table.ts';

const MAX_LENGTH = 15;

const NP = 0;
const P66 = 1;
const PF3 = 2;
const PF2 = 3;
const PREFIXES = { np: NP, '66': P66, f3: PF3, f2: PF2 } as const;

const MAPS = ['', '0f', '0f38', '0f3a'] as const;

/** What a row asks of an encoding, as one number under a mask: ModRM, mod = 3, prefix, W, L, 64-bit mode. */
const KEY = { mod3: 1 << 8, prefix: 9, w: 1 << 11, l: 1 << 12, long: 1 << 13 };

type Read = (d: Reader) => Operand;

interface Candidate {
  readonly row: Row;
  readonly mask: number;
  readonly key: number;
  readonly reads: readonly Read[];
  /** VEX.vvvv is an operand. */
  readonly vvvv: boolean;
  readonly rep: 0 | 1 | 2;
}

/** The rows of one opcode. */
interface Slot {
  readonly modrm: boolean;
  /** By ModRM.reg, or one list for all. */
  readonly candidates: readonly (readonly Candidate[])[];
}

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

/** One instruction being read. One object serves all: nothing of it outlives `decode` but what is copied. */
class Reader {
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

/** How an operand of the table is read. */
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
function readerOf(operand: string): Read {
  let read = readers.get(operand);
  if (read === undefined) readers.set(operand, (read = reader(operand)));
  return read;
}

/** Kinds of operands that are in ModRM, or need its bytes. */
const IN_MODRM = /^(VM|[CDEGMNPQRSUVW](?![A-Z])|STi)/;

function candidate(row: Row): Candidate {
  let mask = 0;
  let key = 0;
  const ask = (bits: number, value: number): void => {
    mask |= bits;
    key |= value;
  };
  if (row.prefix !== undefined) ask(3 << KEY.prefix, PREFIXES[row.prefix] << KEY.prefix);
  if (row.reg !== undefined) ask(0x38, row.reg << 3);
  if (row.rm !== undefined) ask(7, row.rm);
  if (row.mod !== undefined) ask(KEY.mod3, row.mod === 'reg' ? KEY.mod3 : 0);
  const w = row.w ?? row.vex?.w;
  if (w !== undefined) ask(KEY.w, w ? KEY.w : 0);
  if (row.vex?.l !== undefined) ask(KEY.l, row.vex.l ? KEY.l : 0);
  if (row.mode === 'only64') ask(KEY.long, KEY.long);
  if (row.mode === 'not64') ask(KEY.long, 0);
  return {
    row,
    mask,
    key,
    reads: row.operands.map(readerOf),
    vvvv: row.operands.some((operand) => /^[BH]/.test(operand)),
    rep: row.rep === undefined ? 0 : row.rep === 'rep' ? 1 : 2
  };
}

/** Slots by encoding (legacy, VEX), map and opcode: index (vex * 4 + map) * 256 + opcode. */
function slots(has: (feature: string) => boolean): readonly (Slot | undefined)[] {
  const lists: Candidate[][] = [];
  for (const row of TABLE) {
    if (row.feature !== undefined && !has(row.feature)) continue;
    const at = ((row.vex === undefined ? 0 : 4) + MAPS.indexOf(row.map)) * 256 + row.opcode;
    (lists[at] ??= []).push(candidate(row));
  }
  return Array.from({ length: 8 * 256 }, (_, at): Slot | undefined => {
    const list = lists[at];
    if (list === undefined) return undefined;
    const modrm = list.some(({ row, mask }) => (mask & 0x1ff) !== 0 || row.operands.some((o) => IN_MODRM.test(o)));
    const grouped = list.length > 4 && list.some(({ row }) => row.reg !== undefined);
    const candidates = Array.from({ length: grouped ? 8 : 1 }, (__, reg) =>
      grouped ? list.filter(({ row }) => row.reg === undefined || row.reg === reg) : list
    );
    return { modrm, candidates };
  });
}

/**
 * Decodes the instruction at `bytes[offset]`. `limit` is the end of what may be read, the end of `bytes` when absent: an
 * instruction that goes on beyond is `fetch`.
 */
export type Decode = (bytes: Uint8Array, offset: number, code: CodeSize, limit?: number) => Insn | DecodeFault;

/** A decoder for a CPU: rows of features that `has` denies do not exist, so that their bytes are #UD or an older meaning. */
export function decoderFor(has: (feature: string) => boolean = () => true): Decode {
  const table = slots(has);
  const d = new Reader();
  d.cr8legacy = has('cr8legacy');

  return function decode(bytes, offset, code, limit = bytes.length) {
    d.bytes = bytes;
    d.start = d.pos = offset;
    d.end = Math.min(limit, offset + MAX_LENGTH);
    d.code = code;
    d.fault = undefined;
    d.segment = -1;
    d.rex = false;
    d.rexR = d.rexX = d.rexB = d.vvvv = d.modrm = 0;
    d.wide = false;
    d.lock = false;
    d.ea = undefined;

    const long = code === 64;
    let data = false;
    let address = false;
    let repeat = 0;
    let rex = 0;
    let opcode: number;
    prefixes: for (;;) {
      opcode = d.u8();
      if (d.fault !== undefined) return d.fault;
      switch (opcode) {
        case 0x26:
          if (d.segment < R_FS || !long) d.segment = R_ES;
          break;
        case 0x2e:
          if (d.segment < R_FS || !long) d.segment = R_CS;
          break;
        case 0x36:
          if (d.segment < R_FS || !long) d.segment = R_SS;
          break;
        case 0x3e:
          if (d.segment < R_FS || !long) d.segment = R_DS;
          break;
        case 0x64:
          d.segment = R_FS;
          break;
        case 0x65:
          d.segment = R_GS;
          break;
        case 0x66:
          data = true;
          break;
        case 0x67:
          address = true;
          break;
        case 0xf0:
          d.lock = true;
          break;
        case 0xf2:
        case 0xf3:
          repeat = opcode;
          break;
        default:
          if (!long || (opcode & 0xf0) !== 0x40) break prefixes;
          rex = opcode;
          continue;
      }
      rex = 0; // counts only next to the opcode
    }

    let w = (rex >> 3) & 1;
    let map = 0;
    let unused = 0; // VEX.vvvv, inverted: 0 unless an operand is there
    if (opcode === 0xc4 || opcode === 0xc5) {
      const second = d.u8();
      if (d.fault !== undefined) return d.fault;
      if (!long && second < 0xc0) {
        d.pos--; // LES, LDS
      } else {
        if (data || repeat !== 0 || d.lock || rex !== 0) return 'undefined';
        let last = second;
        map = 1;
        if (opcode === 0xc4) {
          last = d.u8();
          map = second & 0x1f;
          if (map === 0 || map > 3) return d.fault ?? 'undefined';
          if (long) {
            d.rexX = (~second >> 3) & 8;
            d.rexB = (~second >> 2) & 8;
          }
          w = last >> 7;
        }
        if (long) d.rexR = (~second >> 4) & 8;
        unused = (~last >> 3) & 15;
        d.vvvv = long ? unused : unused & 7;
        d.wide = (last & 4) !== 0;
        const pp = last & 3;
        data = pp === P66;
        repeat = pp === PF3 ? 0xf3 : pp === PF2 ? 0xf2 : 0;
        opcode = d.u8();
        map += 4;
        d.rex = true; // never AH CH DH BH
      }
    } else {
      if (rex !== 0) {
        d.rex = true;
        d.rexR = (rex & 4) << 1;
        d.rexX = (rex & 2) << 2;
        d.rexB = (rex & 1) << 3;
      }
      if (opcode === 0x0f) {
        map = 1;
        opcode = d.u8();
        if (opcode === 0x38 || opcode === 0x3a) {
          map = opcode === 0x38 ? 2 : 3;
          opcode = d.u8();
        }
      }
    }
    d.opcode = opcode;
    if (d.fault !== undefined) return d.fault;

    const slot = table[map * 256 + opcode];
    if (slot === undefined) return 'undefined';
    let modrm = 0;
    if (slot.modrm) {
      modrm = d.modrm = d.u8();
      if (d.fault !== undefined) return d.fault;
    }
    const prefix = repeat === 0xf2 ? PF2 : repeat === 0xf3 ? PF3 : data ? P66 : NP;
    const key =
      modrm |
      (modrm >= 0xc0 ? KEY.mod3 : 0) |
      (prefix << KEY.prefix) |
      (w ? KEY.w : 0) |
      (d.wide ? KEY.l : 0) |
      (long ? KEY.long : 0);
    const list = slot.candidates.length === 1 ? slot.candidates[0]! : slot.candidates[(modrm >> 3) & 7]!;
    let found: Candidate | undefined;
    for (let i = 0; i < list.length; i++) {
      const each = list[i]!;
      if ((key & each.mask) === each.key) {
        found = each;
        break;
      }
    }
    if (found === undefined) return 'undefined';
    // 90 is XCHG with R8 under REX.B, PAUSE and NOP else.
    if (opcode === 0x90 && map === 0 && d.rexB !== 0) found = list[list.length - 1]!;
    const { row, reads } = found;
    if (unused !== 0 && !found.vvvv) return 'undefined';

    if (long) {
      d.addressSize = address ? 4 : 8;
      if (row.size64 === 'forced') d.size = 8;
      else d.size = w ? 8 : data && map < 4 ? 2 : row.size64 === 'default' ? 8 : 4;
    } else {
      d.addressSize = (code === 32) !== address ? 4 : 2;
      d.size = (code === 32) !== (data && map < 4) ? 4 : 2;
    }

    const operands: Operand[] = [];
    for (let i = 0; i < reads.length; i++) operands.push(reads[i]!(d));
    if (d.fault !== undefined) return d.fault;
    if (d.lock && !(row.lock === true && operands[0]!.kind === 'mem')) return 'undefined';

    return {
      row,
      length: d.pos - offset,
      size: d.size,
      addressSize: d.addressSize,
      operands,
      condition: opcode & 15,
      lock: d.lock,
      rep: repeat === 0 || found.rep === 0 ? 'none' : repeat === 0xf2 && found.rep === 2 ? 'repne' : 'rep',
      segment: d.segment < 0 ? R_DS : d.segment,
      wide: d.wide
    };
  };
}

/** For a CPU that has everything in the table. */
export const decode: Decode = decoderFor();
