/**
 * qcow2 images, to read: the disk as it is now or as a snapshot kept it. What the guest writes goes to a `CowOverlay`.
 * Source: QEMU block/qcow2.c, block/qcow2-snapshot.c qcow2_snapshot_goto.
 */
import { Damage } from '../../vmstate/peek-stream.ts';
import { ClusterMap, perL1 } from '../../vmstate/qcow2-clusters.ts';
import { openQcow2, type Qcow2 } from '../../vmstate/qcow2.ts';
import type { ByteSource } from '../../vmstate/source.ts';
import { BlockError, SECTOR_SIZE, type BlockDriver } from './block-driver.ts';

export interface Qcow2ImageOptions {
  /** The image that this one is written over. */
  readonly backing?: BlockDriver;
  /** Name or id of a snapshot whose disk it is to be; without it the disk as it is now. */
  readonly snapshot?: string;
}

export class Qcow2Image implements BlockDriver {
  readonly format = 'qcow2';
  readonly size: number;
  readonly readOnly = true;
  readonly #clusters: ClusterMap;
  readonly #backing: BlockDriver | undefined;

  private constructor(source: ByteSource, { layout, disk, snapshots }: Qcow2, options: Qcow2ImageOptions) {
    const { snapshot: wanted, backing } = options;
    const snapshot = snapshots.find((s) => s.id === wanted) ?? snapshots.find((s) => s.name === wanted);
    if (wanted !== undefined && !snapshot) throw new Damage(0, `qcow2: the image has no snapshot ${wanted}`);
    const size = snapshot?.diskSize ?? disk.size;
    const map = snapshot ?? disk;
    if (size > Number.MAX_SAFE_INTEGER) throw new Damage(24, `qcow2: a disk of ${size} bytes`);
    if (map.l1Size < Math.ceil(size / perL1(layout))) throw new Damage(36, 'qcow2: the L1 table is too small');
    this.size = size - (size % SECTOR_SIZE);
    this.#clusters = new ClusterMap(source, layout, map);
    this.#backing = backing;
  }

  /** @throws Damage for an image that QEMU would refuse, and for one whose backing file is not given */
  static async open(source: ByteSource, options: Qcow2ImageOptions = {}): Promise<Qcow2Image> {
    const opened = await openQcow2(source);
    if (opened.backing !== undefined && !options.backing) {
      throw new Damage(8, `qcow2: the image needs its backing file ${opened.backing}`);
    }
    return new Qcow2Image(source, opened, options);
  }

  async read(at: number, target: Uint8Array): Promise<void> {
    for (let done = 0; done < target.length;) {
      const rest = target.subarray(done);
      const { kind, length } = await this.#clusters.read(at + done, rest);
      if (kind === 'hole') await this.#readBacking(at + done, rest.subarray(0, length));
      done += length;
    }
  }

  /** An image may be larger than its backing file, which goes on with zeros. The target is zero already. */
  async #readBacking(at: number, target: Uint8Array): Promise<void> {
    const length = Math.min(target.length, (this.#backing?.size ?? 0) - at);
    if (length > 0) await this.#backing!.read(at, target.subarray(0, length));
  }

  write(): Promise<void> {
    return Promise.reject(new BlockError('EROFS', 'the image is read-only'));
  }
  writeZeroes(): Promise<void> {
    return this.write();
  }
  async flush(): Promise<void> {}
  async discard(): Promise<void> {}
}

/** By its first bytes, as QEMU probes: qcow2, or raw. */
export async function probeFormat(source: ByteSource): Promise<'raw' | 'qcow2'> {
  const magic = new Uint8Array(8);
  await source.read(0, magic);
  const view = new DataView(magic.buffer);
  return view.getUint32(0) === 0x514649fb && view.getUint32(4) >= 2 ? 'qcow2' : 'raw';
}
