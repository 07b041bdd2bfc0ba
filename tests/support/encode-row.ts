/** Bytes from rows of the instruction table, for tests of the table. */
import type { Row } from '../../src/lib/emulator/target/i386/isa/insn.ts';

/** Some bytes of a row, longer than it needs. */
export function encodeRow(row: Row, reg: number): number[] {
  const modrm = ((row.mod === 'mem' ? 0 : 3) << 6) | (reg << 3) | (row.rm ?? 4);
  const pp = { np: 0, '66': 1, f3: 2, f2: 3 }[row.prefix ?? 'np'];
  const bytes: number[] = [];
  if (row.vex === undefined) {
    if (pp > 0) bytes.push([0, 0x66, 0xf3, 0xf2][pp]!);
    if (row.w === 1) bytes.push(0x48);
    // 90 is an XCHG only under REX.B.
    if (row.opcode === 0x90 && row.name === 'xchg') bytes.push(0x41);
    bytes.push(...{ '': [], '0f': [0x0f], '0f38': [0x0f, 0x38], '0f3a': [0x0f, 0x3a] }[row.map]);
  } else {
    const map = { '': 0, '0f': 1, '0f38': 2, '0f3a': 3 }[row.map];
    const vvvv = row.operands.some((operand) => /^[BH]/.test(operand)) ? 0x50 : 0x78;
    bytes.push(0xc4, 0xe0 | map, (row.vex.w ? 0x80 : 0) | vvvv | (row.vex.l ? 4 : 0) | pp);
  }
  if (row.suffix !== undefined) return [...bytes, row.opcode, modrm, row.suffix];
  return [...bytes, row.opcode, modrm, 0x88, 0, 0, 0, 0, 0, 0, 0, 0];
}
