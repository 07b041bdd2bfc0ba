/**
 * Each x87 instruction on random stacks, control and status words, against this machine's CPU: registers, tags, TOP,
 * status word, memory. MIGRASCOPE_FPU_CASES is the number of cases of each (500 by default).
 */
import { describe, expect, test } from 'vitest';
import {
  FLOAT32,
  FLOAT64,
  FLOAT80,
  FloatStatus,
  fromInteger
} from '../../../../../../src/lib/emulator/fpu/softfloat.ts';
import { FpuStack } from '../../../../../../src/lib/emulator/target/i386/tcg/fpu-stack.ts';
import * as fn from '../../../../../../src/lib/emulator/target/i386/tcg/fpu_functions.ts';
import * as fpu from '../../../../../../src/lib/emulator/target/i386/tcg/fpu_helper.ts';
import type { X86Cpu } from '../../../../../../src/lib/emulator/target/i386/x86-cpu.ts';
import { Random } from '../../../../../fuzz/random.ts';
import { randomBits, randomFloat } from '../../../../../support/floats.ts';
import { freshEnv, loadRecord, storeRecord } from '../../../../../support/fpu-state.ts';
import { FpuBatch, FpuRecord, noNativeFpu } from '../../../../../support/native-fpu.ts';

const CASES = Number(process.env.MIGRASCOPE_FPU_CASES ?? 500);
const hex = (value: bigint | number): string => value.toString(16);

const env = freshEnv();
const x = new FpuStack({ env } as X86Cpu);

/** The memory operand, as bits. */
const operand = (record: FpuRecord, bytes: number): bigint => {
  let value = 0n;
  for (let i = bytes - 1; i >= 0; i--) value = (value << 8n) | BigInt(record.memory[i]!);
  return value;
};
function storing(store: fpu.Store, record: FpuRecord, bytes: number): void {
  const { bits } = store;
  if (bits !== undefined) for (let i = 0; i < bytes; i++) record.memory[i] = Number((bits >> BigInt(8 * i)) & 0xffn);
  store.commit();
}

interface Case {
  readonly name: string;
  readonly code: readonly number[];
  readonly run: (record: FpuRecord) => void;
  /** Condition codes that the manual leaves undefined. */
  readonly undefined?: number;
  /** What the memory operand is like. */
  readonly memory?: 'm32' | 'm64' | 'm80' | 'bytes';
  /** Results may differ by so many units in the last place, and C1 is each CPU's own. */
  readonly ulps?: number;
  /** Operands for which the manual promises nothing. */
  readonly skip?: (record: FpuRecord) => boolean;
}

const C0 = 0x100;
const C1 = 0x200;
const C2 = 0x400;
const C3 = 0x4000;
const ARITHMETIC = ['add', 'mul', , , 'sub', 'subr', 'div', 'divr'] as const; // eslint-disable-line no-sparse-arrays
const REVERSED = ['add', 'mul', , , 'subr', 'sub', 'divr', 'div'] as const; // eslint-disable-line no-sparse-arrays

const cases: Case[] = [];
const simple = (name: string, code: readonly number[], run: Case['run'], rest: Partial<Case> = {}): void => {
  cases.push({ name, code, run, ...rest });
};
const OTHERS = C0 | C2 | C3;
for (let reg = 0; reg < 8; reg++) {
  const operation = ARITHMETIC[reg];
  const reversed = REVERSED[reg];
  const modrm = 0x07 | (reg << 3);
  if (!operation || !reversed) {
    const pops = reg - 2;
    simple(`fcom${pops} st3`, [0xd8, 0xc3 | (reg << 3)], () => fpu.fcom(x, 3, false, pops));
    simple(`fcom${pops} m32`, [0xd8, modrm], (r) => fpu.fcomMemory(x, 'm32', operand(r, 4), pops), { memory: 'm32' });
    simple(`fcom${pops} m64`, [0xdc, modrm], (r) => fpu.fcomMemory(x, 'm64', operand(r, 8), pops), { memory: 'm64' });
    simple(`ficom${pops} m16`, [0xde, modrm], (r) => fpu.fcomMemory(x, 'm16int', operand(r, 2), pops), {
      memory: 'bytes'
    });
    simple(`ficom${pops} m32`, [0xda, modrm], (r) => fpu.fcomMemory(x, 'm32int', operand(r, 4), pops), {
      memory: 'bytes'
    });
    continue;
  }
  const rest = { undefined: OTHERS };
  simple(`f${operation} st0, st2`, [0xd8, 0xc2 | (reg << 3)], () => fpu.arithmetic(x, operation, 0, 2), rest);
  simple(`f${reversed} st2, st0`, [0xdc, 0xc2 | (reg << 3)], () => fpu.arithmetic(x, reversed, 2, 0), rest);
  simple(`f${reversed}p st2, st0`, [0xde, 0xc2 | (reg << 3)], () => fpu.arithmetic(x, reversed, 2, 0, 1), rest);
  simple(`f${operation} m32`, [0xd8, modrm], (r) => fpu.arithmeticMemory(x, operation, 'm32', operand(r, 4)), {
    memory: 'm32',
    ...rest
  });
  simple(`f${operation} m64`, [0xdc, modrm], (r) => fpu.arithmeticMemory(x, operation, 'm64', operand(r, 8)), {
    memory: 'm64',
    ...rest
  });
  simple(`fi${operation} m16`, [0xde, modrm], (r) => fpu.arithmeticMemory(x, operation, 'm16int', operand(r, 2)), {
    memory: 'bytes',
    ...rest
  });
  simple(`fi${operation} m32`, [0xda, modrm], (r) => fpu.arithmeticMemory(x, operation, 'm32int', operand(r, 4)), {
    memory: 'bytes',
    ...rest
  });
}
const flagsOf = (r: FpuRecord, flags: number): void => {
  r.rflags = (r.rflags & ~0x8d5) | flags;
};
simple('fucom st3', [0xdd, 0xe3], () => fpu.fcom(x, 3, true, 0));
simple('fucomp st3', [0xdd, 0xeb], () => fpu.fcom(x, 3, true, 1));
simple('fucompp', [0xda, 0xe9], () => fpu.fcom(x, 1, true, 2));
simple('fcompp', [0xde, 0xd9], () => fpu.fcom(x, 1, false, 2));
simple('fcomi st3', [0xdb, 0xf3], (r) => flagsOf(r, fpu.fcomi(x, 3, false, 0)), { undefined: OTHERS });
simple('fucomi st3', [0xdb, 0xeb], (r) => flagsOf(r, fpu.fcomi(x, 3, true, 0)), { undefined: OTHERS });
simple('fcomip st3', [0xdf, 0xf3], (r) => flagsOf(r, fpu.fcomi(x, 3, false, 1)), { undefined: OTHERS });
simple('fucomip st3', [0xdf, 0xeb], (r) => flagsOf(r, fpu.fcomi(x, 3, true, 1)), { undefined: OTHERS });
simple('ftst', [0xd9, 0xe4], () => fpu.ftst(x));
simple('fxam', [0xd9, 0xe5], () => fpu.fxam(x));

simple('fld st3', [0xd9, 0xc3], () => fpu.fldSt(x, 3), { undefined: OTHERS });
simple('fld m32', [0xd9, 0x07], (r) => fpu.fldMemory(x, 'm32', operand(r, 4)), { memory: 'm32' });
simple('fld m64', [0xdd, 0x07], (r) => fpu.fldMemory(x, 'm64', operand(r, 8)), { memory: 'm64' });
simple('fld m80', [0xdb, 0x2f], (r) => fpu.fld80(x, operand(r, 10)), { memory: 'm80' });
simple('fild m16', [0xdf, 0x07], (r) => fpu.fldMemory(x, 'm16int', operand(r, 2)), { memory: 'bytes' });
simple('fild m32', [0xdb, 0x07], (r) => fpu.fldMemory(x, 'm32int', operand(r, 4)), { memory: 'bytes' });
simple('fild m64', [0xdf, 0x2f], (r) => fpu.fldMemory(x, 'm64int', operand(r, 8)), { memory: 'bytes' });
simple('fbld', [0xdf, 0x27], (r) => fpu.fbld(x, operand(r, 10)), { memory: 'bytes' });
(['fld1', 'fldl2t', 'fldl2e', 'fldpi', 'fldlg2', 'fldln2', 'fldz'] as const).forEach((name, i) => {
  simple(name, [0xd9, 0xe8 + i], () => fpu.fldConstant(x, name));
});

simple('fst m32', [0xd9, 0x17], (r) => storing(fpu.fstFloat(x, 'm32', 0), r, 4));
simple('fstp m32', [0xd9, 0x1f], (r) => storing(fpu.fstFloat(x, 'm32', 1), r, 4));
simple('fst m64', [0xdd, 0x17], (r) => storing(fpu.fstFloat(x, 'm64', 0), r, 8));
simple('fstp m64', [0xdd, 0x1f], (r) => storing(fpu.fstFloat(x, 'm64', 1), r, 8));
simple('fstp m80', [0xdb, 0x3f], (r) => storing(fpu.fstp80(x), r, 10));
simple('fist m16', [0xdf, 0x17], (r) => storing(fpu.fistInteger(x, 'm16int', false, 0), r, 2));
simple('fistp m16', [0xdf, 0x1f], (r) => storing(fpu.fistInteger(x, 'm16int', false, 1), r, 2));
simple('fist m32', [0xdb, 0x17], (r) => storing(fpu.fistInteger(x, 'm32int', false, 0), r, 4));
simple('fistp m32', [0xdb, 0x1f], (r) => storing(fpu.fistInteger(x, 'm32int', false, 1), r, 4));
simple('fistp m64', [0xdf, 0x3f], (r) => storing(fpu.fistInteger(x, 'm64int', false, 1), r, 8));
simple('fisttp m16', [0xdf, 0x0f], (r) => storing(fpu.fistInteger(x, 'm16int', true, 1), r, 2));
simple('fisttp m32', [0xdb, 0x0f], (r) => storing(fpu.fistInteger(x, 'm32int', true, 1), r, 4));
simple('fisttp m64', [0xdd, 0x0f], (r) => storing(fpu.fistInteger(x, 'm64int', true, 1), r, 8));
simple('fbstp', [0xdf, 0x37], (r) => storing(fpu.fbstp(x), r, 10));
simple('fst st3', [0xdd, 0xd3], () => fpu.fstSt(x, 3, 0));
simple('fstp st3', [0xdd, 0xdb], () => fpu.fstSt(x, 3, 1));
simple('fxch st3', [0xd9, 0xcb], () => fpu.fxch(x, 3));
simple('fcmovb st3', [0xda, 0xc3], (r) => fpu.fcmov(x, 3, (r.rflags & 1) !== 0));
simple('fchs', [0xd9, 0xe0], () => fpu.fchs(x));
simple('fabs', [0xd9, 0xe1], () => fpu.fabs(x));
simple('fsqrt', [0xd9, 0xfa], () => fpu.fsqrt(x));
simple('frndint', [0xd9, 0xfc], () => fpu.frndint(x));
simple('fprem', [0xd9, 0xf8], () => fn.fprem(x, false));
simple('fprem1', [0xd9, 0xf5], () => fn.fprem(x, true));
simple('fscale', [0xd9, 0xfd], () => fn.fscale(x));
simple('fxtract', [0xd9, 0xf4], () => fn.fxtract(x));
simple('f2xm1', [0xd9, 0xf0], () => fn.f2xm1(x), { ulps: 1 });
simple('fyl2x', [0xd9, 0xf1], () => fn.fyl2x(x), { ulps: 1 });
simple('fptan', [0xd9, 0xf2], () => fn.fptan(x), { ulps: 1 });
simple('fpatan', [0xd9, 0xf3], () => fn.fpatan(x), { ulps: 1 });
simple('fyl2xp1', [0xd9, 0xf9], () => fn.fyl2xp1(x), {
  ulps: 1,
  // Beyond ±(1 − √½) nothing is promised.
  skip: (r) => {
    const magnitude = r.st(0) & ((1n << 79n) - 1n);
    return magnitude > 0x3ffd_95f6_1998_0c43_36f7n && magnitude < 0x7fff_8000_0000_0000_0000n;
  }
});
simple('fsincos', [0xd9, 0xfb], () => fn.fsincos(x), { ulps: 1 });
simple('fsin', [0xd9, 0xfe], () => fn.fsin(x), { ulps: 1 });
simple('fcos', [0xd9, 0xff], () => fn.fcos(x), { ulps: 1 });

function randomMemory(random: Random, kind: Case['memory']): { value: bigint; bytes: number } {
  switch (kind) {
    case 'm32':
      return { value: randomFloat(random, FLOAT32), bytes: 4 };
    case 'm64':
      return { value: randomFloat(random, FLOAT64), bytes: 8 };
    case 'm80':
      return { value: randomFloat(random, FLOAT80), bytes: 10 };
    default:
      return { value: randomBits(random, random.pick([8, 16, 32, 64, 80])), bytes: 10 };
  }
}

function prepare(record: FpuRecord, random: Random, c: Case): void {
  const masks = random.chance(2) ? 0x3f : random.below(64);
  record.fcw = (random.below(4) << 10) | (random.below(4) << 8) | 0x40 | masks;
  // Nothing pending that is unmasked: that is `wait`'s business.
  record.fsw = (random.below(8) << 11) | (random.below(8) << 8) | (random.below(2) << 14) | (random.below(64) & masks);
  record.ftw = random.chance(4) ? random.below(256) : 255 ^ (1 << (((record.fsw >> 11) + 7) & 7));
  for (let i = 0; i < 8; i++) {
    const small = fromInteger(FLOAT80, new FloatStatus(), BigInt(random.below(80) - 40));
    record.setSt(i, random.chance(8) ? small : randomFloat(random, FLOAT80));
  }
  record.rflags = 2 | (random.below(2) && 0x8d5);
  const { value, bytes } = randomMemory(random, c.memory);
  for (let i = 0; i < bytes; i++) record.memory[i] = Number((value >> BigInt(8 * i)) & 0xffn);
  record.setCode(c.code);
}

/** Units in the last place between two floats of the x87. */
function distance(a: bigint, b: bigint): number {
  const ordered = (v: bigint): bigint => {
    const magnitude = ((v >> 64n) & 0x7fffn) * 2n ** 63n + (v & (2n ** 63n - 1n));
    return v >> 79n ? -magnitude : magnitude;
  };
  const gap = ordered(a) - ordered(b);
  return Number(gap < 0n ? -gap : gap);
}

function describeRecord(r: FpuRecord): string {
  const st = [0, 1, 2, 3].map((i) => hex(r.st(i)).padStart(20, '0')).join(' ');
  const memory = Buffer.from(r.memory.slice(0, 10)).toString('hex');
  return `fcw ${hex(r.fcw)} fsw ${hex(r.fsw)} ftw ${hex(r.ftw)} flags ${hex(r.rflags)} st ${st} .. ${hex(r.st(7))} mem ${memory}`;
}

/** Whether two states after an instruction are the same as far as the manual defines it. */
function same(c: Case, ours: FpuRecord, theirs: FpuRecord): boolean {
  const ignored = (c.undefined ?? 0) | (c.ulps ? C1 : 0);
  for (let i = 0; i < 8; i++) if (distance(ours.st(i), theirs.st(i)) > (c.ulps ?? 0)) return false;
  return (
    ((ours.fsw ^ theirs.fsw) & ~ignored) === 0 &&
    ours.ftw === theirs.ftw &&
    ours.fcw === theirs.fcw &&
    ((ours.rflags ^ theirs.rflags) & 0x8d5) === 0 &&
    Buffer.compare(ours.memory, theirs.memory) === 0
  );
}

describe.skipIf(noNativeFpu)('as this CPU', () => {
  test.each(cases.map((c) => [c.name, c] as const))('%s', (_name, c) => {
    const random = new Random(7);
    const batch = FpuBatch.fresh(CASES);
    for (let i = 0; i < CASES; i++) prepare(batch.at(i), random, c);
    const after = batch.run();
    const wrong: string[] = [];
    for (let i = 0; i < CASES; i++) {
      const ours = new FpuRecord(batch.at(i).bytes.slice());
      loadRecord(env, ours);
      c.run(ours);
      storeRecord(env, ours);
      const theirs = after.at(i);
      if (c.skip?.(batch.at(i)) || same(c, ours, theirs)) continue;
      wrong.push(`${describeRecord(batch.at(i))}\n  ours ${describeRecord(ours)}\n  CPU  ${describeRecord(theirs)}`);
    }
    expect(wrong.slice(0, 5)).toEqual([]);
  });
});
