import { expect, test } from 'vitest';
import type { Walk } from '../../../../src/lib/emulator/api.ts';
import { addressBits } from '../../../../src/lib/viz/cpu/address-bits.ts';

const step = (level: string) => ({ level, entryGpa: 0, index: 0, entry: 1n, flags: ['P'] });
const walk = (mode: Walk['mode'], gva: bigint, levels: readonly string[], pageSize: number | undefined): Walk => ({
  ...{ gva, mode, steps: levels.map(step), pageSize, gpa: pageSize === undefined ? undefined : 0 }
});
const text = (w: Walk) => addressBits(w).map((g) => `${g.name} ${g.high}:${g.low} ${g.value.toString(16)}`);

test('a 4-level address has a sign, four indices and an offset', () => {
  const gva = 0xffff_ffff_8110_0abcn;
  expect(text(walk('4-level', gva, ['PML4', 'PDPT', 'PD', 'PT'], 4096))).toEqual([
    'sign 63:48 ffff',
    'PML4 47:39 1ff',
    'PDPT 38:30 1fe',
    'PD 29:21 8',
    'PT 20:12 100',
    'offset 11:0 abc'
  ]);
});

test('a large page has a longer offset', () => {
  expect(text(walk('4-level', 0x4020_1234n, ['PML4', 'PDPT', 'PD'], 2 ** 21)).slice(-2)).toEqual([
    'PD 29:21 1',
    'offset 20:0 1234'
  ]);
  expect(text(walk('32-bit', 0xc040_0001n, ['PD'], 2 ** 22))).toEqual(['PD 31:22 301', 'offset 21:0 1']);
});

test('the other modes have their own indices', () => {
  expect(text(walk('PAE', 0xc000_1000n, ['PDPT', 'PD', 'PT'], 4096))).toEqual([
    'PDPT 31:30 3',
    'PD 29:21 0',
    'PT 20:12 1',
    'offset 11:0 0'
  ]);
  expect(text(walk('5-level', 1n << 48n, ['PML5'], undefined))[1]).toBe('PML5 56:48 1');
  expect(text(walk('none', 0x7c00n, [], undefined))).toEqual(['offset 31:0 7c00']);
});
