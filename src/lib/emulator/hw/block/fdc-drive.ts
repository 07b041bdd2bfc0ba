/** A floppy drive and the geometry of what is in it. Source: QEMU hw/block/fdc.c (fd_formats, pick_geometry, fd_seek). */
import type { BlockBackend } from '../../block/block-backend.ts';
import type { FDrive } from './fdc.ts';

export const FD_SECTOR_LEN = 512;

/** By how much it holds, in units of 10 KB: 1.2, 1.44 and 2.88 MB. */
export type FloppyDriveType = '120' | '144' | '288' | 'none';

/** How the CMOS calls them. Source: cmos_get_fd_drive_type. */
export const CMOS_TYPES: Readonly<Record<FloppyDriveType, number>> = { none: 0, '120': 2, '144': 4, '288': 5 };

/** What an empty drive is taken for (property `fallback`). */
const FALLBACK: FloppyDriveType = '288';

const RATE_500K = 0;
const RATE_300K = 1;
const RATE_250K = 2;
const RATE_1M = 3;

type Format = readonly [
  drive: FloppyDriveType,
  sectors: number,
  tracks: number,
  sides: 1 | 2,
  rate: typeof RATE_500K | typeof RATE_300K | typeof RATE_250K | typeof RATE_1M
];
/** The first that fits counts. */
const FORMATS: readonly Format[] = [
  ...[18, 20, 21].map((sectors): Format => ['144', sectors, 80, 2, RATE_500K]),
  ...[82, 83].map((tracks): Format => ['144', 21, tracks, 2, RATE_500K]),
  ...[22, 23, 24].map((sectors): Format => ['144', sectors, 80, 2, RATE_500K]),
  ...[36, 39, 40, 44, 48].map((sectors): Format => ['288', sectors, 80, 2, RATE_1M]),
  ...[9, 10].map((sectors): Format => ['144', sectors, 80, 2, RATE_250K]),
  ...[82, 83].map((tracks): Format => ['144', 10, tracks, 2, RATE_250K]),
  ...[13, 14].map((sectors): Format => ['144', sectors, 80, 2, RATE_250K]),
  ...[15, 18].map((sectors): Format => ['120', sectors, 80, 2, RATE_500K]),
  ...[82, 83].map((tracks): Format => ['120', 18, tracks, 2, RATE_500K]),
  ['120', 20, 80, 2, RATE_500K],
  ...[9, 11].map((sectors): Format => ['120', sectors, 80, 2, RATE_250K]),
  ['120', 9, 40, 2, RATE_300K],
  ['120', 9, 40, 1, RATE_300K],
  ['120', 10, 41, 2, RATE_300K],
  ['120', 10, 42, 2, RATE_300K],
  ['120', 8, 40, 2, RATE_250K],
  ['120', 8, 40, 1, RATE_250K],
  ['144', 9, 80, 1, RATE_250K]
];

/** Drives that take disks of one size: 3.5 or 5.25 inches. */
const sameSize = (a: FloppyDriveType, b: FloppyDriveType): boolean => (a === '120') === (b === '120');

/** Of a disk in a drive; undefined is a drive that takes its type from the first disk. */
function formatOf(sectors: number, drive: FloppyDriveType | undefined): Format {
  const fits = FORMATS.filter(([, perTrack, tracks, sides]) => perTrack * tracks * sides === sectors);
  return (
    fits.find(([type]) => drive === undefined || type === drive) ??
    fits.find(([type]) => sameSize(type, drive!)) ??
    FORMATS.find(([type]) => type === (drive ?? FALLBACK)) ??
    FORMATS[0]!
  );
}

/** What fd_seek came to. */
export const SEEK_SAME = 0;
export const SEEK_MOVED = 1;
export const SEEK_NO_TRACK = 2;
export const SEEK_NO_SECTOR = 3;

/** Empty drives can be seeked all over. */
const ANYWHERE = 0xff;

export class FloppyDrive implements FDrive {
  head = 0;
  track = 0;
  sect = 0;
  media_changed = 1;
  media_rate = 0;
  perpendicular = 0;
  /** Sectors of a track, and tracks. */
  last_sect = 0;
  max_track = 0;
  doubleSided = false;
  ro = true;
  there: boolean;
  readonly blk: BlockBackend | undefined;
  #type: FloppyDriveType | undefined;
  #validated = false;

  /** @param type undefined: by the first disk that is in when it is asked for */
  constructor(blk: BlockBackend | undefined, type?: FloppyDriveType) {
    this.blk = blk;
    this.there = blk !== undefined;
    this.#type = blk ? type : 'none';
    if (blk) blk.onMediumChange = () => this.#changed();
    this.revalidate();
  }

  get inserted(): boolean {
    return this.blk?.isInserted ?? false;
  }
  get type(): FloppyDriveType {
    return (this.#type ??= this.inserted ? formatOf(Math.floor(this.blk!.sectors), undefined)[0] : FALLBACK);
  }

  /** Source: fd_change_cb. */
  #changed(): void {
    this.media_changed = 1;
    this.#validated = false;
    this.revalidate();
  }

  /** Source: fd_revalidate. */
  revalidate(): void {
    const { blk } = this;
    if (!blk) return;
    this.ro = !this.inserted || blk.readOnly;
    if (!this.inserted) this.last_sect = this.max_track = ANYWHERE;
    else if (!this.#validated) {
      const [, sectors, tracks, sides, rate] = formatOf(Math.floor(blk.sectors), this.#type);
      this.doubleSided = sides === 2;
      [this.max_track, this.last_sect, this.media_rate] = [tracks, sectors, rate];
      this.#validated = true;
    }
  }

  #sectorAt(head: number, track: number, sect: number): number {
    return (track * (this.doubleSided ? 2 : 1) + head) * this.last_sect + sect - 1;
  }
  /** Number of the sector that it stands on. */
  get sector(): number {
    return this.#sectorAt(this.head, this.track, this.sect);
  }

  /** Returns SEEK_*. */
  seek(head: number, track: number, sect: number): number {
    if (track > this.max_track || (head !== 0 && !this.doubleSided)) return SEEK_NO_TRACK;
    if (sect > this.last_sect) return SEEK_NO_SECTOR;
    let result = SEEK_SAME;
    if (this.#sectorAt(head, track, sect) !== this.sector) {
      this.head = head;
      if (this.track !== track) {
        if (this.inserted) this.media_changed = 0;
        result = SEEK_MOVED;
      }
      this.track = track;
      this.sect = sect;
    }
    return this.inserted ? result : SEEK_NO_TRACK;
  }

  recalibrate(): void {
    this.seek(0, 0, 1);
  }
}
