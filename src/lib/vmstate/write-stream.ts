/**
 * The way back: a snapshot as a stream again. Framing is written from what was read, not copied, so that a stream which
 * comes out byte for byte shows that nothing was misread.
 *
 * - `copy`: bodies as they came, page payloads in the encoding that they came in.
 * - `reencode`: every RAM body anew from the page index and store, pages as ZERO or PAGE whatever they came as; pages
 *   that came by multifd channels or in a mapped-ram file go into the last RAM section. Devices as they came.
 *
 * Source: QEMU migration/savevm.c (save_section_header, save_section_footer), migration/ram.c (ram_save_setup,
 * save_page_header).
 */
import { QemuFileWriter } from './qemu-file.ts';
import { readPage } from './ram-contents.ts';
import { PageKind, type RamBlock } from './ram-index.ts';
import { RamFlag } from './ram.ts';
import { vmstate_configuration } from './configuration.ts';
import { VmSection } from './section-body.ts';
import type { Section, SectionKind, Snapshot } from './snapshot.ts';
import { save } from './vmstate.ts';

const PIECE = 1 << 20;

const types: Readonly<Partial<Record<SectionKind, number>>> = {
  start: VmSection.START,
  part: VmSection.PART,
  end: VmSection.END,
  full: VmSection.FULL
};

export type WriteMode = 'copy' | 'reencode';

/** The stream of a snapshot, in pieces. */
export async function* writeStream(snapshot: Snapshot, mode: WriteMode): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  let at = 0;
  const lastRam = snapshot.sections.findLast((s) => s.name === 'ram' && s.records);
  for (const section of snapshot.sections) {
    // What no section claims (bytes skipped after damage) is passed on as it is.
    if (mode === 'copy' && section.start > at) yield* copy(snapshot, at, section.start);
    at = Math.max(at, section.end);
    yield head(section);
    if (mode === 'copy' || !reencodes(section)) {
      if (mode === 'reencode' && section.kind === 'configuration' && snapshot.features.mappedRam)
        yield configuration(snapshot);
      else yield* copy(snapshot, section.bodyStart, section.bodyEnd);
    } else yield* ramBody(snapshot, section, section === lastRam);
    if (section.end > section.bodyEnd) yield* copy(snapshot, section.bodyEnd, section.end);
  }
  if (mode === 'copy') yield* copy(snapshot, at, snapshot.end);
}

const reencodes = (section: Section): boolean =>
  section.name === 'ram' && section.records !== undefined && !section.opaque;

async function* copy(snapshot: Snapshot, start: number, end: number): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  for (let at = start; at < end;) {
    const piece = new Uint8Array(Math.min(PIECE, end - at));
    const got = await snapshot.bytes.read(at, piece);
    if (got === 0) return;
    yield piece.subarray(0, got);
    at += got;
  }
}

/** What stands before the body. */
function head(section: Section): Uint8Array<ArrayBuffer> {
  const out = new QemuFileWriter();
  const type = types[section.kind];
  if (type !== undefined) {
    out.u8(type);
    out.be32(section.sectionId);
    if (section.kind === 'start' || section.kind === 'full') {
      out.countedString(section.idstr ?? section.name);
      out.be32(section.instance);
      out.be32(section.version);
    }
  } else if (section.kind === 'configuration') out.u8(VmSection.CONFIGURATION);
  else if (section.kind === 'eof') out.u8(VmSection.EOF);
  else if (section.kind === 'vmdescription') {
    out.u8(VmSection.VMDESCRIPTION);
    out.be32(section.version);
  } else if (section.kind === 'command' && !section.opaque) {
    out.u8(VmSection.COMMAND);
    out.be16(section.sectionId);
    out.be16(section.bodyEnd - section.bodyStart);
  }
  return out.finish();
}

/** A stream without a mapped-ram file must not claim the capability. */
function configuration(snapshot: Snapshot): Uint8Array<ArrayBuffer> {
  const { machine, capabilities, targetPageBits, uuid } = snapshot.configuration!;
  const out = new QemuFileWriter();
  const kept = capabilities.filter((c) => c !== 'mapped-ram');
  save(out, vmstate_configuration, {
    ...{ len: machine.length, name: machine },
    ...(targetPageBits === undefined ? {} : { target_page_bits: targetPageBits }),
    ...(kept.length > 0 ? { capabilities: kept } : {}),
    ...(uuid === undefined ? {} : { uuid })
  });
  return out.finish();
}

/** QEMU: ram_save_setup writes the block list; the flags of each record as in save_page_header. */
async function* ramBody(snapshot: Snapshot, section: Section, last: boolean): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  const { ram } = snapshot;
  let out = new QemuFileWriter();
  if (section.kind === 'start') blockList(out, snapshot, section);
  let block: RamBlock | undefined;
  const [first, end] = section.records!;
  const records = last ? withOutside(snapshot, first, end) : range(first, end);
  for (const record of records) {
    const page = ram.pageOf(record);
    const owner = ram.blockOf(page)!;
    const zero = ram.kindOf(record) === PageKind.zero || (ram.slotOf(record) === 0 && isFilled(ram.kindOf(record)));
    const flags = (zero ? RamFlag.ZERO : RamFlag.PAGE) | (owner === block ? RamFlag.CONTINUE : 0);
    out.be64FromNumber((page - owner.firstPage) * ram.pageSize + flags);
    if (owner !== block) out.countedString(owner.idstr);
    block = owner;
    if (zero) out.u8(0);
    else out.buffer(await readPage(snapshot, record));
    if (out.length > PIECE) {
      yield out.finish();
      out = new QemuFileWriter();
    }
  }
  out.be64FromNumber(RamFlag.EOS);
  yield out.finish();
}

/** Kinds whose contents are in the store unless they are zeros. */
const isFilled = (kind: number): boolean => kind !== PageKind.normal && kind !== PageKind.mapped;

function* range(first: number, end: number): Generator<number> {
  for (let i = first; i < end; i++) yield i;
}

/** The section's own records, then those that no section of the stream holds. */
function* withOutside(snapshot: Snapshot, first: number, end: number): Generator<number> {
  yield* range(first, end);
  const inside = snapshot.sections.reduce((most, s) => Math.max(most, s.records?.[1] ?? 0), 0);
  yield* range(inside, snapshot.ram.count);
}

/** Those that this START listed: a hostile stream may have many, and none lists what another one did. */
function blockList(out: QemuFileWriter, snapshot: Snapshot, { start, end }: Section): void {
  const blocks = snapshot.ram.blocks.filter((block) => start <= block.start && block.start < end);
  const total = blocks.reduce((sum, b) => sum + b.usedLength, 0);
  out.be64FromNumber(total + RamFlag.MEM_SIZE);
  for (const block of blocks) {
    out.countedString(block.idstr);
    out.be64FromNumber(block.usedLength);
    if (block.pageSize !== snapshot.pageSize) out.be64FromNumber(block.pageSize);
    if (block.gpa !== undefined) out.be64FromNumber(block.gpa);
  }
}
