import { describe, expect, test } from 'vitest';
import { PageKind, RamIndex } from '../../../src/lib/vmstate/ram-index.ts';
import { inferRounds, MAX_ROUNDS, type RoundHints } from '../../../src/lib/vmstate/rounds.ts';
import type { Round, Section, SectionKind } from '../../../src/lib/vmstate/snapshot.ts';

interface Sent {
  readonly kind: SectionKind;
  /** Pages by number; with a name in front, of that kind; with a number behind, from another channel. */
  readonly pages: readonly (number | readonly [kind: keyof typeof PageKind, page: number, source?: number])[];
}

/** RAM sections of 1000 bytes, their records 10 bytes apart. */
function rounds(list: readonly Sent[], hints: RoundHints = {}): readonly Round[] {
  const ram = new RamIndex();
  ram.addBlock({ idstr: 'pc.ram', usedLength: 64 * 4096, pageSize: 4096, start: 0, end: 0 });
  const sections = list.map(({ kind, pages }, index): Section => {
    const first = ram.count;
    const start = 1000 * index;
    pages.forEach((sent, i) => {
      const [name, page, source = 0] = typeof sent === 'number' ? (['normal', sent] as const) : sent;
      ram.add(PageKind[name], page, start + 100 + 10 * i, source, 0, 0, 0);
    });
    return {
      ...{ index, kind, name: 'ram', instance: 0, sectionId: 2, version: 4, start, end: start + 1000 },
      ...{ bodyStart: start + 5, bodyEnd: start + 995, phase: 'iterate', fields: [], records: [first, ram.count] }
    };
  });
  return inferRounds(sections, ram, hints);
}
const shape = (found: readonly Round[]) => found.map((r) => [r.evidence, r.certain, ...r.records]);

describe('rounds', () => {
  test('a stream without RAM has none', () => {
    expect(rounds([])).toEqual([]);
    expect(rounds([{ kind: 'part', pages: [] }])).toEqual([]);
  });

  test('the bulk pass and the one at the end are certain', () => {
    const found = rounds([
      { kind: 'start', pages: [] },
      { kind: 'part', pages: [0, 1] },
      { kind: 'part', pages: [2, 3] },
      { kind: 'end', pages: [4] }
    ]);
    expect(shape(found)).toEqual([
      ['section', true, 0, 4],
      ['section', true, 4, 5]
    ]);
    expect(found.map((r) => [r.start, r.end, r.bytes])).toEqual([
      [1000, 3000, 2000],
      [3000, 4000, 1000]
    ]);
  });

  test('a page that comes again proves a sync, at the start of the PART that brings it', () => {
    const found = rounds([
      { kind: 'part', pages: [0, 1, 2] },
      { kind: 'part', pages: [3, 1] },
      { kind: 'part', pages: [0] }
    ]);
    expect(shape(found)).toEqual([
      ['section', true, 0, 3],
      ['repeat', false, 3, 6]
    ]);
    expect(found[1]).toMatchObject({ start: 1000, again: 2, pages: 3 });
    expect(found[1]!.why).toBe('pc.ram+0x1000 comes again: there was a sync in between');
  });

  test('inside one PART the cut is where the page comes again: at its header, 8 bytes before its contents', () => {
    const found = rounds([{ kind: 'part', pages: [0, 1, 0, 1] }]);
    expect(shape(found)).toEqual([
      ['section', true, 0, 2],
      ['repeat', false, 2, 4]
    ]);
    expect(found[1]!.start).toBe(112);
    expect(rounds([{ kind: 'part', pages: [0, ['zero', 0]] }])[1]!.start).toBe(110);
  });

  test('pages are summed up by kind; fill counts as zero, mapped as normal', () => {
    const kinds = ['zero', 'fill', 'normal', 'mapped', 'xbzrle', 'compressed'] as const;
    const [round] = rounds([{ kind: 'part', pages: kinds.map((kind, page) => [kind, page] as const) }]);
    expect(round).toMatchObject({ pages: 6, zero: 2, normal: 2, xbzrle: 1, compressed: 1, again: 0 });
  });

  test('a flush between two sends of a page is where the sync lay', () => {
    const found = rounds([{ kind: 'part', pages: [0, 1, 2, 0] }], { flushes: [2] });
    expect(shape(found)).toEqual([
      ['section', true, 0, 2],
      ['multifd-sync', true, 2, 4]
    ]);
  });

  test('a page queued twice in a row on a channel proves nothing', () => {
    expect(
      rounds([
        {
          kind: 'part',
          pages: [
            ['normal', 0, 1],
            ['normal', 0, 1]
          ]
        }
      ])
    ).toHaveLength(1);
  });

  test('a page on two channels before their next SYNC proves nothing, behind it a sync', () => {
    const pages: readonly ['normal', number, number][] = [
      ['normal', 0, 1],
      ['normal', 1, 1],
      ['normal', 0, 2]
    ];
    expect(rounds([{ kind: 'part', pages }], { syncs: [3] })).toHaveLength(1);
    expect(rounds([{ kind: 'part', pages }], { syncs: [2, 3] })).toHaveLength(2);
  });

  test('what channels carried counts to the round of its pages', () => {
    const sent = [0, 1, 0].map((page) => ['normal', page, 1] as const);
    const packets = [
      { start: 64, end: 8400, records: [0, 2] },
      { start: 8400, end: 8464, records: [2, 2] },
      { start: 8464, end: 12700, records: [2, 3] }
    ] as const;
    const found = rounds(
      [
        { kind: 'part', pages: sent.slice(0, 2) },
        { kind: 'end', pages: sent.slice(2) }
      ],
      { packets }
    );
    expect(found.map((r) => r.bytes)).toEqual([1000 + 8336, 1000 + 64 + 4236]);
  });

  test('behind POSTCOPY_RUN pages come on demand: one round, whatever is repeated', () => {
    const found = rounds(
      [
        { kind: 'part', pages: [0, 1] },
        { kind: 'part', pages: [0] },
        { kind: 'part', pages: [1, 0, 1] }
      ],
      { postcopyStart: 900 }
    );
    expect(shape(found)).toEqual([
      ['section', true, 0, 2],
      ['section', true, 2, 6]
    ]);
  });

  test('a hostile stream has no more than so many, the last of which holds the rest', () => {
    const pages = Array.from({ length: MAX_ROUNDS + 500 }, () => 7);
    const found = rounds([
      { kind: 'part', pages },
      { kind: 'part', pages: [7] }
    ]);
    expect(found).toHaveLength(MAX_ROUNDS);
    expect(found.at(-1)!.records).toEqual([MAX_ROUNDS - 1, MAX_ROUNDS + 501]);
  });
});
