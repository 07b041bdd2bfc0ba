/** No CPU of today has 3DNow!: literal numbers, most of them exact; AMD64 APM 5. */
import { expect, test } from 'vitest';
import { HF } from '../../../../../../../src/lib/emulator/target/i386/env.ts';
import { decode } from '../../../../../../../src/lib/emulator/target/i386/isa/decode.ts';
import { threeDNow } from '../../../../../../../src/lib/emulator/target/i386/isa/semantics/three-d-now.ts';
import { TABLE } from '../../../../../../../src/lib/emulator/target/i386/isa/table.ts';
import { OneInstruction } from '../../../../../../support/one-instruction.ts';

const floats = (low: number, high: number): bigint => {
  const words = new Uint32Array(Float32Array.of(low, high).buffer);
  return BigInt(words[0]!) | (BigInt(words[1]!) << 32n);
};
const integers = (low: number, high: number): bigint => BigInt(low >>> 0) | (BigInt(high >>> 0) << 32n);

const machine = new OneInstruction(new Map(Object.entries(threeDNow)));
/** MM0 after the operation with MM1. */
function result(name: string, mm0: bigint, mm1: bigint): bigint {
  const { env } = machine;
  env.set('hflags', HF.CS64 | HF.PE | HF.LMA | 3);
  env.set64('fpregs', mm0, 0);
  env.set64('fpregs', mm1, 2);
  const { suffix } = TABLE.find((row) => row.name === name)!;
  const insn = decode(Uint8Array.of(0x0f, 0x0f, 0xc1, suffix!), 0, 64);
  if (typeof insn === 'string') throw new Error(insn);
  expect(insn.row.name).toBe(name);
  expect(machine.run(insn, 64)).toBeUndefined();
  return env.get64('fpregs', 0);
}

const LEFT = floats(1.5, -3);
const RIGHT = floats(0.25, 2);
test.each<[string, bigint, bigint, bigint]>([
  ['pfadd', LEFT, RIGHT, floats(1.75, -1)],
  ['pfsub', LEFT, RIGHT, floats(1.25, -5)],
  ['pfsubr', LEFT, RIGHT, floats(-1.25, 5)],
  ['pfmul', LEFT, RIGHT, floats(0.375, -6)],
  ['pfmax', LEFT, RIGHT, floats(1.5, 2)],
  ['pfmin', LEFT, RIGHT, floats(0.25, -3)],
  ['pfacc', LEFT, RIGHT, floats(-1.5, 2.25)],
  ['pfnacc', LEFT, RIGHT, floats(4.5, -1.75)],
  ['pfpnacc', LEFT, RIGHT, floats(4.5, 2.25)],
  ['pfcmpeq', LEFT, floats(1.5, 3), integers(-1, 0)],
  ['pfcmpge', LEFT, floats(1.5, 3), integers(-1, 0)],
  ['pfcmpgt', LEFT, floats(1.25, -3), integers(-1, 0)],
  ['pfrcp', 0n, floats(-4, 1), floats(-0.25, -0.25)],
  ['pfrsqrt', 0n, floats(-4, 1), floats(-0.5, -0.5)],
  ['pfrcpit1', LEFT, RIGHT, RIGHT],
  ['pfrsqit1', LEFT, RIGHT, RIGHT],
  ['pfrcpit2', LEFT, RIGHT, RIGHT],
  ['pi2fd', 0n, integers(-7, 1 << 30), floats(-7, 2 ** 30)],
  ['pi2fw', 0n, integers(0x1_fff9, 0x7fff), floats(-7, 0x7fff)],
  ['pf2id', 0n, floats(-1.75, 3e9), integers(-1, 0x7fff_ffff)],
  ['pf2iw', 0n, floats(-1.75, 3e9), integers(-1, 0x7fff)],
  ['pf2iw', 0n, floats(-40000, 32767.5), integers(-0x8000, 0x7fff)],
  ['pswapd', 0n, integers(1, 2), integers(2, 1)],
  ['pmulhrw', 0x7fff_8000_0002_0001n, 0x7fff_8000_4000_7fffn, 0x3fff_4000_0001_0000n],
  ['pavgusb', 0x00ff_0102_0304_05fen, 0x0100_0201_0304_07ffn, 0x0180_0202_0304_06ffn]
])('%s', (name, left, right, expected) => {
  expect(result(name, left, right).toString(16)).toBe(expected.toString(16));
});

test('every row has its operation', () => {
  const rows = TABLE.filter((row) => row.suffix !== undefined);
  expect(rows.map((row) => row.name).filter((name) => !(name in threeDNow))).toEqual([]);
  expect(rows).toHaveLength(24);
});
