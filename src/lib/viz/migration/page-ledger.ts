/**
 * Pages over the rounds of a migration: when each was dirty, how it was sent, who wrote it. Pages are numbered over all
 * blocks, in the order of the first synchronisation.
 */
import { bisectRight } from 'd3';
import type { DirtyBlock, MigrationObservation, SendKind } from '../../emulator/migration-api.ts';

type Observed<K extends MigrationObservation['kind']> = Extract<MigrationObservation, { readonly kind: K }>;

export interface LedgerBlock {
  readonly idstr: string;
  /** Number of its first page over all blocks. */
  readonly first: number;
  readonly pages: number;
}

/** Order of `SentBlock.how`. */
export const SEND_KINDS: readonly SendKind[] = ['normal', 'zero', 'xbzrle', 'skipped'];
/** Pages of all blocks together that are shown: 256 GiB. */
const MOST_PAGES = 2 ** 26;

export class PageLedger {
  readonly blocks: readonly LedgerBlock[];
  readonly pages: number;
  /** The first is the bulk round's: all pages. By rising moment. */
  readonly syncs: readonly Observed<'sync'>[];
  readonly sent: readonly Observed<'pages'>[];
  readonly #times: Float64Array;
  readonly #records: ReadonlyMap<number, Observed<'pages'>>;

  constructor(observations: readonly MigrationObservation[]) {
    const rising = <T extends { readonly at: number }>(list: readonly T[]): T[] => list.toSorted((a, b) => a.at - b.at);
    this.syncs = rising(observations.filter((o) => o.kind === 'sync'));
    this.sent = rising(observations.filter((o) => o.kind === 'pages'));
    const blocks: LedgerBlock[] = [];
    let first = 0;
    for (const { block, pages: claimed, bitmap } of this.syncs[0]?.dirty ?? []) {
      // A file may claim any number.
      const pages = Math.min(Math.floor(claimed), bitmap.length * 8);
      if (first + pages > MOST_PAGES || blocks.some((b) => b.idstr === block)) continue;
      blocks.push({ idstr: block, first, pages });
      first += pages;
    }
    this.blocks = blocks;
    this.pages = first;
    this.#times = Float64Array.from(this.syncs, (s) => s.at);
    this.#records = new Map(this.sent.map((s) => [s.number, s]));
  }

  /** What a round sent. */
  sentIn(round: number): Observed<'pages'> | undefined {
    return this.#records.get(round);
  }

  blockOf(page: number): LedgerBlock | undefined {
    return this.blocks.find((b) => page >= b.first && page < b.first + b.pages);
  }
  /** How many synchronisations there were at a moment. */
  syncsAt(ms: number): number {
    return bisectRight(this.#times, ms);
  }

  /** Visits the dirty pages of a synchronisation, with the place of each among those of its block. */
  eachDirty(dirty: readonly DirtyBlock[], visit: (page: number, place: number, block: DirtyBlock) => void): void {
    for (const block of dirty) {
      const at = this.blocks.find((b) => b.idstr === block.block);
      if (!at) continue;
      const { bitmap } = block;
      const end = Math.min(bitmap.length, Math.ceil(at.pages / 8));
      let place = 0;
      for (let byte = 0; byte < end; byte++) {
        for (let bits = bitmap[byte]!; bits !== 0; bits &= bits - 1) {
          const page = byte * 8 + (31 - Math.clz32(bits & -bits));
          if (page < at.pages) visit(at.first + page, place++, block);
        }
      }
    }
  }
}

/** Whether a page is dirty in a synchronisation, and its place among the dirty ones of its block; -1: it is not. */
function placeOf({ bitmap }: DirtyBlock, page: number): number {
  if (!(bitmap[page >> 3]! & (1 << (page & 7)))) return -1;
  let place = 0;
  for (let byte = 0; byte < page >> 3; byte++) for (let bits = bitmap[byte]!; bits !== 0; bits &= bits - 1) place++;
  for (let bits = bitmap[page >> 3]! & ((1 << (page & 7)) - 1); bits !== 0; bits &= bits - 1) place++;
  return place;
}

const writerAt = ({ writers }: DirtyBlock, place: number): string | undefined =>
  writers?.names[writers.of[place] ?? -1] || undefined;

/** How often each page was found dirty after the bulk round. It moves to any moment by what lies between. */
export class Heat {
  #ledger: PageLedger;
  /** Times, by page. */
  readonly times: Uint16Array;
  /** Of the round that goes on: 1 is dirty. */
  readonly now: Uint8Array;
  /** Pages dirty in the round that goes on. */
  dirty = 0;
  /** How many pages were dirty so many times. */
  readonly howMany: Uint32Array;
  /** Greatest of `times`. */
  most = 0;
  /** Synchronisations that are counted. */
  #told = 0;

  constructor(ledger: PageLedger) {
    this.#ledger = ledger;
    this.times = new Uint16Array(ledger.pages);
    this.now = new Uint8Array(ledger.pages);
    this.howMany = new Uint32Array(0x10000);
    this.howMany[0] = ledger.pages;
  }

  /** Goes on with a ledger in which more has happened; false: it is of another run. */
  follow(ledger: PageLedger): boolean {
    const { syncs, pages } = this.#ledger;
    if (pages !== ledger.pages || syncs.at(-1) !== ledger.syncs[syncs.length - 1]) return false;
    this.#ledger = ledger;
    return true;
  }

  moveTo(ms: number): void {
    const { times, now, howMany } = this;
    const ledger = this.#ledger;
    const wanted = ledger.syncsAt(ms);
    if (wanted === this.#told) return;
    const dirtyIn = (sync: number): readonly DirtyBlock[] => ledger.syncs[sync]?.dirty ?? [];
    ledger.eachDirty(dirtyIn(this.#told - 1), (page) => void (now[page] = 0));
    const add = (sync: number, by: 1 | -1): void => {
      // The bulk round finds all pages dirty: that says nothing of them.
      if (sync === 0) return;
      ledger.eachDirty(dirtyIn(sync), (page) => {
        howMany[times[page]!]!--;
        const n = (times[page]! += by);
        howMany[n]!++;
        if (n > this.most) this.most = n;
      });
    };
    while (this.#told < wanted) add(this.#told++, 1);
    while (this.#told > wanted) add(--this.#told, -1);
    while (this.most > 0 && howMany[this.most] === 0) this.most--;
    this.dirty = 0;
    ledger.eachDirty(dirtyIn(wanted - 1), (page) => {
      now[page] = 1;
      this.dirty++;
    });
  }
}

export interface HotPage {
  readonly page: number;
  /** Rounds after the bulk one that found it dirty. */
  readonly times: number;
}

/** The pages that were dirty most often, by falling count. */
export function hotPages(
  { times, most, howMany }: Pick<Heat, 'times' | 'most' | 'howMany'>,
  wanted: number
): HotPage[] {
  let least = most + 1;
  for (let found = 0; least > 1 && found < wanted;) found += howMany[--least]!;
  const out: HotPage[] = [];
  for (let page = 0; page < times.length; page++) {
    const n = times[page]!;
    if (n >= least) out.push({ page, times: n });
  }
  return out.sort((a, b) => b.times - a.times || a.page - b.page).slice(0, wanted);
}

/** Who was seen last to write to a page, up to a moment. `device`, eip in hex, or undefined. */
export function lastWriter(ledger: PageLedger, page: number, ms: number): string | undefined {
  const block = ledger.blockOf(page);
  if (!block) return undefined;
  for (let i = ledger.syncsAt(ms) - 1; i > 0; i--) {
    const dirty = ledger.syncs[i]!.dirty.find((d) => d.block === block.idstr);
    const place = dirty ? placeOf(dirty, page - block.first) : -1;
    if (place >= 0) return writerAt(dirty!, place);
  }
  return undefined;
}

export interface PageEvent {
  /** ms: when it was found dirty. */
  readonly at: number;
  readonly round: number;
  /** Undefined: it was found dirty, and not sent in that round. */
  readonly how: SendKind | undefined;
  /** Of the stream. */
  readonly bytes: number;
  /** Who wrote it before: in the round that this one ended. */
  readonly writer: string | undefined;
}

/** Every round in which a page was dirty or sent, up to a moment, in their order. */
export function biography(ledger: PageLedger, page: number, ms: number): PageEvent[] {
  const block = ledger.blockOf(page);
  if (!block) return [];
  const inside = page - block.first;
  const sent = new Map<number, { how: SendKind; bytes: number }>();
  for (const { number, at, sent: blocks } of ledger.sent) {
    if (at > ms) break;
    for (const pages of blocks) {
      const place = pages.block === block.idstr ? pages.page.lastIndexOf(inside) : -1;
      if (place >= 0) sent.set(number, { how: SEND_KINDS[pages.how[place]!]!, bytes: pages.bytes[place]! });
    }
  }
  const out: PageEvent[] = [];
  for (const { at, number, dirty } of ledger.syncs) {
    if (at > ms) break;
    const found = dirty.find((d) => d.block === block.idstr);
    const place = found ? placeOf(found, inside) : -1;
    if (place < 0) continue;
    const how = sent.get(number);
    out.push({ at, round: number, how: how?.how, bytes: how?.bytes ?? 0, writer: writerAt(found!, place) });
  }
  return out;
}

/** What the other side has of a page when the link is cut. */
export const COPY = { NEVER: 0, OLD: 1, CURRENT: 2 } as const;

export interface Cut {
  /** COPY of each page. */
  readonly pages: Uint8Array;
  readonly never: number;
  readonly old: number;
  readonly current: number;
  /** The guest stood, and all of RAM and devices had been sent: it could go on there. */
  readonly complete: boolean;
  /** The moment lies inside a round: how far it had come is taken from the time that had passed. */
  readonly inferred: boolean;
}

/**
 * What a destination would have if the link were cut at a moment: pages as they were sent, against what was known to be
 * dirty. What the guest wrote since the last synchronisation is not known yet, and counts as current.
 */
export function cutAt(ledger: PageLedger, ms: number, completedAt: number | undefined): Cut {
  const pages = new Uint8Array(ledger.pages);
  const complete = completedAt !== undefined && ms >= completedAt;
  const told = ledger.syncsAt(ms);
  const first = new Map(ledger.blocks.map((b) => [b.idstr, b]));
  let inferred = false;
  for (let i = 0; i < told; i++) {
    const { number, at, dirty } = ledger.syncs[i]!;
    if (i > 0) {
      ledger.eachDirty(dirty, (page) => {
        if (pages[page] === COPY.CURRENT) pages[page] = COPY.OLD;
      });
    }
    const record = ledger.sentIn(number);
    const end = record?.at ?? ledger.syncs[i + 1]?.at;
    const share = end === undefined ? 0 : end <= at || ms >= end ? 1 : (ms - at) / (end - at);
    if (share > 0 && share < 1) inferred = true;
    if (record) {
      for (const { block, page } of record.sent) {
        const place = first.get(block);
        const sent = Math.round(page.length * share);
        for (let k = 0; place && k < sent; k++) {
          if (page[k]! < place.pages) pages[place.first + page[k]!] = COPY.CURRENT;
        }
      }
    } else if (share === 1) {
      // Nobody kept what went: a round that is over has sent what it found dirty and the next one did not.
      inferred = true;
      ledger.eachDirty(dirty, (page) => void (pages[page] = COPY.CURRENT));
    }
  }
  if (complete) pages.fill(COPY.CURRENT);
  const counts = [0, 0, 0];
  for (const copy of pages) counts[copy]!++;
  return { pages, never: counts[0]!, old: counts[1]!, current: counts[2]!, complete, inferred };
}
