import { expect, test } from 'vitest';
import type { SectionInfo } from '../../../../src/lib/emulator/api.ts';
import { sumOf } from '../../../../src/lib/viz/fields/range-facts.ts';

const section = (index: number, name: string, start: number, end: number, more: Partial<SectionInfo> = {}) =>
  ({ index, name, start, end, kind: 'full', ...more }) as SectionInfo;
const sections = [
  section(0, 'ram', 0, 1000, { records: [0, 100] }),
  section(1, 'PACKAGED', 1000, 1300),
  section(2, 'cpu', 1010, 1200, { inside: 1 }),
  section(3, 'ram', 1200, 1300, { inside: 1, records: [100, 110] })
];

test('a range is summed up by name, most bytes first', () => {
  expect(sumOf({ start: 0, end: 1300 }, sections)).toEqual({
    sections: 3,
    pages: 110,
    shares: [
      { name: 'ram', sections: 2, bytes: 1100, index: 0 },
      { name: 'cpu', sections: 1, bytes: 190, index: 2 }
    ]
  });
});

test('a section that lies in it in part counts in part', () => {
  expect(sumOf({ start: 500, end: 600 }, sections)).toEqual({
    sections: 1,
    pages: 10,
    shares: [{ name: 'ram', sections: 1, bytes: 100, index: 0 }]
  });
});
