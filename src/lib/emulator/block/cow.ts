/**
 * Writes kept in memory over an image that stays as it is (QEMU: -snapshot, a qcow2 with a backing file). Sparse and
 * bounded: a guest that fills the bound is told that the disk is full.
 */
import { BlockError, SECTOR_SIZE, type BlockDriver } from './block-driver.ts';

const CLUSTER = 4096;
const SECTORS = CLUSTER / SECTOR_SIZE;
const ALL = (1 << SECTORS) - 1;
const DEFAULT_LIMIT = 512 * 2 ** 20;

interface Cluster {
  readonly bytes: Uint8Array;
  /** A bit for each sector that was written. */
  readonly written: number;
}

/** The state of an overlay at some moment; immutable. */
export type OverlaySnapshot = ReadonlyMap<number, Cluster>;

export class CowOverlay implements BlockDriver {
  readonly format: string;
  readonly size: number;
  readonly readOnly = false;
  readonly #base: BlockDriver;
  readonly #limit: number;
  /** By number; a cluster is replaced, not changed, while a snapshot has it. */
  #clusters = new Map<number, Cluster>();
  #shared = new Set<Cluster>();

  /** @param limit bytes that it may take */
  constructor(base: BlockDriver, limit = DEFAULT_LIMIT) {
    this.#base = base;
    this.#limit = limit;
    this.size = base.size;
    this.format = base.format;
  }

  /** Bytes that were written over. */
  get used(): number {
    return this.#clusters.size * CLUSTER;
  }

  snapshot(): OverlaySnapshot {
    this.#shared = new Set(this.#clusters.values());
    return new Map(this.#clusters);
  }

  restore(snapshot: OverlaySnapshot): void {
    this.#clusters = new Map(snapshot);
    this.#shared = new Set(snapshot.values());
  }

  capture(): () => void {
    const snapshot = this.snapshot();
    return () => this.restore(snapshot);
  }

  async read(at: number, target: Uint8Array): Promise<void> {
    // What is written while the base is being read must not be seen: the request came before it.
    const over = this.#overlaid(at, target.length);
    if (over.covered < target.length) await this.#base.read(at, target);
    for (const { at: place, bytes } of over.pieces) target.set(bytes, place - at);
  }

  /** Copies of what was written of a stretch. */
  #overlaid(at: number, length: number): { pieces: { at: number; bytes: Uint8Array }[]; covered: number } {
    const pieces: { at: number; bytes: Uint8Array }[] = [];
    let covered = 0;
    for (let place = at; place < at + length;) {
      const cluster = this.#clusters.get(Math.floor(place / CLUSTER));
      const inside = place % CLUSTER;
      const end = Math.min(at + length, place - inside + CLUSTER);
      if (cluster?.written === ALL) {
        pieces.push({ at: place, bytes: cluster.bytes.slice(inside, inside + end - place) });
        covered += end - place;
      } else if (cluster) {
        for (let sector = place; sector < end; sector += SECTOR_SIZE) {
          const from = sector % CLUSTER;
          if (!(cluster.written & (1 << (from / SECTOR_SIZE)))) continue;
          pieces.push({ at: sector, bytes: cluster.bytes.slice(from, from + SECTOR_SIZE) });
          covered += SECTOR_SIZE;
        }
      }
      place = end;
    }
    return { pieces, covered };
  }

  async write(at: number, bytes: Uint8Array): Promise<void> {
    this.#put(at, bytes.length, (into, from) => into.set(bytes.subarray(from, from + into.length)));
  }

  async flush(): Promise<void> {}

  async writeZeroes(at: number, length: number): Promise<void> {
    this.#put(at, length, (into) => into.fill(0));
  }

  async discard(): Promise<void> {}

  /** Fills clusters, each with its part of the bytes. All or nothing where memory ends. */
  #put(at: number, length: number, fill: (into: Uint8Array, from: number) => void): void {
    const first = Math.floor(at / CLUSTER);
    const last = Math.floor((at + length - 1) / CLUSTER);
    let fresh = 0;
    for (let i = first; i <= last; i++) if (!this.#clusters.has(i)) fresh++;
    if (this.used + fresh * CLUSTER > this.#limit) {
      throw new BlockError('ENOSPC', `more than ${this.#limit} bytes were written to the disk`);
    }
    for (let i = first; i <= last; i++) {
      const start = Math.max(at, i * CLUSTER);
      const end = Math.min(at + length, (i + 1) * CLUSTER);
      const old = this.#clusters.get(i);
      const bytes = old && !this.#shared.has(old) ? old.bytes : (old?.bytes.slice() ?? new Uint8Array(CLUSTER));
      fill(bytes.subarray(start - i * CLUSTER, end - i * CLUSTER), start - at);
      const sectors = (end - start) / SECTOR_SIZE;
      const mask = ((1 << sectors) - 1) << ((start - i * CLUSTER) / SECTOR_SIZE);
      this.#clusters.set(i, { bytes, written: (old?.written ?? 0) | mask });
    }
  }
}
