/**
 * A snapshot as one JSON document (what `migrascope inspect --format json` prints and the page exports), and the counts
 * in it. Made piece by piece: a stream may have a million sections.
 */
import { hexOf } from './hex.ts';
import type { Leaf } from './vmstate.ts';
import { leaves } from './vmstate.ts';
import { pageKindNames, type PageKindName, type RamBlock } from './ram-index.ts';
import type { Section, Snapshot } from './snapshot.ts';

/** Pages of one block: how many there are, how many came, and the records by kind. */
export interface BlockPages extends Readonly<Record<PageKindName, number>> {
  readonly total: number;
  /** Pages that came at least once. */
  readonly sent: number;
  /** Records beyond the first of their page. */
  readonly duplicateSends: number;
}

/** Counts for every block, in the order of `RamIndex.blocks`. */
export function pagesByBlock({ ram }: Snapshot): BlockPages[] {
  const counts = ram.blocks.map((block) => ({
    ...{ total: block.pages, sent: 0, zero: 0, normal: 0, xbzrle: 0, compressed: 0, fill: 0, mapped: 0 },
    duplicateSends: 0
  }));
  let block: RamBlock | undefined;
  for (let record = 0; record < ram.count; record++) {
    const page = ram.pageOf(record);
    if (!block || page < block.firstPage || page >= block.firstPage + block.pages) block = ram.blockOf(page);
    const kind = pageKindNames[ram.kindOf(record)];
    const count = block && counts[block.index];
    if (!count || !kind || kind === 'none') continue;
    count[kind]++;
    // The last record of a page is the one that counts it.
    if (ram.latest(page) === record) count.sent++;
    else count.duplicateSends++;
  }
  return counts;
}

/** Which sections a person means: all, or those of a name with or without its instance or its device path. */
export function sectionFilter(wanted: string | undefined): (section: Pick<Section, 'name' | 'instance'>) => boolean {
  if (wanted === undefined) return () => true;
  const [, name, instance] = /^(.*)\/(\d+)$/s.exec(wanted) ?? [];
  const fits = (have: string, want: string): boolean => have === want || have.endsWith(`/${want}`);
  return (section) =>
    fits(section.name, wanted) ||
    (name !== undefined && fits(section.name, name) && section.instance === Number(instance));
}

export interface DocumentOptions {
  /** Leave RAM, its sections and the rounds out: what remains is device state. */
  readonly noRam?: boolean;
  /** Only these sections: see `sectionFilter`. */
  readonly section?: string;
  /** SHA-256 of each block's final contents, by idstr. */
  readonly hashes?: ReadonlyMap<string, string>;
}

/** A value as JSON can hold it: 64-bit integers that no double holds as decimal text, bytes as hex. */
function plainValue(value: Leaf): string | number | boolean | null {
  if (value instanceof Uint8Array) return hexOf(value);
  // Unused bytes, a struct without fields, an array without elements.
  if (value === undefined || typeof value === 'object') return null;
  if (typeof value !== 'bigint') return value;
  return BigInt.asIntN(54, value) === value ? Number(value) : value.toString();
}

const fieldsOf = (section: Section): unknown[] =>
  Array.from(leaves(section.fields), ({ path, row: { type, start, end, value } }) => {
    return { path, type, start, end, value: plainValue(value) };
  });

const sectionDocument = (s: Section): unknown => ({
  ...{ name: s.name, instance: s.instance, sectionId: s.sectionId, version: s.version, kind: s.kind },
  ...{ start: s.start, end: s.end, phase: s.phase, fields: fieldsOf(s) },
  ...(s.opaque ? { opaque: true } : {})
});

function blockDocument(block: RamBlock, pages: BlockPages, hash: string | undefined): unknown {
  const { total, sent, zero, normal, xbzrle, compressed, duplicateSends, fill, mapped } = pages;
  return {
    ...{ name: block.idstr, bytes: block.usedLength, pageSize: block.pageSize },
    pages: {
      ...{ total, sent, zero, normal, xbzrle, compressed, duplicateSends },
      ...(fill > 0 ? { fill } : {}),
      ...(mapped > 0 ? { mapped } : {})
    },
    ...(block.gpa === undefined ? {} : { gpa: block.gpa }),
    ...(hash === undefined ? {} : { sha256: hash })
  };
}

const roundDocument = (r: Snapshot['rounds'][number]): unknown => ({
  ...{ index: r.index, evidence: r.evidence, certain: r.certain, start: r.start, end: r.end },
  ...(r.pass === undefined ? {} : { pass: r.pass }),
  ...{ pages: r.pages, bytes: r.bytes, zero: r.zero, normal: r.normal, xbzrle: r.xbzrle, compressed: r.compressed },
  ...{ again: r.again, why: r.why, startTime: r.startTime, endTime: r.endTime }
});

/** The four kinds of section that have an idstr. */
export const isSection = (s: Section): boolean =>
  s.kind === 'start' || s.kind === 'part' || s.kind === 'end' || s.kind === 'full';

function* list(name: string, items: Iterable<unknown>): Generator<string> {
  yield `${JSON.stringify(name)}: [`;
  let between = '\n';
  for (const item of items) {
    yield `${between}  ${JSON.stringify(item)}`;
    between = ',\n';
  }
  yield between === '\n' ? ']' : '\n]';
}

function* mapped<T, U>(items: Iterable<T>, make: (item: T) => U): Generator<U> {
  for (const item of items) yield make(item);
}

/** The document's text in pieces; put together it is JSON, one section, block, round or problem a line. */
export function* documentText(snapshot: Snapshot, options: DocumentOptions = {}): Generator<string> {
  const { file, configuration, ram } = snapshot;
  const wanted = sectionFilter(options.section);
  const sections = snapshot.sections.filter((s) => isSection(s) && wanted(s) && !(options.noRam && s.name === 'ram'));
  const commands = snapshot.sections.filter((s) => s.kind === 'command');
  yield `{\n"file": ${JSON.stringify({ bytes: file.bytes, container: file.containers.join('+') || 'none' })},\n`;
  const { capabilities, targetPageBits, uuid } = configuration ?? {};
  yield `"stream": ${JSON.stringify({
    ...{ version: snapshot.streamVersion, machine: configuration?.machine },
    configuration: { capabilities, targetPageBits, uuid: uuid && hexOf(uuid) },
    pageSize: snapshot.pageSize
  })},\n`;
  yield* list('sections', mapped(sections, sectionDocument));
  if (!options.section) {
    yield ',\n';
    yield* list(
      'commands',
      mapped(commands, (c) => ({ name: c.name, start: c.start, end: c.end, fields: fieldsOf(c) }))
    );
    if (!options.noRam) {
      const pages = pagesByBlock(snapshot);
      yield ',\n"ram": {';
      yield* list(
        'blocks',
        mapped(ram.blocks, (b) => blockDocument(b, pages[b.index]!, options.hashes?.get(b.idstr)))
      );
      yield '},\n';
      yield* list('rounds', mapped(snapshot.rounds, roundDocument));
    }
  }
  yield ',\n';
  yield* list('problems', snapshot.problems);
  yield '\n}\n';
}
