/** A virtual address taken apart as a page walk reads it. */
import type { Walk } from '../../emulator/api.ts';

export interface BitGroup {
  /** `PML4`, …, `offset`, or `sign` for the upper bits of a canonical address. */
  readonly name: string;
  readonly high: number;
  readonly low: number;
  readonly value: number;
}

/** Lowest address bit that each level's index takes; how many bits it has (SDM 3A 4.3 to 4.5). */
const shapes: Readonly<Record<Walk['mode'], readonly (readonly [name: string, low: number, bits: number])[]>> = {
  none: [],
  '32-bit': [
    ['PD', 22, 10],
    ['PT', 12, 10]
  ],
  PAE: [
    ['PDPT', 30, 2],
    ['PD', 21, 9],
    ['PT', 12, 9]
  ],
  '4-level': [
    ['PML4', 39, 9],
    ['PDPT', 30, 9],
    ['PD', 21, 9],
    ['PT', 12, 9]
  ],
  '5-level': [
    ['PML5', 48, 9],
    ['PML4', 39, 9],
    ['PDPT', 30, 9],
    ['PD', 21, 9],
    ['PT', 12, 9]
  ]
};

/** Index bits from the top, then the offset: of a large page when the walk ended at one. */
export function addressBits({ gva, mode, pageSize, steps, gpa }: Walk): BitGroup[] {
  const group = (name: string, low: number, bits: number): BitGroup => ({
    ...{ name, high: low + bits - 1, low },
    value: Number((gva >> BigInt(low)) & ((1n << BigInt(bits)) - 1n))
  });
  const shape = shapes[mode];
  const top = shape[0];
  if (!top) return [group('offset', 0, 32)];
  // A large page's walk has fewer steps; one that faulted says nothing of those it did not take.
  const taken = gpa === undefined ? shape : shape.slice(0, steps.length);
  const offsetBits = gpa !== undefined && pageSize !== undefined ? Math.log2(pageSize) : 12;
  const first = top[1] + top[2];
  const sign = mode === '4-level' || mode === '5-level' ? [group('sign', first, 64 - first)] : [];
  return [...sign, ...taken.map(([name, low, bits]) => group(name, low, bits)), group('offset', 0, offsetBits)];
}
