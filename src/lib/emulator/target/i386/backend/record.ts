/** Decoded instructions as records in memory; see RECORD for the format. */
import { ENV, R_ZERO, type Env } from '../env.ts';
import type { CodeSize, Insn, MemoryOperand, Operand } from '../isa/insn.ts';
import type { Handler } from './interpreter.ts';
import { envOffset } from './core-builder.ts';
import { HANDLER, KIND, RECORD } from './layout.ts';

const I32_MIN = -0x8000_0000n;
const I32_MAX = 0x7fff_ffffn;

/** What stands in the two bytes of an operand. */
function slotOf(operand: Operand, firstConstant: boolean): number {
  switch (operand.kind) {
    case 'reg':
      return envOffset('regs', operand.index) + (operand.high ? 1 : 0);
    case 'xmm':
    case 'ymm':
      return envOffset('xmm', 2 * operand.index);
    case 'mm':
      return envOffset('fpregs', operand.index);
    case 'sreg':
    case 'creg':
    case 'dreg':
    case 'st':
      return operand.index;
    case 'far':
      return operand.selector;
    case 'mem':
      return operand.mem.scale;
    case 'imm':
      return firstConstant ? 0 : Number(operand.value & 0xffffn);
    default:
      return 0;
  }
}

/** The memory operand that overrides apply to. String instructions have two. */
function memoryOf(insn: Insn): MemoryOperand | undefined {
  const operands = insn.operands.filter((operand) => operand.kind === 'mem');
  if (operands.length < 2) return operands[0]?.mem;
  return operands.find(({ mem }) => mem.segment === insn.segment)?.mem;
}

/** Writes an instruction at `at`. `offset` is where it begins in its page. */
export function writeRecord(env: Env, at: number, insn: Insn, code: CodeSize, offset: number, handler: Handler): void {
  const { u8, u16, i32, i64 } = env;
  const short = (field: number, value: number): void => {
    u16[(at + field) >> 1] = value;
  };
  u8.fill(0, at, at + RECORD.size);
  short(RECORD.handler, handler.handler);
  short(RECORD.fn, handler.fn);
  short(RECORD.offset, offset);
  u8[at + RECORD.length] = insn.length;
  short(RECORD.condition, insn.condition);

  const constant = insn.operands.find(({ kind }) => kind === 'imm');
  insn.operands.forEach((operand, index) => short(RECORD.operands[index]!, slotOf(operand, operand === constant)));
  const imm = (at + RECORD.imm) >> 3;
  for (const operand of insn.operands) {
    if (operand === constant) i64[imm] = (constant as Operand & { kind: 'imm' }).value;
    else if (operand.kind === 'far') i64[imm] = BigInt(operand.offset);
    else if (operand.kind === 'rel') i32[(at + RECORD.imm) >> 2] = operand.value;
  }

  short(RECORD.base, envOffset('regs', R_ZERO));
  short(RECORD.index, envOffset('regs', R_ZERO));
  const mem = memoryOf(insn);
  let kind = segmentKind(mem?.segment ?? insn.segment, code) | addressKind(insn.addressSize);
  if (mem) {
    kind |= mem.scale;
    short(RECORD.index, envOffset('regs', mem.index));
    let { disp } = mem;
    if (mem.ripRelative) {
      short(RECORD.base, ENV.eip_page);
      const folded = disp + BigInt(offset + insn.length);
      if (folded > I32_MAX) kind |= KIND.WIDE;
      else disp = folded;
    } else {
      short(RECORD.base, envOffset('regs', mem.base));
      if (disp < I32_MIN || disp > I32_MAX) {
        kind |= KIND.WIDE;
        i64[imm] = disp;
        disp = 0n;
      }
    }
    i32[(at + RECORD.disp) >> 2] = Number(disp);
  }
  u8[at + RECORD.kind] = kind;
}

/** In 64-bit mode only FS and GS have bases. */
function segmentKind(segment: number, code: CodeSize): number {
  return code === 64 && segment < 4 ? 0 : (segment + 1) << KIND.SEGMENT_SHIFT;
}
const addressKind = (addressSize: number): number =>
  addressSize === 8 ? 0 : addressSize === 4 ? KIND.ADDRESS32 : KIND.ADDRESS16;

/** A record that is no instruction: see HANDLER. `offset` may be the page's size: its end. */
export function writeMarker(env: Env, at: number, handler: number, offset: number, link = 0): void {
  env.u8.fill(0, at, at + RECORD.size);
  env.u16[(at + RECORD.handler) >> 1] = handler;
  env.u16[(at + RECORD.offset) >> 1] = offset;
  env.u32[(at + RECORD.link) >> 2] = link;
  // It counts as long as the longest instruction, so that whatever is stored there makes it look again.
  env.u8[at + RECORD.length] = handler === HANDLER.CROSS || handler === HANDLER.STOP ? 15 : 0;
}

/** A CROSS record's expectation: the decoded page in which its instruction ends, and that page's generation. */
export function writeExpectation(env: Env, at: number, page: number, generation: number): void {
  env.u32[(at + RECORD.imm) >> 2] = page;
  env.u32[(at + RECORD.link) >> 2] = generation;
}
