/** One snapshot that the explorer has open: the live decoding, and what is worked out about it when first asked for. */
import { lastUpTo } from '../vmstate/bisect.ts';
import { gpaOf, memoryMap, physicalSource, type MemoryMap } from '../vmstate/memory-map.ts';
import { lookAt, PageGuess, pageGuessNames, zeroLook } from '../vmstate/page-kind.ts';
import { levelNames, PhysicalPages, pageTableUse } from '../vmstate/page-walk.ts';
import { latestTable, readPage, sentPages, tableBefore, visitPages, type PageTable } from '../vmstate/ram-contents.ts';
import { PageKind, pageKindNames } from '../vmstate/ram-index.ts';
import type { RecordingNotes } from '../vmstate/recording.ts';
import { repeatedRecords } from '../vmstate/ram-statistics.ts';
import { sectionAt, type Round, type Snapshot } from '../vmstate/snapshot.ts';
import type { ByteSource } from '../vmstate/source.ts';
import type {
  OpenedFile,
  PageInfo,
  PageSend,
  RamColouring,
  RamColumn,
  RecordingInfo,
  SectionInfo,
  SnapshotInfo
} from './api.ts';

type Legend = RamColumn['legend'];

/** A hostile stream may send one page millions of times: the last ones are listed. */
const MAX_SENDS = 10_000;

const recordingInfo = ({ head, notes, bytes, gaps, offsets, times }: RecordingNotes): RecordingInfo => ({
  ...{ head, notes, bytes, gaps },
  offsets: Float64Array.from(offsets),
  times: Float64Array.from(times)
});

export class OpenSnapshot {
  readonly id: number;
  readonly cancel: AbortController;
  snapshot: Snapshot;
  files: readonly OpenedFile[];
  done = false;
  read = 0;
  readonly total: number;
  #map: MemoryMap | undefined;
  #physical: ByteSource | undefined;
  #pages: PhysicalPages | undefined;
  #repeated: Uint8Array | undefined;
  #tables: Promise<ReadonlyMap<number, number>> | undefined;
  #looks: Promise<{ readonly entropy: Uint8Array; readonly guess: Uint8Array }> | undefined;

  constructor(id: number, snapshot: Snapshot, files: readonly OpenedFile[], total: number, cancel: AbortController) {
    this.id = id;
    this.snapshot = snapshot;
    this.files = files;
    this.total = total;
    this.cancel = cancel;
  }

  /** What is worked out from the whole is worked out anew when there is more of it. */
  update(snapshot: Snapshot, read: number): void {
    this.snapshot = snapshot;
    this.read = read;
    this.#map = this.#physical = this.#pages = this.#repeated = this.#tables = this.#looks = undefined;
  }

  info(): SnapshotInfo {
    const s = this.snapshot;
    const { byKind } = s.ram;
    return {
      ...{ id: this.id, done: this.done, cancelled: this.cancel.signal.aborted, files: this.files },
      ...{ file: s.file, read: this.read, total: this.total, end: s.end, streamVersion: s.streamVersion },
      ...{ configuration: s.configuration, pageSize: s.pageSize, features: s.features, problems: s.problems.slice() },
      sections: s.sections.map(sectionInfo),
      ...(this.done && s.recording ? { recording: recordingInfo(s.recording) } : {}),
      blocks: s.ram.blocks.slice(),
      rounds: s.rounds,
      // The JSON may be as deep as it likes: it stays here, the page reads it as text.
      vmdescription: s.vmdescription && { ...s.vmdescription, json: undefined },
      ram: {
        records: s.ram.count,
        zero: byKind[PageKind.zero]!,
        normal: byKind[PageKind.normal]!,
        xbzrle: byKind[PageKind.xbzrle]!,
        compressed: byKind[PageKind.compressed]!,
        fill: byKind[PageKind.fill]!,
        mapped: byKind[PageKind.mapped]!,
        distinctPages: s.ram.distinctPages,
        storeBytes: s.ram.store.bytes
      }
    };
  }

  get map(): MemoryMap {
    return (this.#map ??= memoryMap(this.snapshot));
  }
  get physical(): ByteSource {
    return (this.#physical ??= physicalSource(this.snapshot, this.map));
  }
  get pages(): PhysicalPages {
    return (this.#pages ??= new PhysicalPages(this.snapshot, this.map));
  }
  /** Records whose page had been sent before. */
  get repeated(): Uint8Array {
    return (this.#repeated ??= repeatedRecords(this.snapshot.ram));
  }
  /** Page → levels it serves as, or-ed bits of `levelNames`. */
  tables(): Promise<ReadonlyMap<number, number>> {
    return (this.#tables ??= pageTableUse(this.snapshot, this.pages).then((use) => use.levels));
  }

  /** RAM as of the end of a round; of the end of the stream when no round is named. */
  tableOf(round?: number): PageTable {
    const r = round === undefined ? undefined : this.snapshot.rounds[round];
    return r ? tableBefore(this.snapshot.ram, r.records[1]) : latestTable(this.snapshot.ram);
  }

  async column(colouring: RamColouring, round?: number): Promise<RamColumn> {
    const { bytes, legend } = await this.#column(colouring, round);
    return { colouring, bytes, legend };
  }

  async #column(colouring: RamColouring, round: number | undefined): Promise<{ bytes: Uint8Array; legend: Legend }> {
    const { ram, rounds } = this.snapshot;
    const end = (round === undefined ? undefined : rounds[round]?.records[1]) ?? ram.count;
    /** What the last record of each page gives. */
    const each = (value: (record: number, kind: number, page: number) => number): Uint8Array => {
      const out = new Uint8Array(ram.pages);
      ram.each(0, end, (record, page, kind) => {
        out[page] = value(record, kind, page);
      });
      return out;
    };
    switch (colouring) {
      case 'kind':
        return { bytes: each((_, kind) => kind), legend: names(pageKindNames) };
      case 'round': {
        // 0 is never sent; 254 rounds have a colour of their own.
        const last = Math.max(1, rounds.length);
        let at = 0;
        const value = (record: number): number => {
          while (at < last - 1 && rounds[at]!.records[1] <= record) at++;
          return 1 + Math.floor((at * 254) / last);
        };
        return { bytes: each(value), legend: { low: 'round 1', high: `round ${last}` } };
      }
      case 'sends': {
        const bytes = new Uint8Array(ram.pages);
        ram.each(0, end, (_, page) => {
          if (bytes[page]! < 255) bytes[page]!++;
        });
        return { bytes, legend: { low: 'never sent', high: 'sent 255 times or more' } };
      }
      case 'entropy':
        return {
          // A copy: what is handed to the page is gone from here.
          bytes: (await this.#look(round)).entropy.slice(),
          legend: { low: '0 bits per byte', high: '8 bits per byte' }
        };
      case 'guess':
        return {
          bytes: (await this.#look(round)).guess.slice(),
          legend: names(['never sent', ...pageGuessNames])
        };
      case 'page-tables': {
        const tables = await this.tables();
        return {
          bytes: each((_record, _kind, page) => 1 + Math.min(254, tables.get(page) ?? 0)),
          legend: [
            { value: 0, name: 'never sent' },
            { value: 1, name: 'no page table' },
            ...[...new Set(tables.values())]
              .sort((a, b) => a - b)
              .map((bits) => ({ value: 1 + bits, name: levelNames(bits).join(', ') }))
          ]
        };
      }
    }
  }

  /** Entropy (32 steps a bit) and guess (1 + PageGuess) of every page. */
  #look(round: number | undefined): Promise<{ readonly entropy: Uint8Array; readonly guess: Uint8Array }> {
    if (round === undefined && this.#looks) return this.#looks;
    const looks = this.#lookAtAll(this.tableOf(round));
    if (round === undefined && this.done) this.#looks = looks;
    return looks;
  }

  async #lookAtAll(table: PageTable): Promise<{ readonly entropy: Uint8Array; readonly guess: Uint8Array }> {
    const { ram } = this.snapshot;
    const entropy = new Uint8Array(ram.pages);
    const guess = new Uint8Array(ram.pages);
    await visitPages(
      this.snapshot,
      sentPages(ram, table),
      (page, bytes) => {
        const look = bytes ? lookAt(bytes) : zeroLook;
        entropy[page] = Math.min(255, Math.round(look.entropy * 32));
        guess[page] = 1 + (bytes ? look.guess : PageGuess.zero);
      },
      table
    );
    return { entropy, guess };
  }

  async page(page: number, record?: number): Promise<PageInfo> {
    const { snapshot } = this;
    const { ram } = snapshot;
    const block = ram.blockOf(page);
    if (!block) throw new RangeError(`there is no page ${page}`);
    const offset = (page - block.firstPage) * ram.pageSize;
    const sends = await this.#sends(page);
    const shown = record ?? ram.latest(page);
    const bytes = shown < 0 ? new Uint8Array(ram.pageSize) : await readPage(snapshot, shown);
    const look = lookAt(bytes);
    return {
      ...{ page, block: block.idstr, offset, gpa: gpaOf(this.map, block.idstr, offset), sends, bytes },
      entropy: look.entropy,
      guess: shown < 0 ? 'never sent' : pageGuessNames[look.guess]!,
      pageTable: levelNames((await this.tables()).get(page) ?? 0)
    };
  }

  /** A page's biography. */
  async #sends(page: number): Promise<PageSend[]> {
    const { ram, rounds, sections } = this.snapshot;
    const number = roundNumbers(rounds);
    const sends: PageSend[] = [];
    let before: Uint8Array | undefined;
    const history = ram.history(page, MAX_SENDS);
    for (const [i, record] of history.entries()) {
      // A page that came thousands of times: differences of the last ones only, they cost a read each.
      const contents = i >= history.length - 256 ? await readPage(this.snapshot, record) : undefined;
      const offset = ram.offsetOf(record);
      sends.push({
        ...{ record, offset, kind: pageKindNames[ram.kindOf(record)]!, source: ram.sourceOf(record) },
        round: number(record),
        section: ram.sourceOf(record) === 0 ? (sectionAt(sections, offset)?.index ?? -1) : -1,
        hash: hex(ram.hashHighOf(record)) + hex(ram.hashLowOf(record)),
        ...(before && contents ? { changedBytes: differing(before, contents) } : {})
      });
      before = contents;
    }
    return sends;
  }
}

export const sectionInfo = ({ fields, ...section }: Snapshot['sections'][number]): SectionInfo => ({
  ...section,
  fieldCount: fields.length
});

const names = (list: readonly string[]): Legend => list.map((name, value) => ({ value, name }));
const hex = (n: number): string => (n >>> 0).toString(16).padStart(8, '0');

/** Record → index of its round. */
function roundNumbers(rounds: readonly Round[]): (record: number) => number {
  const ends = rounds.map((r) => r.records[1]);
  return (record) => Math.min(lastUpTo(ends, record) + 1, Math.max(0, ends.length - 1));
}

function differing(a: Uint8Array, b: Uint8Array): number {
  let n = 0;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) n++;
  return n;
}
