/** What drives say of themselves. Source: QEMU hw/ide/core.c ide_identify, ide_atapi_identify; ATA8-ACS 7.16, 7.17. */
import type { IDEDrive } from './ide-dev.ts';
import { MAX_MULT_SECTORS } from './ide-registers.ts';

class Words {
  readonly bytes: Uint8Array;
  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }
  set(rows: readonly (readonly [word: number, value: number])[]): void {
    for (const [word, value] of rows) {
      this.bytes[2 * word] = value & 0xff;
      this.bytes[2 * word + 1] = (value >> 8) & 0xff;
    }
  }
  /** Padded with spaces; the bytes of each word are swapped. */
  text(word: number, text: string, length: number): void {
    for (let i = 0; i < length; i++) this.bytes[2 * word + (i ^ 1)] = i < text.length ? text.charCodeAt(i) : 0x20;
  }
  names({ serial, version, model }: IDEDrive): void {
    this.text(10, serial, 20);
    this.text(23, version, 8);
    this.text(27, model, 40);
  }
  /** World wide name, highest word first. */
  wwn({ wwn }: IDEDrive): void {
    this.set([108, 109, 110, 111].map((word, i) => [word, Number((wwn >> BigInt(48 - 16 * i)) & 0xffffn)]));
  }
}

const word = (n: number, i: number): number => Math.floor(n / 2 ** (16 * i)) & 0xffff;

/** Fills a disk's identify data. */
export function identifyDisk(drive: IDEDrive): void {
  const words = new Words(drive.identify_data);
  const { cylinders } = drive.native;
  const { heads, sectors, nbSectors, mult_sectors, wwn } = drive;
  const chs = cylinders * heads * sectors;
  const lba28 = Math.min(nbSectors, 2 ** 28 - 1);
  const hasWwn = wwn ? 0x100 : 0;
  drive.identify_data.fill(0);
  words.names(drive);
  words.set([
    [0, 0x0040],
    [1, cylinders],
    [3, heads],
    [4, 512 * sectors],
    [5, 512],
    [6, sectors],
    [20, 3],
    [21, 512],
    [22, 4],
    [47, 0x8000 | MAX_MULT_SECTORS],
    [48, 1],
    [49, 0x0b00],
    [51, 0x200],
    [52, 0x200],
    [53, 7],
    [54, cylinders],
    [55, heads],
    [56, sectors],
    [57, word(chs, 0)],
    [58, word(chs, 1)],
    [59, mult_sectors ? 0x100 | mult_sectors : 0],
    [60, word(lba28, 0)],
    [61, word(lba28, 1)],
    [62, 7],
    [63, 7],
    [64, 3],
    [65, 120],
    [66, 120],
    [67, 120],
    [68, 120],
    [69, 0x4000],
    [80, 0xf0],
    [81, 0x16],
    [82, 0x4021],
    [83, 0x7400],
    [84, 0x4000 | hasWwn],
    [85, writeCacheWord(drive.blk?.writeCache ?? false)],
    [86, 0x3400],
    [87, 0x4000 | hasWwn],
    [88, 0x203f],
    [93, 0x6001],
    [100, word(nbSectors, 0)],
    [101, word(nbSectors, 1)],
    [102, word(nbSectors, 2)],
    [106, 0x6000],
    [169, 1]
  ]);
  if (wwn) words.wwn(drive);
}

/** Word 85: what is turned on. */
export const writeCacheWord = (on: boolean): number => 0x4001 | (on ? 0x20 : 0);

/** Sets one word of what was answered. */
export const setIdentifyWord = (drive: IDEDrive, at: number, value: number): void =>
  new Words(drive.identify_data).set([[at, value]]);

/** Fills a CD drive's identify data. */
export function identifyCd(drive: IDEDrive): void {
  const words = new Words(drive.identify_data);
  drive.identify_data.fill(0);
  words.names(drive);
  words.set([
    [0, 0x85c0],
    [20, 3],
    [21, 512],
    [22, 4],
    [48, 1],
    [49, 0x300],
    [53, 7],
    [62, 7],
    [63, 7],
    [64, 3],
    [65, 0xb4],
    [66, 0xb4],
    [67, 0x12c],
    [68, 0xb4],
    [71, 30],
    [72, 30],
    [80, 0x1e],
    [84, drive.wwn ? 0x100 : 0],
    [87, drive.wwn ? 0x100 : 0],
    [88, 0x203f]
  ]);
  if (drive.wwn) words.wwn(drive);
}
