/**
 * Random integer instructions on our CPU and on this machine's: registers, flags, memory and exceptions are the same.
 */
import { describe, expect, test } from 'vitest';
import { FLAG, R_ZERO } from '../../../../../../src/lib/emulator/target/i386/env.ts';
import { decode } from '../../../../../../src/lib/emulator/target/i386/isa/decode.ts';
import type { Insn, MemoryOperand, Row } from '../../../../../../src/lib/emulator/target/i386/isa/insn.ts';
import { arithmetic } from '../../../../../../src/lib/emulator/target/i386/isa/semantics/arithmetic.ts';
import { bits } from '../../../../../../src/lib/emulator/target/i386/isa/semantics/bits.ts';
import { data } from '../../../../../../src/lib/emulator/target/i386/isa/semantics/data.ts';
import { decimal } from '../../../../../../src/lib/emulator/target/i386/isa/semantics/decimal.ts';
import { multiplication } from '../../../../../../src/lib/emulator/target/i386/isa/semantics/multiply.ts';
import { shifts } from '../../../../../../src/lib/emulator/target/i386/isa/semantics/shift.ts';
import { stack } from '../../../../../../src/lib/emulator/target/i386/isa/semantics/stack.ts';
import { strings } from '../../../../../../src/lib/emulator/target/i386/isa/semantics/strings.ts';
import { control } from '../../../../../../src/lib/emulator/target/i386/isa/semantics/control.ts';
import { TABLE } from '../../../../../../src/lib/emulator/target/i386/isa/table.ts';
import {
  CODE,
  DATA,
  DATA_BYTES,
  fillData,
  hashData,
  noNativeInsn,
  runNatively,
  type InsnResult,
  type InsnTest
} from '../../../../../support/native-insn.ts';
import { isHere, rounds, tellCount, timeout } from '../../../../../support/random-instructions.ts';
import { TABLES, TcgMachine } from '../../../../../support/tcg-machine.ts';

/** In a round, of each mode. */
const COUNT = 32_000;
tellCount('integers');
const NAMES = new Set(
  [arithmetic, shifts, multiplication, bits, data, stack, strings, decimal, control].flatMap((group) =>
    Object.keys(group)
  )
);
/** Left out: what reads or loads segment registers differs between the two worlds. */
const SEGMENTS = /^(S|ES|CS|SS|DS|FS|GS)/;
const isTested = (row: Row): boolean =>
  row.semantics !== undefined && NAMES.has(row.semantics) && !row.operands.some((operand) => SEGMENTS.test(operand));

/** Deterministic: a failure can be run again. */
class Random {
  #state: number;
  constructor(seed: number) {
    this.#state = seed;
  }
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let x = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    x ^= x + Math.imul(x ^ (x >>> 7), 61 | x);
    return (x ^ (x >>> 14)) >>> 0;
  }
  below(limit: number): number {
    return this.next() % limit;
  }
  one<T>(list: readonly T[]): T {
    return list[this.below(list.length)]!;
  }
  chance(one: number): boolean {
    return this.below(one) === 0;
  }
}

const MAPS = { '': [], '0f': [0x0f], '0f38': [0x0f, 0x38], '0f3a': [0x0f, 0x3a] } as const;
const PREFIX = { np: [], '66': [0x66], f3: [0xf3], f2: [0xf2] } as const;

/** Bytes that may be an instruction of a row. */
function encode(row: Row, random: Random, is32: boolean): number[] {
  const bytes: number[] = [];
  const tail = Array.from({ length: 12 }, () => random.below(256));
  const modrm = (): number => {
    let byte = random.below(256);
    if (row.mod === 'reg') byte |= 0xc0;
    else if (row.mod === 'mem' && byte >= 0xc0) byte &= 0xbf;
    if (row.reg !== undefined) byte = (byte & 0xc7) | (row.reg << 3);
    if (row.rm !== undefined) byte = (byte & 0xf8) | row.rm;
    return byte;
  };
  // Small displacements, mostly.
  if (random.chance(2)) tail[3] = tail[4] = tail[2] = random.one([0, 0, 0xff]);
  if (row.vex) {
    const pp = ['np', '66', 'f3', 'f2'].indexOf(row.prefix ?? 'np');
    const w = row.vex.w ?? random.below(2);
    const vvvv = row.operands.some((operand) => /^[BH]/.test(operand)) ? random.below(16) : 15;
    const map = ['', '0f', '0f38', '0f3a'].indexOf(row.map);
    const extend = is32 ? 0xe0 : random.below(8) << 5;
    bytes.push(0xc4, extend | map, (w << 7) | ((is32 ? vvvv | 8 : vvvv) << 3) | ((row.vex.l ?? 0) << 2) | pp);
  } else {
    if (random.chance(12)) bytes.push(0x67);
    if (random.chance(4) && row.prefix !== 'np') bytes.push(0x66);
    if (row.lock && random.chance(8)) bytes.push(0xf0);
    if (row.rep && random.chance(2)) bytes.push(random.one([0xf2, 0xf3]));
    bytes.push(...PREFIX[row.prefix ?? 'np']);
    if (!is32 && (row.w === 1 || random.chance(2))) bytes.push(0x40 | random.below(16) | (row.w === 1 ? 8 : 0));
    bytes.push(...MAPS[row.map]);
  }
  const byte = modrm();
  if (!is32 && (byte & 0xc7) === 5) {
    // Relative to the instruction, into the data.
    const displacement = DATA + 4096 + random.below(2048) - CODE;
    for (let i = 0; i < 4; i++) tail[i] = (displacement >> (8 * i)) & 0xff;
  }
  bytes.push(row.opcode, byte, ...tail);
  return bytes.slice(0, 16);
}

const INTERESTING = [0n, 1n, 2n, 7n, 8n, 0x7fn, 0x80n, 0xffn, 0x7fffn, 0x8000n, 0xffffn, 0x7fff_ffffn, 0x8000_0000n];
function value(random: Random): bigint {
  const wide = (BigInt(random.next()) << 32n) | BigInt(random.next());
  switch (random.below(5)) {
    case 0:
      return BigInt.asUintN(64, random.one(INTERESTING) * (random.chance(2) ? 1n : -1n));
    case 1:
      return BigInt(random.below(64));
    case 2:
      return wide >> BigInt(random.below(64));
    default:
      return wide;
  }
}
const pointer = (random: Random): bigint =>
  BigInt(DATA + (random.chance(16) ? random.below(DATA_BYTES + 64) - 32 : 1024 + random.below(DATA_BYTES - 2048)));

function registers(insn: Insn, random: Random, is32: boolean): bigint[] {
  const regs = Array.from({ length: 16 }, () => value(random));
  for (const operand of insn.operands)
    if (operand.kind === 'mem') {
      const { base, index } = operand.mem;
      if (index < 16) regs[index] = BigInt(random.below(64));
      if (base < 16) regs[base] = BigInt.asUintN(64, pointer(random) - BigInt.asIntN(12, operand.mem.disp));
    }
  regs[4] = pointer(random);
  if (/^(leave|enter)$/.test(insn.row.semantics!)) regs[5] = pointer(random);
  if (insn.row.semantics === 'xlat') regs[3] = pointer(random);
  if (insn.row.rep) regs[1] = BigInt(random.below(random.chance(8) ? 200 : 12));
  return is32 ? regs.map((reg, at) => (at < 8 ? BigInt.asUintN(32, reg) : 0n)) : regs;
}

interface Case extends InsnTest {
  readonly insn: Insn;
}

function generate(random: Random, rows: readonly Row[], is32: boolean): Case {
  for (;;) {
    const row = random.one(rows);
    const code = Uint8Array.from({ length: 16 }, (_, at) => encode(row, random, is32)[at] ?? 0x90);
    const bytes = encode(row, random, is32);
    code.set(bytes);
    const insn = decode(code, 0, is32 ? 32 : 64);
    if (typeof insn === 'string' || !isTested(insn.row)) continue;
    if (isUnspecified(insn, code)) continue;
    code.fill(0xcc, insn.length);
    return {
      insn,
      code,
      is32,
      regs: registers(insn, random, is32),
      flags: 0x202 | (random.next() & (FLAG.CF | FLAG.PF | FLAG.AF | FLAG.ZF | FLAG.SF | FLAG.OF | FLAG.DF)),
      seed: random.next(),
      offset: random.chance(8) ? 4096 - 1 - random.below(15) : random.below(4096)
    };
  }
}

/** Results that the manuals leave open and processors differ in. */
function isUnspecified({ row, size, operands, length }: Insn, code: Uint8Array): boolean {
  // A 16-bit operand size in 64-bit mode: Intel ignores it, AMD does not, and neither is what QEMU does.
  if (row.ends && code.subarray(0, length).includes(0x66)) return true;
  if (row.semantics === 'bswap' && size === 2) return true;
  // A repeat prefix before LOOPE is reserved: AMD's CPUs take the prefix's condition, QEMU none.
  if (/^loopn?e$/.test(row.name) && code.subarray(0, length - 2).some((byte) => byte === 0xf2 || byte === 0xf3))
    return true;
  // They may fault on a real processor, and do nothing at all under QEMU.
  if (/^(clflush|clflushopt|clwb)$/.test(row.name)) return true;
  // Into itself: what it finds there is no test of this instruction.
  if (operands.some((operand) => operand.kind === 'rel' && operand.value < 0 && operand.value > -16)) return true;
  const segment = operands.some((operand) => operand.kind === 'mem' && operand.mem.segment > 3);
  return segment;
}

const LETTERS = { O: FLAG.OF, S: FLAG.SF, Z: FLAG.ZF, A: FLAG.AF, P: FLAG.PF, C: FLAG.CF };
/** Flags that the table calls defined. */
function comparedFlags({ row, operands }: Insn, { regs }: InsnTest): number {
  let mask = FLAG.CF | FLAG.PF | FLAG.AF | FLAG.ZF | FLAG.SF | FLAG.OF | FLAG.DF;
  for (const letter of row.undefined ?? '') mask &= ~LETTERS[letter as keyof typeof LETTERS];
  // Counts that reach the operand's width leave CF undefined too.
  if (/^(shl|shr|sar|shld|shrd)$/.test(row.semantics!)) {
    const by = operands.at(-1)!;
    const count =
      Number(by.kind === 'imm' ? by.value & 63n : regs[1]! & 63n) & (operandBytes(operands[0]!) === 8 ? 63 : 31);
    if (count >= 8 * operandBytes(operands[0]!)) mask &= ~FLAG.CF;
    if (count > 8 * operandBytes(operands[0]!) && /^sh[lr]d$/.test(row.semantics!)) return FLAG.DF;
  }
  return mask;
}
const operandBytes = (operand: Insn['operands'][number]): number =>
  operand.kind === 'reg' ? operand.size : operand.kind === 'mem' ? operand.bytes : 0;
const hasOpenResult = ({ row, operands }: Insn, { regs }: InsnTest): boolean => {
  if (!/^sh[lr]d$/.test(row.semantics!) || operandBytes(operands[0]!) !== 2) return false;
  const by = operands[2]!;
  return (Number(by.kind === 'imm' ? by.value : regs[1]! & 0xffn) & 31) > 16;
};

const NO_EXECUTE = 1n << 63n;
/** HLT: #GP in ring 3, where natively INT3 stands. */
const STOP = 0xf4;
const STOPS = new Uint8Array(8192).fill(STOP);

class Ours {
  readonly #machine = new TcgMachine();
  readonly #data: Uint8Array;
  #is32: boolean | undefined;

  constructor() {
    const m = this.#machine;
    m.longMode(BigInt(CODE), 3);
    m.catching = true;
    // Only the pages that the native program has, with its rights.
    for (let page = 0; page < 4096; page++) {
      const address = page * 4096;
      const isData = address >= DATA && address < DATA + DATA_BYTES;
      const isCode = address >= CODE && address < CODE + 8192;
      m.write64(
        TABLES + 0x3000 + 8 * page,
        isData ? BigInt(address) | NO_EXECUTE | 7n : isCode ? BigInt(address) | 7n : 0n
      );
    }
    m.cpu.flushAll();
    m.dma(CODE, ...STOPS);
    this.#data = m.bytes(DATA, DATA_BYTES);
  }

  run(test: Case): InsnResult {
    const m = this.#machine;
    const { env } = m.cpu;
    if (this.#is32 !== test.is32) {
      m.userCode(test.is32 ? 32 : 64);
      this.#is32 = test.is32;
    }
    const at = CODE + test.offset;
    m.dma(CODE + 4096);
    m.dma(at, ...test.code.map((byte, index) => (index < test.insn.length ? byte : STOP)));
    fillData(this.#data, test.seed);
    test.regs.forEach((reg, index) => m.setReg(index, reg));
    env.set64('eip', BigInt(CODE + test.offset));
    env.set('eflags', test.flags & ~0x8d5);
    env.set('cc_src', test.flags & 0x8d5);
    env.set('cc_op', 0);
    m.exception = undefined;
    // A repetition of 200 is the longest.
    m.cpu.run(300);
    const exception = m.exception as { vector: number; error?: number } | undefined;
    const stopped = exception?.vector === 13 && m.bytes(Number(BigInt.asUintN(24, m.eip)), 1)[0] === STOP;
    // Natively too each finds the code as it was: one before may have written into it.
    m.dma(at, ...STOPS.subarray(0, 16));
    if (Buffer.compare(m.bytes(CODE, STOPS.length), STOPS) !== 0) m.dma(CODE, ...STOPS);
    return {
      regs: test.regs.map((_, index) => m.reg(index)),
      rip: stopped ? m.eip + 1n : m.eip,
      cr2: env.get64('fault_linear'),
      hash: hashData(this.#data),
      flags: (env.get('eflags') | env.get('cc_src')) >>> 0,
      trap: stopped ? 3 : (exception?.vector ?? -1),
      error: exception?.error ?? 0
    };
  }
}

/** An address that is absolute, or relative to the instruction and close to it. */
const isNear = ({ ripRelative, disp }: MemoryOperand): boolean => !ripRelative || (disp < 0x8000n && disp > -0x8000n);
const hex = (n: bigint | number): string => n.toString(16);
/** What differs, in words; undefined where nothing does. */
function difference(test: Case, ours: InsnResult, native: InsnResult): string | undefined {
  const { insn } = test;
  if (hasOpenResult(insn, test)) return undefined;
  // Targets that are not canonical: the branch itself faults, under QEMU and here fetching from there does.
  if (/^(jmp|call|ret)$/.test(insn.row.name) && native.trap === 13) return undefined;
  // Reading the code itself, behind which other bytes stand here.
  if (insn.operands.some((operand) => operand.kind === 'mem' && operand.mem.base === R_ZERO && isNear(operand.mem)))
    return undefined;
  const out: string[] = [];
  // Addresses that are not canonical and in the stack segment: #SS by the manual, #GP under QEMU and here.
  if (native.trap === 12 && ours.trap === 13) return undefined;
  if (ours.trap !== native.trap) out.push(`vector ${ours.trap}, native ${native.trap} at ${hex(native.rip)}`);
  const faulted = native.trap !== 3;
  // This CPU has loaded some registers by then, and loads them again afterwards.
  if (faulted && insn.row.semantics === 'popa') return undefined;
  native.regs.forEach((reg, index) => {
    if (reg !== ours.regs[index]) out.push(`r${index} ${hex(ours.regs[index]!)}, native ${hex(reg)}`);
  });
  if (ours.rip !== native.rip) out.push(`rip ${hex(ours.rip)}, native ${hex(native.rip)}`);
  if (!faulted || insn.rep !== 'none' || insn.row.semantics === 'enter') {
    const mask = comparedFlags(insn, test);
    const flags = (ours.flags ^ native.flags) & mask;
    if (flags) out.push(`flags ${hex(ours.flags & mask)}, native ${hex(native.flags & mask)} differ in ${hex(flags)}`);
  }
  if (ours.hash !== native.hash) out.push('memory');
  if (native.trap === 14 && (ours.error & 6) !== (native.error & 6))
    out.push(`error ${ours.error}, native ${native.error}`);
  // Which of two bad operands is met first differs between repeated and single CMPS.
  if (native.trap === 14 && insn.row.semantics !== 'cmps' && ours.cr2 !== native.cr2)
    out.push(`cr2 ${hex(ours.cr2)}, native ${hex(native.cr2)}`);
  if (out.length === 0) return undefined;
  const bytes = [...test.code.subarray(0, insn.length)].map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
  const regs = test.regs.map((reg, index) => `r${index}=${hex(reg)}`).join(' ');
  return `${insn.row.name} [${bytes}] at ${hex(test.offset)} flags ${hex(test.flags)}\n  ${out.join('\n  ')}\n  ${regs}`;
}

describe.skipIf(noNativeInsn !== undefined)('integer instructions do what this CPU does', () => {
  test.each([
    ['in 64-bit mode', false],
    ['in 32-bit code', true]
  ])('%s', { timeout }, (_, is32) => {
    const rows = TABLE.filter((row) => isTested(row) && isHere(row));
    const ours = new Ours();
    expect(rounds(COUNT, (seed) => round(ours, new Random(seed), rows, is32)).slice(0, 12)).toEqual([]);
  });

  function round(ours: Ours, random: Random, rows: readonly Row[], is32: boolean): string[] {
    const cases = Array.from({ length: COUNT }, () => generate(random, rows, is32));
    const native = runNatively(cases);
    const differences = new Map<string, string>();
    cases.forEach((each, index) => {
      const text = difference(each, ours.run(each), native[index]!);
      if (text && !differences.has(each.insn.row.name)) differences.set(each.insn.row.name, text);
    });
    return [...differences.values()];
  }
});
