/**
 * How rows of the instruction table are written down: one line each, the encoding as in the manuals' opcode column.
 *
 *   encoding ::= ["vex" [".l0" | ".l1"] [".w0" | ".w1"]] [prefix] [map] opcode ["+r" | "+cc"] [extension] ["w0" | "w1"]
 *   prefix   ::= "np" | "66" | "f3" | "f2"               mandatory; np is none of the three
 *   map      ::= "0f" | "0f38" | "0f3a"
 *   opcode   ::= two hexadecimal digits; "+r" eight rows (a register in the low bits), "+cc" sixteen (a condition)
 *   extension::= "/" digit ["mem" | "reg"] | "mem" | "reg" | two hexadecimal digits (a whole ModRM byte)
 */
import type { Row } from './insn.ts';

export type Facts = Omit<
  Partial<Row>,
  'name' | 'map' | 'opcode' | 'operands' | 'prefix' | 'reg' | 'mod' | 'rm' | 'vex' | 'w'
>;

/** Encoding, mnemonic ("" ends of conditions are filled in for `cc`), operands, and what else is to be said. */
export type Line = readonly [encoding: string, name: string, operands?: string, facts?: Facts];

type Writable<T> = { -readonly [K in keyof T]: T[K] };

/** Names of conditions by their number. SDM 1, appendix B. */
export const CONDITIONS = [
  'o',
  'no',
  'b',
  'ae',
  'e',
  'ne',
  'be',
  'a',
  's',
  'ns',
  'p',
  'np',
  'l',
  'ge',
  'le',
  'g'
] as const;
/** The flags that each pair of conditions looks at. */
const CONDITION_FLAGS = ['O', 'C', 'Z', 'CZ', 'S', 'P', 'OS', 'OSZ'] as const;

/** Operands that are memory only, and vector registers in ModRM.rm, say what ModRM.mod has to be. */
const MEMORY = /^(M|VM)/;
const REGISTER = /^[NU]/;

function parse([encoding, name, operands = '', facts = {}]: Line): Writable<Row> & { low?: 'r' | 'cc' } {
  const tokens = encoding.split(' ');
  const row: Writable<Row> & { low?: 'r' | 'cc' } = {
    name,
    map: '',
    opcode: 0,
    operands: operands === '' ? [] : operands.split(','),
    semantics: name,
    ...facts
  };
  if (tokens[0]!.startsWith('vex')) {
    const vex: { l?: 0 | 1; w?: 0 | 1 } = {};
    for (const part of tokens.shift()!.split('.').slice(1)) vex[part[0] as 'l' | 'w'] = part[1] === '1' ? 1 : 0;
    row.vex = vex;
    row.mode ??= 'protected';
  }
  if (/^(np|66|f3|f2)$/.test(tokens[0]!)) row.prefix = tokens.shift() as NonNullable<Row['prefix']>;
  if (/^0f(38|3a)?$/.test(tokens[0]!) && tokens.length > 1) row.map = tokens.shift() as Row['map'];
  const [opcode, low] = tokens.shift()!.split('+');
  row.opcode = parseInt(opcode!, 16);
  if (low === 'r' || low === 'cc') row.low = low;
  for (const token of tokens) {
    if (token[0] === '/') row.reg = Number(token[1]);
    else if (token === 'mem' || token === 'reg') row.mod = token;
    else if (token === 'w0' || token === 'w1') row.w = token === 'w1' ? 1 : 0;
    else {
      const modrm = parseInt(token, 16);
      if (Number.isNaN(modrm)) throw new Error(`${encoding}: what is ${token}?`);
      row.mod = 'reg';
      row.reg = (modrm >> 3) & 7;
      row.rm = modrm & 7;
    }
  }
  for (const operand of row.operands) {
    if (MEMORY.test(operand)) row.mod ??= 'mem';
    else if (REGISTER.test(operand)) row.mod ??= 'reg';
  }
  return row;
}

/** Lines as rows; where several fit the same bytes, the first counts. */
export function rows(lines: readonly Line[]): readonly Row[] {
  return lines.flatMap((line): Row[] => {
    const { low, ...row } = parse(line);
    if (low === 'r') return Array.from({ length: 8 }, (_, i) => ({ ...row, opcode: row.opcode + i }));
    if (low === 'cc') {
      return CONDITIONS.map((condition, i) => ({
        ...row,
        name: row.name + condition,
        semantics: `${row.semantics}cc`,
        opcode: row.opcode + i,
        uses: CONDITION_FLAGS[i >> 1]!
      }));
    }
    return [row];
  });
}
