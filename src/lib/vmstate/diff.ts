/**
 * What differs between two snapshots, or between two moments of one: device state field by field, memory page by page.
 * Fields are matched by section and path, so the order of sections and their places in the streams do not matter.
 */
import { hex, hexOf } from './hex.ts';
import { formatValue } from './meaning.ts';
import { ZERO_PAGE_HASH } from './page-hash.ts';
import { latestTable, tableBefore, visitPages, type PageTable } from './ram-contents.ts';
import type { RamBlock, RamIndex } from './ram-index.ts';
import { sectionLabel, type Section, type Snapshot } from './snapshot.ts';
import { leaves, type Leaf, type Placed } from './vmstate.ts';

export interface FieldDifference {
  readonly section: string;
  /** Empty when the whole section is on one side only. */
  readonly path: string;
  readonly kind: 'changed' | 'only-left' | 'only-right';
  readonly left?: string;
  readonly right?: string;
  /** A clock, a counter or a time stamp: folded away by default. */
  readonly noise: boolean;
  readonly leftStart?: number;
  readonly rightStart?: number;
}

export interface PageDifference {
  /** Page of the left side, in the numbering over its blocks. */
  readonly page: number;
  readonly block: string;
  readonly offset: number;
  /** Bytes that differ. */
  readonly bytes: number;
}

export interface Difference {
  /** At most `MAX_FIELDS`. */
  readonly fields: readonly FieldDifference[];
  /** Fields that differ, when `fields` was cut. */
  readonly fieldCount: number;
  /** At most `MAX_PAGES`, by block and offset. */
  readonly pages: readonly PageDifference[];
  /** Pages that differ, when `pages` was cut. */
  readonly pageCount: number;
  readonly notes: readonly string[];
}

const MAX_FIELDS = 20_000;
const MAX_PAGES = 10_000;
/** Pages whose bytes are held at once while they are compared. */
const PIECE = 2048;

/** What QEMU calls differently between versions: by section, the newer name to the older one. */
const renamed: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  hpet: { num_timers_save: 'num_timers' }
};

/** Clocks and counters, for fields that no description of ours gives a meaning. */
const clockName = /tsc|clock|timer|_time$|_time\[|counter|last_update|base_rtc|next_transition|cpu_ticks/;

/**
 * Compares two snapshots. A round means memory as of its end; device state belongs to the end of a stream and is
 * compared when the snapshots are not the same one. Pages are compared by their 64-bit hashes, then counted byte by byte.
 */
export async function diffSnapshots(
  left: Snapshot,
  right: Snapshot,
  leftRound?: number,
  rightRound?: number
): Promise<Difference> {
  const notes: string[] = [];
  const fields = new FieldDiff(notes);
  if (left !== right) {
    fields.configuration(left, right);
    fields.sections(left, right);
  } else notes.push('Two moments of one stream: device state comes at its end only, memory is compared.');
  const [a, b] = [tableOf(left, leftRound), tableOf(right, rightRound)];
  const { pages, pageCount } = await diffPages(left, right, a, b, notes);
  return { fields: fields.list, fieldCount: fields.count, pages, pageCount, notes };
}

function tableOf(snapshot: Snapshot, round: number | undefined): PageTable {
  const r = round === undefined ? undefined : snapshot.rounds[round];
  return r ? tableBefore(snapshot.ram, r.records[1]) : latestTable(snapshot.ram);
}

class FieldDiff {
  readonly list: FieldDifference[] = [];
  count = 0;
  readonly #notes: string[];
  constructor(notes: string[]) {
    this.#notes = notes;
  }

  #add(difference: FieldDifference): void {
    this.count++;
    if (this.list.length < MAX_FIELDS) this.list.push(difference);
  }

  configuration(left: Snapshot, right: Snapshot): void {
    const rows = (s: Snapshot): Record<string, string> => ({
      machine: s.configuration?.machine ?? '',
      capabilities: s.configuration?.capabilities.join(' ') ?? ''
    });
    const [l, r] = [rows(left), rows(right)];
    for (const [path, was] of Object.entries(l)) {
      const is = r[path]!;
      if (was !== is) {
        this.#add({ section: 'configuration', path, kind: 'changed', left: was, right: is, noise: false });
      }
    }
  }

  sections(left: Snapshot, right: Snapshot): void {
    const [l, r] = [stateSections(left), stateSections(right)];
    const moved = this.#moved(l, r);
    for (const [label, section] of l) {
      const other = r.get(label) ?? moved.get(section);
      if (other) this.#fields(label, section, other);
      else this.#alone(label, section, 'only-left');
    }
    const matched = new Set(moved.values());
    for (const [label, section] of r) {
      if (!l.has(label) && !matched.has(section)) this.#alone(label, section, 'only-right');
    }
  }

  /** Devices that are there once on each side, but in another PCI slot. */
  #moved(left: ReadonlyMap<string, Section>, right: ReadonlyMap<string, Section>): ReadonlyMap<Section, Section> {
    const moved = new Map<Section, Section>();
    const candidates = byDevice([...right].filter(([label]) => !left.has(label)));
    for (const [device, [section, ...more]] of byDevice([...left].filter(([label]) => !right.has(label)))) {
      const [other, ...others] = candidates.get(device) ?? [];
      if (!section || !other || more.length > 0 || others.length > 0) continue;
      moved.set(section, other);
      this.#notes.push(`${sectionLabel(section)} is ${sectionLabel(other)} on the right`);
    }
    return moved;
  }

  #alone(section: string, { fields, start }: Section, kind: 'only-left' | 'only-right'): void {
    const text = `${[...leaves(fields)].length} fields`;
    const side = kind === 'only-left' ? { left: text, leftStart: start } : { right: text, rightStart: start };
    this.#add({ section, path: '', kind, noise: false, ...side });
  }

  #fields(section: string, left: Section, right: Section): void {
    if (left.version !== right.version) {
      this.#notes.push(`${section} has version ${left.version} on the left, ${right.version} on the right`);
    }
    const aliases = renamed[left.name];
    const [l, r] = [rowsByPath(left, aliases), rowsByPath(right, aliases)];
    for (const [path, row] of l) {
      const other = r.get(path);
      if (other && sameValue(row.value, other.value)) continue;
      const noise = isNoise(path, row);
      const { start: leftStart } = row;
      if (!other) this.#add({ section, path, kind: 'only-left', noise, left: formatValue(row), leftStart });
      else {
        const [left, right] = bothValues(row, other);
        this.#add({ section, path, kind: 'changed', noise, left, leftStart, right, rightStart: other.start });
      }
    }
    for (const [path, row] of r) {
      if (l.has(path)) continue;
      const rightSide = { right: formatValue(row), rightStart: row.start };
      this.#add({ section, path, kind: 'only-right', noise: isNoise(path, row), ...rightSide });
    }
  }
}

/** Sections with state, the last of each name and instance, by label. */
function stateSections(snapshot: Snapshot): Map<string, Section> {
  const found = new Map<string, Section>();
  for (const s of snapshot.sections) {
    if ((s.kind === 'full' || s.kind === 'end') && s.name !== 'ram') found.set(sectionLabel(s), s);
  }
  return found;
}

/** Sections by what follows the PCI path in their label. */
function byDevice(sections: readonly (readonly [string, Section])[]): Map<string, Section[]> {
  const out = new Map<string, Section[]>();
  for (const [label, section] of sections) {
    const device = label.slice(label.indexOf('/') + 1);
    if (section.name.includes('/')) out.set(device, [...(out.get(device) ?? []), section]);
  }
  return out;
}

/** Rows by path; a path that comes again (`unused`) gets its number. */
function rowsByPath(section: Section, aliases: Readonly<Record<string, string>> | undefined): Map<string, Placed> {
  const out = new Map<string, Placed>();
  /** Of the few that come again. */
  const times = new Map<string, number>();
  for (const { path, row } of leaves(section.fields)) {
    if (row.type === 'unused_buffer') continue;
    const name = aliases?.[path] ?? path;
    if (!out.has(name)) {
      out.set(name, row);
      continue;
    }
    const n = (times.get(name) ?? 1) + 1;
    times.set(name, n);
    out.set(`${name}#${n}`, row);
  }
  return out;
}

const isNoise = (path: string, row: Placed): boolean =>
  row.about?.clock ?? (row.type === 'timer' || (row.about === undefined && clockName.test(path)));

function sameValue(a: Leaf, b: Leaf): boolean {
  if (!(a instanceof Uint8Array) || !(b instanceof Uint8Array)) {
    // Empty arrays and structs have no value.
    if (typeof a === 'object' && typeof b === 'object') return true;
    return a === b || (isNumber(a) && isNumber(b) && BigInt(a) === BigInt(b));
  }
  // Zeros behind the shorter one are no difference: QEMU has changed the size of buffers that hold text.
  const [short, long] = a.length < b.length ? [a, b] : [b, a];
  return short.every((byte, i) => byte === long[i]) && long.subarray(short.length).every((byte) => byte === 0);
}
/** Buffers up to this size are shown whole: what differs in them is seen. */
const SHOWN = 64;
/** Of longer ones so many stretches that differ, and so many bytes of each. */
const MAX_STRETCHES = 4;
const MAX_STRETCH = 16;

/** The values of a field on both sides; of long buffers of one size only what differs, with its offset. */
function bothValues(left: Placed, right: Placed): readonly [left: string, right: string] {
  const [a, b] = [left.value, right.value];
  const long = a instanceof Uint8Array && b instanceof Uint8Array && a.length === b.length && a.length > SHOWN;
  if (!long) return [formatValue(left, SHOWN), formatValue(right, SHOWN)];
  let count = 0;
  const stretches: [start: number, end: number][] = [];
  for (let i = 0; i < a.length; i++) {
    if (a[i] === b[i]) continue;
    count++;
    const last = stretches.at(-1);
    if (last?.[1] === i) last[1]++;
    else if (stretches.length <= MAX_STRETCHES) stretches.push([i, i + 1]);
  }
  const text = (bytes: Uint8Array): string => {
    const shown = stretches.slice(0, MAX_STRETCHES).map(([start, end]) => {
      const more = end - start > MAX_STRETCH ? ' …' : '';
      return `${hex(start)}: ${hexOf(bytes.subarray(start, Math.min(end, start + MAX_STRETCH)), ' ')}${more}`;
    });
    const more = stretches.length > MAX_STRETCHES ? ', …' : '';
    return `${count} of ${bytes.length} bytes, ${shown.join(', ')}${more}`;
  };
  return [text(a), text(b)];
}

const isNumber = (v: Leaf): v is number | bigint => typeof v === 'number' || typeof v === 'bigint';

// Memory

async function diffPages(
  left: Snapshot,
  right: Snapshot,
  leftTable: PageTable,
  rightTable: PageTable,
  notes: string[]
): Promise<Pick<Difference, 'pages' | 'pageCount'>> {
  const pairs: (readonly [left: number, right: number, block: RamBlock])[] = [];
  let pageCount = 0;
  const byName = ({ blocks }: RamIndex): Map<string, RamBlock> => new Map(blocks.map((b) => [b.idstr, b]));
  const [leftBlocks, rightBlocks] = [byName(left.ram), byName(right.ram)];
  for (const block of leftBlocks.values()) {
    const other = rightBlocks.get(block.idstr);
    if (!other) {
      notes.push(`RAM block ${block.idstr} is on the left only (${block.usedLength} bytes)`);
      continue;
    }
    if (other.usedLength !== block.usedLength) {
      notes.push(
        `RAM block ${block.idstr} has ${block.usedLength} bytes on the left, ${other.usedLength} on the right`
      );
    }
    for (let i = 0; i < Math.min(block.pages, other.pages); i++) {
      const [l, r] = [block.firstPage + i, other.firstPage + i];
      if (sameHash(left.ram, leftTable.get(l) - 1, right.ram, rightTable.get(r) - 1)) continue;
      if (pageCount++ < MAX_PAGES) pairs.push([l, r, block]);
    }
  }
  for (const { idstr, usedLength } of rightBlocks.values()) {
    if (!leftBlocks.has(idstr)) notes.push(`RAM block ${idstr} is on the right only (${usedLength} bytes)`);
  }
  const pages: PageDifference[] = [];
  for (let at = 0; at < pairs.length; at += PIECE) {
    const piece = pairs.slice(at, at + PIECE);
    const before = new Map<number, Uint8Array>();
    const differing = new Map<number, number>();
    const keep = (page: number, bytes: Uint8Array | undefined): void => {
      if (bytes) before.set(page, bytes.slice());
    };
    await visitPages(
      left,
      piece.map(([l]) => l),
      keep,
      leftTable
    );
    const leftOf = new Map(piece.map(([l, r]) => [r, l]));
    const compare = (page: number, bytes: Uint8Array | undefined): void => {
      differing.set(page, differingBytes(before.get(leftOf.get(page)!), bytes));
    };
    await visitPages(
      right,
      piece.map(([, r]) => r),
      compare,
      rightTable
    );
    for (const [l, r, block] of piece) {
      const offset = (l - block.firstPage) * left.ram.pageSize;
      pages.push({ page: l, block: block.idstr, offset, bytes: differing.get(r)! });
    }
  }
  return { pages, pageCount };
}

/** Whether two records (-1: never sent, so zeros) have the same contents, by their hashes. */
function sameHash(leftRam: RamIndex, left: number, rightRam: RamIndex, right: number): boolean {
  const low = left < 0 ? ZERO_PAGE_HASH.low : leftRam.hashLowOf(left);
  if (low !== (right < 0 ? ZERO_PAGE_HASH.low : rightRam.hashLowOf(right))) return false;
  const high = left < 0 ? ZERO_PAGE_HASH.high : leftRam.hashHighOf(left);
  return high === (right < 0 ? ZERO_PAGE_HASH.high : rightRam.hashHighOf(right));
}

function differingBytes(a: Uint8Array | undefined, b: Uint8Array | undefined): number {
  const length = a?.length ?? b?.length ?? 0;
  let n = 0;
  for (let i = 0; i < length; i++) if ((a ? a[i] : 0) !== (b ? b[i] : 0)) n++;
  return n;
}
