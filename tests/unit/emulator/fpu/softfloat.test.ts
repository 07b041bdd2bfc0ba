/**
 * Every operation in every format against this machine's CPU. MIGRASCOPE_FPU_CASES is the number of cases of each
 * operation (2,000 by default).
 */
import { describe, expect, test } from 'vitest';
import * as sf from '../../../../src/lib/emulator/fpu/softfloat.ts';
import {
  FLOAT32,
  FLOAT64,
  FLOAT80,
  FloatStatus,
  TRUNCATE,
  unpack,
  unpackSse,
  type Float,
  type Format,
  type Rounding
} from '../../../../src/lib/emulator/fpu/float.ts';
import { Random } from '../../../fuzz/random.ts';
import { randomFloat } from '../../../support/floats.ts';
import { FpuBatch, noNativeFpu, type FpuRecord } from '../../../support/native-fpu.ts';

const CASES = Number(process.env.MIGRASCOPE_FPU_CASES ?? 2000);
const EXCEPTIONS = 0x3f;
const C1 = 0x200;
const hex = (value: bigint | number): string => value.toString(16);

interface Case {
  readonly record: FpuRecord;
  readonly random: Random;
}
/** What softfloat says of the state before; the same of the state after is what the CPU says. */
interface Answer {
  readonly value: string;
  readonly flags: string;
}

function differences(
  seed: number,
  prepare: (c: Case) => void,
  ours: (before: FpuRecord) => Answer,
  theirs: (after: FpuRecord) => Answer
): string[] {
  const random = new Random(seed);
  const batch = FpuBatch.fresh(CASES);
  for (let i = 0; i < CASES; i++) prepare({ record: batch.at(i), random });
  const after = batch.run();
  const wrong: string[] = [];
  for (let i = 0; i < CASES; i++) {
    const [want, got] = [theirs(after.at(i)), ours(batch.at(i))];
    if (want.value === got.value && want.flags === got.flags) continue;
    const b = batch.at(i);
    wrong.push(
      `fcw ${hex(b.fcw)} mxcsr ${hex(b.mxcsr)} st ${hex(b.st(0))} ${hex(b.st(1))} xmm ${hex(b.ymm(0))} ${hex(b.ymm(1))}: ` +
        `${got.value} ${got.flags}, CPU ${want.value} ${want.flags}`
    );
  }
  return wrong;
}

function x87Status(fcw: number): FloatStatus {
  const s = new FloatStatus();
  s.unit = 'x87';
  s.rounding = ((fcw >> 10) & 3) as Rounding;
  s.precision = [24, 64, 53, 64][(fcw >> 8) & 3]!;
  s.masked = fcw & EXCEPTIONS;
  return s;
}
function sseStatus(mxcsr: number): FloatStatus {
  const s = new FloatStatus();
  s.rounding = ((mxcsr >> 13) & 3) as Rounding;
  s.masked = (mxcsr >> 7) & EXCEPTIONS;
  s.denormalsAreZero = (mxcsr & 0x40) !== 0;
  s.flushToZero = (mxcsr & 0x8000) !== 0;
  return s;
}

type Operation = (f: Format, s: FloatStatus, a: Float, b: Float) => bigint;

describe.skipIf(noNativeFpu)('as this CPU', () => {
  /** ST0 and ST1 in, ST0 out; masked, then with masks at random: the result is then the old ST0 for what comes first. */
  const x87: readonly [string, readonly number[], Operation][] = [
    ['fadd', [0xd8, 0xc1], sf.add],
    ['fsub', [0xd8, 0xe1], sf.sub],
    ['fmul', [0xd8, 0xc9], sf.mul],
    ['fdiv', [0xd8, 0xf1], sf.div],
    ['fsqrt', [0xd9, 0xfa], sf.sqrt],
    ['frndint', [0xd9, 0xfc], (f, s, a) => sf.roundToInteger(f, s, a, s.rounding)]
  ];
  test.each(x87)('%s rounds, raises and propagates exactly', (_name, code, operation) => {
    const wrong = differences(
      1,
      ({ record, random }) => {
        record.fcw = (random.below(4) << 10) | (random.below(4) << 8) | (random.chance(2) ? 0x3f : random.below(64));
        record.ftw = 3; // TOP is 0
        record.setSt(0, randomFloat(random, FLOAT80));
        record.setSt(1, randomFloat(random, FLOAT80));
        record.setCode(code);
      },
      (before) => {
        const s = x87Status(before.fcw);
        const bits = operation(FLOAT80, s, unpack(FLOAT80, before.st(0)), unpack(FLOAT80, before.st(1)));
        return { value: hex(s.refused ? before.st(0) : bits), flags: hex(s.raised) };
      },
      (after) => ({ value: hex(after.st(0)), flags: hex(after.fsw & (EXCEPTIONS | C1)) })
    );
    expect(wrong.slice(0, 10)).toEqual([]);
  });

  const single = { f: FLOAT32, prefix: 0xf3 };
  const double = { f: FLOAT64, prefix: 0xf2 };
  const sse = [single, double].flatMap(({ f, prefix }) =>
    (
      [
        ['add', 0x58, sf.add],
        ['mul', 0x59, sf.mul],
        ['sub', 0x5c, sf.sub],
        ['div', 0x5e, sf.div],
        ['sqrt', 0x51, (g, s, _a, b) => sf.sqrt(g, s, b)]
      ] as readonly [string, number, Operation][]
    ).map(([name, opcode, operation]) => ({
      name: `${name}s${f === FLOAT32 ? 's' : 'd'}`,
      f,
      prefix,
      opcode,
      operation
    }))
  );
  test.each(sse)('$name rounds, raises and propagates exactly', ({ f, prefix, opcode, operation }) => {
    const lane = (value: bigint): bigint => value & ((1n << BigInt(f.width)) - 1n);
    const wrong = differences(
      2,
      ({ record, random }) => {
        const masks = random.chance(2) ? 0x3f : random.below(64);
        record.mxcsr = (random.below(8) << 13) | (masks << 7) | (random.below(2) << 6);
        record.setYmm(0, randomFloat(random, f));
        record.setYmm(1, randomFloat(random, f));
        record.setCode([prefix, 0x0f, opcode, 0xc1]);
      },
      (before) => {
        const s = sseStatus(before.mxcsr);
        const [a, b] = [lane(before.ymm(0)), lane(before.ymm(1))];
        const bits = operation(f, s, unpackSse(f, a, s), unpackSse(f, b, s));
        const raised = s.raised & EXCEPTIONS;
        return { value: hex(raised & ~s.masked ? a : bits), flags: hex(raised) };
      },
      (after) => ({ value: hex(lane(after.ymm(0))), flags: hex(after.mxcsr & EXCEPTIONS) })
    );
    expect(wrong.slice(0, 10)).toEqual([]);
  });

  /** Stores of ST0: the memory operand begins as zeros, and stays so where an unmasked exception suppresses the store. */
  const bytesOf = (bits: number): bigint => (1n << BigInt(bits)) - 1n;
  type Store = (s: FloatStatus, a: Float) => bigint | undefined;
  const integer =
    (bits: number, rounding?: Rounding): Store =>
    (s, a) =>
      sf.toInteger(s, a, bits, rounding ?? s.rounding) ?? (s.refused ? undefined : 1n << BigInt(bits - 1));
  const stores: readonly [string, readonly number[], number, Store][] = [
    ['fst m32', [0xd9, 0x17], 32, (s, a) => sf.store(FLOAT32, s, a)],
    ['fst m64', [0xdd, 0x17], 64, (s, a) => sf.store(FLOAT64, s, a)],
    ['fist m16', [0xdf, 0x17], 16, integer(16)],
    ['fist m32', [0xdb, 0x17], 32, integer(32)],
    ['fistp m64', [0xdf, 0x3f], 64, integer(64)],
    ['fisttp m16', [0xdf, 0x0f], 16, integer(16, TRUNCATE)],
    ['fisttp m32', [0xdb, 0x0f], 32, integer(32, TRUNCATE)],
    ['fisttp m64', [0xdd, 0x0f], 64, integer(64, TRUNCATE)]
  ];
  test.each(stores)('%s converts exactly', (_name, code, bits, operation) => {
    const wrong = differences(
      3,
      ({ record, random }) => {
        record.fcw = (random.below(4) << 10) | 0x300 | (random.chance(2) ? 0x3f : random.below(64));
        record.ftw = 1;
        const near = random.pick([FLOAT32, FLOAT64, FLOAT80]);
        const a = randomFloat(random, near);
        const whole = sf.convert(FLOAT80, new FloatStatus(), unpack(near, a));
        const moved = random.chance(2) ? whole : whole + (BigInt(random.below(80)) << 64n);
        record.setSt(0, random.chance(2) ? randomFloat(random, FLOAT80) : moved & bytesOf(80));
        record.setCode(code);
      },
      (before) => {
        const s = x87Status(before.fcw);
        const stored = operation(s, unpack(FLOAT80, before.st(0))) ?? 0n;
        return { value: hex(stored & bytesOf(bits)), flags: hex(s.raised) };
      },
      (after) => {
        const stored = Buffer.from(after.memory.slice(0, 8)).readBigUInt64LE();
        return { value: hex(stored), flags: hex(after.fsw & (EXCEPTIONS | C1)) };
      }
    );
    expect(wrong.slice(0, 10)).toEqual([]);
  });
});
