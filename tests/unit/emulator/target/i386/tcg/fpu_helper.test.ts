/**
 * Each x87 instruction on random stacks, control and status words, against this machine's CPU: registers, tags, TOP,
 * status word, memory.
 */
import { describe, expect, test } from 'vitest';
import { FLOAT32, FLOAT64, FLOAT80, FloatStatus } from '../../../../../../src/lib/emulator/fpu/float.ts';
import { fromInteger } from '../../../../../../src/lib/emulator/fpu/softfloat.ts';
import { Random } from '../../../../../fuzz/random.ts';
import { randomBits, randomFloat } from '../../../../../support/floats.ts';
import { FpuMachine } from '../../../../../support/fpu-machine.ts';
import { FpuBatch, noNativeFpu, type FpuRecord } from '../../../../../support/native-fpu.ts';
import { rounds, tellCount, timeout } from '../../../../../support/random-instructions.ts';

/** Of each in a round. */
const CASES = 500;
tellCount('x87');
const hex = (value: bigint | number): string => value.toString(16);

interface Case {
  readonly name: string;
  readonly code: readonly number[];
  /** Condition codes that the manual leaves undefined. */
  readonly undefined?: number;
  /** What the memory operand is like. */
  readonly memory?: 'm32' | 'm64' | 'm80' | 'bytes';
  /** Results may differ by so many units in the last place, and C1 is each CPU's own. */
  readonly ulps?: number;
  /** Bytes of memory that tell where instructions and operands were: AMD's CPUs and this one's test forget. */
  readonly pointers?: readonly [from: number, to: number];
  /** Operands for which the manual promises nothing. */
  readonly skip?: (record: FpuRecord) => boolean;
}

const C0 = 0x100;
const C1 = 0x200;
const C2 = 0x400;
const C3 = 0x4000;

const OTHERS = C0 | C2 | C3;
const cases: Case[] = [];
const add = (name: string, code: readonly number[], rest: Partial<Case> = {}): void => {
  cases.push({ name, code, ...rest });
};
// D8, DA, DC, DE: four kinds of memory operand, three of registers.
['add', 'mul', 'com', 'comp', 'sub', 'subr', 'div', 'divr'].forEach((name, reg) => {
  const compares = reg === 2 || reg === 3;
  const rest = { undefined: compares ? 0 : OTHERS };
  const memory = 0x07 | (reg << 3);
  const register = 0xc2 | (reg << 3);
  add(`f${name} st0, st2`, [0xd8, register], rest);
  add(`f${name} m32`, [0xd8, memory], { memory: 'm32', ...rest });
  add(`f${name} m64`, [0xdc, memory], { memory: 'm64', ...rest });
  add(`fi${name} m16`, [0xde, memory], { memory: 'bytes', ...rest });
  add(`fi${name} m32`, [0xda, memory], { memory: 'bytes', ...rest });
  if (compares) return;
  add(`dc /${reg}: st2, st0`, [0xdc, register], rest);
  add(`de /${reg}: st2, st0, pop`, [0xde, register], rest);
});
const list: readonly (readonly [string, readonly number[], Partial<Case>?])[] = [
  ['fucom st3', [0xdd, 0xe3]],
  ['fucomp st3', [0xdd, 0xeb]],
  ['fucompp', [0xda, 0xe9]],
  ['fcompp', [0xde, 0xd9]],
  ['fcomi st3', [0xdb, 0xf3], { undefined: OTHERS }],
  ['fucomi st3', [0xdb, 0xeb], { undefined: OTHERS }],
  ['fcomip st3', [0xdf, 0xf3], { undefined: OTHERS }],
  ['fucomip st3', [0xdf, 0xeb], { undefined: OTHERS }],
  ['ftst', [0xd9, 0xe4]],
  ['fxam', [0xd9, 0xe5]],
  ['fld st3', [0xd9, 0xc3], { undefined: OTHERS }],
  ['fld m32', [0xd9, 0x07], { memory: 'm32' }],
  ['fld m64', [0xdd, 0x07], { memory: 'm64' }],
  ['fld m80', [0xdb, 0x2f], { memory: 'm80' }],
  ['fild m16', [0xdf, 0x07], { memory: 'bytes' }],
  ['fild m32', [0xdb, 0x07], { memory: 'bytes' }],
  ['fild m64', [0xdf, 0x2f], { memory: 'bytes' }],
  ['fbld', [0xdf, 0x27], { memory: 'bytes' }],
  ['fld1', [0xd9, 0xe8]],
  ['fldl2t', [0xd9, 0xe9]],
  ['fldl2e', [0xd9, 0xea]],
  ['fldpi', [0xd9, 0xeb]],
  ['fldlg2', [0xd9, 0xec]],
  ['fldln2', [0xd9, 0xed]],
  ['fldz', [0xd9, 0xee]],
  ['fst m32', [0xd9, 0x17]],
  ['fstp m32', [0xd9, 0x1f]],
  ['fst m64', [0xdd, 0x17]],
  ['fstp m64', [0xdd, 0x1f]],
  ['fstp m80', [0xdb, 0x3f]],
  ['fist m16', [0xdf, 0x17]],
  ['fistp m16', [0xdf, 0x1f]],
  ['fist m32', [0xdb, 0x17]],
  ['fistp m32', [0xdb, 0x1f]],
  ['fistp m64', [0xdf, 0x3f]],
  ['fisttp m16', [0xdf, 0x0f]],
  ['fisttp m32', [0xdb, 0x0f]],
  ['fisttp m64', [0xdd, 0x0f]],
  ['fbstp', [0xdf, 0x37]],
  ['fst st3', [0xdd, 0xd3]],
  ['fstp st3', [0xdd, 0xdb]],
  ['fxch st3', [0xd9, 0xcb]],
  ['fcmovb st3', [0xda, 0xc3]],
  ['fcmove st3', [0xda, 0xcb]],
  ['fcmovbe st3', [0xda, 0xd3]],
  ['fcmovu st3', [0xda, 0xdb]],
  ['fcmovnb st3', [0xdb, 0xc3]],
  ['fcmovne st3', [0xdb, 0xcb]],
  ['fcmovnbe st3', [0xdb, 0xd3]],
  ['fcmovnu st3', [0xdb, 0xdb]],
  ['ffree st3', [0xdd, 0xc3]],
  ['ffreep st3', [0xdf, 0xc3]],
  ['fdecstp', [0xd9, 0xf6]],
  ['fincstp', [0xd9, 0xf7]],
  ['fnop', [0xd9, 0xd0]],
  ['fwait', [0x9b]],
  ['fnclex', [0xdb, 0xe2]],
  ['fninit', [0xdb, 0xe3]],
  ['fldcw', [0xd9, 0x2f], { memory: 'bytes' }],
  ['fnstcw', [0xd9, 0x3f]],
  ['fnstsw m16', [0xdd, 0x3f]],
  ['fnstsw ax', [0xdf, 0xe0]],
  ['fldenv', [0xd9, 0x27], { memory: 'bytes' }],
  ['fldenv 16', [0x66, 0xd9, 0x27], { memory: 'bytes' }],
  ['fnstenv', [0xd9, 0x37], { pointers: [12, 28] }],
  ['fnstenv 16', [0x66, 0xd9, 0x37], { pointers: [6, 14] }],
  ['frstor', [0xdd, 0x27], { memory: 'bytes' }],
  ['frstor 16', [0x66, 0xdd, 0x27], { memory: 'bytes' }],
  ['fnsave', [0xdd, 0x37], { pointers: [12, 28] }],
  ['fnsave 16', [0x66, 0xdd, 0x37], { pointers: [6, 14] }],
  ['fchs', [0xd9, 0xe0]],
  ['fabs', [0xd9, 0xe1]],
  ['fsqrt', [0xd9, 0xfa]],
  ['frndint', [0xd9, 0xfc]],
  ['fprem', [0xd9, 0xf8]],
  ['fprem1', [0xd9, 0xf5]],
  ['fscale', [0xd9, 0xfd]],
  ['fxtract', [0xd9, 0xf4]],
  ['f2xm1', [0xd9, 0xf0], { ulps: 1 }],
  ['fyl2x', [0xd9, 0xf1], { ulps: 1 }],
  ['fptan', [0xd9, 0xf2], { ulps: 1 }],
  ['fpatan', [0xd9, 0xf3], { ulps: 1 }],
  ['fsincos', [0xd9, 0xfb], { ulps: 1 }],
  ['fsin', [0xd9, 0xfe], { ulps: 1 }],
  ['fcos', [0xd9, 0xff], { ulps: 1 }],
  ['fyl2xp1', [0xd9, 0xf9], { ulps: 1, skip: beyondFyl2xp1 }]
];
for (const [name, code, rest] of list) add(name, code, rest);
/** Beyond ±(1 − √½) nothing is promised. */
function beyondFyl2xp1(r: FpuRecord): boolean {
  const magnitude = r.st(0) & ((1n << 79n) - 1n);
  return magnitude > 0x3ffd_95f6_1998_0c43_36f7n && magnitude < 0x7fff_8000_0000_0000_0000n;
}

function randomMemory(random: Random, kind: Case['memory']): { value: bigint; bytes: number } {
  switch (kind) {
    case 'm32':
      return { value: randomFloat(random, FLOAT32), bytes: 4 };
    case 'm64':
      return { value: randomFloat(random, FLOAT64), bytes: 8 };
    case 'm80':
      return { value: randomFloat(random, FLOAT80), bytes: 10 };
    default:
      return { value: randomBits(random, random.pick([8, 16, 32, 64, 80, 1024])), bytes: 128 };
  }
}

function prepare(record: FpuRecord, random: Random, c: Case): void {
  // Every other time as programs have it, so that the fast way is walked too.
  const usual = random.chance(2);
  const masks = usual || random.chance(2) ? 0x3f : random.below(64);
  record.fcw = usual ? 0x37f : (random.below(4) << 10) | (random.below(4) << 8) | 0x40 | masks;
  // Seldom something pending.
  const flags = random.below(64) & (random.chance(8) ? 0x3f : masks);
  record.fsw = (random.below(8) << 11) | (random.below(8) << 8) | (random.below(2) << 14) | flags;
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
  const [from, to] = c.pointers ?? [0, 0];
  const ignored = (c.undefined ?? 0) | (c.ulps ? C1 : 0);
  for (let i = 0; i < 8; i++) if (distance(ours.st(i), theirs.st(i)) > (c.ulps ?? 0)) return false;
  return (
    ((ours.fsw ^ theirs.fsw) & ~ignored) === 0 &&
    ours.ftw === theirs.ftw &&
    ours.fcw === theirs.fcw &&
    ours.signal === theirs.signal &&
    ours.gpr(0) === theirs.gpr(0) &&
    ((ours.rflags ^ theirs.rflags) & 0x8d5) === 0 &&
    ours.memory.every((byte, i) => byte === theirs.memory[i] || (i >= from && i < to))
  );
}

describe.skipIf(noNativeFpu)('as this CPU', () => {
  const machine = new FpuMachine();
  const round = (seed: number, c: Case): string[] => {
    const random = new Random(seed);
    const batch = FpuBatch.fresh(CASES);
    for (let i = 0; i < CASES; i++) prepare(batch.at(i), random, c);
    const after = batch.run();
    const emulated = machine.run(batch);
    const wrong: string[] = [];
    for (let i = 0; i < CASES; i++) {
      const [ours, theirs] = [emulated.at(i), after.at(i)];
      if (c.skip?.(batch.at(i)) || same(c, ours, theirs)) continue;
      wrong.push(`${describeRecord(batch.at(i))}\n  ours ${describeRecord(ours)}\n  CPU  ${describeRecord(theirs)}`);
    }
    return wrong;
  };
  test.each(cases.map((c) => [c.name, c] as const))('%s', { timeout }, (_name, c) => {
    expect(rounds(CASES, (seed) => round(seed, c)).slice(0, 5)).toEqual([]);
  });
});
