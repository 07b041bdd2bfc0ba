/**
 * Dirty rounds of a stream. QEMU does not mark its passes over the dirty bitmap, so they are inferred:
 *
 * - Within one pass a page is sent at most once, so a page that comes again proves a sync in between. A greedy cut at
 *   the first repeat gives the least number of passes, hence never more than QEMU's own dirty-sync-count.
 * - A sync happens between PARTs, so a cut moves back to the start of the PART that holds the repeat; a repeat inside
 *   one PART (the extra sync thread of auto-converge since 9.2) cuts where it is.
 * - The last sync is at completion: END is always a round of its own. That one is certain, as is the first.
 * - With multifd since 8.1 a MULTIFD_FLUSH ends each scan of all RAM: the sync that a repeat proves lay at a flush.
 *
 * Where a recording says when QEMU began its passes, that places them (`reported-passes.ts`), but for pages that travel
 * beside the stream or on demand.
 *
 * Source: QEMU migration/ram.c (migration_bitmap_sync, ram_save_iterate, ram_save_complete); migration.md 1.8.
 */
import { lastUpTo } from './bisect.ts';
import { Column } from './column.ts';
import type { MultifdPacketInfo } from './multifd-channel.ts';
import { PageKind, type RamIndex } from './ram-index.ts';
import { placePasses, type Part, type ReportedPasses } from './reported-passes.ts';
import type { Round, RoundEvidence, Section } from './snapshot.ts';

/** A hostile stream may repeat a page with every record: what comes behind so many rounds counts to the last. */
export const MAX_ROUNDS = 10_000;

export interface RoundHints {
  /** Stream offset of POSTCOPY_RUN: pages behind it come on demand, not by passes. */
  readonly postcopyStart?: number | undefined;
  /** Records before each MULTIFD_FLUSH, rising. */
  readonly flushes?: readonly number[];
  /** Records before each synchronisation of all multifd channels, rising. */
  readonly syncs?: readonly number[];
  /** What multifd channels carried beside the stream, in the order of its records. */
  readonly packets?: readonly Packet[];
  /** What the sender said of its passes. */
  readonly reported?: ReportedPasses | undefined;
}

/** Bytes of a channel, and the records that they became. */
type Packet = Pick<MultifdPacketInfo, 'start' | 'end' | 'records'>;

interface Cut {
  readonly record: number;
  readonly start: number;
  readonly evidence: RoundEvidence;
  readonly certain: boolean;
  readonly why: string;
  readonly pass?: number;
}

/** Where passes begin, in order, as the sender told. */
function toldCuts(sections: readonly Section[], ram: RamIndex, reported: ReportedPasses): Cut[] {
  const sent = sections.filter(({ records }) => records && records[0] < records[1]);
  /** 1 + the last of `sent` that had each page. */
  const seen = new Column();
  const parts = sent.map(({ start, kind, records }, n): Part => {
    let before = -1;
    ram.each(...records!, (_, page) => {
      const last = seen.get(page) - 1;
      if (last < n) before = Math.max(before, last);
      seen.set(page, n + 1);
    });
    return { start, end: kind === 'end', before };
  });
  return placePasses(parts, reported).map(({ part, ...cut }) => {
    const { start, records } = sent[part]!;
    return { ...cut, start, record: records![0] };
  });
}

/** Where passes begin, in order. */
function cuts(sections: readonly Section[], ram: RamIndex, hints: RoundHints): Cut[] {
  const out: Cut[] = [];
  /** 1 + last record of each page so far. */
  const seen = new Column();
  const postcopy = hints.postcopyStart ?? Infinity;
  const { flushes = [], syncs = [] } = hints;
  for (const section of sections) {
    if (!section.records || section.records[0] === section.records[1]) continue;
    const [first, last] = section.records;
    const { start } = section;
    const fixed = (why: string): void => {
      out.push({ record: first, start, evidence: 'section', certain: true, why });
    };
    if (out.length === 0) fixed('the bulk pass: every page is dirty at setup');
    else if (start > postcopy) {
      if (out.at(-1)!.start < postcopy) fixed('postcopy: pages that the destination asked for, and the rest');
      continue;
    } else if (section.kind === 'end') fixed('END: the last sync, the guest has stopped');
    ram.each(first, last, (i, page, _, __, source) => {
      if (out.length >= MAX_ROUNDS) return;
      const before = seen.get(page) - 1;
      seen.set(page, i + 1);
      if (before < out.at(-1)!.record) return;
      // Until 8.0 a page that fills a multifd packet may be queued twice (QEMU: multifd_queue_page looks at a packet
      // that the channel may have emptied already), so a repeat before the next SYNC of the channels proves nothing.
      if (source !== 0 && ram.sourceOf(before) !== 0 && (syncs[lastUpTo(syncs, i)] ?? -1) <= before) return;
      const why = `${pageName(ram, page)} comes again: there was a sync in between`;
      const flush = flushes[lastUpTo(flushes, i)] ?? -1;
      if (flush > before && flush >= first)
        out.push({ record: flush, start, evidence: 'multifd-sync', certain: true, why });
      else if (before < first) out.push({ record: first, start, evidence: 'repeat', certain: false, why });
      else
        out.push({
          record: i,
          start: source === 0 ? recordStart(ram, i) : start,
          evidence: 'repeat',
          certain: false,
          why: `${why}, inside one PART`
        });
    });
    if (out.length >= MAX_ROUNDS) break;
  }
  return out;
}

const recordStart = (ram: RamIndex, record: number): number =>
  // The contents of a PAGE lie behind its 8-byte word.
  ram.kindOf(record) === PageKind.normal ? ram.offsetOf(record) - 8 : ram.offsetOf(record);

function pageName(ram: RamIndex, page: number): string {
  const block = ram.blockOf(page);
  return block ? `${block.idstr}+0x${((page - block.firstPage) * ram.pageSize).toString(16)}` : String(page);
}

/** The rounds of a stream, each labelled with what speaks for it. */
export function inferRounds(sections: readonly Section[], ram: RamIndex, hints: RoundHints = {}): readonly Round[] {
  const { reported, postcopyStart, flushes, packets = [] } = hints;
  const whole = postcopyStart === undefined && packets.length === 0 && (flushes?.length ?? 0) === 0;
  const found = reported && whole ? toldCuts(sections, ram, reported) : cuts(sections, ram, hints);
  /** One bit a page: it was sent in an earlier round, or in this one. */
  const before = new Uint8Array((ram.pages + 7) >>> 3);
  const lastRam = sections.findLast((s) => s.records && s.records[1] > s.records[0]);
  let packet = 0;
  return found.map((cut, index) => {
    const next = found[index + 1];
    const last = next?.record ?? lastRam?.records?.[1] ?? ram.count;
    const end = next?.start ?? lastRam?.end ?? cut.start;
    let bytes = end - cut.start;
    for (; packet < packets.length && (!next || packets[packet]!.records[0] < last); packet++)
      bytes += packets[packet]!.end - packets[packet]!.start;
    const kinds = [0, 0, 0, 0, 0, 0, 0];
    let again = 0;
    ram.each(cut.record, last, (_, page, kind) => {
      kinds[kind]!++;
      const bit = 1 << (page & 7);
      if (before[page >>> 3]! & bit) again++;
      else before[page >>> 3]! |= bit;
    });
    return {
      ...{ index, evidence: cut.evidence, certain: cut.certain, start: cut.start, end, why: cut.why },
      ...(cut.pass === undefined ? {} : { pass: cut.pass }),
      ...{ records: [cut.record, last] as const, pages: last - cut.record, bytes, again },
      zero: kinds[PageKind.zero]! + kinds[PageKind.fill]!,
      normal: kinds[PageKind.normal]! + kinds[PageKind.mapped]!,
      xbzrle: kinds[PageKind.xbzrle]!,
      compressed: kinds[PageKind.compressed]!
    };
  });
}
