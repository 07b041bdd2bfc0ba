import { describe, expect, test } from 'vitest';
import { hashPage } from '../../../src/lib/vmstate/page-hash.ts';
import { MAX_BLOCKS, MAX_PAGES, PageKind, RamIndex } from '../../../src/lib/vmstate/ram-index.ts';

const PAGE = 4096;
function index(...blocks: readonly (readonly [idstr: string, pages: number])[]): RamIndex {
  const ram = new RamIndex();
  for (const [idstr, pages] of blocks) {
    ram.addBlock({ idstr, usedLength: pages * PAGE, pageSize: PAGE, start: 0, end: 0 });
  }
  return ram;
}

describe('blocks', () => {
  test('number their pages one after another, the last one begun counts whole', () => {
    const ram = index(['pc.ram', 10], ['empty', 0], ['vga.vram', 3]);
    expect(ram.blocks.map((b) => [b.index, b.firstPage, b.pages])).toEqual([
      [0, 0, 10],
      [1, 10, 0],
      [2, 10, 3]
    ]);
    expect([0, 9, 10, 12].map((page) => ram.blockOf(page)?.idstr)).toEqual([
      'pc.ram',
      'pc.ram',
      'vga.vram',
      'vga.vram'
    ]);
    ram.addBlock({ idstr: 'odd', usedLength: PAGE + 1, pageSize: PAGE, start: 0, end: 0 });
    expect(ram.block('odd')?.pages).toBe(2);
  });

  test('of one name are the first one when asked by name', () => {
    expect(index(['rom', 1], ['rom', 2]).block('rom')?.pages).toBe(1);
  });

  test('beyond the bounds are refused', () => {
    const ram = index(['pc.ram', MAX_PAGES]);
    expect(ram.addBlock({ idstr: 'more', usedLength: 1, pageSize: PAGE, start: 0, end: 0 })).toBeUndefined();
    const many = index(...Array.from({ length: MAX_BLOCKS }, (_, i) => [`b${i}`, 0] as const));
    expect(many.addBlock({ idstr: 'more', usedLength: 0, pageSize: PAGE, start: 0, end: 0 })).toBeUndefined();
  });
});

describe('records', () => {
  /** Offsets around each power of two that something is split at, from the stream and from channels. */
  const sent = [0, 8, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 5 * 2 ** 32 + 7, 2 ** 45 - 1].flatMap((offset) =>
    [0, 1, 254, 255].map((source) => ({ offset, source }))
  );

  test('give back what was put in', () => {
    const ram = index(['pc.ram', 1000]);
    sent.forEach(({ offset, source }, i) => ram.add((i % 6) + 1, 999 - i, offset, source, 0xffff_ffff - i, i, 0));
    expect(ram.count).toBe(sent.length);
    sent.forEach(({ offset, source }, i) => {
      expect(ram.at(i)).toEqual({ record: i, kind: (i % 6) + 1, page: 999 - i, offset, source });
      expect([ram.hashLowOf(i), ram.hashHighOf(i), ram.slotOf(i)]).toEqual([0xffff_ffff - i, i, 0]);
    });
  });

  test('of contents in the store have its slot, and its hash', () => {
    const ram = index(['pc.ram', 8]);
    const page = new Uint8Array(PAGE).fill(7);
    const { low, high } = hashPage(page);
    const slot = ram.store.put(page, low, high);
    ram.add(PageKind.xbzrle, 5, 100, 0, low, high, slot + 1);
    expect([ram.slotOf(0), ram.hashLowOf(0), ram.hashHighOf(0)]).toEqual([slot + 1, low, high]);
    expect(ram.at(0)).toEqual({ record: 0, kind: PageKind.xbzrle, page: 5, offset: 100, source: 0 });
  });

  test('are visited as they are asked for one by one, over pieces of columns', () => {
    const ram = index(['pc.ram', 100]);
    for (let i = 0; i < 20_000; i++) {
      const source = i > 9000 && i % 3 === 0 ? 2 : 0;
      ram.add((i % 6) + 1, i % 100, i * 2 ** 20, source, i, i, 0);
    }
    for (const [first, last] of [
      [0, 20_000],
      [4095, 4097],
      [8999, 12_300],
      [7, 7],
      [19_990, 50_000]
    ] as const) {
      const seen: number[] = [];
      ram.each(first, last, (record, page, kind, offset, source) => {
        seen.push(record);
        const one = ram.at(record);
        if (one.page !== page || one.kind !== kind || one.offset !== offset || one.source !== source) {
          expect({ record, page, kind, offset, source }).toEqual(one);
        }
      });
      expect(seen).toEqual(Array.from({ length: Math.min(last, 20_000) - first }, (_, i) => first + i));
    }
  });

  test('the last one of a page is what it became; those before are its history', () => {
    const ram = index(['pc.ram', 4]);
    for (const page of [0, 1, 0, 2, 0]) ram.add(PageKind.normal, page, 0, 0, 0, 0, 0);
    expect([0, 1, 2, 3, 4, -1].map((page) => ram.latest(page))).toEqual([4, 1, 3, -1, -1, -1]);
    expect(ram.history(0, 10)).toEqual([0, 2, 4]);
    expect(ram.history(0, 2)).toEqual([2, 4]);
    expect(ram.distinctPages).toBe(3);
    const before = ram.latestBefore(3);
    expect([0, 1, 2].map((page) => before.get(page))).toEqual([3, 2, 0]);
  });

  test('of the stream are found by where they lie in it', () => {
    const ram = index(['pc.ram', 100]);
    for (let i = 0; i < 50; i++) ram.add(PageKind.normal, i, 2 ** 32 - 100 + 10 * i, 0, 0, 0, 0);
    expect(ram.firstRecordAt(0)).toBe(0);
    expect(ram.firstRecordAt(2 ** 32)).toBe(10);
    expect(ram.firstRecordAt(2 ** 32 + 1)).toBe(11);
    expect(ram.firstRecordAt(2 ** 33)).toBe(50);
  });
});

describe('memory', () => {
  const PAGES = 1 << 18;

  test('is at most 24 bytes a page that was sent, also behind 4 GiB', () => {
    const ram = index(['pc.ram', PAGES]);
    for (let i = 0; i < PAGES; i++) ram.add(PageKind.normal, i, 2 ** 32 - 2 ** 28 + i * 4104, 0, i, i, 0);
    expect(ram.bytes / ram.count).toBeLessThanOrEqual(21);
  });

  test('is at most 24 bytes a page that came by several channels', () => {
    const ram = index(['pc.ram', PAGES]);
    for (let i = 0; i < PAGES; i++) ram.add(PageKind.normal, i, i * PAGE, 1 + ((i >> 7) & 7), i, i, 0);
    expect(ram.bytes / ram.count).toBeLessThanOrEqual(24);
  });

  test('of a few pages that lie far apart is little', () => {
    const ram = index(['pc.ram', MAX_PAGES]);
    for (let i = 0; i < 10; i++) ram.add(PageKind.zero, i * 6_000_000, i, 0, 0, 0, 0);
    expect(ram.bytes).toBeLessThan(1 << 20);
  });
});
