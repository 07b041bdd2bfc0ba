/** Where rounding of sums, products, quotients and conversions is tight: against this machine's CPU. */
import { describe, expect, test } from 'vitest';
import { FpuMachine } from '../../../../../../support/fpu-machine.ts';
import { FpuBatch, noNativeFpu } from '../../../../../../support/native-fpu.ts';

const TOP = 1n << 63n;
/** Significands that are ties, or next to them, once shifted. */
const SIGNIFICANDS = [
  TOP,
  TOP + 1n,
  TOP + 2n,
  TOP + 3n,
  TOP | (TOP >> 1n),
  TOP | (1n << 10n),
  TOP | (1n << 11n),
  TOP | (3n << 10n),
  TOP | ((1n << 10n) + 1n),
  TOP | (1n << 39n),
  TOP | (3n << 39n),
  (TOP - 1n) * 2n + 1n,
  (TOP - 1n) * 2n,
  0xb504_f333_f9de_6484n
];
const BIAS = 16383;

interface Operands {
  readonly a: bigint;
  readonly b: bigint;
}
/** All pairs with exponents so far apart, either way round, of both signs. */
function pairs(gaps: readonly number[]): Operands[] {
  return gaps.flatMap((gap) =>
    SIGNIFICANDS.flatMap((p) =>
      SIGNIFICANDS.flatMap((q) =>
        [0, 1].flatMap((sign): Operands[] => {
          const a = (BigInt(BIAS + gap + (sign ? 0x8000 : 0)) << 64n) | p;
          const b = (BigInt(BIAS) << 64n) | q;
          return [
            { a, b },
            { a: b, b: a }
          ];
        })
      )
    )
  );
}

/** The same for one operand. */
const singles = (gap: number): Operands[] => pairs([gap]).filter(({ b }) => (b & (2n ** 64n - 1n)) === TOP);

describe.skipIf(noNativeFpu)('as this CPU', () => {
  const machine = new FpuMachine();
  /** ST(0), status word and 8 bytes of memory after the instruction. */
  function compare(code: readonly number[], operands: readonly Operands[], fcw = 0x37f): void {
    const batch = FpuBatch.fresh(operands.length);
    operands.forEach(({ a, b }, i) => {
      const record = batch.at(i);
      record.fcw = fcw;
      record.ftw = 3;
      record.setSt(0, a);
      record.setSt(1, b);
      record.setCode(code);
    });
    const [ours, theirs] = [machine.run(batch), batch.run()].map((after) =>
      operands.map(({ a, b }, i) => {
        const record = after.at(i);
        const memory = Buffer.from(record.memory.slice(0, 8)).toString('hex');
        return `${a.toString(16)} ${b.toString(16)}: ${record.st(0).toString(16)} ${record.fsw.toString(16)} ${memory}`;
      })
    );
    expect(ours).toEqual(theirs);
  }

  const [FADD, FSUB, FMUL, FDIV] = [0xc1, 0xe1, 0xc9, 0xf1];
  test.each([
    ['0 to 3', [0, 1, 2, 3]],
    ['61 to 64', [61, 62, 63, 64]],
    ['65 to 68', [65, 66, 67, 68]],
    ['127 to 130', [127, 128, 129, 130]]
  ])('sums and differences of numbers that are %s bits apart', (_name, gaps) => {
    compare([0xd8, FADD], pairs(gaps));
    compare([0xd8, FSUB], pairs(gaps));
  });
  test('products and quotients', () => {
    compare([0xd8, FMUL], pairs([0]));
    compare([0xd8, FDIV], pairs([0]));
  });
  test('square roots, of even and odd exponents', () => {
    for (const gap of [0, 1, 2, -1, 16000, -16001]) compare([0xd9, 0xfa], singles(gap));
  });
  test.each([0x37f, 0x77f, 0xb7f, 0xf7f])('integers in place, control word %i', (fcw) => {
    for (const gap of [-2, -1, 0, 1, 10, 23, 24, 51, 52, 53, 61, 62, 63, 64]) compare([0xd9, 0xfc], singles(gap), fcw);
  });
  test('results at the ends of the exponents', () => {
    for (const gap of [-16382, -16381, 16383, 16382]) {
      compare([0xd8, FMUL], pairs([gap]));
      compare([0xd8, FDIV], pairs([gap]));
    }
  });
  test('floats of 32 and 64 bits, to the ends of theirs', () => {
    for (const gap of [0, -126, -127, 127, 128]) compare([0xd9, 0x17], singles(gap));
    for (const gap of [0, -1022, -1023, 1023, 1024]) compare([0xdd, 0x17], singles(gap));
  });
  test.each([0x37f, 0xf7f])('integers, control word %i', (fcw) => {
    for (const gap of [-3, -2, -1, 0, 1, 14, 15, 30, 31, 61, 62, 63]) {
      compare([0xdf, 0x17], singles(gap), fcw); // FIST m16
      compare([0xdb, 0x17], singles(gap), fcw); // FIST m32
      compare([0xdf, 0x3f], singles(gap), fcw); // FISTP m64
    }
  });
});
