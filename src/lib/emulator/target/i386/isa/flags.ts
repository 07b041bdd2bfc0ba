/**
 * Lazy flags: the one place that says how each arithmetic flag follows from `cc_op`, `cc_dst`, `cc_src` and `cc_src2`.
 * After QEMU target/i386/tcg/cc_helper.c and its CC_OP_* names; unlike there, the three are kept sign-extended from the
 * operation's size to 64 bits, which makes signed and unsigned comparisons of them right at every size, and SUB keeps its
 * minuend in `cc_src2`.
 */
import type { FlagInputs, FlagRule } from './backend.ts';
import { CC_MASK, FLAG } from '../env.ts';
import type { Size } from './insn.ts';
import { i32, i64, op, termOf, type Value } from './value.ts';

/** Rules by number; `cc_op` is four times that plus log2 of the size. EFLAGS is 0, whatever the size. */
const RULES = [
  'EFLAGS',
  'ADD',
  'ADC',
  'SUB',
  'SBB',
  'LOGIC',
  'INC',
  'DEC',
  'SHL',
  'SAR',
  'MUL',
  'BMILG',
  'BLSI'
] as const satisfies readonly FlagRule[];
type StoredRule = (typeof RULES)[number];

export const CC_OP_EFLAGS = 0;
const LOG2: Readonly<Record<Size, number>> = { 1: 0, 2: 1, 4: 2, 8: 3 };

export const ccOp = (rule: StoredRule, size: Size): number =>
  rule === 'EFLAGS' ? CC_OP_EFLAGS : RULES.indexOf(rule) * 4 + LOG2[size];

/** A value of an operation, sign-extended from its size to 64 bits. */
export function signExtended(size: Size, value: Value): Value {
  if (size === 8) return value;
  return (size === 1 ? value.extend8S() : size === 2 ? value.extend16S() : value).i64S();
}

/** What to keep for `setFlags`; absent: not needed. */
export interface LazyFlags {
  readonly cc_op: number;
  readonly cc_dst?: Value;
  readonly cc_src?: Value;
  readonly cc_src2?: Value;
}

export function lazyFlags(rule: FlagRule, size: Size, { dst, src, src2 }: FlagInputs): LazyFlags {
  if (rule === 'EFLAGS') return { cc_op: CC_OP_EFLAGS, cc_src: termOf('i32', src!).and(CC_MASK).i64() };
  if (rule === 'POPCNT') {
    const operand = termOf(size === 8 ? 'i64' : 'i32', src!);
    return { cc_op: CC_OP_EFLAGS, cc_src: operand.eqz().shl(6).i64() };
  }
  const type = size === 8 ? 'i64' : 'i32';
  const extended = (term: FlagInputs['src']): Value | undefined =>
    term === undefined ? undefined : signExtended(size, termOf(type, term));
  return { cc_op: ccOp(rule, size), cc_dst: extended(dst), cc_src: extended(src), cc_src2: extended(src2) };
}

/** The parts of the state that flags follow from, all but `op` i64. */
export interface FlagState {
  readonly dst: Value;
  readonly src: Value;
  readonly src2: Value;
  /** 64 less the bits of the operation's size: i64. Shifted left by it, values have their sign in bit 63. */
  readonly shift: Value;
}

const negative = (value: Value): Value => value.ltS(0);
const SIGN = 1n << 63n;
const LOW_NIBBLE = 15;
const AF_BIT = 4;

/** CF, OF and AF by rule: i32, 0 or 1 (undefined: 0). ZF, SF and PF follow from `dst` alike in all but EFLAGS. */
interface Derivation {
  C(s: FlagState): Value;
  O(s: FlagState): Value;
  A?(s: FlagState): Value;
}

/** Sign of a value, of which only the operation's size counts. */
const signAtSize = (s: FlagState, value: Value): Value => negative(value.shl(s.shift));
const auxiliary = (s: FlagState, other: Value): Value => s.dst.xor(s.src).xor(other).shrU(AF_BIT).i32().and(1);
const constant = (value: number) => (): Value => i32(value);
const sourceSet = (s: FlagState): Value => s.src.ne(0);

export const DERIVATIONS: Readonly<Record<Exclude<StoredRule, 'EFLAGS'>, Derivation>> = {
  ADD: {
    C: (s) => s.dst.ltU(s.src),
    O: (s) => {
      const a = s.dst.sub(s.src);
      return signAtSize(s, a.xor(s.dst).and(s.src.xor(s.dst)));
    },
    A: (s) => auxiliary(s, s.dst.sub(s.src))
  },
  ADC: {
    C: (s) => s.src2.eqz().select(s.dst.ltU(s.src), s.dst.leU(s.src)),
    O: (s) => {
      const a = s.dst.sub(s.src).sub(s.src2);
      return signAtSize(s, a.xor(s.dst).and(s.src.xor(s.dst)));
    },
    A: (s) => auxiliary(s, s.dst.sub(s.src).sub(s.src2))
  },
  SUB: {
    C: (s) => s.src2.ltU(s.src),
    O: (s) => negative(s.src2.xor(s.src).and(s.src2.xor(s.dst))),
    A: (s) => auxiliary(s, s.src2)
  },
  SBB: {
    C: (s) => {
      const a = s.dst.add(s.src).add(s.src2).shl(s.shift);
      const b = s.src.shl(s.shift);
      return s.src2.eqz().select(a.ltU(b), a.leU(b));
    },
    O: (s) => {
      const a = s.dst.add(s.src).add(s.src2);
      return signAtSize(s, a.xor(s.src).and(a.xor(s.dst)));
    },
    A: (s) => auxiliary(s, s.dst.add(s.src).add(s.src2))
  },
  LOGIC: { C: constant(0), O: constant(0) },
  INC: {
    C: (s) => s.src.i32(),
    O: (s) => s.dst.shl(s.shift).eq(SIGN),
    A: (s) => s.dst.and(LOW_NIBBLE).eqz()
  },
  DEC: {
    C: (s) => s.src.i32(),
    O: (s) => s.dst.add(1).shl(s.shift).eq(SIGN),
    A: (s) => s.dst.and(LOW_NIBBLE).eq(LOW_NIBBLE)
  },
  SHL: { C: (s) => negative(s.src), O: (s) => negative(s.src.xor(s.dst)) },
  SAR: { C: (s) => s.src.i32().and(1), O: (s) => negative(s.src.xor(s.dst)) },
  MUL: { C: sourceSet, O: sourceSet },
  BMILG: { C: (s) => s.src.eqz(), O: constant(0) },
  BLSI: { C: sourceSet, O: constant(0) }
};
/** Rules by number, EFLAGS first. */
export const RULE_NAMES: readonly StoredRule[] = RULES;

export const zeroFlag = (dst: Value): Value => dst.eqz();
export const signFlag = (dst: Value): Value => negative(dst);
export const parityFlag = (dst: Value): Value => dst.i32().and(0xff).popcnt().and(1).xor(1);

/** Flags put together in their places in EFLAGS. */
export function packFlags(flags: Readonly<Record<'C' | 'P' | 'A' | 'Z' | 'S' | 'O', Value>>): Value {
  return flags.C.or(flags.P.shl(2)).or(flags.A.shl(4)).or(flags.Z.shl(6)).or(flags.S.shl(7)).or(flags.O.shl(11));
}
/** A flag out of a word that holds it in its place. */
export const unpackFlag = (word: Value, name: 'C' | 'P' | 'A' | 'Z' | 'S' | 'O'): Value =>
  word.shrU(31 - Math.clz32(FLAG[`${name}F`])).and(1);

/** 64 less the bits of the size in `cc_op`. */
export const shiftOf = (cc_op: Value): Value => i64(64).sub(op('i64.extend_i32_u', i32(8).shl(cc_op.and(3))));

/** Even conditions by number / 2, SDM 1 appendix B; odd ones are their opposites. */
export const CONDITION_RULES = {
  sub: [
    undefined, // O
    (s: FlagState) => s.src2.ltU(s.src),
    (s: FlagState) => s.dst.eqz(),
    (s: FlagState) => s.src2.leU(s.src),
    (s: FlagState) => negative(s.dst),
    undefined, // P
    (s: FlagState) => s.src2.ltS(s.src),
    (s: FlagState) => s.src2.leS(s.src)
  ],
  logic: [
    constant(0),
    constant(0),
    (s: FlagState) => s.dst.eqz(),
    (s: FlagState) => s.dst.eqz(),
    (s: FlagState) => negative(s.dst),
    undefined,
    (s: FlagState) => negative(s.dst),
    (s: FlagState) => s.dst.leS(0)
  ]
} as const;
