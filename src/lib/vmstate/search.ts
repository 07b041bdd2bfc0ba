/**
 * Search over a snapshot: sections and fields by name, bytes in the stream and in guest memory, places by address.
 *
 * Bytes are looked for in the stream outside of RAM pages, and in memory as of the end of the stream in the order of
 * guest-physical addresses, across page boundaries; older versions of a page are not searched.
 */
import { ByteSearch } from './byte-search.ts';
import { gpaOf, memoryMap, pageAt, type MemoryMap } from './memory-map.ts';
import { formatValue } from './meaning.ts';
import { pagingOf, PhysicalPages, walk } from './page-walk.ts';
import { contentsOffset, latestTable, visitPages } from './ram-contents.ts';
import type { RamBlock } from './ram-index.ts';
import { parseQuery, type Query } from './search-query.ts';
import { sectionAt, sectionLabel, type Section, type Snapshot } from './snapshot.ts';
import { readRange } from './source.ts';
import { leaves, type Placed } from './vmstate.ts';
import { PAGE } from './page.ts';
import { hex } from './hex.ts';

export interface SearchHit {
  readonly kind: 'field' | 'bytes' | 'memory' | 'section';
  readonly title: string;
  readonly detail: string;
  /** Stream offsets, where the hit has a place in the stream. */
  readonly start?: number;
  readonly end?: number;
  readonly section?: number;
  readonly path?: string;
  readonly gpa?: number;
  readonly page?: number;
}

export interface SearchOptions {
  readonly signal?: AbortSignal;
  /** Hits after which the search ends. */
  readonly limit?: number;
  readonly map?: MemoryMap;
  /** The vCPU whose page tables translate a virtual address. */
  readonly cpu?: number;
}

const LIMIT = 10_000;
/** Memory is searched in pieces of 32 MiB: hits come in order within and between them. */
const PIECE = 8192;
const BREATHE_MS = 30;

/**
 * Searches; hits come through `hit` in groups, with the share done. Resolves to their number, `limit` at most.
 * Throws `QueryError` for what is no query, and the signal's reason.
 */
export async function searchSnapshot(
  snapshot: Snapshot,
  query: string | Query,
  hit: (hits: readonly SearchHit[], progress: number) => void,
  options: SearchOptions = {}
): Promise<number> {
  const parsed = typeof query === 'string' ? parseQuery(query) : query;
  const { limit = LIMIT, signal } = options;
  let count = 0;
  let breath = performance.now();
  const groups = searchGroups(snapshot, parsed, options.map ?? memoryMap(snapshot), options);
  for await (const { hits, progress } of groups) {
    const taken = hits.slice(0, limit - count);
    count += taken.length;
    hit(taken, progress);
    if (count >= limit) break;
    if (performance.now() - breath > BREATHE_MS) {
      // Messages, such as the one that cancels, are only heard between tasks.
      await new Promise((resolve) => setTimeout(resolve));
      breath = performance.now();
    }
    signal?.throwIfAborted();
  }
  return count;
}

interface Group {
  readonly hits: readonly SearchHit[];
  readonly progress: number;
}

async function* searchGroups(
  snapshot: Snapshot,
  query: Query,
  map: MemoryMap,
  { signal, cpu, limit = LIMIT }: SearchOptions
): AsyncGenerator<Group> {
  if (query.kind === 'bytes') {
    const search = new ByteSearch(query.pattern);
    yield* searchStream(snapshot, search, limit);
    yield* searchMemory(snapshot, search, map, limit, signal);
  } else if ('address' in query) {
    yield { hits: await place(snapshot, query.kind, query.address, map, cpu), progress: 1 };
  } else yield* searchNames(snapshot, query);
}

// Names

type NameQuery = Extract<Query, { kind: 'words' | 'field' | 'section' }>;

/** What tells whether a section or a row is meant: given lower-case name, path, and what it is about. */
interface Matcher {
  section(name: string): boolean;
  field(section: string, path: string, row: Placed): boolean;
}

function matcher(query: NameQuery): Matcher {
  switch (query.kind) {
    case 'section':
      return { section: (name) => name.includes(query.name), field: () => false };
    case 'field':
      return {
        section: () => false,
        field: (_, path, row) =>
          path.includes(query.name) &&
          (query.value === undefined || valueTexts(row).some((t) => t.toLowerCase().includes(query.value!)))
      };
    case 'words':
      return {
        section: (name) => query.words.every((w) => name.includes(w)),
        field(section, path, row) {
          const about = row.about?.doc?.toLowerCase() ?? '';
          const own = query.words.some((w) => path.includes(w) || about.includes(w));
          return own && query.words.every((w) => path.includes(w) || about.includes(w) || section.includes(w));
        }
      };
  }
}

/** A value as it is shown, and plain both ways for numbers. */
function valueTexts(row: Placed): string[] {
  const { value } = row;
  const shown = formatValue(row);
  return typeof value === 'number' || typeof value === 'bigint' ? [shown, value.toString(), hex(value)] : [shown];
}

function* searchNames(snapshot: Snapshot, query: NameQuery): Generator<Group> {
  const matches = matcher(query);
  for (const section of snapshot.sections) {
    const label = sectionLabel(section);
    const lower = label.toLowerCase();
    const hits: SearchHit[] = [];
    const at = { section: section.index };
    if (matches.section(lower)) {
      const detail = `${section.kind}, ${section.end - section.start} bytes at ${hex(section.start)}`;
      hits.push({ kind: 'section', title: label, detail, start: section.start, end: section.end, ...at });
    }
    for (const { path, row } of leaves(section.fields)) {
      if (!matches.field(lower, path.toLowerCase(), row)) continue;
      const detail = `${formatValue(row)} in ${label}`;
      hits.push({ kind: 'field', title: path, detail, path, start: row.start, end: row.end, ...at });
    }
    if (hits.length > 0 || section.index % 1024 === 0)
      yield { hits, progress: section.index / snapshot.sections.length };
  }
  yield { hits: [], progress: 1 };
}

// Places

async function place(
  snapshot: Snapshot,
  kind: 'gva' | 'gpa' | 'file',
  address: bigint,
  map: MemoryMap,
  cpu = 0
): Promise<SearchHit[]> {
  if (kind === 'file') {
    if (address >= snapshot.end) return [];
    const at = Number(address);
    const section = sectionAt(snapshot.sections, at);
    const detail = section ? `in ${sectionLabel(section)}` : 'in no section';
    return [{ kind: 'bytes', title: `file ${hex(at)}`, detail, start: at, end: at + 1, ...sectionOf(section) }];
  }
  let gpa = address < 1n << 52n ? Number(address) : -1;
  let detail = 'guest-physical';
  if (kind === 'gva') {
    const paging = pagingOf(snapshot, cpu);
    if (!paging) return [];
    const walked = await walk(new PhysicalPages(snapshot, map), paging, address);
    if (walked.gpa === undefined) return [];
    gpa = walked.gpa;
    detail = `virtual ${hex(address)} by the page tables of vCPU ${cpu}`;
  }
  const page = pageAt(snapshot, map, gpa);
  if (page === undefined) return [];
  return [{ kind: 'memory', title: `gpa ${hex(gpa)}`, detail, gpa, page, ...inStream(snapshot, page, gpa % PAGE, 1) }];
}

const sectionOf = (section: Section | undefined): Pick<SearchHit, 'section'> =>
  section ? { section: section.index } : {};

/** Where a byte of a page lies in the stream, when the page came as it is. */
function inStream(snapshot: Snapshot, page: number, offset: number, bytes: number): Pick<SearchHit, 'start' | 'end'> {
  const record = snapshot.ram.latest(page);
  const contents = record < 0 || snapshot.ram.sourceOf(record) !== 0 ? undefined : contentsOffset(snapshot, record);
  if (contents === undefined) return {};
  const start = contents + offset;
  return { start, end: start + Math.min(bytes, PAGE - offset) };
}

// Bytes in the stream

/** Stretches of the stream without page records, joined where they touch. */
function* stretches(snapshot: Snapshot): Generator<readonly [start: number, end: number]> {
  let open: [number, number] | undefined;
  for (const s of snapshot.sections) {
    const holdsOthers = s.kind === 'command' && snapshot.sections[s.index + 1]?.inside === s.index;
    if (s.records && s.records[1] > s.records[0]) continue;
    const end = holdsOthers ? s.bodyStart : s.end;
    if (open && open[1] === s.start) open[1] = end;
    else {
      if (open) yield open;
      open = [s.start, end];
    }
  }
  if (open) yield open;
}

async function* searchStream(snapshot: Snapshot, search: ByteSearch, limit: number): AsyncGenerator<Group> {
  for (const [start, end] of stretches(snapshot)) {
    for (let at = start; at < end; at += 1 << 20) {
      const bytes = await readRange(snapshot.bytes, at, Math.min(end, at + (1 << 20) + search.length - 1));
      const hits: SearchHit[] = [];
      for (const i of search.find(bytes)) {
        if (hits.length >= limit) break;
        const section = sectionAt(snapshot.sections, at + i);
        const detail = `${section ? sectionLabel(section) : 'no section'}: ${preview(bytes, i, search.length)}`;
        const span = { start: at + i, end: at + i + search.length };
        hits.push({ kind: 'bytes', title: `file ${hex(at + i)}`, detail, ...span, ...sectionOf(section) });
      }
      yield { hits, progress: 0 };
    }
  }
}

/** What is around a hit, as text. */
function preview(bytes: Uint8Array, at: number, length: number): string {
  const part = bytes.subarray(Math.max(0, at - 8), at + Math.max(length, 24));
  return String.fromCharCode(...part.map((b) => (b >= 0x20 && b < 0x7f ? b : 0x2e)));
}

// Bytes in memory

/** Pages that follow each other in guest-physical memory, or in a block where no address shows them. */
interface Run {
  readonly block: RamBlock;
  /** Number over all blocks. */
  readonly page: number;
  readonly count: number;
  readonly gpa: number | undefined;
}

/** Every page once: by guest-physical address first, then what nothing maps. */
function runs(snapshot: Snapshot, map: MemoryMap): Run[] {
  const out: Run[] = [];
  const left = new Map<RamBlock, (readonly [from: number, to: number])[]>(
    snapshot.ram.blocks.map((b) => [b, [[0, b.pages]]])
  );
  const take = (block: RamBlock, from: number, to: number, gpa: number | undefined): void => {
    const rest: (readonly [number, number])[] = [];
    for (const [a, b] of left.get(block) ?? []) {
      const [start, end] = [Math.max(a, from), Math.min(b, to)];
      if (start >= end) {
        rest.push([a, b]);
        continue;
      }
      const address = gpa === undefined ? undefined : gpa + (start - from) * PAGE;
      out.push({ block, page: block.firstPage + start, count: end - start, gpa: address });
      if (a < start) rest.push([a, start]);
      if (end < b) rest.push([end, b]);
    }
    left.set(block, rest);
  };
  for (const r of map.ranges) {
    const block = snapshot.ram.block(r.block);
    if (block) take(block, Math.floor(r.offset / PAGE), Math.ceil((r.offset + r.bytes) / PAGE), r.gpa);
  }
  for (const block of snapshot.ram.blocks) take(block, 0, block.pages, undefined);
  return out;
}

async function* searchMemory(
  snapshot: Snapshot,
  search: ByteSearch,
  map: MemoryMap,
  limit: number,
  signal: AbortSignal | undefined
): AsyncGenerator<Group> {
  const zeros = new Uint8Array(PAGE);
  const zeroTails = search.tails(zeros);
  const zeroHeads = search.heads(zeros);
  const zeroHits = !search.find(zeros).next().done;
  const table = latestTable(snapshot.ram);
  let done = 0;
  let before:
    { readonly gpa: number | undefined; readonly tails: readonly number[]; readonly page: number } | undefined;
  for (const run of runs(snapshot, map)) {
    if (run.gpa === undefined || before?.gpa !== run.gpa) before = undefined;
    for (let first = 0; first < run.count; first += PIECE) {
      const count = Math.min(PIECE, run.count - first);
      const tails = new Map<number, readonly number[]>();
      const heads = new Map<number, readonly number[]>();
      const found: (readonly [page: number, offset: number, text: string])[] = [];
      const look = (page: number, bytes: Uint8Array | undefined): void => {
        const t = bytes ? search.tails(bytes) : zeroTails;
        const h = bytes ? search.heads(bytes) : zeroHeads;
        if (t.length > 0) tails.set(page, t);
        if (h.length > 0) heads.set(page, h);
        if (!bytes && !zeroHits) return;
        for (const i of search.find(bytes ?? zeros)) {
          if (found.length >= limit) break;
          found.push([page, i, preview(bytes ?? zeros, i, search.length)]);
        }
      };
      const pages = Array.from({ length: count }, (_, i) => run.page + first + i);
      await visitPages(snapshot, pages, look, table, signal);
      if (before) tails.set(before.page, before.tails);
      for (const [page, ks] of tails) {
        const next = page === before?.page ? run.page + first : page + 1;
        const fitting = heads.get(next);
        for (const k of ks) {
          const aligned = (PAGE - k) % search.pattern.alignment === 0;
          if (aligned && fitting?.includes(k)) found.push([page, PAGE - k, 'across a page boundary']);
        }
      }
      const last = run.page + first + count - 1;
      const gpaAfter = run.gpa === undefined ? undefined : run.gpa + (first + count) * PAGE;
      const order = (page: number): number => (page === before?.page ? -1 : page);
      found.sort((a, b) => order(a[0]) - order(b[0]) || a[1] - b[1]);
      const hits = found.map(([page, offset, text]) =>
        memoryHit(snapshot, run, page, offset, text, search.length, map)
      );
      before = { gpa: gpaAfter, tails: tails.get(last) ?? [], page: last };
      done += count;
      yield { hits, progress: done / snapshot.ram.pages };
    }
  }
}

function memoryHit(
  snapshot: Snapshot,
  run: Run,
  page: number,
  offset: number,
  text: string,
  length: number,
  map: MemoryMap
): SearchHit {
  // A hit that began in the run before lies in another block.
  const inside = page >= run.page && page < run.page + run.count;
  const block = inside ? run.block : snapshot.ram.blockOf(page)!;
  const inBlock = (page - block.firstPage) * PAGE + offset;
  const gpa =
    inside && run.gpa !== undefined ? run.gpa + (page - run.page) * PAGE + offset : gpaOf(map, block.idstr, inBlock);
  return {
    kind: 'memory',
    title: gpa === undefined ? `${block.idstr} + ${hex(inBlock)}` : `gpa ${hex(gpa)}`,
    detail: `${block.idstr} + ${hex(inBlock)}: ${text}`,
    page,
    ...(gpa === undefined ? {} : { gpa }),
    ...inStream(snapshot, page, offset, length)
  };
}
