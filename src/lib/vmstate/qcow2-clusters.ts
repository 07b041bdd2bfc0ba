/**
 * The clusters of a qcow2 image: from a place on the disk, or in the VM state behind it, to the bytes in the file.
 * Source: QEMU docs/interop/qcow2.rst, block/qcow2-cluster.c.
 */
import { inflateRaw } from './inflate.ts';
import { Damage, PeekStream } from './peek-stream.ts';
import { bytesSource, readRange, sequential, type ByteSource } from './source.ts';
import { unzstd } from './zstd.ts';

/** QCOW_MAX_L1_SIZE, in entries. */
export const MAX_L1 = 2 ** 22;
/** L2 tables kept: enough for a stream read in order and for the places that a guest uses at a time. */
const L2_TABLES = 16;

export interface Layout {
  readonly clusterBits: number;
  readonly clusterSize: number;
  readonly extended: boolean;
  readonly zstd: boolean;
  /** Entries of an L2 table. */
  readonly l2Entries: number;
}

/** Where a cluster map begins: the disk's own or a snapshot's. */
export interface L1Table {
  readonly l1Offset: number;
  readonly l1Size: number;
}

/** Bytes that an entry of the L1 table maps. */
export const perL1 = ({ clusterSize, l2Entries }: Layout): number => clusterSize * l2Entries;

export const big = (view: DataView, at: number): number => view.getUint32(at) * 2 ** 32 + view.getUint32(at + 4);

export async function viewOf(source: ByteSource, at: number, length: number, what: string): Promise<DataView> {
  const bytes = await readRange(source, at, at + length);
  if (bytes.length < length) throw new Damage(Math.min(at, source.size), `qcow2: ${what} lies outside of the file`);
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}

/** A stretch: where its bytes are, that they are zero, or that the image does not have them. */
export interface Extent {
  readonly kind: 'zero' | 'hole' | 'raw' | 'compressed';
  /** Offset in the image. */
  readonly at: number;
  readonly length: number;
  /** Compressed: the cluster's number and how many bytes it takes in the image. */
  readonly cluster: number;
  readonly packed: number;
}

/** Reading throws Damage where the map or a cluster is broken. */
export class ClusterMap {
  readonly #image: ByteSource;
  readonly #layout: Layout;
  readonly #l1: L1Table;
  /** Entries of the L1 table that are passed over. */
  readonly #firstL1: number;
  readonly #l2 = new Map<number, DataView>();
  #inflated: { readonly cluster: number; readonly bytes: Uint8Array } | undefined;

  constructor(image: ByteSource, layout: Layout, l1: L1Table, firstL1 = 0) {
    this.#image = image;
    this.#layout = layout;
    this.#l1 = l1;
    this.#firstL1 = firstL1;
  }

  /** Reads the beginning of a target; what the image does not have becomes zeros. Returns what was there. */
  async read(at: number, target: Uint8Array): Promise<Extent> {
    const extent = await this.#extent(at, target.length);
    const out = target.subarray(0, extent.length);
    if (extent.kind === 'zero' || extent.kind === 'hole') out.fill(0);
    else if (extent.kind === 'raw') {
      const got = await readRange(this.#image, extent.at, extent.at + out.length);
      out.set(got);
      // An image may end inside its last cluster; what is missing reads as zeros.
      out.fill(0, got.length);
    } else {
      const from = at % this.#layout.clusterSize;
      out.set((await this.#inflate(extent)).subarray(from, from + out.length));
    }
    return extent;
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
    if (!table) return { ...extent, kind: 'hole' };
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
      if (zero) return { ...extent, kind: 'zero' };
      return allocated ? { ...extent, kind: 'raw', at: host + inside } : { ...extent, kind: 'hole' };
    }
    if (lower & 1) return { ...extent, kind: 'zero' };
    if (host === 0) return { ...extent, kind: 'hole' };
    return { ...extent, kind: 'raw', at: host + inside };
  }

  /** The L2 table of an index; undefined where nothing is mapped. */
  async #table(index: number): Promise<DataView | undefined> {
    const known = this.#l2.get(index);
    if (known) return known;
    if (this.#firstL1 + index >= this.#l1.l1Size) return undefined;
    const at = this.#l1.l1Offset + (this.#firstL1 + index) * 8;
    const entry = await viewOf(this.#image, at, 8, 'the L1 table');
    const offset = (entry.getUint32(0) & 0x00ff_ffff) * 2 ** 32 + ((entry.getUint32(4) & 0xffff_fe00) >>> 0);
    if (offset === 0) return undefined;
    const table = await viewOf(this.#image, offset, this.#layout.clusterSize, 'an L2 table');
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
