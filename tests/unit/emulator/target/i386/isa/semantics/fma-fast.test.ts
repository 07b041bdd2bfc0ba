/** Fused operations where rounding twice would show: sums that cancel, ties, halves of the last place. As this CPU. */
import { describe, expect, test } from 'vitest';
import { Random } from '../../../../../../fuzz/random.ts';
import { randomBits } from '../../../../../../support/floats.ts';
import { FpuMachine } from '../../../../../../support/fpu-machine.ts';
import { FpuBatch, noNativeFpu } from '../../../../../../support/native-fpu.ts';
import { rounds, tellCount, timeout } from '../../../../../../support/random-instructions.ts';

/** Of each precision in a round. */
const COUNT = 20_000;
tellCount('fused multiply and add');
/** VFMADD213SD and SS xmm1, xmm2, xmm3: xmm1 := xmm2 × xmm1 + xmm3. */
const CODES = { d: [0xc4, 0xe2, 0xe9, 0xa9, 0xcb], s: [0xc4, 0xe2, 0x69, 0xa9, 0xcb] } as const;

const view = new DataView(new ArrayBuffer(8));
function bitsOf(value: number, p: 's' | 'd'): bigint {
  if (p === 'd') view.setFloat64(0, value);
  else view.setFloat32(0, value);
  return p === 'd' ? view.getBigUint64(0) : BigInt(view.getUint32(0));
}
function numberOf(bits: bigint, p: 's' | 'd'): number {
  if (p === 'd') view.setBigUint64(0, bits);
  else view.setUint32(0, Number(bits));
  return p === 'd' ? view.getFloat64(0) : view.getFloat32(0);
}

/** Factors between ½ and 2 with few or many bits; an addend at some distance below or above their product, or against it. */
function operands(random: Random, p: 's' | 'd'): readonly [bigint, bigint, bigint] {
  const [fraction, bias] = p === 'd' ? [52, 1023] : [23, 127];
  const factor = (): bigint => {
    const kept = random.pick([3, fraction >> 1, (fraction >> 1) + 1, fraction]);
    const bits = (randomBits(random, kept) << BigInt(fraction - kept)) ^ BigInt(random.chance(3) ? 1 : 0);
    return (BigInt(bias - random.below(2) + (random.chance(2) ? 2 * (bias + 1) : 0)) << BigInt(fraction)) | bits;
  };
  const [a, b] = [factor(), factor()];
  const product = numberOf(a, p) * numberOf(b, p);
  const distance = random.pick([
    0,
    0,
    1,
    2,
    fraction - 1,
    fraction,
    fraction + 1,
    fraction + 2,
    2 * fraction,
    2 * fraction + 3,
    54,
    60
  ]);
  const scaled = product * 2 ** (random.chance(2) ? distance : -distance);
  const addend = bitsOf(random.chance(2) ? scaled : -scaled, p);
  const exact = random.chance(3) ? (addend >> BigInt(fraction)) << BigInt(fraction) : addend;
  return [a, b, exact + BigInt(random.below(3)) * BigInt(random.chance(2) ? 1 : 0)];
}

describe.skipIf(noNativeFpu)('a product and a sum are rounded once', () => {
  const machine = new FpuMachine();
  const round = (seed: number, p: 'd' | 's'): string[] => {
    const random = new Random(seed);
    const batch = FpuBatch.fresh(COUNT);
    for (let i = 0; i < COUNT; i++) {
      const record = batch.at(i);
      operands(random, p).forEach((bits, n) => record.setYmm(n + 1, bits));
      record.mxcsr = 0x1fa0;
      record.setCode(CODES[p]);
    }
    const [ours, theirs] = [machine.run(batch), batch.run()].map((after) =>
      Array.from({ length: COUNT }, (_, i) => {
        const operandsOf = [1, 2, 3].map((n) => batch.at(i).ymm(n).toString(16)).join(' ');
        return `${operandsOf}: ${after.at(i).ymm(1).toString(16)} ${after.at(i).mxcsr.toString(16)}`;
      })
    );
    return ours!.flatMap((line, i) => (line === theirs![i] ? [] : [`${line}, CPU ${theirs![i]}`]));
  };
  test.each(['d', 's'] as const)('precision %s', { timeout }, (p) => {
    expect(rounds(COUNT, (seed) => round(seed, p)).slice(0, 5)).toEqual([]);
  });
});
