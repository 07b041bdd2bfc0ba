/**
 * The VM state inside a qcow2 image (`savevm`): it lies in the snapshot's own cluster map, behind the end of the disk.
 * Source: QEMU docs/interop/qcow2.rst, block/qcow2-snapshot.c, block/qcow2.h.
 */
import { inflateRaw } from './inflate.ts';
import { Damage, PeekStream } from './peek-stream.ts';
import { bytesSource, readRange, sequential, type ByteSource } from './source.ts';
import { unzstd } from './zstd.ts';

const HEADER = 112;
const MAX_SNAPSHOTS = 65536;
/** QCOW_MAX_SNAPSHOTS_SIZE. */
const MAX_SNAPSHOT_TABLE = 1024 * MAX_SNAPSHOTS;
const MAX_EXTRA_DATA = 1024;
/** QCOW_MAX_L1_SIZE, in entries. */
const MAX_L1 = 2 ** 22;
/** L2 tables kept: a stream is read in order, so that few are enough. */
const L2_TABLES = 4;
const ENTRY_HEADER = 40;

const EXTERNAL_DATA = 4;
const EXTENDED_L2 = 16;
const KNOWN_FEATURES = 31;

export interface Qcow2Snapshot {
  readonly id: string;
  readonly name: string;
  /** Bytes of VM state; 0 when only the disk was kept. */
  readonly stateSize: number;
  readonly diskSize: number;
  /** ms since the epoch. */
  readonly date: number;
  readonly l1Offset: number;
  readonly l1Size: number;
}

interface Layout {
  readonly clusterBits: number;
  readonly clusterSize: number;
  readonly extended: boolean;
  readonly zstd: boolean;
  /** Entries of an L2 table. */
  readonly l2Entries: number;
}

export interface Qcow2 {
  readonly layout: Layout;
  readonly snapshots: readonly Qcow2Snapshot[];
}

const big = (view: DataView, at: number): number => view.getUint32(at) * 2 ** 32 + view.getUint32(at + 4);

async function viewOf(source: ByteSource, at: number, length: number, what: string): Promise<DataView> {
  const bytes = await readRange(source, at, at + length);
  if (bytes.length < length) throw new Damage(Math.min(at, source.size), `qcow2: ${what} lies outside of the file`);
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
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
  return { layout, snapshots: await readSnapshots(source, big(header, 64), count, big(header, 24)) };
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

/** A stretch of the state: where its bytes are, or that they are zero. */
interface Extent {
  readonly kind: 'zero' | 'raw' | 'compressed';
  /** Offset in the image. */
  readonly at: number;
  readonly length: number;
  /** Compressed: the cluster's place in the state and how many bytes it takes in the image. */
  readonly cluster: number;
  readonly packed: number;
}

/** The bytes of one snapshot's VM state. Reading throws Damage where the cluster map or a cluster is broken. */
export class VmState implements ByteSource {
  readonly size: number;
  readonly #image: ByteSource;
  readonly #layout: Layout;
  readonly #snapshot: Qcow2Snapshot;
  /** Index into the L1 table of the first entry behind the disk. */
  readonly #firstL1: number;
  readonly #l2 = new Map<number, DataView>();
  #inflated: { readonly cluster: number; readonly bytes: Uint8Array } | undefined;

  constructor(image: ByteSource, { layout }: Qcow2, snapshot: Qcow2Snapshot) {
    this.#image = image;
    this.#layout = layout;
    this.#snapshot = snapshot;
    const perL1 = layout.clusterSize * layout.l2Entries;
    this.#firstL1 = Math.ceil(snapshot.diskSize / perL1);
    const mapped = Math.max(0, Math.min(snapshot.l1Size, MAX_L1) - this.#firstL1) * perL1;
    this.size = Math.min(snapshot.stateSize, mapped);
  }

  async read(at: number, target: Uint8Array): Promise<number> {
    const want = Math.max(0, Math.min(target.length, this.size - at));
    let done = 0;
    try {
      while (done < want) done += await this.#fill(at + done, target.subarray(done, want));
    } catch (error) {
      // What comes before the damage is given out; the next read throws.
      if (done === 0 || !(error instanceof Damage)) throw error;
    }
    return done;
  }

  async #fill(at: number, target: Uint8Array): Promise<number> {
    const extent = await this.#extent(at, target.length);
    const out = target.subarray(0, extent.length);
    if (extent.kind === 'zero') out.fill(0);
    else if (extent.kind === 'raw') {
      const got = await readRange(this.#image, extent.at, extent.at + out.length);
      out.set(got);
      // An image may end inside its last cluster; what is missing reads as zeros.
      out.fill(0, got.length);
    } else {
      const from = at % this.#layout.clusterSize;
      out.set((await this.#inflate(extent)).subarray(from, from + out.length));
    }
    return out.length;
  }

  /** What is at a place, as far as it goes on in the same way. */
  async #extent(at: number, most: number): Promise<Extent> {
    const first = await this.#unit(at);
    let { length } = first;
    while (length < most && first.kind === 'raw') {
      const next = await this.#unit(at + length);
      if (next.kind !== 'raw' || next.at !== first.at + length) break;
      length += next.length;
    }
    return { ...first, length: Math.min(length, most) };
  }

  /** The rest of the cluster, or of the subcluster where the image has those. */
  async #unit(at: number): Promise<Extent> {
    const { clusterSize, clusterBits, extended, l2Entries } = this.#layout;
    const cluster = Math.floor(at / clusterSize);
    const inside = at % clusterSize;
    const table = await this.#table(Math.floor(cluster / l2Entries));
    const unit = extended ? clusterSize / 32 : clusterSize;
    const extent = { cluster, packed: 0, at: 0, length: unit - (inside % unit) };
    if (!table) return { ...extent, kind: 'zero' };
    const entry = (cluster % l2Entries) * (extended ? 16 : 8);
    const upper = table.getUint32(entry);
    const lower = table.getUint32(entry + 4);
    if (upper & 0x4000_0000) {
      // QEMU: parse_compressed_l2_entry. Offset in the low bits, sectors beyond the first above them.
      const descriptor = (BigInt(upper & 0x3fff_ffff) << 32n) | BigInt(lower);
      const offsetBits = BigInt(62 - (clusterBits - 8));
      const offset = Number(BigInt.asUintN(Number(offsetBits), descriptor));
      const sectors = Number(descriptor >> offsetBits) + 1;
      const length = clusterSize - inside;
      return { kind: 'compressed', at: offset, length, cluster, packed: sectors * 512 - (offset % 512) };
    }
    const host = (upper & 0x00ff_ffff) * 2 ** 32 + ((lower & 0xffff_fe00) >>> 0);
    if (extended) {
      const sub = Math.floor(inside / unit);
      const zero = (table.getUint32(entry + 8) >>> sub) & 1;
      const allocated = (table.getUint32(entry + 12) >>> sub) & 1;
      return { ...extent, kind: zero || !allocated ? 'zero' : 'raw', at: host + inside };
    }
    if (host === 0 || lower & 1) return { ...extent, kind: 'zero' };
    return { ...extent, kind: 'raw', at: host + inside };
  }

  /** The L2 table of an index behind the disk; undefined where nothing is mapped. */
  async #table(index: number): Promise<DataView | undefined> {
    const known = this.#l2.get(index);
    if (known) return known;
    const at = this.#snapshot.l1Offset + (this.#firstL1 + index) * 8;
    const entry = await viewOf(this.#image, at, 8, 'the L1 table of the snapshot');
    const offset = (entry.getUint32(0) & 0x00ff_ffff) * 2 ** 32 + ((entry.getUint32(4) & 0xffff_fe00) >>> 0);
    if (offset === 0) return undefined;
    const table = await viewOf(this.#image, offset, this.#layout.clusterSize, 'an L2 table of the snapshot');
    if (this.#l2.size >= L2_TABLES) this.#l2.delete(this.#l2.keys().next().value!);
    this.#l2.set(index, table);
    return table;
  }

  async #inflate({ cluster, at, packed }: Extent): Promise<Uint8Array> {
    if (this.#inflated?.cluster === cluster) return this.#inflated.bytes;
    const input = await readRange(this.#image, at, at + packed);
    const bytes = new Uint8Array(this.#layout.clusterSize);
    const got = this.#layout.zstd ? await inflateZstd(input, bytes) : inflateRaw(input, bytes);
    if (typeof got === 'string') throw new Damage(at, `qcow2: a compressed cluster: ${got}`);
    if (got.written < bytes.length) throw new Damage(at, 'qcow2: a compressed cluster that is too short');
    this.#inflated = { cluster, bytes };
    return bytes;
  }
}

/** One frame; what is behind it in the sector is not part of it. */
async function inflateZstd(input: Uint8Array, out: Uint8Array): Promise<{ written: number } | string> {
  let written = 0;
  try {
    for await (const chunk of unzstd(new PeekStream(sequential(bytesSource(input))))) {
      out.set(chunk.subarray(0, out.length - written), written);
      written = Math.min(out.length, written + chunk.length);
      if (written === out.length) break;
    }
  } catch (error) {
    if (!(error instanceof Damage)) throw error;
    if (written < out.length) return error.message;
  }
  return { written };
}
