/** The explorer's worker without the worker: `Inspector` of `api.ts` over opened snapshots. Runs in Node too. */
import { transfer } from 'comlink';
import { vcpus, pagingOf, walk, mappings, withCr3, type Paging } from '../vmstate/page-walk.ts';
import { blockSource } from '../vmstate/ram-contents.ts';
import { PageKind, pageKindNames } from '../vmstate/ram-index.ts';
import { density, pagesStatistics, sendsIn, stretchStatistics } from '../vmstate/ram-statistics.ts';
import { readSnapshot } from '../vmstate/savevm.ts';
import { placedAtOffset, sectionAt, type Snapshot } from '../vmstate/snapshot.ts';
import { readRange } from '../vmstate/source.ts';
import { joinPath } from '../vmstate/vmstate.ts';
import type { Inspector, Location, Mapping, SnapshotId, WalkedTables } from './api.ts';
import { descriptions } from './descriptions.ts';
import { blobSource } from './host/blob-source.ts';
import { sortFiles } from './host/sort-files.ts';
import { OpenSnapshot, sectionInfo } from './open-snapshot.ts';

const MAX_BYTES = 1 << 20;
const MAX_MAPPINGS = 100_000;
const MAX_BUCKETS = 10_000;
/**
 * Progress is told at most this often. The page asks for maps of all that came each time, which costs the more the more
 * came: the longer the reading takes, the less often it is told, down to once a second.
 */
const REPORT_EVERY_MS = 100;
const REPORT_AT_LEAST_EVERY_MS = 1000;

export function createInspector(): Inspector {
  const opened = new Map<SnapshotId, OpenSnapshot>();
  let lastId = 0;
  let search: AbortController | undefined;

  const get = (id: SnapshotId): OpenSnapshot => {
    const found = opened.get(id);
    if (!found) throw new Error(`snapshot ${id} is closed`);
    return found;
  };
  const bytesOf = (bytes: Uint8Array<ArrayBuffer>): Uint8Array => transfer(bytes, [bytes.buffer]);

  return {
    async open(files, progress, wanted) {
      const sorted = await sortFiles(files);
      const id = ++lastId;
      const total = sorted.state.size;
      let open: OpenSnapshot | undefined;
      let nextReport = 0;
      const begun = performance.now();
      const cancel = new AbortController();
      const update = (snapshot: Snapshot, read: number): OpenSnapshot => {
        open ??= new OpenSnapshot(id, snapshot, sorted.files, total, cancel);
        open.update(snapshot, read);
        opened.set(id, open);
        return open;
      };
      const snapshot = await readSnapshot(blobSource(sorted.state), {
        descriptions,
        name: sorted.state.name,
        ...(wanted === undefined ? {} : { snapshot: { id: wanted } }),
        signal: cancel.signal,
        channels: sorted.channels.map((f) => ({ name: f.name, source: blobSource(f) })),
        ...(sorted.preempt ? { preempt: blobSource(sorted.preempt) } : {}),
        sharedRam: sorted.ram.map((f) => ({ name: f.name, source: blobSource(f) })),
        progress(partial, read) {
          const start = performance.now();
          if (start < nextReport) return;
          progress(update(partial, read).info());
          const now = performance.now();
          const pause = Math.min(REPORT_AT_LEAST_EVERY_MS, (now - begun) / 10);
          // Telling itself takes long where there are thousands of sections.
          nextReport = start + Math.max(REPORT_EVERY_MS, pause, 10 * (now - start));
        }
      });
      const done = update(snapshot, total);
      done.done = true;
      const info = done.info();
      progress(info);
      return info;
    },
    cancel: (id) => opened.get(id)?.cancel.abort(),
    close(id) {
      opened.get(id)?.cancel.abort();
      opened.delete(id);
    },
    fields: async (id, section) => get(id).snapshot.sections[section]?.fields ?? [],
    async bytes(id, start, end) {
      const { snapshot } = get(id);
      return bytesOf(await readRange(snapshot.bytes, start, Math.min(end, start + MAX_BYTES, snapshot.end)));
    },
    locate: async (id, offset) => locate(get(id).snapshot, offset),
    async ramColumn(id, colouring, round) {
      const column = await get(id).column(colouring, round);
      return transfer(column, [column.bytes.buffer as ArrayBuffer]);
    },
    page: (id, page, record) => get(id).page(page, record),
    async density(id, start, end, buckets, only) {
      const open = get(id);
      return density(open.snapshot, open.repeated, { start, end, buckets: Math.min(buckets, MAX_BUCKETS), only });
    },
    async stretch(id, start, end) {
      const open = get(id);
      return stretchStatistics(open.snapshot, open.repeated, { start, end });
    },
    async pagesStatistics(id, runs) {
      const open = get(id);
      return pagesStatistics(open.snapshot, open.repeated, runs);
    },
    sends: async (id, start, end) => bytesOf(sendsIn(get(id).snapshot, start, end)),
    async physical(id, gpa, bytes) {
      return bytesOf(await readRange(get(id).physical, gpa, gpa + Math.min(bytes, MAX_BYTES)));
    },
    memoryMap: async (id) => get(id).map.ranges,
    async walk(id, gva, tables) {
      const open = get(id);
      return walk(open.pages, paging(open, tables), gva);
    },
    async mappings(id, tables) {
      const open = get(id);
      const out: Mapping[] = [];
      for await (const mapping of mappings(open.pages, paging(open, tables))) {
        out.push(mapping);
        if (out.length >= MAX_MAPPINGS) break;
      }
      return out;
    },
    async search(id, query, hit, limit) {
      search?.abort();
      const mine = (search = new AbortController());
      const { searchSnapshot } = await import('../vmstate/search.ts');
      const open = get(id);
      return searchSnapshot(open.snapshot, query, hit, { signal: mine.signal, map: open.map, limit });
    },
    cancelSearch: () => search?.abort(),
    async diff(left, right) {
      const { diffSnapshots } = await import('../vmstate/diff.ts');
      return diffSnapshots(get(left.id).snapshot, get(right.id).snapshot, left.round, right.round);
    },
    async check(id, destination) {
      const { check } = await import('../vmstate/checks.ts');
      const { machines } = await import('./hw/i386/machines.ts');
      return check(get(id).snapshot, destination, machines);
    },
    async explain(message, id) {
      const { explain } = await import('../vmstate/explain.ts');
      return explain(message, id === undefined ? undefined : get(id).snapshot);
    },
    async export(id, kind, block) {
      const { exportSnapshot } = await import('../vmstate/export.ts');
      const pieces: Blob[] = [];
      // A Blob of each piece: the browser may put them to disk, a gigabyte in the worker's heap it may not.
      for await (const piece of exportSnapshot(get(id).snapshot, kind, block)) pieces.push(new Blob([piece]));
      return new Blob(pieces);
    },
    async hashBlock(id, name) {
      const { snapshot } = get(id);
      const block = snapshot.ram.block(name);
      if (!block) throw new Error(`there is no RAM block '${name}'`);
      const { sha256 } = await import('../vmstate/sha256.ts');
      return sha256(blockSource(snapshot, block));
    }
  };
}

function paging(open: OpenSnapshot, { vcpu, cr3 }: WalkedTables = {}): Paging {
  const cpu = vcpu ?? vcpus(open.snapshot)[0];
  const found = cpu === undefined ? undefined : pagingOf(open.snapshot, cpu);
  if (!found) throw new Error('the snapshot has no cpu section: without CR3 there is nothing to walk from');
  return cr3 === undefined ? found : withCr3(found, cr3);
}

function locate(snapshot: Snapshot, offset: number): Location {
  const section = sectionAt(snapshot.sections, offset);
  const chain = section ? placedAtOffset(section.fields, offset) : [];
  let path = '';
  const paths = chain.map((row) => (path = joinPath(path, row.name)));
  return {
    section: section && sectionInfo(section),
    chain: chain.map(({ children: _, ...row }) => row),
    paths,
    ...(section?.records && chain.length === 0 ? recordAt(snapshot, section.records, offset) : {})
  };
}

/** The page record whose bytes hold a stream offset. */
function recordAt(
  snapshot: Snapshot,
  [first, last]: readonly [number, number],
  offset: number
): Pick<Location, 'record'> {
  const { ram } = snapshot;
  // Records of multifd channels lie between those of the stream; those of the stream are in its order.
  let record = -1;
  for (let i = first; i < last; i++) {
    if (ram.sourceOf(i) !== 0) continue;
    if (ram.offsetOf(i) > offset) {
      // Records know where their contents begin; the word and the name before them are theirs too.
      const own = record < 0 || offset >= ram.offsetOf(record) + lengthOf(ram, record);
      if (own) record = i;
      break;
    }
    record = i;
  }
  if (record < 0) return {};
  const page = ram.pageOf(record);
  const block = ram.blockOf(page);
  if (!block) return {};
  return {
    record: {
      ...{ record, page, kind: pageKindNames[ram.kindOf(record)]!, block: block.idstr },
      offset: (page - block.firstPage) * ram.pageSize
    }
  };
}

/** Bytes from where a record's offset points to its end, as far as that is known without reading it. */
const lengthOf = (ram: Snapshot['ram'], record: number): number =>
  ram.kindOf(record) === PageKind.normal ? ram.pageSize : 9;
