/** Decoded instructions by shape: which share their code. */
import type { OperandShape, Shape } from './backend.ts';
import type { CodeSize, Insn, Operand } from './insn.ts';

const BYTES: Readonly<Partial<Record<Operand['kind'], number>>> = {
  sreg: 2,
  creg: 8,
  dreg: 8,
  mm: 8,
  st: 10,
  xmm: 16,
  ymm: 32
};

function bytesOf(operand: Operand): number {
  switch (operand.kind) {
    case 'reg':
    case 'imm':
    case 'far':
      return operand.size;
    case 'mem':
      return operand.bytes;
    case 'rel':
      return 4;
    default:
      return BYTES[operand.kind]!;
  }
}

/** @param stackSize what PUSH uses of RSP */
export function shapeOf(insn: Insn, codeSize: CodeSize, stackSize: 2 | 4 | 8): Shape {
  const { row, size, addressSize, rep, wide } = insn;
  return {
    semantics: row.semantics!,
    size,
    addressSize,
    stackSize,
    codeSize,
    rep,
    wide,
    vex: row.vex !== undefined,
    ends: row.ends === true,
    condition: row.semantics === 'jcc' ? insn.condition : undefined,
    operands: insn.operands.map((operand, index): OperandShape => ({
      index,
      kind: operand.kind,
      bytes: bytesOf(operand)
    }))
  };
}

/** Equal for shapes with the same code. */
export function shapeKey(shape: Shape): string {
  const operands = shape.operands.map(({ kind, bytes }) => `${kind}${bytes}`).join();
  const { semantics, condition, size, addressSize, stackSize, codeSize, rep, wide, vex, ends } = shape;
  const flags = `${wide ? 'w' : ''}${vex ? 'v' : ''}${ends ? 'e' : ''}`;
  return `${semantics}${condition ?? ''} ${operands} ${size}.${addressSize}.${stackSize}.${codeSize} ${rep} ${flags}`;
}

/** The same as a number, among the shapes of one row: cheap to work out for each instruction decoded. */
export function shapeNumber(insn: Insn, codeSize: CodeSize, stackSize: number): number {
  let key = (insn.size | (insn.addressSize << 4) | (stackSize << 8) | (codeSize << 12)) >>> 0;
  key = key * 4 + (insn.rep === 'none' ? 0 : insn.rep === 'rep' ? 1 : 2);
  key = key * 2 + (insn.wide ? 1 : 0);
  for (const { kind } of insn.operands) key = key * 2 + (kind === 'mem' ? 1 : 0);
  return key;
}
