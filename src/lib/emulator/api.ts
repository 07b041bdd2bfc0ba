/**
 * The contract between the page and its workers: types only, all that `viz` may see of the emulator.
 *
 * `Inspector` is what `inspect.worker.ts` exposes through comlink. Everything that crosses is plain data; typed arrays
 * are transferred. A snapshot is named by the id that `open` gave it; several can be open (compare).
 */
import type { Destination, Finding } from '../vmstate/checks.ts';
import type { Difference } from '../vmstate/diff.ts';
import type { ExportKind } from '../vmstate/export.ts';
import type { PhysicalRange } from '../vmstate/memory-map.ts';
import type { Mapping, Walk } from '../vmstate/page-walk.ts';
import type { Problem } from '../vmstate/problem.ts';
import type { RamBlock } from '../vmstate/ram-index.ts';
import type { Density, PageRuns, SendStatistics, StretchStatistics } from '../vmstate/ram-statistics.ts';
import type { RecordingNotes } from '../vmstate/recording.ts';
import type { SearchHit } from '../vmstate/search.ts';
import type { Configuration, Features, FileInfo, Round, Section, VmDescription } from '../vmstate/snapshot.ts';
import type { Placed } from '../vmstate/vmstate.ts';

export type { Destination, Finding } from '../vmstate/checks.ts';
export type { Difference, FieldDifference, PageDifference } from '../vmstate/diff.ts';
export type { ExportKind } from '../vmstate/export.ts';
export type { PhysicalRange } from '../vmstate/memory-map.ts';
export type { Mapping, Walk, WalkStep } from '../vmstate/page-walk.ts';
export type { SearchHit } from '../vmstate/search.ts';
export type { Density, PageRuns, SendStatistics, StretchStatistics } from '../vmstate/ram-statistics.ts';

export type SnapshotId = number;

/** What a dropped file turned out to be, and why. */
export interface OpenedFile {
  readonly name: string;
  readonly bytes: number;
  readonly role:
    | 'state'
    | 'ram'
    | 'disk'
    | 'vmlinux'
    | 'system-map'
    | 'multifd-channel'
    | 'preempt-channel'
    | 'return-path'
    | 'cpr-state'
    | 'unknown';
  readonly note: string;
}

/** A section without its fields, which are fetched when first looked at. */
export type SectionInfo = Omit<Section, 'fields'> & { readonly fieldCount: number };

/** Sent pages by kind, over the whole stream. */
export interface RamCounts {
  readonly records: number;
  readonly zero: number;
  readonly normal: number;
  readonly xbzrle: number;
  readonly compressed: number;
  readonly fill: number;
  readonly mapped: number;
  /** Pages that were sent at least once. */
  readonly distinctPages: number;
  /** Bytes of page contents held in memory. */
  readonly storeBytes: number;
}

/** The snapshot as far as it has been read. `done` is false while bytes still arrive. */
export interface SnapshotInfo {
  readonly id: SnapshotId;
  readonly done: boolean;
  readonly cancelled: boolean;
  readonly file: FileInfo;
  readonly files: readonly OpenedFile[];
  /** Bytes of the input consumed so far, and the whole. */
  readonly read: number;
  readonly total: number;
  /** Length of the decoded stream so far. */
  readonly end: number;
  readonly streamVersion: number | undefined;
  readonly configuration: Configuration | undefined;
  readonly pageSize: number;
  readonly sections: readonly SectionInfo[];
  readonly blocks: readonly RamBlock[];
  readonly ram: RamCounts;
  readonly rounds: readonly Round[];
  readonly vmdescription: VmDescription | undefined;
  readonly features: Features;
  readonly problems: readonly Problem[];
  /** What came along with a recorded stream, when all is read. */
  readonly recording?: RecordingInfo;
}

/** A recording without the bytes of its stream: see `vmstate/recording.ts`. */
export type RecordingInfo = Pick<RecordingNotes, 'head' | 'notes' | 'bytes' | 'gaps'> & {
  /** Stream offsets at which something arrived, rising, and when, in ms. */
  readonly offsets: Float64Array;
  readonly times: Float64Array;
};

/** What a RAM map can be coloured by; one byte a page (see `RamColumn`). */
export type RamColouring = 'kind' | 'entropy' | 'round' | 'sends' | 'guess' | 'page-tables';

/** A byte for each page of all blocks, in the numbering of `RamBlock.firstPage`. */
export interface RamColumn {
  readonly colouring: RamColouring;
  readonly bytes: Uint8Array;
  /** What the byte values mean: names by value, or a scale from 0 to 255. */
  readonly legend:
    readonly { readonly value: number; readonly name: string }[] | { readonly low: string; readonly high: string };
}

export interface PageSend {
  readonly record: number;
  readonly kind: string;
  /** Stream offset of the record's contents or word. */
  readonly offset: number;
  readonly source: number;
  readonly round: number;
  readonly section: number;
  /** Content hash as 16 hex digits; equal hashes were the same bytes up to collisions. */
  readonly hash: string;
  /** Bytes that differ from the send before, or undefined for the first. */
  readonly changedBytes?: number;
}

export interface PageInfo {
  readonly page: number;
  readonly block: string;
  /** Offset inside the block. */
  readonly offset: number;
  readonly gpa: number | undefined;
  readonly sends: readonly PageSend[];
  /** Contents as of the asked record. */
  readonly bytes: Uint8Array;
  /** Bits per byte, 0 to 8. */
  readonly entropy: number;
  readonly guess: string;
  /** Page-table levels that use this page (`PML4`, `PDPT`, `PD`, `PT`), if any. */
  readonly pageTable: readonly string[];
}

export type SearchQuery = string;
/** A side of a comparison: a snapshot, as of the end or of the end of one round (RAM only). */
export interface DiffSide {
  readonly id: SnapshotId;
  readonly round?: number;
}

/** Whose page tables: those of a vCPU (its instance id; else the first), in its mode, from its CR3 or the one given. */
export interface WalkedTables {
  readonly vcpu?: number | undefined;
  readonly cr3?: bigint | undefined;
}

export interface Inspector {
  /**
   * Opens what was dropped together. `progress` is called at once and then at most ten times a second; the promise
   * settles when all is read (or cancelled, or failed: see `problems`).
   * @param snapshot of a qcow2 image: id of the VM state to be read; by default the last
   */
  open(files: readonly File[], progress: (info: SnapshotInfo) => void, snapshot?: string): Promise<SnapshotInfo>;
  cancel(id: SnapshotId): void;
  close(id: SnapshotId): void;
  fields(id: SnapshotId, section: number): Promise<readonly Placed[]>;
  /** Stream bytes [start, end), at most 1 MiB. */
  bytes(id: SnapshotId, start: number, end: number): Promise<Uint8Array>;
  /** The section and the chain of rows at a stream offset; also page records. */
  locate(id: SnapshotId, offset: number): Promise<Location>;
  ramColumn(id: SnapshotId, colouring: RamColouring, round?: number): Promise<RamColumn>;
  page(id: SnapshotId, page: number, record?: number): Promise<PageInfo>;
  /** Page records by where they lie in [start, end) of the stream; with `only`, those of these pages. */
  density(id: SnapshotId, start: number, end: number, buckets: number, only?: PageRuns): Promise<Density>;
  /** What was sent in [start, end) of the stream, summed up. */
  stretch(id: SnapshotId, start: number, end: number): Promise<StretchStatistics>;
  /** All that was sent of some pages, summed up. */
  pagesStatistics(id: SnapshotId, runs: PageRuns): Promise<SendStatistics>;
  /** How often each page was sent in [start, end) of the stream, over all blocks; 255 stands for more. */
  sends(id: SnapshotId, start: number, end: number): Promise<Uint8Array>;
  /** Guest-physical bytes as of the end of the stream; holes and devices read as zeros. */
  physical(id: SnapshotId, gpa: number, bytes: number): Promise<Uint8Array>;
  /** RAM blocks as the machine maps them: guest-physical ranges to block offsets. */
  memoryMap(id: SnapshotId): Promise<readonly PhysicalRange[]>;
  walk(id: SnapshotId, gva: bigint, tables?: WalkedTables): Promise<Walk>;
  mappings(id: SnapshotId, tables?: WalkedTables): Promise<readonly Mapping[]>;
  /** Resolves to the number of hits, `limit` at most; it stops there. */
  search(
    id: SnapshotId,
    query: SearchQuery,
    hit: (hits: readonly SearchHit[], progress: number) => void,
    limit?: number
  ): Promise<number>;
  cancelSearch(): void;
  diff(left: DiffSide, right: DiffSide): Promise<Difference>;
  /** What would fail when this state is loaded there. */
  check(id: SnapshotId, destination: Destination): Promise<readonly Finding[]>;
  /** What a message of QEMU means, with the state at hand if `id` is given. */
  explain(message: string, id?: SnapshotId): Promise<readonly Finding[]>;
  /** `block` names the RAM block of `ram-block`. */
  export(id: SnapshotId, kind: ExportKind, block?: string): Promise<Blob>;
  /** SHA-256 of a block's final contents. */
  hashBlock(id: SnapshotId, block: string): Promise<string>;
}

export interface Location {
  readonly section: SectionInfo | undefined;
  readonly chain: readonly Placed[];
  /** Paths of `chain`, full ones. */
  readonly paths: readonly string[];
  readonly record?: {
    readonly record: number;
    readonly page: number;
    readonly kind: string;
    readonly block: string;
    readonly offset: number;
  };
}
