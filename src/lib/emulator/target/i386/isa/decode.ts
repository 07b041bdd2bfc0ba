/**
 * Bytes to instructions, by the table. What depends on more than the bytes and the code size is left to semantics:
 * privilege, CR0.PE and EFLAGS.VM (rows of mode `protected`), CR4, XCR0.
 *
 *   instruction ::= prefix* (rex? opcode | vex opcode) modrm? sib? displacement? (immediate* | suffix)      at most 15 bytes
 *
 * SDM 2A, chapter 2; QEMU target/i386/tcg/decode-new.c.inc disas_insn, translate.c gen_lea_modrm_0.
 */
import { R_CS, R_DS, R_ES, R_FS, R_GS, R_SS } from '../env.ts';
import { MAX_LENGTH, Reader, readerOf, type Read } from './decode-operands.ts';
import type { CodeSize, DecodeFault, Insn, Operand, Row } from './insn.ts';
import { TABLE } from './table.ts';

const NP = 0;
const P66 = 1;
const PF3 = 2;
const PF2 = 3;
const PREFIXES = { np: NP, '66': P66, f3: PF3, f2: PF2 } as const;

const MAPS = ['', '0f', '0f38', '0f3a'] as const;

/** What a row asks of an encoding, as one number under a mask: ModRM, mod = 3, prefix, W, L, 64-bit mode. */
const KEY = { mod3: 1 << 8, prefix: 9, w: 1 << 11, l: 1 << 12, long: 1 << 13 };

interface Candidate {
  readonly row: Row;
  readonly mask: number;
  readonly key: number;
  readonly reads: readonly Read[];
  /** VEX.vvvv is an operand. */
  readonly vvvv: boolean;
  readonly rep: 0 | 1 | 2;
  /** 3DNow!: all of a slot have one, and the same operands. */
  readonly suffix: number | undefined;
}

/** The rows of one opcode. */
interface Slot {
  readonly modrm: boolean;
  /** By ModRM.reg, or one list for all. */
  readonly candidates: readonly (readonly Candidate[])[];
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
    rep: row.rep === undefined ? 0 : row.rep === 'rep' ? 1 : 2,
    suffix: row.suffix
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
    const { reads } = found;
    let { row } = found;
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
    if (found.suffix !== undefined) {
      const suffix = d.u8();
      const named = list.find((each) => each.suffix === suffix);
      if (named === undefined) return d.fault ?? 'undefined';
      row = named.row;
    }
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
