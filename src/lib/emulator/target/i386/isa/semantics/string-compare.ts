/**
 * PCMPESTRI, PCMPESTRM, PCMPISTRI, PCMPISTRM: bytes or words of two strings compared in one of four ways. SDM 1, 4.1 of
 * volume 2B ("imm8 control byte operation"); names of the steps are the manual's.
 */
import {
  i32,
  lane,
  op,
  type OperandShape,
  type Routine,
  type RoutineBackend,
  type Semantics,
  type Value
} from '../backend.ts';
import { bytesFrom, constant, immediateOf, IOTA, needsSse, ONES, ZERO } from './vector.ts';

type Elements = 'bytes' | 'words';
const SHIFTS = { bytes: 0, words: 1 } as const;
const NUMBERS = {
  bytes: IOTA,
  words: constant(16, 0, 1, 2, 3, 4, 5, 6, 7)
} as const;
const LANES = { bytes: 'i8x16', words: 'i16x8' } as const;
const COUNT = { bytes: 16, words: 8 } as const;

/** Ones in the elements below `length`. */
const validBelow = (elements: Elements, length: Value): Value =>
  op(`${LANES[elements]}.lt_s`, NUMBERS[elements], op(`${LANES[elements]}.splat`, length));

/** Element `at` of a vector in all places: i32 `at` known at run time. */
function broadcast(elements: Elements, vector: Value, at: Value): Value {
  if (elements === 'bytes') return op('i8x16.swizzle', vector, op('i8x16.splat', at));
  return op('i8x16.swizzle', vector, op('i16x8.splat', at.mul(0x0202).add(0x0100)));
}
/** Elements `by` further down, zeros from above. */
const moveDown = (elements: Elements, vector: Value, by: Value): Value =>
  op('i8x16.swizzle', vector, bytesFrom(by.shl(SHIFTS[elements])));

/** IntRes1, a bit an element of the second string, for one size and sign of elements. */
function aggregate(elements: Elements, signed: boolean): Routine {
  const type = LANES[elements];
  const sign = signed ? 's' : 'u';
  return {
    name: `pcmpstr_${elements}_${sign}`,
    params: ['v128', 'v128', 'i32', 'i32', 'i32'],
    result: 'i32',
    body: (b, first, second, firstLength, secondLength, mode) => {
      const result = b.variable('v128', ZERO);
      const valid = b.let(validBelow(elements, secondLength!));
      const each = (step: number, body: (at: Value) => void): void => {
        const at = b.variable('i32', 0);
        b.loop((_again, leave) => {
          b.when(at.value.geS(firstLength!), leave);
          body(at.value);
          at.set(at.value.add(step));
        });
      };
      const cases: readonly (() => void)[] = [
        // Equal any: an element of the first string is this one.
        () => {
          each(1, (at) =>
            result.set(op('v128.or', result.value, op(`${type}.eq`, second!, broadcast(elements, first!, at))))
          );
          result.set(op('v128.and', result.value, valid));
        },
        // Ranges: it is within one of the pairs.
        () => {
          each(2, (at) => {
            const low = op(`${type}.ge_${sign}`, second!, broadcast(elements, first!, at));
            const high = op(`${type}.le_${sign}`, second!, broadcast(elements, first!, at.add(1)));
            // A range whose upper end is beyond the string is none.
            b.when(at.add(1).ltS(firstLength!), () =>
              result.set(op('v128.or', result.value, op('v128.and', low, high)))
            );
          });
          result.set(op('v128.and', result.value, valid));
        },
        // Equal each: both are there and equal, or neither is.
        () => {
          const firstValid = b.let(validBelow(elements, firstLength!));
          const equal = op('v128.and', op('v128.and', valid, firstValid), op(`${type}.eq`, first!, second!));
          result.set(op('v128.or', equal, op('v128.not', op('v128.or', valid, firstValid))));
        },
        // Equal ordered: the first string begins here, as far as the register goes.
        () => {
          result.set(ONES);
          each(1, (at) => {
            const differs = op(
              'v128.not',
              op('v128.and', valid, op(`${type}.eq`, second!, broadcast(elements, first!, at)))
            );
            result.set(op('v128.andnot', result.value, moveDown(elements, differs, at)));
          });
        }
      ];
      cases.forEach((body, number) => b.when(mode!.shrU(2).and(3).eq(number), body));
      return op(`${type}.bitmask`, result.value);
    }
  };
}
const AGGREGATES = [
  aggregate('bytes', false),
  aggregate('words', false),
  aggregate('bytes', true),
  aggregate('words', true)
];

/** Number of the first element that is 0. */
function implicitLength(vector: Value, words: Value): Value {
  const zeros = (elements: Elements): Value =>
    op(`${LANES[elements]}.bitmask`, op(`${LANES[elements]}.eq`, vector, ZERO))
      .or(1 << COUNT[elements])
      .ctz();
  return words.select(zeros('words'), zeros('bytes'));
}
/** |EAX| or |EDX|, no more than fits; with REX.W of all 64 bits. */
function explicitLength(b: RoutineBackend, register: number, bytes: 4 | 8, most: Value): Value {
  const value = b.reg(register, bytes);
  const size = b.let(value.ltS(0).select(value.neg(), value));
  // The most negative number stays what it is: unsigned it is large.
  const limit = bytes === 8 ? most.i64() : most;
  return b.let(size.gtU(limit).select(most, size.i32()));
}

function compare(lengths: 'explicit' | 'implicit', answer: 'index' | 'mask'): Semantics {
  return (b) => {
    const [one, two] = b.operands as readonly [OperandShape, OperandShape];
    needsSse(b);
    const second = b.readVector(two);
    const first = b.readVector(one);
    const mode = immediateOf(b);
    const words = b.let(mode.and(1));
    const count = b.let(i32(16).shrU(words));
    const register = b.shape.size === 8 ? 8 : 4;
    const [firstLength, secondLength] =
      lengths === 'explicit'
        ? [explicitLength(b, 0, register, count), explicitLength(b, 2, register, count)]
        : [b.let(implicitLength(first, words)), b.let(implicitLength(second, words))];

    const bits = b.variable('i32', 0);
    AGGREGATES.forEach((routine, number) =>
      b.when(mode.and(3).eq(number), () => bits.set(b.call(routine, first, second, firstLength, secondLength, mode)))
    );
    const all = b.let(i32(1).shl(count).sub(1));
    // Polarity: bit 4 turns all around, with bit 5 only those within the string.
    const turned = mode.and(0x20).select(i32(1).shl(secondLength).sub(1), all);
    const result = b.let(mode.and(0x10).select(bits.value.xor(turned), bits.value));

    if (answer === 'index') {
      const most = result.clz().xor(31);
      const least = result.ctz();
      b.setReg(1, 4, b.let(result.eqz().select(count, mode.and(0x40).select(most, least))));
    } else {
      const spread = (elements: Elements): Value => {
        const each =
          elements === 'bytes'
            ? [1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, -128]
            : [1, 2, 4, 8, 16, 32, 64, 128];
        const mine =
          elements === 'words'
            ? op('i16x8.splat', result)
            : op(
                'i8x16.swizzle',
                op('i16x8.splat', result),
                constant(8, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1)
              );
        return op(
          `${LANES[elements]}.ne`,
          op('v128.and', mine, constant(elements === 'bytes' ? 8 : 16, ...each)),
          ZERO
        );
      };
      const expanded = words.select(spread('words'), spread('bytes'));
      const mask = mode.and(0x40).select(expanded, lane('i32x4.replace_lane', 0, ZERO, result));
      b.writeVector(b.operands[3]!, mask);
    }
    const flags = [result.ne(0), secondLength.ltS(count).shl(6), firstLength.ltS(count).shl(7), result.and(1).shl(11)];
    b.setFlags('EFLAGS', 4, { src: b.let(flags.reduce((a, c) => a.or(c))) });
  };
}

export const stringCompare: Readonly<Record<string, Semantics>> = {
  pcmpestri: compare('explicit', 'index'),
  pcmpestrm: compare('explicit', 'mask'),
  pcmpistri: compare('implicit', 'index'),
  pcmpistrm: compare('implicit', 'mask')
};
