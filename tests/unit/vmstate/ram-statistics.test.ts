import { describe, expect, test } from 'vitest';
import { PageKind, RamIndex } from '../../../src/lib/vmstate/ram-index.ts';
import {
  density,
  pagesStatistics,
  repeatedRecords,
  sendsIn,
  stretchStatistics
} from '../../../src/lib/vmstate/ram-statistics.ts';
import type { Section, Snapshot } from '../../../src/lib/vmstate/snapshot.ts';
import { snapshot } from '../../support/snapshots.ts';

type Sent = readonly [kind: keyof typeof PageKind, page: number, offset: number, source?: number];

/** Sections of 100 bytes one after another, each with its records. */
function sent(pages: number, ...sections: readonly (readonly Sent[])[]): Snapshot {
  const ram = new RamIndex();
  ram.addBlock({ idstr: 'pc.ram', usedLength: pages * 4096, pageSize: 4096, start: 0, end: 0 });
  const made = sections.map((records, index): Section => {
    const first = ram.count;
    for (const [kind, page, offset, source = 0] of records) ram.add(PageKind[kind], page, offset, source, 0, 0, 0);
    const [start, end] = [index * 100, index * 100 + 100];
    return {
      ...{ index, kind: 'part', name: 'ram', instance: 0, sectionId: 2, version: 4, start, end, phase: 'iterate' },
      ...{ bodyStart: start + 10, bodyEnd: end - 10, fields: [], records: [first, ram.count] }
    };
  });
  return { ...snapshot({}), ram, sections: made };
}

const two = sent(
  8,
  [
    ['normal', 0, 10],
    ['zero', 1, 50],
    ['normal', 2, 80]
  ],
  [
    ['xbzrle', 0, 120],
    ['normal', 5, 130],
    ['normal', 0, 180]
  ]
);
const repeated = repeatedRecords(two.ram);

describe('the density of page records', () => {
  test('counts each record in the bucket of its offset, by class', () => {
    const d = density(two, repeated, { start: 0, end: 200, buckets: 4 });
    expect([...d.counts]).toEqual([0, 1, 0, 0, 1, 1, 0, 0, 0, 1, 1, 0, 0, 1, 0, 0]);
    expect([...d.again]).toEqual([0, 0, 1, 1]);
  });

  test('leaves out what lies outside the stretch and pages that are not asked for', () => {
    const d = density(two, repeated, { start: 50, end: 150, buckets: 1, only: [[0, 2]] });
    expect([...d.counts]).toEqual([1, 0, 1, 0]);
  });

  test('spreads contents of another channel over the section they came with', () => {
    const channels = sent(4, [
      ['normal', 0, 7_000_000, 1],
      ['normal', 1, 7_004_096, 1]
    ]);
    const d = density(channels, repeatedRecords(channels.ram), { start: 0, end: 100, buckets: 10 });
    expect([...d.counts].flatMap((n, i) => (n ? [[i >> 2, n]] : []))).toEqual([
      [1, 1],
      [5, 1]
    ]);
  });
});

test('pages that no section lists are where they lie, those of other files nowhere', () => {
  const mapped = sent(4, []);
  mapped.ram.add(PageKind.mapped, 1, 60, 0, 0, 0, 0);
  mapped.ram.add(PageKind.mapped, 2, 60, 1, 0, 0, 0);
  expect([...sendsIn(mapped, 50, 100)]).toEqual([0, 1, 0, 0]);
  expect([...sendsIn(mapped, 0, 50)]).toEqual([0, 0, 0, 0]);
});

test('sends of a stretch are counted page by page and stop at 255', () => {
  expect([...sendsIn(two, 0, 200)]).toEqual([3, 1, 1, 0, 0, 1, 0, 0]);
  expect([...sendsIn(two, 100, 150)]).toEqual([1, 0, 0, 0, 0, 1, 0, 0]);
  const many = sent(1, new Array<Sent>(300).fill(['normal', 0, 20]));
  expect([...sendsIn(many, 0, 100)]).toEqual([255]);
});

describe('the statistics of a stretch', () => {
  test('tell repeats inside it from pages that had come before it', () => {
    expect(stretchStatistics(two, repeated, { start: 100, end: 200 })).toMatchObject({
      ...{ records: 3, pages: 2, again: 2, repeats: 1, zero: 0, normal: 2, xbzrle: 1, compressed: 0 },
      blocks: [{ block: 'pc.ram', records: 3 }]
    });
  });

  test('list the hottest pages first, and runs of neighbours that are about as hot', () => {
    const pages = [3, 3, 3, 3, 4, 4, 4, 6, 6, 1];
    const hot = sent(
      8,
      pages.map((page): Sent => ['normal', page, 20])
    );
    const s = stretchStatistics(hot, repeatedRecords(hot.ram), { start: 0, end: 100, most: 2 });
    expect(s.hotPages).toEqual([
      { page: 3, sends: 4 },
      { page: 4, sends: 3 }
    ]);
    expect(s.hotRanges).toEqual([
      { page: 3, pages: 2, sends: 7 },
      { page: 6, pages: 1, sends: 2 }
    ]);
  });

  test('of pages that all came once know no hot ones', () => {
    const s = stretchStatistics(two, repeated, { start: 0, end: 100 });
    expect(s.hotPages).toEqual([]);
    expect(s.hotRanges).toEqual([]);
  });

  test('of some pages are of all that came of them, from other channels too', () => {
    const many = sent(8, [
      ['zero', 1, 10],
      ['normal', 2, 20],
      ['normal', 5, 30, 1],
      ['normal', 2, 40]
    ]);
    const s = pagesStatistics(many, repeatedRecords(many.ram), [
      [2, 4],
      [5, 99]
    ]);
    expect(s).toMatchObject({ records: 3, pages: 2, again: 1, repeats: 1, zero: 0, normal: 3 });
    expect(s.blocks).toEqual([{ block: 'pc.ram', records: 3 }]);
    expect(s.hotPages).toEqual([{ page: 2, sends: 2 }]);
  });
});
