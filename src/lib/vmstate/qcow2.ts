/**
 * The VM state inside a qcow2 image (`savevm`): it lies in the snapshot's own cluster map, behind the end of the disk.
 * Source: QEMU docs/interop/qcow2.rst, block/qcow2-snapshot.c, block/qcow2.h.
 */
import { Damage } from './peek-stream.ts';
import { big, ClusterMap, MAX_L1, perL1, viewOf, type L1Table, type Layout } from './qcow2-clusters.ts';
import type { ByteSource } from './source.ts';

const HEADER = 112;
const MAX_SNAPSHOTS = 65536;
/** QCOW_MAX_SNAPSHOTS_SIZE. */
const MAX_SNAPSHOT_TABLE = 1024 * MAX_SNAPSHOTS;
const MAX_EXTRA_DATA = 1024;
const MAX_BACKING_NAME = 1023;
const ENTRY_HEADER = 40;

const EXTERNAL_DATA = 4;
const EXTENDED_L2 = 16;
const KNOWN_FEATURES = 31;

interface Qcow2Snapshot extends L1Table {
  readonly id: string;
  readonly name: string;
  /** Bytes of VM state; 0 when only the disk was kept. */
  readonly stateSize: number;
  readonly diskSize: number;
  /** ms since the epoch. */
  readonly date: number;
}

/** What a person needs to choose one. */
export type StateSnapshot = Pick<Qcow2Snapshot, 'id' | 'name' | 'date'>;

/** A snapshot by its name or its id, or surely by its id: names may be numbers too. */
export type WantedSnapshot = string | { readonly id: string };

export interface Qcow2 {
  readonly layout: Layout;
  /** The disk as it is now. */
  readonly disk: L1Table & { readonly size: number };
  /** The file that has what this one does not, as it was called. */
  readonly backing: string | undefined;
  readonly snapshots: readonly Qcow2Snapshot[];
}

/**
 * Header and snapshot table.
 * @throws Damage for what QEMU would refuse and for what is not supported
 */
export async function openQcow2(source: ByteSource): Promise<Qcow2> {
  const header = await viewOf(source, 0, 72, 'the header');
  const version = header.getUint32(4);
  if (version !== 2 && version !== 3) throw new Damage(4, `qcow2: version ${version}`);
  const more = version === 3 ? await viewOf(source, 0, HEADER - 8, 'the header') : undefined;
  const headerLength = more ? more.getUint32(100) : 72;
  const features = more ? more.getUint32(76) : 0;
  if (more && (more.getUint32(72) !== 0 || features > KNOWN_FEATURES)) {
    throw new Damage(72, 'qcow2: incompatible features that are not known');
  }
  if (features & EXTERNAL_DATA) throw new Damage(72, 'qcow2: the clusters are in an external data file');
  if (header.getUint32(32) !== 0) throw new Damage(32, 'qcow2: the image is encrypted');
  const clusterBits = header.getUint32(20);
  if (clusterBits < 9 || clusterBits > 21) throw new Damage(20, `qcow2: clusters of 2^${clusterBits} bytes`);
  const extended = (features & EXTENDED_L2) !== 0;
  const compression = headerLength > 104 ? (await viewOf(source, 104, 1, 'the header')).getUint8(0) : 0;
  if (compression > 1) throw new Damage(104, `qcow2: compression type ${compression}`);
  const clusterSize = 2 ** clusterBits;
  const l2Entries = clusterSize / (extended ? 16 : 8);
  const layout: Layout = { clusterBits, clusterSize, extended, zstd: compression === 1, l2Entries };
  const count = header.getUint32(60);
  if (count > MAX_SNAPSHOTS) throw new Damage(60, `qcow2: ${count} snapshots`);
  const disk = { size: big(header, 24), l1Offset: big(header, 40), l1Size: header.getUint32(36) };
  const backing = await readBacking(source, big(header, 8), header.getUint32(16));
  return { layout, disk, backing, snapshots: await readSnapshots(source, big(header, 64), count, disk.size) };
}

async function readBacking(source: ByteSource, at: number, length: number): Promise<string | undefined> {
  if (at === 0 || length === 0) return undefined;
  if (length > MAX_BACKING_NAME) throw new Damage(16, 'qcow2: the name of the backing file is too long');
  return new TextDecoder().decode(await viewOf(source, at, length, 'the name of the backing file'));
}

async function readSnapshots(source: ByteSource, start: number, count: number, disk: number): Promise<Qcow2Snapshot[]> {
  const snapshots: Qcow2Snapshot[] = [];
  for (let at = start; snapshots.length < count;) {
    const entry = await viewOf(source, at, ENTRY_HEADER, 'the snapshot table');
    const extraSize = entry.getUint32(36);
    const idSize = entry.getUint16(12);
    const nameSize = entry.getUint16(14);
    if (extraSize > MAX_EXTRA_DATA) throw new Damage(at + 36, 'qcow2: too much extra metadata in the snapshot table');
    const rest = await viewOf(source, at + ENTRY_HEADER, extraSize + idSize + nameSize, 'the snapshot table');
    const text = (from: number, n: number): string =>
      new TextDecoder().decode(new Uint8Array(rest.buffer, rest.byteOffset + from, n));
    snapshots.push({
      id: text(extraSize, idSize),
      name: text(extraSize + idSize, nameSize),
      stateSize: extraSize >= 8 ? big(rest, 0) : entry.getUint32(32),
      diskSize: extraSize >= 16 ? big(rest, 8) : disk,
      date: entry.getUint32(16) * 1000 + Math.floor(entry.getUint32(20) / 1e6),
      l1Offset: big(entry, 0),
      l1Size: entry.getUint32(8)
    });
    at += Math.ceil((ENTRY_HEADER + rest.byteLength) / 8) * 8;
    if (at - start > MAX_SNAPSHOT_TABLE) throw new Damage(at, 'qcow2: the snapshot table is too big');
  }
  return snapshots;
}

/** The snapshot that is wanted, by default the last one; undefined where there is none with a VM state. */
export function findState({ snapshots }: Qcow2, wanted?: WantedSnapshot): Qcow2Snapshot | undefined {
  const found = snapshots.filter((s) => s.stateSize > 0);
  if (wanted === undefined) return found.at(-1);
  if (typeof wanted !== 'string') return found.find((s) => s.id === wanted.id);
  return found.find((s) => s.name === wanted) ?? found.find((s) => s.id === wanted);
}

/** The bytes of one snapshot's VM state. Reading throws Damage where the cluster map or a cluster is broken. */
export class VmState implements ByteSource {
  readonly size: number;
  readonly #clusters: ClusterMap;

  constructor(image: ByteSource, { layout }: Qcow2, snapshot: Qcow2Snapshot) {
    const firstL1 = Math.ceil(snapshot.diskSize / perL1(layout));
    this.#clusters = new ClusterMap(image, layout, snapshot, firstL1);
    const mapped = Math.max(0, Math.min(snapshot.l1Size, MAX_L1) - firstL1) * perL1(layout);
    this.size = Math.min(snapshot.stateSize, mapped);
  }

  async read(at: number, target: Uint8Array): Promise<number> {
    const want = Math.max(0, Math.min(target.length, this.size - at));
    let done = 0;
    try {
      while (done < want) done += (await this.#clusters.read(at + done, target.subarray(done, want))).length;
    } catch (error) {
      // What comes before the damage is given out; the next read throws.
      if (done === 0 || !(error instanceof Damage)) throw error;
    }
    return done;
  }
}
