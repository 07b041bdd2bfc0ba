/**
 * Every SSE, AVX, FMA and F16C floating-point instruction, register and memory form, on random operands and MXCSR, through
 * our CPU and this machine's: registers, memory, MXCSR, flags, #XM.
 */
import { describe, expect, test } from 'vitest';
import { FLOAT16, FLOAT32, FLOAT64 } from '../../../../../../../src/lib/emulator/fpu/float.ts';
import type { Row } from '../../../../../../../src/lib/emulator/target/i386/isa/insn.ts';
import { sseConvert } from '../../../../../../../src/lib/emulator/target/i386/isa/semantics/sse-convert.ts';
import { sseFloat } from '../../../../../../../src/lib/emulator/target/i386/isa/semantics/sse-float.ts';
import { TABLE } from '../../../../../../../src/lib/emulator/target/i386/isa/table.ts';
import { Random } from '../../../../../../fuzz/random.ts';
import { randomBits, randomFloat } from '../../../../../../support/floats.ts';
import { FpuMachine } from '../../../../../../support/fpu-machine.ts';
import { FpuBatch, noNativeFpu, type FpuRecord } from '../../../../../../support/native-fpu.ts';
import { isHere, rounds, tellCount, timeout } from '../../../../../../support/random-instructions.ts';

/** Of each form in a round. */
const CASES = 120;
tellCount('SSE and AVX floating point');
const hex = (value: bigint | number, digits = 1): string => value.toString(16).padStart(digits, '0');

// Registers of the operands.
const REG = 1;
const RM = 2;
const VVVV = 3;

/** The instruction with REG, RM or memory at RDI, and VVVV. */
function encode(row: Row, memory: boolean, wide: 0 | 1, imm: number): number[] {
  const pp = { np: 0, '66': 1, f3: 2, f2: 3 }[row.prefix ?? 'np'];
  const map = { '': 0, '0f': 1, '0f38': 2, '0f3a': 3 }[row.map];
  const modrm = (memory ? 0x07 : 0xc0 | RM) | (REG << 3);
  const tail = [row.opcode, modrm, ...(row.operands.includes('Ib') ? [imm] : [])];
  if (row.vex === undefined) {
    const prefix = pp === 0 ? [] : [[0x66], [0xf3], [0xf2]][pp - 1]!;
    const rex = wide ? [0x48] : [];
    return [...prefix, ...rex, ...[[], [0x0f], [0x0f, 0x38], [0x0f, 0x3a]][map]!, ...tail];
  }
  const hasV = row.operands.some((operand) => /^[BH]/.test(operand));
  const vvvv = (15 - (hasV ? VVVV : 0)) << 3;
  const l = row.vex.l ?? (row.operands.some((operand) => /x/.test(operand)) ? wide : 0);
  const general = row.operands.some((operand) => /^[GE]/.test(operand));
  const w = row.vex.w ?? (general ? wide : 0);
  return [0xc4, 0xe0 | map, (w << 7) | vvvv | (l << 2) | pp, ...tail];
}

/** Which floats the name says its sources are; conversions from integers get integers. */
function sourceOf(name: string): (random: Random) => bigint {
  const conversion = /^v?cvtt?(ph|ps|pd|ss|sd|dq|pi|si)2/.exec(name);
  const kind = conversion ? conversion[1]! : /(ps|pd|ss|sd)$/.exec(name)![1]!;
  const lanes = (f: typeof FLOAT32) => (random: Random) => {
    let value = 0n;
    for (let at = 0; at < 256; at += f.width) value = (value << BigInt(f.width)) | randomFloat(random, f);
    return value;
  };
  if (kind === 'ph') return lanes(FLOAT16);
  if (kind === 'ps' || kind === 'ss') return lanes(FLOAT32);
  if (kind === 'pd' || kind === 'sd') return lanes(FLOAT64);
  return (random) => {
    let value = 0n;
    for (let i = 0; i < 8; i++)
      value = (value << 32n) | BigInt.asUintN(32, BigInt.asIntN(random.pick([8, 25, 32]), randomBits(random, 32)));
    return value;
  };
}

function prepare(record: FpuRecord, random: Random, source: (random: Random) => bigint): void {
  // Often as programs have it: all masked, to nearest; "inexact" set and not.
  const usual = random.chance(2);
  const masks = usual || random.chance(2) ? 0x3f : random.below(64);
  const mode = usual ? 0 : (random.below(8) << 13) | (random.below(2) << 6);
  record.mxcsr = mode | (masks << 7) | (random.chance(2) ? 0x20 : random.below(64) & masks);
  for (const n of [REG, RM, VVVV]) {
    // Integers that are floats too, for exact results.
    record.setYmm(n, source(random));
    record.setSt(n, (0xffffn << 64n) | (source(random) & ((1n << 64n) - 1n)));
  }
  record.ftw = 0xff;
  const memory = source(random);
  for (let i = 0; i < 32; i++) record.memory[i] = Number((memory >> BigInt(8 * i)) & 0xffn);
  for (const n of [0, 1, 2, 3]) record.setGpr(n, random.chance(2) ? randomBits(random, 64) : randomBits(random, 8));
  record.rflags = 2 | (random.below(2) && 0x8d5);
}

function describeRecord(r: FpuRecord): string {
  const registers = [REG, RM, VVVV].map((n) => hex(r.ymm(n), 64)).join(' ');
  return `mxcsr ${hex(r.mxcsr)} fsw ${hex(r.fsw)} ftw ${hex(r.ftw)} flags ${hex(r.rflags & 0x8d5)} signal ${r.signal} ymm ${registers} mm${REG} ${hex(
    r.st(REG)
  )} mem ${Buffer.from(r.memory.slice(0, 32)).toString('hex')} r1 ${hex(r.gpr(1))} r2 ${hex(r.gpr(2))}`;
}

const ESTIMATE = /^v?r(cp|sqrt)/;
/** RCPPS and RSQRTPS: a relative error of 1.5 × 2^-12 each. SDM 2. */
function closeTo(a: bigint, b: bigint, lanes: number): boolean {
  const view = new DataView(new ArrayBuffer(4));
  const float = (bits: bigint): number => {
    view.setUint32(0, Number(bits));
    return view.getFloat32(0);
  };
  for (let i = 0; i < 8; i++) {
    const [x, y] = [a, b].map((v) => (v >> BigInt(32 * i)) & 0xffff_ffffn) as [bigint, bigint];
    if (x === y) continue;
    const [p, q] = [float(x), float(y)];
    if (i >= lanes || !(Math.abs(p - q) <= Math.abs(q) * 3 * 2 ** -12)) return false;
  }
  return true;
}

function same(row: Row, ours: FpuRecord, theirs: FpuRecord): boolean {
  for (const n of [REG, RM, VVVV]) {
    if (ours.st(n) !== theirs.st(n)) return false;
    if (ours.ymm(n) === theirs.ymm(n)) continue;
    if (!ESTIMATE.test(row.name) || !closeTo(ours.ymm(n), theirs.ymm(n), row.name.endsWith('ss') ? 1 : 8)) return false;
  }
  return (
    ours.mxcsr === theirs.mxcsr &&
    ours.signal === theirs.signal &&
    ours.ftw === theirs.ftw &&
    ((ours.rflags ^ theirs.rflags) & 0x8d5) === 0 &&
    [0, 1, 2, 3].every((n) => ours.gpr(n) === theirs.gpr(n)) &&
    ours.memory.every((byte, i) => byte === theirs.memory[i])
  );
}

const forms = TABLE.filter(
  (row) => row.semantics && (row.semantics in sseFloat || row.semantics in sseConvert) && isHere(row)
).flatMap((row) =>
  [false, true]
    .filter((memory) => row.mod === undefined || memory === (row.mod === 'mem'))
    .map((memory) => {
      const encoding = row.vex ? 'vex ' : '';
      return [`${encoding}${row.name} ${row.operands.join()}${memory ? ', memory' : ''}`, row, memory] as const;
    })
);

describe.skipIf(noNativeFpu)('as this CPU', () => {
  const machine = new FpuMachine();
  const round = (seed: number, row: Row, memory: boolean): string[] => {
    const random = new Random(seed);
    const batch = FpuBatch.fresh(CASES);
    const source = sourceOf(row.name);
    for (let i = 0; i < CASES; i++) {
      prepare(batch.at(i), random, source);
      // As few different instructions as there are kinds of them.
      batch.at(i).setCode(encode(row, memory, random.below(2) as 0 | 1, random.below(64) ^ (random.below(8) << 5)));
    }
    const after = batch.run();
    const emulated = machine.run(batch);
    const wrong: string[] = [];
    for (let i = 0; i < CASES; i++) {
      const [ours, theirs] = [emulated.at(i), after.at(i)];
      if (same(row, ours, theirs)) continue;
      const code = Buffer.from(batch.at(i).code).toString('hex');
      wrong.push(
        `${code} ${describeRecord(batch.at(i))}\n  ours ${describeRecord(ours)}\n  CPU  ${describeRecord(theirs)}`
      );
    }
    return wrong;
  };
  test.each(forms)('%s', { timeout }, (_name, row, memory) => {
    expect(rounds(CASES, (seed) => round(seed, row, memory)).slice(0, 5)).toEqual([]);
  });

  /** Products, quotients and narrowed numbers that are tiny until they are rounded: "underflow" is easily missed. */
  test('results next to the smallest normal number', () => {
    const near = (smallest: bigint, one: bigint): bigint[] =>
      [-3n, -2n, -1n, 0n, 1n, 2n].flatMap((d) => [smallest + d, one + d, one / 2n + d]);
    const doubles = near(0x10_0000_0000_0000n, 0x3ff0_0000_0000_0000n);
    const singles = near(0x80_0000n, 0x3f80_0000n);
    const aroundSingle = [-2n, -1n, 0n, 1n].map((d) => 0x3810_0000_0000_0000n + (d << 28n));
    const cases: { code: number[]; a: bigint; b: bigint }[] = [];
    for (const opcode of [0x58, 0x59, 0x5c, 0x5e]) {
      for (const a of doubles) for (const b of doubles) cases.push({ code: [0xf2, 0x0f, opcode, 0xca], a, b });
      for (const a of singles) for (const b of singles) cases.push({ code: [0xf3, 0x0f, opcode, 0xca], a, b });
      for (const a of doubles) for (const b of doubles) cases.push({ code: [0x66, 0x0f, opcode, 0xca], a, b });
      for (const a of singles) for (const b of singles) cases.push({ code: [0x0f, opcode, 0xca], a, b });
    }
    for (const b of aroundSingle) cases.push({ code: [0xf2, 0x0f, 0x5a, 0xca], a: 0n, b });
    const batch = FpuBatch.fresh(cases.length);
    cases.forEach(({ code, a, b }, i) => {
      const record = batch.at(i);
      record.mxcsr = 0x1fa0;
      record.setYmm(REG, a);
      record.setYmm(RM, b);
      record.setCode(code);
    });
    const [ours, theirs] = [machine.run(batch), batch.run()].map((after) =>
      cases.map(({ code, a, b }, i) =>
        [code, hex(a), hex(b), hex(after.at(i).ymm(REG)), hex(after.at(i).mxcsr)].join(' ')
      )
    );
    expect(ours).toEqual(theirs);
  });
});
