/** Random states and instructions on vector registers, run here and on this machine's CPU. */
import type { Env } from '../../src/lib/emulator/target/i386/env.ts';
import { HF } from '../../src/lib/emulator/target/i386/env.ts';
import { decode } from '../../src/lib/emulator/target/i386/isa/decode.ts';
import type { Semantics } from '../../src/lib/emulator/target/i386/isa/backend.ts';
import type { Insn, Row } from '../../src/lib/emulator/target/i386/isa/insn.ts';
import { TABLE } from '../../src/lib/emulator/target/i386/isa/table.ts';
import { FpuBatch, type FpuRecord } from './native-fpu.ts';
import { OneInstruction } from './one-instruction.ts';
import { isHere, rounds } from './random-instructions.ts';

const VECTOR_HFLAGS = HF.CS64 | HF.PE | HF.LMA | HF.OSFXSR | HF.AVX_EN | 3;
const ARITHMETIC = 0x8d5;

function random(seed: number): () => number {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), seed | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return (t ^ (t >>> 14)) >>> 0;
  };
}

/** Bytes of a row with random registers; memory is at RDI plus a little. */
function encode(row: Row, next: () => number): number[] {
  const vvvv = row.operands.some((operand) => /^[BH]/.test(operand)) ? next() & 15 : 0;
  const rexR = /^(P|N)/.test(row.operands.join()) ? 0 : next() & 1;
  const memory = row.mod === 'mem' || (row.mod === undefined && (next() & 1) === 0);
  const rexB = memory ? 0 : next() & 1;
  const reg = row.reg ?? (row.operands.some((o) => /^G/.test(o)) ? next() & 3 : next() & 7);
  // General registers are RAX, RCX, RDX, RBX: the others hold this test together.
  const general = row.operands.some((o) => /^[ERB]/.test(o));
  const rm = memory ? 7 : (row.rm ?? (general ? next() & 3 : next() & 7));
  const high = row.operands.some((o) => /^G/.test(o)) ? 0 : rexR;
  const low = general ? 0 : rexB;
  // GS, whose base is 0, so that a segment base is added too.
  const bytes: number[] = row.name.includes('maskmov') && row.mod === 'reg' ? [0x65] : [];
  const w = row.w ?? row.vex?.w ?? next() & 1;
  if (row.vex === undefined) {
    if (row.prefix !== undefined && row.prefix !== 'np') bytes.push({ '66': 0x66, f3: 0xf3, f2: 0xf2 }[row.prefix]);
    const rex = 0x40 | (w << 3) | (high << 2) | low;
    if (rex !== 0x40) bytes.push(rex);
    bytes.push(...{ '': [], '0f': [0x0f], '0f38': [0x0f, 0x38], '0f3a': [0x0f, 0x3a] }[row.map]);
  } else {
    const map = { '': 0, '0f': 1, '0f38': 2, '0f3a': 3 }[row.map];
    const pp = { np: 0, '66': 1, f3: 2, f2: 3 }[row.prefix ?? 'np'];
    const l = row.vex.l ?? next() & 1;
    bytes.push(0xc4, ((1 - high) << 7) | 0x40 | ((1 - low) << 5) | map, (w << 7) | ((15 - vvvv) << 3) | (l << 2) | pp);
  }
  if (row.operands[1]?.startsWith('VM')) {
    // [RDI + 4 * index + 24]: indices are small, as `prepare` leaves them.
    bytes.push(row.opcode, 0x44 | (reg << 3), 0x80 | ((next() & 7) << 3) | 7, 24);
    return bytes;
  }
  bytes.push(row.opcode, ((memory ? 1 : 3) << 6) | (reg << 3) | rm);
  // Mostly aligned.
  if (memory) bytes.push(next() % 8 === 0 ? next() & 31 : (next() & 1) * 16 * (row.vex === undefined ? 1 : 0));
  bytes.push(...Array.from({ length: 2 }, () => (next() & 1 ? next() & 255 : next() & 31)));
  return bytes;
}

/** Values that matter: ends of ranges, and plain random ones. */
function interesting(next: () => number): bigint {
  const special = [
    0n,
    ~0n,
    0x8000_8000_8000_8000n,
    0x7fff_7fff_7fff_7fffn,
    0x8000_0000_0000_0000n,
    0x8080_8080_8080_8080n
  ];
  special.push(0x7f7f_7f7f_7f7f_7f7fn, 0x7fff_ffff_8000_0000n, 1n, 0x0001_0001_0001_0001n, 15n, 31n, 63n, 64n);
  const bits = (BigInt(next()) << 32n) | BigInt(next());
  switch (next() % 5) {
    case 4: {
      // Text of few letters, in which strings are found.
      const letters = [0n, 0x61n, 0x61n, 0x62n, 0x63n, 0x80n, 0xffn];
      return Array.from({ length: 8 }, (_, i) => letters[next() % 7]! << BigInt(8 * i)).reduce((a, b) => a | b);
    }
    case 0:
      return BigInt.asUintN(64, special[next() % special.length]!);
    case 1:
      return bits & BigInt.asUintN(64, special[next() % special.length]! | 0x00ff_0000_ff00_00ffn);
    default:
      return bits;
  }
}
const wide = (next: () => number): bigint =>
  Array.from({ length: 4 }, (_, i) => interesting(next) << BigInt(64 * i)).reduce((a, b) => a | b);

function prepare(record: FpuRecord, next: () => number): void {
  for (let i = 0; i < 16; i++) record.setYmm(i, wide(next));
  for (let i = 0; i < 8; i++) record.setSt(i, interesting(next) | (0xffffn << 64n));
  record.ftw = 0xff;
  // Often lengths.
  for (let i = 0; i < 4; i++)
    record.setGpr(i, next() & 1 ? interesting(next) : BigInt.asUintN(64, BigInt(next() % 41) - 20n));
  const memory = new DataView(record.bytes.buffer, record.bytes.byteOffset + 832, 64);
  for (let i = 0; i < 8; i++) memory.setBigUint64(i * 8, interesting(next), true);
  record.rflags = 2 | (next() & ARITHMETIC);
}

/** Indices of a gather that stay within the memory there is, in all registers that do not happen to be masks. */
function smallIndices(record: FpuRecord, row: Row, next: () => number): void {
  const bits = row.name[row.name.indexOf('gather') + 6] === 'q' ? 64 : 32;
  for (let i = 0; i < 16; i++) {
    let value = 0n;
    for (let at = 0; at < 256; at += bits) {
      const index = BigInt.asUintN(bits, BigInt(next() % 13) - 6n);
      value |= ((next() & 1 ? index : BigInt.asUintN(bits, -index)) as bigint) << BigInt(at);
    }
    record.setYmm(i, value);
  }
}

function load(machine: OneInstruction, record: FpuRecord): void {
  const { env } = machine;
  for (let i = 0; i < 16; i++) {
    for (let part = 0; part < 4; part++)
      setWord(env, 'xmm', i * 4 + part, (record.ymm(i) >> BigInt(64 * part)) & 0xffff_ffff_ffff_ffffn);
  }
  for (let i = 0; i < 8; i++) {
    setWord(env, 'fpregs', 2 * i, record.st(i) & 0xffff_ffff_ffff_ffffn);
    setWord(env, 'fpregs', 2 * i + 1, record.st(i) >> 64n);
  }
  [0, 1, 2, 3].forEach((i) => env.set64('regs', record.gpr(i), i));
  env.set64('regs', BigInt(machine.free), 7);
  env.u8.set(record.memory, machine.free);
  env.set('hflags', VECTOR_HFLAGS);
  env.set('cc_op', 0);
  env.set64('cc_src', BigInt(record.rflags & ARITHMETIC));
}
const setWord = (env: Env, field: 'xmm' | 'fpregs', index: number, value: bigint): void =>
  env.set64(field, value, index);

/** What differs between ours and the CPU's, in words. */
function difference(
  machine: OneInstruction,
  insn: Insn,
  vector: number | undefined,
  cpu: FpuRecord
): string | undefined {
  const { env } = machine;
  const signals: Readonly<Record<number, number | undefined>> = { 6: 4, 13: 11 };
  if (vector !== undefined || cpu.signal !== 0)
    return (vector === undefined ? 0 : signals[vector]) === cpu.signal
      ? undefined
      : `#${vector} for signal ${cpu.signal}`;
  const word = (field: 'xmm' | 'fpregs', index: number): bigint => env.get64(field, index);
  for (let i = 0; i < 16; i++) {
    const ours = [0, 1, 2, 3].map((part) => word('xmm', 4 * i + part) << BigInt(64 * part)).reduce((a, b) => a | b);
    if (ours !== cpu.ymm(i)) return `ymm${i} ${ours.toString(16)} for ${cpu.ymm(i).toString(16)}`;
  }
  for (let i = 0; i < 8; i++) {
    const ours = word('fpregs', 2 * i) | ((word('fpregs', 2 * i + 1) & 0xffffn) << 64n);
    if (ours !== cpu.st(i)) return `mm${i} ${ours.toString(16)} for ${cpu.st(i).toString(16)}`;
  }
  for (let i = 0; i < 4; i++)
    if (env.get64('regs', i) !== cpu.gpr(i))
      return `r${i} ${env.get64('regs', i).toString(16)} for ${cpu.gpr(i).toString(16)}`;
  for (let i = 0; i < 64; i++) if (env.u8[machine.free + i] !== cpu.memory[i]) return `memory at ${i}`;
  if (insn.row.defines !== undefined && Number(env.get64('cc_src')) !== (cpu.rflags & ARITHMETIC))
    return `flags ${env.get64('cc_src').toString(16)} for ${(cpu.rflags & ARITHMETIC).toString(16)}`;
  return undefined;
}

/**
 * Rows of these semantics, `perRow` random instructions of each; differences in words. `constants`: the engine knows
 * the immediates, as a compiler does.
 */
export function fuzz(semantics: Readonly<Record<string, Semantics>>, perRow: number, constants = false): string[] {
  const rows = TABLE.filter((row) => row.semantics !== undefined && row.semantics in semantics && isHere(row));
  return rounds(rows.length * perRow, (seed) => fuzzOnce(semantics, rows, perRow, constants, random(seed)));
}

function fuzzOnce(
  semantics: Readonly<Record<string, Semantics>>,
  rows: readonly Row[],
  perRow: number,
  constants: boolean,
  next: () => number
): string[] {
  const machine = new OneInstruction(new Map(Object.entries(semantics)), constants);
  const batch = FpuBatch.fresh(rows.length * perRow);
  const codes: number[][] = [];
  rows.forEach((row, r) => {
    for (let i = 0; i < perRow; i++) {
      const at = r * perRow + i;
      prepare(batch.at(at), next);
      if (row.operands[1]?.startsWith('VM')) smallIndices(batch.at(at), row, next);
      codes[at] = encode(row, next);
      batch.at(at).setCode(codes[at]);
    }
  });
  // What decodes shorter than was written is filled up with NOPs.
  const insns = codes.map((code, at) => {
    const insn = decode(Uint8Array.from([...code, ...new Array<number>(8).fill(0x90)]), 0, 64);
    if (typeof insn === 'string') return undefined;
    batch.at(at).setCode(code.slice(0, insn.length));
    return insn;
  });
  const after = batch.run();
  const out: string[] = [];
  insns.forEach((insn, at) => {
    if (insn === undefined) return;
    load(machine, batch.at(at));
    let said: string | undefined;
    try {
      said = difference(machine, insn, machine.run(insn, 64), after.at(at));
    } catch (error) {
      said = String(error);
    }
    if (said !== undefined)
      out.push(
        `${insn.row.name} ${insn.row.operands.join()} [${codes[at]!.map((x) => x.toString(16)).join(' ')}]: ${said}`
      );
  });
  return out;
}

/** What one instruction leaves in YMM0 (256 bits), of registers given by number. Throws what it raises as `#vector`. */
export function computed(
  semantics: Readonly<Record<string, Semantics>>,
  code: readonly number[],
  registers: Readonly<Record<number, bigint>>,
  hflags: number = VECTOR_HFLAGS
): bigint {
  const machine = new OneInstruction(new Map(Object.entries(semantics)));
  const { env } = machine;
  env.set('hflags', hflags);
  for (const [number, value] of Object.entries(registers))
    for (let part = 0; part < 4; part++)
      setWord(env, 'xmm', 4 * Number(number) + part, (value >> BigInt(64 * part)) & 0xffff_ffff_ffff_ffffn);
  const insn = decode(Uint8Array.from(code), 0, 64);
  if (typeof insn === 'string') throw new Error(insn);
  const vector = machine.run(insn, 64);
  if (vector !== undefined) throw new Error(`#${vector}`);
  return [0, 1, 2, 3].map((part) => env.get64('xmm', part) << BigInt(64 * part)).reduce((a, b) => a | b);
}
