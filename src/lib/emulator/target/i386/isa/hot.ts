/**
 * The shapes whose code is in line in the interpreter's loop: what compilers emit most. They are found by decoding one
 * example of each form of the rows named here. Everything else is a function made when it is first met.
 */
import type { Shape } from './backend.ts';
import { decoderFor } from './decode.ts';
import type { Row } from './insn.ts';
import { shapeKey, shapeOf } from './shape.ts';
import { TABLE } from './table.ts';

const HOT = new Set(
  `add or adc sbb and sub xor cmp test mov lea movzx movsx movsxd inc dec neg not push pop jmp call ret jcc
   shl shr sar imul nop setcc cmovcc leave cbw cwd endbr64 xchg bt`.split(/\s+/)
);
/** Rare enough among the hot. */
const COLD_OPERANDS = /^(S|M?p|ES|CS|SS|DS|FS|GS|O)/;
const PREFIXES = { 64: [[], [0x48]], 32: [[]] } as const;
const MODRM = { reg: 0xc0, mem: 0x00 } as const;

/** The code sizes whose shapes are in the loop: 64-bit, and flat 32-bit. */
export function hotShapes(sizes: readonly (32 | 64)[] = [64, 32]): readonly Shape[] {
  const decode = decoderFor();
  const shapes = new Map<string, Shape>();
  for (const code of sizes)
    for (const row of TABLE) {
      if (row.vex || row.prefix === '66' || !row.semantics || !HOT.has(row.semantics)) continue;
      if (row.operands.some((operand) => COLD_OPERANDS.test(operand))) continue;
      for (const prefix of PREFIXES[code])
        for (const mod of [MODRM.reg, MODRM.mem]) {
          const insn = decode(example(row, prefix, mod), 0, code);
          if (typeof insn === 'string' || insn.row !== row || insn.size === 2) continue;
          const shape = shapeOf(insn, code, code === 64 ? 8 : 4);
          shapes.set(shapeKey(shape), shape);
        }
    }
  return [...shapes.values()];
}

/** Bytes of an instruction of a row; what follows the ModRM byte is zeros. */
function example(row: Row, prefix: readonly number[], mod: number): Uint8Array {
  const mandatory = row.prefix === 'f3' ? [0xf3] : row.prefix === 'f2' ? [0xf2] : [];
  const escape = row.map === '' ? [] : row.map === '0f' ? [0x0f] : [0x0f, row.map === '0f38' ? 0x38 : 0x3a];
  const modrm = (mod | ((row.reg ?? 0) << 3) | (row.rm ?? 1)) & 0xff;
  const bytes = [...mandatory, ...prefix, ...escape, row.opcode, modrm];
  return Uint8Array.from({ length: 32 }, (_, at) => bytes[at] ?? 0);
}
