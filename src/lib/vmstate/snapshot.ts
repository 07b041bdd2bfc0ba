/** The decoded whole: what a reader makes of one stream. Types and look-ups; the reading is in `savevm.ts`. */
import type { PageRace } from './multifd.ts';
import type { Problem } from './problem.ts';
import type { StateSnapshot } from './qcow2.ts';
import type { RecordingNotes } from './recording.ts';
import type { RamIndex } from './ram-index.ts';
import type { Placed } from './vmstate.ts';
import type { ByteSource } from './source.ts';

/** QEMU's section types, and the parts of a stream that are not sections (QEMU: migration/savevm.h). */
export type SectionKind =
  'header' | 'configuration' | 'start' | 'part' | 'end' | 'full' | 'command' | 'eof' | 'vmdescription' | 'unreadable';

/** setup: up to the first PART; iterate: PARTs; switchover: from the first END or device state on. */
export type Phase = 'setup' | 'iterate' | 'switchover';

export interface Section {
  /** Position in `Snapshot.sections`, which is stream order. */
  readonly index: number;
  readonly kind: SectionKind;
  /** QEMU's idstr; for a command its name (`POSTCOPY_ADVISE`). */
  readonly name: string;
  /** instance_id; 0 for what is no section. */
  readonly instance: number;
  /** The idstr byte for byte (Latin-1), where `name` had to be made printable. */
  readonly idstr?: string;
  /** section_id of the stream; the number of a command; -1 for what is neither. */
  readonly sectionId: number;
  /** version_id of START and FULL, carried to PART and END; the length that a vmdescription claims. */
  readonly version: number;
  /** From the type byte to behind the footer. Stream offsets. */
  readonly start: number;
  readonly end: number;
  /** Between header and footer. */
  readonly bodyStart: number;
  readonly bodyEnd: number;
  readonly phase: Phase;
  readonly fields: readonly Placed[];
  /** What explained the fields; absent where nothing did. */
  readonly decodedBy?: 'description' | 'vmdescription';
  /** Nothing knows the layout, or decoding stopped early: the rest of the body is bytes without names. */
  readonly opaque?: boolean;
  /** RAM page records [first, last) of `Snapshot.ram` that lie in this section. */
  readonly records?: readonly [first: number, last: number];
  /** Index of the PACKAGED command that holds this section. */
  readonly inside?: number;
}

export interface Configuration {
  readonly machine: string;
  readonly capabilities: readonly string[];
  readonly targetPageBits?: number;
  /** 16 bytes. */
  readonly uuid?: Uint8Array;
}

/** The JSON behind EOF, or where it should be. */
export interface VmDescription {
  readonly start: number;
  readonly end: number;
  /** Parsed; undefined when the text is no JSON. */
  readonly json: unknown;
}

export type RoundEvidence = 'multifd-sync' | 'qmp-pass' | 'offset-wrap' | 'repeat' | 'section';

/** One pass over the dirty bitmap. See migration.md 1.8: in a raw stream rounds are inferred. */
export interface Round {
  readonly index: number;
  readonly evidence: RoundEvidence;
  readonly certain: boolean;
  /** dirty-sync-count when it began, where the sender told: passes that are left out sent nothing of their own. */
  readonly pass?: number;
  /** Stream offsets. */
  readonly start: number;
  readonly end: number;
  /** Page records [first, last). */
  readonly records: readonly [first: number, last: number];
  readonly pages: number;
  /** Of the stream, and of what multifd channels carried. */
  readonly bytes: number;
  readonly zero: number;
  readonly normal: number;
  readonly xbzrle: number;
  readonly compressed: number;
  /** Pages sent in an earlier round too. */
  readonly again: number;
  /** Why it begins here, in words. */
  readonly why: string;
  /** ms since the epoch, where arrival times came along. */
  readonly startTime?: number;
  readonly endTime?: number;
}

/** How postcopy, multifd and other features showed themselves in the stream. */
export interface Features {
  readonly postcopy: boolean;
  readonly multifd: boolean;
  readonly mappedRam: boolean;
  readonly ignoreShared: boolean;
  readonly xbzrle: boolean;
  readonly compress: boolean;
  readonly backgroundSnapshot: boolean;
}

export interface FileInfo {
  readonly name: string;
  /** Bytes of the file as dropped. */
  readonly bytes: number;
  /** What was peeled, outermost first: `gzip`, `zstd`, `xz`, `libvirt`, `qcow2`; empty for a raw stream. */
  readonly containers: readonly string[];
  /** Where in the file the stream starts, when nothing was decompressed. */
  readonly streamOffset: number;
  /** Of a qcow2 image: its snapshots with a VM state, and the id of the one that is read. */
  readonly snapshots?: readonly StateSnapshot[];
  readonly snapshot?: string;
}

export interface Snapshot {
  readonly file: FileInfo;
  /** Length of the stream that could be read. */
  readonly end: number;
  readonly streamVersion: number | undefined;
  readonly configuration: Configuration | undefined;
  readonly pageSize: number;
  readonly sections: readonly Section[];
  readonly ram: RamIndex;
  readonly rounds: readonly Round[];
  /** Pages of which the stream does not say what a destination keeps. */
  readonly races: readonly PageRace[];
  readonly vmdescription: VmDescription | undefined;
  readonly features: Features;
  readonly problems: readonly Problem[];
  /** What came along with a stream that was recorded. */
  readonly recording?: RecordingNotes;
  /** The stream's bytes: [0, end). For a stream that cannot be read twice, put together from what was kept. */
  readonly bytes: ByteSource;
}

/** `name/instance`, as problems and the command line name a section. */
export const sectionLabel = (s: Pick<Section, 'name' | 'instance'>): string => `${s.name}/${s.instance}`;

/** The section with the state of a device: the last FULL or END of that name and instance. */
export function deviceSection(snapshot: Snapshot, name: string, instance = 0): Section | undefined {
  return snapshot.sections.findLast(
    (s) =>
      (s.kind === 'full' || s.kind === 'end') &&
      s.instance === instance &&
      (s.name === name || s.name.endsWith('/' + name))
  );
}

/** The section that holds a stream offset; sections inside a PACKAGED command win over the command. */
export function sectionAt<S extends Pick<Section, 'start' | 'end' | 'inside'>>(
  sections: readonly S[],
  offset: number
): S | undefined {
  let low = 0;
  let high = sections.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (sections[middle]!.start <= offset) low = middle + 1;
    else high = middle;
  }
  for (let i = low - 1; i >= 0 && i >= low - 2000; i--) {
    const s = sections[i]!;
    if (offset < s.end) return s;
    if (s.inside === undefined) return undefined;
  }
  return undefined;
}

/** The chain of rows, outermost first, that hold a stream offset. */
export function placedAtOffset(fields: readonly Placed[], offset: number): Placed[] {
  const chain: Placed[] = [];
  let rows: readonly Placed[] | undefined = fields;
  while (rows) {
    const row: Placed | undefined = rows.find((r) => r.start <= offset && offset < r.end);
    if (!row) break;
    chain.push(row);
    rows = row.children;
  }
  return chain;
}
