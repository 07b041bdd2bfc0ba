import { describe, expect, test } from 'vitest';
import { addMappedRam, addSharedRam, runs } from '../../../src/lib/vmstate/mapped-ram.ts';
import { hashPage } from '../../../src/lib/vmstate/page-hash.ts';
import { Problems } from '../../../src/lib/vmstate/problem.ts';
import { PageKind, RamIndex } from '../../../src/lib/vmstate/ram-index.ts';
import { bytesSource } from '../../../src/lib/vmstate/source.ts';

const PAGE = 4096;
const BITMAP = 100;
const PAGES = 4 * PAGE;

function index(
  pages = 70,
  mapped: Partial<{ bitmapOffset: number; pagesOffset: number; pageSize: number }> = {}
): RamIndex {
  const ram = new RamIndex();
  ram.addBlock({
    ...{ idstr: 'pc.ram', usedLength: pages * PAGE, pageSize: PAGE, start: 11, end: 50 },
    mapped: { bitmapOffset: BITMAP, pagesOffset: PAGES, pageSize: PAGE, ...mapped }
  });
  return ram;
}

/** A file in which the pages given are set, each filled with its number. */
function file(set: readonly number[], pages = 70): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(PAGES + pages * PAGE);
  for (const page of set) {
    out[BITMAP + (page >> 3)]! |= 1 << (page & 7);
    out.fill(page, PAGES + page * PAGE, PAGES + (page + 1) * PAGE);
  }
  return out;
}

describe('mapped-ram', () => {
  test('each set bit is a page at its place; the others were never sent', async () => {
    const ram = index();
    const problems = new Problems();
    await addMappedRam(bytesSource(file([1, 2, 3, 9, 64, 69])), ram, problems);
    expect(problems.list).toEqual([]);
    expect(
      Array.from({ length: ram.count }, (_, i) => ram.at(i)).map((r) => [r.kind, r.page, r.offset, r.source])
    ).toEqual([1, 2, 3, 9, 64, 69].map((page) => [PageKind.mapped, page, PAGES + page * PAGE, 0]));
    const { low, high } = hashPage(new Uint8Array(PAGE).fill(9));
    expect([ram.hashLowOf(3), ram.hashHighOf(3)]).toEqual([low, high]);
    expect(ram.latest(0)).toBe(-1);
  });

  test('offsets count from the start of the file, also where the stream does not', async () => {
    const ram = index(70, { bitmapOffset: BITMAP + 8192, pagesOffset: PAGES + 8192 });
    await addMappedRam(bytesSource(file([5])), ram, new Problems(), 8192);
    expect(ram.at(0)).toMatchObject({ page: 5, offset: PAGES + 5 * PAGE });
  });

  test('a file that ends before its pages gives those that are there', async () => {
    const ram = index();
    const problems = new Problems();
    await addMappedRam(bytesSource(file([0, 1, 2, 3]).subarray(0, PAGES + 2 * PAGE + 5)), ram, problems);
    expect(ram.count).toBe(3);
    expect(problems.list).toMatchObject([
      { code: 'mapped-ram-pages', message: 'the file ends before 1 pages of the block' }
    ]);
  });

  test('headers that lead nowhere are problems', async () => {
    for (const [mapped, code] of [
      [{ bitmapOffset: 2 ** 50 }, 'mapped-ram-bitmap'],
      [{ pagesOffset: 2 ** 50 }, 'mapped-ram-pages'],
      [{ pagesOffset: PAGES + 1 }, 'mapped-ram-alignment'],
      [{ pageSize: 65536 }, 'mapped-ram-header']
    ] as const) {
      const ram = index(70, mapped);
      const problems = new Problems();
      await addMappedRam(bytesSource(file([1])), ram, problems);
      expect(problems.list.map((p) => p.code)).toEqual([code]);
      expect(ram.count).toBe(0);
    }
  });

  test('a block of 128 GiB reads no more than the file holds', async () => {
    const ram = index(2 ** 25);
    const problems = new Problems();
    await addMappedRam(bytesSource(new Uint8Array(100_000).fill(0xff)), ram, problems);
    expect(problems.list.map((p) => p.code)).toEqual(['mapped-ram-bitmap', 'mapped-ram-pages']);
    expect(ram.count).toBe(Math.ceil((100_000 - PAGES) / PAGE));
  });
});

test('runs of set bits', () => {
  const of = (...bytes: number[]): (readonly [number, number])[] => [
    ...runs(Uint8Array.from(bytes), 0, bytes.length * 8)
  ];
  expect(of(0, 0)).toEqual([]);
  expect(of(0xff, 0xff)).toEqual([[0, 16]]);
  expect(of(0x81, 0x01, 0xf0)).toEqual([
    [0, 1],
    [7, 9],
    [20, 24]
  ]);
  expect([...runs(Uint8Array.of(0xff, 0xff), 80, 91)]).toEqual([[80, 91]]);
});

test('a shared RAM file is the contents of its block; zeros are zero pages', async () => {
  const ram = new RamIndex();
  ram.addBlock({ idstr: 'bios', usedLength: PAGE, pageSize: PAGE, start: 0, end: 0 });
  const block = ram.addBlock({ idstr: 'ram0', usedLength: 600 * PAGE, pageSize: PAGE, start: 0, end: 0 })!;
  const memory = new Uint8Array(600 * PAGE);
  memory.fill(7, 300 * PAGE, 301 * PAGE);
  await addSharedRam(bytesSource(memory), block, ram, new Problems());
  expect(ram.count).toBe(600);
  expect([ram.byKind[PageKind.zero], ram.byKind[PageKind.mapped]]).toEqual([599, 1]);
  expect(ram.at(300)).toMatchObject({ kind: PageKind.mapped, page: 301, offset: 300 * PAGE, source: 1 });
});

test('a RAM file that is shorter or longer than the block is read as far as both go', async () => {
  for (const [bytes, pages] of [
    [3 * PAGE + 1, 4],
    [20 * PAGE, 10]
  ] as const) {
    const ram = new RamIndex();
    const block = ram.addBlock({ idstr: 'ram0', usedLength: 10 * PAGE, pageSize: PAGE, start: 0, end: 0 })!;
    await addSharedRam(bytesSource(new Uint8Array(bytes).fill(1)), block, ram, new Problems());
    expect(ram.count).toBe(pages);
  }
});
