/** CMOS memory as a PC's firmware expects it. Source: QEMU hw/i386/pc.c (pc_cmos_init, pc_cmos_init_late), x86-common.c. */
import type { MC146818RtcState } from '../rtc/mc146818rtc.ts';

const KIB = 1024;
const MIB = 1024 * KIB;
const EQUIPMENT_BYTE = 0x14;
const FPU = 0x02;
const PS2_MOUSE = 0x04;
/** The type of a disk is in its own byte, and there "as described behind". */
const SEE_TYPE_BYTE = 0xf;
const DRIVE_TYPE = 47;

/** A disk as the BIOS is to see it. */
export interface DiskGeometry {
  readonly cylinders: number;
  readonly heads: number;
  readonly sectors: number;
  /** BIOS_ATA_TRANSLATION_*: 1 none, 2 LBA, 3 large, 4 rechs. */
  readonly translation: number;
}

export interface CmosOptions {
  /** Bytes of RAM below and above 4 GiB. */
  readonly below4g: number;
  readonly above4g: number;
  /** -boot order: a and b floppies, c disk, d CD, n network. */
  readonly order: string;
  /** Types of the two floppy drives, as the CMOS counts them: 0 none, 4 of 1.44 MB, 5 of 2.88 MB. */
  readonly floppies?: readonly [number, number];
  /** Disks of the two IDE channels. */
  readonly disks?: readonly (DiskGeometry | undefined)[];
}

const BOOT_NIBBLES: Readonly<Record<string, number>> = { a: 1, b: 1, c: 2, d: 3, n: 4 };

/** What the CMOS has of a boot order; a letter that is none of a, b, c, d and n counts for nothing. */
const nibblesOf = (order: string): number[] => [0, 1, 2].map((n) => BOOT_NIBBLES[order[n] ?? ''] ?? 0);

/** Source: set_boot_dev. */
export function setBootOrder({ cmos_data }: Pick<MC146818RtcState, 'cmos_data'>, order: string): void {
  const [first, second, third] = nibblesOf(order);
  cmos_data[0x3d] = (second! << 4) | first!;
  cmos_data[0x38] = third! << 4;
}

/** Fills the bytes that the firmware reads. */
export function pcCmosInit(rtc: Pick<MC146818RtcState, 'cmos_data'>, options: CmosOptions): void {
  const { cmos_data } = rtc;
  const { below4g, above4g, floppies = [0, 0], disks = [] } = options;
  const set = (at: number, value: number, bytes = 1): void => {
    for (let i = 0; i < bytes; i++) cmos_data[at + i] = Math.floor(value / 2 ** (8 * i)) & 0xff;
  };
  const units = (from: number, unit: number): number =>
    Math.min(0xffff, Math.max(0, Math.floor((below4g - from) / unit)));
  const base = Math.min(Math.floor(below4g / KIB), 640);
  set(0x15, base, 2);
  set(0x17, units(MIB, KIB), 2);
  set(0x30, units(MIB, KIB), 2);
  set(0x34, units(16 * MIB, 64 * KIB), 2);
  set(0x5b, Math.floor(above4g / (64 * KIB)), 3);
  set(0x5f, 0); // further processors

  setBootOrder(rtc, options.order);
  set(0x10, (floppies[0] << 4) | floppies[1]);
  // QEMU up to 8 counts the floppy drives here; SeaBIOS looks at their types alone.
  set(EQUIPMENT_BYTE, FPU | PS2_MOUSE);

  setDisk(set, 0x19, 0x1b, disks[0]);
  setDisk(set, 0x1a, 0x24, disks[1]);
  set(0x12, (disks[0] ? SEE_TYPE_BYTE << 4 : 0) | (disks[1] ? SEE_TYPE_BYTE : 0));
  set(
    0x39,
    [0, 1, 2, 3].reduce((bits, n) => bits | (((disks[n]?.translation ?? 1) - 1) << (2 * n)), 0)
  );
}

/** Source: cmos_init_hd. */
function setDisk(
  set: (at: number, value: number, bytes?: number) => void,
  typeAt: number,
  at: number,
  disk: DiskGeometry | undefined
): void {
  if (!disk) return;
  const { cylinders, heads, sectors } = disk;
  set(typeAt, DRIVE_TYPE);
  set(at, cylinders, 2);
  set(at + 2, heads);
  set(at + 3, 0xffff, 2);
  set(at + 5, 0xc0 | (heads > 8 ? 8 : 0));
  set(at + 6, cylinders, 2);
  set(at + 8, sectors);
}
