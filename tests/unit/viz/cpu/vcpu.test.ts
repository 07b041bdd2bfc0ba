import { expect, test } from 'vitest';
import { vcpuOf } from '../../../../src/lib/viz/cpu/vcpu.ts';
import type { Leaf, Placed } from '../../../../src/lib/vmstate/vmstate.ts';

const row = (name: string, value: Leaf): Placed => ({ name, type: 'uint64', start: 0, end: 8, value });
const cpu = (hflags: number, eip: bigint, csBase: number): Placed[] => [
  row('env.eip', eip),
  row('env.hflags', hflags),
  {
    name: 'env.segs[1]',
    type: 'struct',
    start: 0,
    end: 8,
    children: [row('selector', 0xf000), row('base', csBase)]
  },
  row('env.cr[3]', 0x1000n)
];

test('real mode adds the base of CS to the instruction pointer', () => {
  expect(vcpuOf(cpu(0, 0xfff0n, 0xffff0000))).toEqual({ rip: 0xfffffff0n, cr3: 0x1000n, bitness: 16 });
});

test('long mode does not', () => {
  expect(vcpuOf(cpu(0x8000, 0xffffffff81000000n, 0x1234))).toEqual({
    rip: 0xffffffff81000000n,
    cr3: 0x1000n,
    bitness: 64
  });
  expect(vcpuOf(cpu(0x10, 0xc0100000n, 0)).bitness).toBe(32);
});

test('a section without registers says nothing', () => {
  expect(vcpuOf([])).toEqual({ rip: undefined, cr3: undefined, bitness: 16 });
});
