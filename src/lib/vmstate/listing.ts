/**
 * A snapshot as lines for people and for `diff`: one field a line, what it means behind it, no offsets (they move when
 * anything before them grows), sections by name (their order is the QEMU version's, not the machine's).
 */
import { hexOf } from './hex.ts';
import { isSection, pagesByBlock, sectionFilter, type DocumentOptions } from './document.ts';
import { formatValue } from './meaning.ts';
import { sectionLabel, type Round, type Section, type Snapshot } from './snapshot.ts';
import { leaves, type Placed } from './vmstate.ts';

/** Bytes of a buffer that stand on a line of their own. */
const ROW = 32;

/** A long buffer: a line for every 32 bytes that are not all zeros. */
function* bufferLines(path: string, bytes: Uint8Array): Generator<string> {
  yield `  ${path} = ${bytes.length} bytes`;
  const digits = Math.max(2, (bytes.length - 1).toString(16).length);
  for (let at = 0; at < bytes.length; at += ROW) {
    const row = bytes.subarray(at, at + ROW);
    if (row.every((b) => b === 0)) continue;
    const hex = hexOf(row, ' ');
    yield `  ${path}[0x${at.toString(16).padStart(digits, '0')}] = ${hex}`;
  }
}

function* fieldLines(path: string, row: Placed): Generator<string> {
  if (row.value instanceof Uint8Array && row.value.length > ROW && !/"\)$/.test(formatValue(row, ROW))) {
    yield* bufferLines(path, row.value);
  } else yield `  ${path} = ${formatValue(row, ROW) || `(${row.end - row.start} bytes)`}`;
}

function* sectionLines(section: Section): Generator<string> {
  yield '';
  yield `section ${sectionLabel(section)}, version ${section.version}`;
  for (const { path, row } of leaves(section.fields)) yield* fieldLines(path, row);
  if (!section.opaque) return;
  const known = section.fields.at(-1)?.end ?? section.bodyStart;
  yield `  (${section.bodyEnd - known} bytes without a description)`;
}

const knownAs = ({ certain, evidence }: Round): string =>
  certain ? '' : evidence === 'qmp-pass' ? ' (reported)' : ' (inferred)';

const roundLine = (r: Round): string =>
  `round ${r.index + 1}${knownAs(r)}: ${r.pages} pages, ${r.bytes} bytes, ${r.zero} zero, ` +
  `${r.normal} normal, ${r.xbzrle} xbzrle, ${r.compressed} compressed, ${r.again} sent before; ${r.why}`;

function* ramLines(snapshot: Snapshot, hashes: ReadonlyMap<string, string> | undefined): Generator<string> {
  const pages = pagesByBlock(snapshot);
  yield '';
  for (const block of snapshot.ram.blocks) {
    const { total, sent, duplicateSends, zero, normal, xbzrle, compressed, fill, mapped } = pages[block.index]!;
    const kinds = Object.entries({ zero, normal, xbzrle, compressed, fill, mapped }).filter(([, n]) => n > 0);
    const gpa = block.gpa === undefined ? '' : `, gpa 0x${block.gpa.toString(16)}`;
    yield (
      `ram ${block.idstr}: ${block.usedLength} bytes${gpa}, ${sent} of ${total} pages sent` +
      `${duplicateSends > 0 ? ` and ${duplicateSends} again` : ''}${kinds.map(([name, n]) => `, ${n} ${name}`).join('')}`
    );
    const hash = hashes?.get(block.idstr);
    if (hash !== undefined) yield `ram ${block.idstr}: sha256 ${hash}`;
  }
  if (snapshot.rounds.length > 0) yield '';
  for (const round of snapshot.rounds) yield roundLine(round);
}

/** Device state: the last FULL or END of each name and instance, by name. */
function deviceSections(snapshot: Snapshot, options: DocumentOptions): Section[] {
  const wanted = sectionFilter(options.section);
  const last = new Map<string, Section>();
  for (const section of snapshot.sections) {
    if (!isSection(section) || !wanted(section)) continue;
    if (section.fields.length > 0 || section.opaque || section.kind === 'full')
      last.set(sectionLabel(section), section);
  }
  if (options.noRam) last.delete('ram/0');
  const byName = (a: Section, b: Section): number =>
    a.name < b.name ? -1 : a.name > b.name ? 1 : a.instance - b.instance;
  return [...last.values()].sort(byName);
}

/** The listing, line by line, without line ends. */
export function* listing(snapshot: Snapshot, options: DocumentOptions = {}): Generator<string> {
  const { configuration, file, streamVersion } = snapshot;
  if (!options.section) {
    yield `stream version ${streamVersion ?? 'unknown'}${file.containers.length > 0 ? `, in ${file.containers.join(', in ')}` : ''}`;
    if (configuration) yield `machine ${configuration.machine}`;
    if (configuration?.capabilities.length) yield `capabilities ${configuration.capabilities.join(' ')}`;
    for (const s of snapshot.sections) if (s.kind === 'command') yield `command ${s.name}`;
    if (!options.noRam) yield* ramLines(snapshot, options.hashes);
  }
  for (const section of deviceSections(snapshot, options)) yield* sectionLines(section);
}
