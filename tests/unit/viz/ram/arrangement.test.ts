import { describe, expect, test } from 'vitest';
import { arrange, pageOfCell, pagesBetween, spotOfPage } from '../../../../src/lib/viz/ram/arrangement.ts';
import { block } from '../../../support/blocks.ts';

const KiB = 1024;
const MiB = 1024 * KiB;
const ram = block(0, 'pc.ram', 0, 4096);
const bios = block(1, 'pc.bios', 4096, 64);
const rom = block(2, '/rom@etc/table-loader', 4160, 1);
const blocks = [ram, bios, rom];
/** 16 MiB of RAM with the VGA hole, the BIOS copy below 1 MiB and the BIOS below 4 GiB. */
const map = [
  { gpa: 0, bytes: 640 * KiB, block: 'pc.ram', offset: 0 },
  { gpa: 896 * KiB, bytes: 128 * KiB, block: 'pc.bios', offset: 128 * KiB },
  { gpa: MiB, bytes: 15 * MiB, block: 'pc.ram', offset: MiB },
  { gpa: 4096 * MiB - 256 * KiB, bytes: 256 * KiB, block: 'pc.bios', offset: 0 }
];

describe('an arrangement by blocks', () => {
  test('has a part a block, in the order of the stream', () => {
    expect(arrange('blocks', blocks, map).map((p) => [p.title, p.cells])).toEqual([
      ['pc.ram', 4096],
      ['pc.bios', 64],
      ['/rom@etc/table-loader', 1]
    ]);
  });

  test('can be of one block alone', () => {
    const [part, ...rest] = arrange('pc.bios', blocks, map);
    expect(rest).toEqual([]);
    expect(pageOfCell(part!, 3)).toBe(4099);
    expect(pageOfCell(part!, 64)).toBeUndefined();
  });
});

describe('an arrangement by guest-physical address', () => {
  const parts = arrange('physical', blocks, map);

  test('keeps small holes and begins anew behind large ones', () => {
    expect(parts.map((p) => [p.title, p.gpa, p.cells])).toEqual([
      ['pc.ram and 1 more', 0, 4096],
      ['pc.bios', 4096 * MiB - 256 * KiB, 64]
    ]);
    expect(pageOfCell(parts[0]!, 0xa0)).toBeUndefined();
    expect(pageOfCell(parts[0]!, 0xe0)).toBe(4096 + 32);
    expect(pageOfCell(parts[0]!, 0x100)).toBe(0x100);
  });

  test('shows a page at its lowest address, and not at all when it is not mapped', () => {
    expect(spotOfPage(parts, 4096 + 40)).toEqual({ part: 0, cell: 0xe8 });
    expect(spotOfPage(parts, 0xc0)).toBeUndefined();
    expect(spotOfPage(parts, 4160)).toBeUndefined();
  });

  test('begins anew at 4 GiB, right behind the firmware', () => {
    const high = [...map, { gpa: 4096 * MiB, bytes: 8 * KiB, block: 'pc.ram', offset: 0 }];
    expect(arrange('physical', blocks, high).map((p) => p.gpa)).toEqual([0, 4096 * MiB - 256 * KiB, 4096 * MiB]);
  });

  test('leaves out ranges of blocks that the stream does not have, and ends a block where it ends', () => {
    const odd = [
      { gpa: 0, bytes: MiB, block: 'gone', offset: 0 },
      { gpa: 0, bytes: 8 * MiB, block: 'pc.bios', offset: 0 }
    ];
    expect(arrange('physical', blocks, odd).map((p) => p.cells)).toEqual([64]);
  });
});

describe('the pages between two spots', () => {
  const parts = arrange('physical', blocks, map);

  test('skip the holes', () => {
    expect(pagesBetween(parts, { part: 0, cell: 0x9e }, { part: 0, cell: 0xe1 })).toEqual([
      [0x9e, 0xa0],
      [4128, 4130]
    ]);
  });

  test('are the same from both ends, go across parts, and join where they touch', () => {
    const from = { part: 0, cell: 4090 };
    const to = { part: 1, cell: 1 };
    expect(pagesBetween(parts, from, to)).toEqual([[4090, 4098]]);
    expect(pagesBetween(parts, to, from)).toEqual([[4090, 4098]]);
  });
});
