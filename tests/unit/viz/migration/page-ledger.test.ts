import { expect, test } from 'vitest';
import type { DirtyBlock, MigrationObservation } from '../../../../src/lib/emulator/migration-api.ts';
import {
  biography,
  COPY,
  cutAt,
  Heat,
  hotPages,
  lastWriter,
  PageLedger
} from '../../../../src/lib/viz/migration/page-ledger.ts';

const dirty = (bits: number, names?: readonly string[], of: readonly number[] = []): DirtyBlock => ({
  ...{ block: 'pc.ram', pages: 8, bitmap: Uint8Array.of(bits) },
  ...(names ? { writers: { names, of: Uint16Array.from(of) } } : {})
});
const rom: DirtyBlock = { block: 'pc.rom', pages: 3, bitmap: Uint8Array.of(0b111) };
const sync = (at: number, number: number, ...blocks: readonly DirtyBlock[]): MigrationObservation => ({
  ...{ kind: 'sync', at, number, dirty: blocks }
});
const sent = (at: number, number: number, ...pages: readonly (readonly [number, number, number])[]) => ({
  ...{ kind: 'pages' as const, at, number, more: 0 },
  sent: [
    {
      ...{ block: 'pc.ram', page: Uint32Array.from(pages, ([p]) => p) },
      ...{ how: Uint8Array.from(pages, ([, h]) => h), bytes: Uint16Array.from(pages, ([, , b]) => b) }
    }
  ]
});
/** The bulk round sends pages 0 to 7; page 1 is written in each round, page 5 once by a device. */
const observations: readonly MigrationObservation[] = [
  sync(0, 1, dirty(0xff), rom),
  sent(1000, 1, ...[0, 1, 2, 3, 4, 5, 6, 7].map((p) => [p, p % 2, p % 2 ? 9 : 4104] as const)),
  sync(1000, 2, dirty(0b10_0010, ['0x1000 memset', 'device'], [0, 1])),
  sent(1500, 2, [1, 2, 40], [5, 0, 4104]),
  sync(1500, 3, dirty(0b10, ['0x2000'], [0])),
  sent(1600, 3, [1, 3, 0])
];
const ledger = new PageLedger(observations);

test('pages are numbered over all blocks of the first synchronisation', () => {
  expect(ledger.blocks).toEqual([
    { idstr: 'pc.ram', first: 0, pages: 8 },
    { idstr: 'pc.rom', first: 8, pages: 3 }
  ]);
  expect([ledger.pages, ledger.blockOf(9)?.idstr, ledger.blockOf(11)]).toEqual([11, 'pc.rom', undefined]);
});

test('a file that claims more pages than its bitmap has bits has those alone', () => {
  const huge = new PageLedger([sync(0, 1, { block: 'a', pages: 1e15, bitmap: Uint8Array.of(255) })]);
  expect(huge.pages).toBe(8);
  expect(new PageLedger([]).pages).toBe(0);
});

test('heat counts the rounds in which a page was dirty, to and fro', () => {
  const heat = new Heat(ledger);
  const at = (ms: number) => {
    heat.moveTo(ms);
    return [heat.times[1], heat.times[5], heat.most, heat.dirty];
  };
  expect(at(500)).toEqual([0, 0, 0, 11]);
  expect(at(1500)).toEqual([2, 1, 2, 1]);
  expect(at(1200)).toEqual([1, 1, 1, 2]);
  expect(at(-1)).toEqual([0, 0, 0, 0]);
  expect(at(9999)).toEqual([2, 1, 2, 1]);
  expect([...heat.now]).toEqual([0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
});

test('heat goes on with a run that goes on, and not with another', () => {
  const heat = new Heat(new PageLedger(observations.slice(0, 3)));
  heat.moveTo(9999);
  expect(heat.times[1]).toBe(1);
  expect(heat.follow(ledger)).toBe(true);
  heat.moveTo(9999);
  expect([heat.times[1], heat.times[5], [...heat.howMany.subarray(0, 4)]]).toEqual([2, 1, [9, 1, 1, 0]]);
  expect(heat.follow(new PageLedger([sync(0, 1, dirty(0xff), rom)]))).toBe(false);
});

test('the pages that would not stay clean come first, and never one that did', () => {
  const heat = new Heat(ledger);
  heat.moveTo(9999);
  expect(hotPages(heat, 10)).toEqual([
    { page: 1, times: 2 },
    { page: 5, times: 1 }
  ]);
  expect(hotPages(heat, 1)).toEqual([{ page: 1, times: 2 }]);
  expect(hotPages(new Heat(ledger), 5)).toEqual([]);
});

test('a page has its biography: when it was dirty, how it went, who wrote it', () => {
  expect(biography(ledger, 1, 9999)).toEqual([
    { at: 0, round: 1, how: 'zero', bytes: 9, writer: undefined },
    { at: 1000, round: 2, how: 'xbzrle', bytes: 40, writer: '0x1000 memset' },
    { at: 1500, round: 3, how: 'skipped', bytes: 0, writer: '0x2000' }
  ]);
  // In the middle of a round it is not known yet how it went.
  expect(biography(ledger, 1, 1200).at(-1)).toMatchObject({ round: 2, how: undefined, writer: '0x1000 memset' });
  expect([lastWriter(ledger, 1, 1200), lastWriter(ledger, 1, 1500), lastWriter(ledger, 5, 9999)]).toEqual([
    ...['0x1000 memset', '0x2000', 'device']
  ]);
  expect([lastWriter(ledger, 2, 9999), biography(ledger, 99, 0)]).toEqual([undefined, []]);
});

test('cut in the middle of the bulk round, the other side has half of the pages', () => {
  expect(cutAt(ledger, 500, undefined)).toMatchObject({
    never: 7,
    old: 0,
    current: 4,
    complete: false,
    inferred: true
  });
});

test('cut when dirty pages are known, it has old copies of them', () => {
  const cut = cutAt(ledger, 1000, undefined);
  expect(cut).toMatchObject({ never: 3, old: 2, current: 6, inferred: false });
  expect([cut.pages[1], cut.pages[5], cut.pages[0]]).toEqual([COPY.OLD, COPY.OLD, COPY.CURRENT]);
  expect(cutAt(ledger, 1250, undefined)).toMatchObject({ old: 1, current: 7, inferred: true });
  expect(cutAt(ledger, 2000, 1900)).toMatchObject({ never: 0, old: 0, current: 11, complete: true });
});

test('without records of what went, rounds that are over sent what they found dirty', () => {
  const bare = new PageLedger(observations.filter((o) => o.kind !== 'pages'));
  expect(cutAt(bare, 1200, undefined)).toMatchObject({ never: 0, old: 2, current: 9, inferred: true });
});
