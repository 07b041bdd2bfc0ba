/**
 * Small qcow2 images with a VM state, written byte for byte: clusters of 512 bytes, disk of one L2 table. The disk as it
 * is now has the bytes of the state.
 */
import { deflateRawSync } from 'node:zlib';

export interface Qcow2Options {
  readonly version?: 2 | 3;
  readonly extended?: boolean;
  /** How each cluster of the state is stored; `standard` where not given. */
  readonly clusters?: readonly ('standard' | 'compressed' | 'zero' | 'none')[];
  readonly names?: readonly string[];
  /** Bytes of state that the snapshot says it has. */
  readonly stateSize?: number;
  readonly backing?: string;
  /** Changes the header when all is written. */
  readonly change?: (view: DataView) => void;
}

const CLUSTER_BITS = 9;
const CLUSTER = 1 << CLUSTER_BITS;

/** An image whose snapshots all hold `state`, at most 64 clusters (32 with extended entries). */
export function qcow2(state: Uint8Array, options: Qcow2Options = {}): Uint8Array<ArrayBuffer> {
  const { version = 3, extended = false, clusters = [], names = ['one'], stateSize = state.length, backing } = options;
  const out = new Uint8Array(2 ** 18);
  const view = new DataView(out.buffer);
  let end = 4 * CLUSTER;
  const allocate = (bytes: number): number => {
    const at = end;
    end += Math.ceil(bytes / CLUSTER) * CLUSTER;
    return at;
  };
  const entrySize = extended ? 16 : 8;
  const diskSize = CLUSTER * (CLUSTER / entrySize);

  const l2 = allocate(CLUSTER);
  for (let i = 0; i * CLUSTER < state.length; i++) {
    const bytes = new Uint8Array(CLUSTER);
    bytes.set(state.subarray(i * CLUSTER, (i + 1) * CLUSTER));
    const kind = clusters[i] ?? 'standard';
    const entry = l2 + i * entrySize;
    if (kind === 'zero') view.setUint32(entry + 4, 1);
    else if (kind === 'compressed') {
      const packed = deflateRawSync(bytes);
      // Not at the start of a sector, so that the first sector counts in part.
      const at = allocate(packed.length + 100) + 100;
      out.set(packed, at);
      const sectors = Math.floor((at + packed.length - 1) / 512) - Math.floor(at / 512);
      // 61 bits of offset for clusters of 512 bytes: the sector count is one bit.
      view.setUint32(entry, 0x4000_0000 | (sectors << 29));
      view.setUint32(entry + 4, at);
    } else if (kind === 'standard') {
      const at = allocate(CLUSTER);
      out.set(bytes, at);
      view.setUint32(entry, 0x8000_0000);
      view.setUint32(entry + 4, at);
      // Subcluster bits: all allocated, but for the last quarter, which reads as zeros.
      if (extended) {
        view.setUint32(entry + 8, 0xff00_0000);
        view.setUint32(entry + 12, 0x00ff_ffff);
      }
    }
  }
  const l1 = allocate(16);
  view.setUint32(l1 + 8, 0x8000_0000);
  view.setUint32(l1 + 12, l2);

  const table = allocate(CLUSTER * 2);
  let at = table;
  names.forEach((name, i) => {
    view.setUint32(at + 4, l1);
    view.setUint32(at + 8, 2);
    view.setUint16(at + 12, 1);
    view.setUint16(at + 14, name.length);
    view.setUint32(at + 16, 1_700_000_000 + i);
    view.setUint32(at + 32, version === 2 ? stateSize : 0xdead);
    view.setUint32(at + 36, version === 2 ? 0 : 16);
    if (version === 3) {
      view.setUint32(at + 44, stateSize);
      view.setUint32(at + 52, diskSize);
    }
    const text = at + (version === 2 ? 40 : 56);
    out.set(new TextEncoder().encode(String(i + 1) + name), text);
    at = Math.ceil((text + 1 + name.length) / 8) * 8;
  });

  out.set([0x51, 0x46, 0x49, 0xfb]);
  view.setUint32(4, version);
  view.setUint32(20, CLUSTER_BITS);
  view.setUint32(28, diskSize);
  // The disk's own L1 table is the snapshot's entry behind its disk.
  view.setUint32(36, 1);
  view.setUint32(44, l1 + 8);
  if (backing !== undefined) {
    view.setUint32(12, 2 * CLUSTER);
    view.setUint32(16, backing.length);
    out.set(new TextEncoder().encode(backing), 2 * CLUSTER);
  }
  view.setUint32(60, names.length);
  view.setUint32(68, table);
  if (version === 3) {
    view.setUint32(76, extended ? 16 : 0);
    view.setUint32(100, 104);
  }
  options.change?.(view);
  return out.slice(0, end);
}
