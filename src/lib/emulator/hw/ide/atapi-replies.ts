/**
 * What a CD drive says of itself and of its medium: answers that are only computed.
 * Source: QEMU hw/ide/atapi.c, hw/block/cdrom.c; MMC-5, SPC-3.
 */
import { SECTOR_SIZE } from '../../block/block-driver.ts';

export const CD_SECTOR = 2048;
export const RAW_SECTOR = 2352;
/** 80 minutes: what is longer is a DVD. */
const CD_MAX_SECTORS = (80 * 60 * 75 * CD_SECTOR) / SECTOR_SIZE;

export const NO_SENSE = 0;
export const NOT_READY = 2;
export const ILLEGAL_REQUEST = 5;
export const UNIT_ATTENTION = 6;
export const ASC = {
  ILLEGAL_OPCODE: 0x20,
  LOGICAL_BLOCK_OOR: 0x21,
  INV_FIELD_IN_CMD_PACKET: 0x24,
  MEDIUM_MAY_HAVE_CHANGED: 0x28,
  INCOMPATIBLE_FORMAT: 0x30,
  SAVING_PARAMETERS_NOT_SUPPORTED: 0x39,
  MEDIUM_NOT_PRESENT: 0x3a,
  DATA_PHASE_ERROR: 0x4b,
  MEDIA_REMOVAL_PREVENTED: 0x53
} as const;

const PROFILE_CD_ROM = 0x0008;
const PROFILE_DVD_ROM = 0x0010;
const GESN_MEDIA = 4;

/** An answer of `bytes`, of which the guest wants at most so many. */
export class Reply {
  readonly bytes: Uint8Array;
  readonly most: number;
  constructor(bytes: Uint8Array, most: number) {
    this.bytes = bytes;
    this.most = most;
  }
}
/** A check condition. */
export class Sense {
  readonly key: number;
  readonly asc: number;
  constructor(key: number, asc: number) {
    this.key = key;
    this.asc = asc;
  }
}
/** What a command comes to: done without data, an answer, an error, or going on by itself. */
export type Outcome = 'ok' | 'goes-on' | Reply | Sense;

export const invalidField = new Sense(ILLEGAL_REQUEST, ASC.INV_FIELD_IN_CMD_PACKET);

export const be16 = (bytes: Uint8Array, at: number): number => (bytes[at]! << 8) | bytes[at + 1]!;
export const be32 = (bytes: Uint8Array, at: number): number => ((be16(bytes, at) << 16) | be16(bytes, at + 2)) >>> 0;
const u16 = (n: number): number[] => [(n >> 8) & 0xff, n & 0xff];
export const u32 = (n: number): number[] => [...u16(n >>> 16), ...u16(n)];
/** Minute, second, frame. */
const msf = (lba: number): number[] => {
  const frame = lba + 150;
  return [Math.floor(frame / 75 / 60) & 0xff, Math.floor(frame / 75) % 60, frame % 75];
};
const padded = (text: string, length: number): number[] =>
  Array.from({ length }, (_, i) => (i < text.length ? text.charCodeAt(i) : 0x20));

/** What the answers are made of. */
export interface CDFacts {
  readonly serial: string;
  readonly model: string;
  readonly version: string;
  readonly wwn: bigint;
  /** The tray is closed over something. */
  readonly hasMedium: boolean;
  readonly nbSectors: number;
  /** CD sectors of the medium. */
  readonly size: number;
  readonly tray_open: boolean;
  readonly tray_locked: boolean;
  readonly events: { new_media: boolean; eject_request: boolean };
  readonly blk: { readonly isInserted: boolean } | undefined;
}

export function inquiry(drive: CDFacts, packet: Uint8Array): Outcome {
  const most = packet[4]!;
  if (!(packet[1]! & 1)) {
    const head = [0x05, 0x80, 0x00, 0x21, 31, 0, 0, 0];
    const names = [...padded('QEMU', 8), ...padded('QEMU DVD-ROM', 16), ...padded(drive.version, 4)];
    return new Reply(Uint8Array.from([...head, ...names]), most);
  }
  const page = packet[2]!;
  const answer = (body: readonly number[]): Reply =>
    new Reply(Uint8Array.from([0x05, page, 0, body.length, ...body]), most);
  if (page === 0x00) return answer([0x00, 0x83]);
  if (page !== 0x83) return invalidField;
  if (4 + 24 > most) return new Sense(ILLEGAL_REQUEST, ASC.DATA_PHASE_ERROR);
  const body = [0x02, 0x00, 0x00, 20, ...padded(drive.serial, 20)];
  if (4 + body.length + 72 > most) return answer(body);
  body.push(0x02, 0x01, 0x00, 68, ...padded('ATA', 8), ...padded(drive.model, 40), ...padded(drive.serial, 20));
  if (drive.wwn && 4 + body.length + 12 <= most) {
    body.push(0x01, 0x03, 0x00, 0x08, ...u32(Number(drive.wwn >> 32n)), ...u32(Number(drive.wwn & 0xffff_ffffn)));
  }
  return answer(body);
}

/** One session with one track. Source: hw/block/cdrom.c. */
export function readToc(drive: CDFacts, packet: Uint8Array): Outcome {
  const most = be16(packet, 7);
  const inMsf = (packet[1]! & 2) !== 0;
  const place = (lba: number): number[] => (inMsf ? [0, ...msf(lba)] : u32(lba));
  const withLength = (body: readonly number[]): Reply =>
    new Reply(Uint8Array.from([...u16(body.length), ...body]), most);
  switch (packet[9]! >> 6) {
    case 0: {
      const track = packet[6]!;
      if (track > 1 && track !== 0xaa) return invalidField;
      const first = track <= 1 ? [0, 0x14, 1, 0, ...place(0)] : [];
      return withLength([1, 1, ...first, 0, 0x16, 0xaa, 0, ...place(drive.size)]);
    }
    case 1:
      return new Reply(Uint8Array.from([0, 0x0a, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0]), most);
    case 2: {
      const row = (point: number, ...rest: readonly number[]): number[] => [1, 0x14, 0, point, 0, 0, 0, ...rest];
      return withLength([
        ...[1, 1],
        ...row(0xa0, 0, 1, 0, 0),
        ...row(0xa1, 0, 1, 0, 0),
        ...row(0xa2, ...place(drive.size)),
        ...row(1, ...place(0))
      ]);
    }
    default:
      return invalidField;
  }
}

export function getConfiguration(drive: CDFacts, packet: Uint8Array): Outcome {
  if (be16(packet, 2) !== 0) return invalidField;
  const isDvd = drive.nbSectors > CD_MAX_SECTORS;
  const current = !drive.hasMedium ? 0 : isDvd ? PROFILE_DVD_ROM : PROFILE_CD_ROM;
  const profile = (number: number): number[] => [...u16(number), number === current ? 1 : 0, 0];
  const profiles = [...profile(PROFILE_DVD_ROM), ...profile(PROFILE_CD_ROM)];
  const head = [0, 0, ...u16(current), 0, 0, 0x03, profiles.length];
  const length = 4 + head.length + profiles.length;
  return new Reply(Uint8Array.from([...u32(length - 4), ...head, ...profiles]), Math.min(be16(packet, 7), SECTOR_SIZE));
}

/** GET EVENT STATUS NOTIFICATION: only polled, only of the medium. */
export function eventStatus(drive: CDFacts, packet: Uint8Array): Outcome {
  const most = be16(packet, 7);
  if (!(packet[1]! & 1)) return invalidField;
  const supported = 1 << GESN_MEDIA;
  if (!(packet[4]! & supported)) return new Reply(Uint8Array.from([0, 0, 0x80, supported]), most);
  return new Reply(Uint8Array.from([0, 4, GESN_MEDIA, supported, ...mediaEvent(drive), 0, 0]), most);
}

/** Event code and status of the medium. Source: event_status_media. */
function mediaEvent(drive: CDFacts): number[] {
  if (drive.tray_open) return [0, 1];
  const status = drive.blk?.isInserted ? 2 : 0;
  if (drive.events.new_media) {
    drive.events.new_media = false;
    return [2, status];
  }
  if (!drive.events.eject_request) return [0, status];
  drive.events.eject_request = false;
  return [1, status];
}

export function discInformation(packet: Uint8Array): Outcome {
  if (packet[1]! & 7) return invalidField;
  const bytes = new Uint8Array(34);
  bytes.set([0, 32, 0x0e, 1, 1, 1, 1, 0x20]);
  return new Reply(bytes, be16(packet, 7));
}

export function modeSense(drive: CDFacts, packet: Uint8Array): Outcome {
  const most = be16(packet, 7);
  const control = packet[2]! >> 6;
  if (control === 3) return new Sense(ILLEGAL_REQUEST, ASC.SAVING_PARAMETERS_NOT_SUPPORTED);
  const page = control === 0 ? modePage(packet[2]! & 0x3f, drive.tray_locked) : undefined;
  if (!page) return invalidField;
  return new Reply(Uint8Array.from([...u16(6 + page.length), 0x70, 0, 0, 0, 0, 0, ...page]), most);
}

export function dvdStructure(drive: CDFacts, packet: Uint8Array): Outcome {
  const [media, layer, format] = [packet[1]!, packet[6]!, packet[7]!];
  if (format < 0xff) {
    if (!drive.hasMedium) return invalidField;
    if (drive.nbSectors <= CD_MAX_SECTORS) return new Sense(ILLEGAL_REQUEST, ASC.INCOMPATIBLE_FORMAT);
  }
  if (media !== 0) return invalidField;
  const answer = (length: number, body: readonly number[]): Reply => {
    const bytes = new Uint8Array(length);
    bytes.set([...u16(length - 2), 0, 0, ...body]);
    return new Reply(bytes, be16(packet, 8));
  };
  const last = u32(drive.size - 1);
  switch (format) {
    case 0x00:
      return layer === 0 ? answer(2052, [1, 0x0f, 1, 0, ...u32(0), ...last, ...last]) : invalidField;
    case 0x01:
      return answer(8, []);
    case 0x04:
      return answer(2052, []);
    case 0xff:
      return answer(20, [
        ...[0x00, 0x40, ...u16(2052), 0x01, 0x40, ...u16(8)],
        ...[0x03, 0x40, ...u16(192), 0x04, 0x40, ...u16(2052)]
      ]);
    default:
      return invalidField;
  }
}

/** Error recovery, audio control, capabilities. */
function modePage(code: number, locked: boolean): number[] | undefined {
  switch (code) {
    case 0x01:
      return [0x01, 6, 0x00, 0x05, 0, 0, 0, 0];
    case 0x0e:
      return [0x0e, 14, ...new Array<number>(14).fill(0)];
    case 0x2a: {
      const speeds = [...u16(704), 0, 2, ...u16(512), ...u16(704), 0, 0, 0, 0, 0, 0];
      return [0x2a, 20, 0x3b, 0x00, 0x71, 0x60, 0x29 | (locked ? 2 : 0), 0x00, ...speeds];
    }
    default:
      return undefined;
  }
}

/** A sector with its frame: sync, address, mode, data; the error correction is not computed. */
export function putRaw(into: Uint8Array, lba: number, data: Uint8Array): void {
  into.fill(0);
  into.fill(0xff, 1, 11);
  into.set([...msf(lba), 1], 12);
  into.set(data, 16);
}
