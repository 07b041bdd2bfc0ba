/** Snapshots made by hand: RAM out of pages given by address, sections out of plain values. */
import { hashPage } from '../../src/lib/vmstate/page-hash.ts';
import { RamIndex, PageKind } from '../../src/lib/vmstate/ram-index.ts';
import type { Section, Snapshot } from '../../src/lib/vmstate/snapshot.ts';
import { bytesSource } from '../../src/lib/vmstate/source.ts';
import type { Leaf, Meaning, Placed } from '../../src/lib/vmstate/vmstate.ts';

export const PAGE = 4096;

/** A field, or with an object for its value, a struct; spans are filled in by `section`. */
export type Value = Leaf | { readonly [name: string]: Value };

function place(
  values: { readonly [name: string]: Value },
  at: number,
  about?: Readonly<Record<string, Meaning>>
): Placed[] {
  return Object.entries(values).map(([name, value]) => {
    const start = at;
    if (value !== undefined && typeof value === 'object' && !(value instanceof Uint8Array)) {
      const children = place(value, at, about);
      at = children.at(-1)?.end ?? at;
      return { name, type: name.includes('/') ? 'subsection' : 'struct', start, end: at, children };
    }
    at +=
      value instanceof Uint8Array ? value.length : typeof value === 'bigint' ? 8 : typeof value === 'boolean' ? 1 : 4;
    const type = wireType(name, value);
    return { name, type, start, end: at, value, ...(about?.[name] ? { about: about[name] } : {}) };
  });
}

function wireType(name: string, value: Leaf): string {
  if (value instanceof Uint8Array) return value.length === 256 ? 'pci config' : 'buffer';
  if (typeof value === 'bigint') return name.startsWith('timer') ? 'timer' : 'uint64';
  return typeof value === 'boolean' ? 'bool' : 'uint32';
}

/** Puts the values at their spans, big-endian. */
function write(view: DataView, rows: readonly Placed[]): void {
  for (const { start, value, children } of rows) {
    if (children) write(view, children);
    else if (value instanceof Uint8Array) new Uint8Array(view.buffer).set(value, start);
    else if (typeof value === 'bigint') view.setBigUint64(start, BigInt.asUintN(64, value));
    else if (typeof value === 'boolean') view.setUint8(start, value ? 1 : 0);
    else if (typeof value === 'number') view.setUint32(start, value);
  }
}

export interface SectionSpec {
  readonly name: string;
  readonly instance?: number;
  readonly version?: number;
  readonly kind?: Section['kind'];
  readonly fields?: { readonly [name: string]: Value };
  readonly about?: Readonly<Record<string, Meaning>>;
}

export interface SnapshotSpec {
  readonly machine?: string;
  readonly capabilities?: readonly string[];
  readonly sections?: readonly SectionSpec[];
  /** Blocks by name and size; pages by `block:offset`, a list where a page was sent several times. */
  readonly blocks?: Readonly<Record<string, number>>;
  readonly pages?: Readonly<Record<string, Uint8Array | readonly Uint8Array[]>>;
  readonly gpas?: Readonly<Record<string, number>>;
}

/** A PCI configuration space with little-endian words at the given offsets. */
export function configSpace(words: Readonly<Record<number, number>>): Uint8Array {
  const bytes = new Uint8Array(256);
  const view = new DataView(bytes.buffer);
  for (const [at, value] of Object.entries(words)) view.setUint32(Number(at), value, true);
  return bytes;
}

/** 4096 bytes with the given ones at their offsets. */
export function page(parts: Readonly<Record<number, Uint8Array | readonly number[] | string>>): Uint8Array {
  const bytes = new Uint8Array(PAGE);
  for (const [at, part] of Object.entries(parts)) {
    bytes.set(typeof part === 'string' ? new TextEncoder().encode(part) : part, Number(at));
  }
  return bytes;
}

/** 64-bit little-endian entries of a page table, by index. */
export function table(entries: Readonly<Record<number, bigint>>): Uint8Array {
  const bytes = new Uint8Array(PAGE);
  const view = new DataView(bytes.buffer);
  for (const [index, entry] of Object.entries(entries)) view.setBigUint64(Number(index) * 8, entry, true);
  return bytes;
}

/** The page bytes make up the start of the stream, so that records have offsets; sections follow. */
export function snapshot(spec: SnapshotSpec): Snapshot {
  const ram = new RamIndex();
  for (const [idstr, usedLength] of Object.entries(spec.blocks ?? {})) {
    const gpa = spec.gpas?.[idstr];
    ram.addBlock({ idstr, usedLength, pageSize: PAGE, start: 0, end: 0, ...(gpa === undefined ? {} : { gpa }) });
  }
  const bodies: Uint8Array[] = [];
  const rounds = Math.max(1, ...Object.values(spec.pages ?? {}).map((p) => (p instanceof Uint8Array ? 1 : p.length)));
  const ends: number[] = [];
  for (let round = 0; round < rounds; round++) {
    for (const [where, sends] of Object.entries(spec.pages ?? {})) {
      const [idstr, offset] = [where.slice(0, where.lastIndexOf(':')), Number(where.slice(where.lastIndexOf(':') + 1))];
      const bytes = sends instanceof Uint8Array ? (round === 0 ? sends : undefined) : sends[round];
      if (!bytes) continue;
      const block = ram.block(idstr);
      if (!block) throw new Error(`no block ${idstr}`);
      const { low, high, zero } = hashPage(bytes);
      const at = bodies.length * PAGE;
      ram.add(zero ? PageKind.zero : PageKind.normal, block.firstPage + offset / PAGE, at, 0, low, high, 0);
      if (!zero) bodies.push(bytes);
    }
    ends.push(ram.count);
  }
  const stream = new Uint8Array(bodies.length * PAGE + 65536);
  bodies.forEach((b, i) => stream.set(b, i * PAGE));

  const view = new DataView(stream.buffer);
  let at = bodies.length * PAGE;
  const sections: Section[] = [];
  if (ram.blocks.length > 0) {
    sections.push({ ...section({ name: 'ram', kind: 'start', version: 4 }, 0, 0, at), records: [0, ram.count] });
  }
  for (const s of spec.sections ?? []) {
    const made = section(s, sections.length, at);
    sections.push(made);
    write(view, made.fields);
    at = made.end;
  }
  return {
    file: { name: 'made by hand', bytes: stream.length, containers: [], streamOffset: 0 },
    end: stream.length,
    streamVersion: 3,
    configuration:
      spec.machine === undefined ? undefined : { machine: spec.machine, capabilities: spec.capabilities ?? [] },
    pageSize: PAGE,
    sections,
    ram,
    races: [],
    rounds: ends.map((last, index) => {
      const first = index === 0 ? 0 : ends[index - 1]!;
      return {
        index,
        evidence: 'section',
        certain: false,
        start: 0,
        end: 0,
        records: [first, last],
        pages: last - first,
        bytes: 0,
        zero: 0,
        normal: 0,
        xbzrle: 0,
        compressed: 0,
        again: 0,
        why: ''
      };
    }),
    vmdescription: undefined,
    features: {
      postcopy: false,
      multifd: false,
      mappedRam: false,
      ignoreShared: false,
      xbzrle: false,
      compress: false,
      backgroundSnapshot: false
    },
    problems: [],
    bytes: bytesSource(stream)
  };
}

function section(spec: SectionSpec, index: number, start: number, end?: number): Section {
  const fields = place(spec.fields ?? {}, start + 16, spec.about);
  const bodyEnd = end ?? fields.at(-1)?.end ?? start + 16;
  return {
    index,
    kind: spec.kind ?? 'full',
    name: spec.name,
    instance: spec.instance ?? 0,
    sectionId: index,
    version: spec.version ?? 1,
    start,
    end: end ?? bodyEnd + 5,
    bodyStart: start + 16,
    bodyEnd,
    phase: 'switchover',
    fields,
    decodedBy: 'description'
  };
}
