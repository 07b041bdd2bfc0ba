/**
 * A CD drive: SCSI commands in packets. Source: QEMU hw/ide/atapi.c, hw/block/cdrom.c; MMC-5, SPC-3.
 *
 * QEMU reads the next sector while the guest fetches a block of data; here a block's sectors are all read before it is
 * offered, because images answer later.
 */
import { SECTOR_SIZE, type BlockError } from '../../block/block-driver.ts';
import { IO_BUFFER_TOTAL_LEN } from './core.ts';
import { identifyCd } from './ide-identify.ts';
import {
  BUSY_STAT,
  DRQ_STAT,
  END,
  ERR_STAT,
  IDEDrive,
  READY_STAT,
  RETRY,
  SEEK_STAT,
  type IDEDriveBus,
  type IDEDriveOptions
} from './ide-dev.ts';

const CD_SECTOR = 2048;
const RAW_SECTOR = 2352;
/** 80 minutes: what is longer is a DVD. */
const CD_MAX_SECTORS = (80 * 60 * 75 * CD_SECTOR) / SECTOR_SIZE;
const INT_REASON_CD = 0x01;
const INT_REASON_IO = 0x02;

const NO_SENSE = 0;
const NOT_READY = 2;
const ILLEGAL_REQUEST = 5;
const UNIT_ATTENTION = 6;
const ASC = {
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
/** CD sectors that DMA moves at a time. */
const DMA_SECTORS = 64;

/** May run although the guest has not been told of a change of medium. */
const ALLOW_UA = 1;
/** Needs a medium. */
const CHECK_READY = 2;
/** Moves no data, or decides by itself: no byte count is needed. */
const NO_COUNT = 4;

/** An answer of `bytes`, of which the guest wants at most so many. */
class Reply {
  readonly bytes: Uint8Array;
  readonly most: number;
  constructor(bytes: Uint8Array, most: number) {
    this.bytes = bytes;
    this.most = most;
  }
}
/** A check condition. */
class Sense {
  readonly key: number;
  readonly asc: number;
  constructor(key: number, asc: number) {
    this.key = key;
    this.asc = asc;
  }
}
/** What a command comes to: done without data, an answer, an error, or going on by itself. */
type Outcome = 'ok' | 'goes-on' | Reply | Sense;

const invalidField = new Sense(ILLEGAL_REQUEST, ASC.INV_FIELD_IN_CMD_PACKET);

const be16 = (bytes: Uint8Array, at: number): number => (bytes[at]! << 8) | bytes[at + 1]!;
const be32 = (bytes: Uint8Array, at: number): number => ((be16(bytes, at) << 16) | be16(bytes, at + 2)) >>> 0;
const u16 = (n: number): number[] => [(n >> 8) & 0xff, n & 0xff];
const u32 = (n: number): number[] => [...u16(n >>> 16), ...u16(n)];
/** Minute, second, frame. */
const msf = (lba: number): number[] => {
  const frame = lba + 150;
  return [Math.floor(frame / 75 / 60) & 0xff, Math.floor(frame / 75) % 60, frame % 75];
};
const padded = (text: string, length: number): number[] =>
  Array.from({ length }, (_, i) => (i < text.length ? text.charCodeAt(i) : 0x20));

/** What a read command has still to give. */
interface Reading {
  readonly lba: number;
  /** Bytes of a sector as the guest gets it: 2048, or 2352 with its frame. */
  readonly size: number;
  readonly total: number;
}

export class ATAPIDrive extends IDEDrive {
  #reading: Reading | undefined;

  constructor(bus: IDEDriveBus, unit: number, number: number, options: IDEDriveOptions) {
    super(bus, unit, number, options);
    options.blk.onMediumChange = () => this.#mediumChanged();
  }

  override reset(): void {
    super.reset();
    this.#reading = undefined;
  }

  override identifyPacket(): void {
    if (!this.identify_set) identifyCd(this);
    this.identify_set = 1;
  }

  /** The guest is told of an empty drive first, then of a new medium. Source: ide_cd_change_cb. */
  #mediumChanged(): void {
    this.tray_open = !this.blk?.isInserted;
    this.cdrom_changed = 1;
    this.events.new_media = true;
    this.events.eject_request = false;
    this.bus.setIrq();
  }

  /** Somebody wants the medium out: the guest decides, unless it is forced. */
  ejectRequest(force: boolean): void {
    this.events.eject_request = true;
    if (force) this.tray_locked = false;
    this.bus.setIrq();
  }

  get #hasMedium(): boolean {
    return !this.tray_open && this.nbSectors > 0;
  }
  /** CD sectors of the medium. */
  get #size(): number {
    return Math.floor(this.nbSectors / (CD_SECTOR / SECTOR_SIZE));
  }
  get #usesDma(): boolean {
    return (this.feature & 1) !== 0;
  }
  /** Bytes that the guest takes at a time. */
  get #byteCountLimit(): number {
    return Math.min(this.lcyl | (this.hcyl << 8), 0xfffe);
  }

  #interruptReason(reason: number): void {
    this.nsector = (this.nsector & ~7) | reason;
  }

  #ok(): void {
    this.error = 0;
    this.status = READY_STAT | SEEK_STAT;
    this.#interruptReason(INT_REASON_IO | INT_REASON_CD);
    this.transferStop();
    this.bus.setIrq();
  }

  #fail({ key, asc }: Sense): void {
    this.error = key << 4;
    this.status = READY_STAT | ERR_STAT;
    this.#interruptReason(INT_REASON_IO | INT_REASON_CD);
    this.sense_key = key;
    this.asc = asc;
    this.packet_transfer_size = 0;
    this.#reading = undefined;
    this.transferStop();
    this.bus.setIrq();
  }

  #ioError(error: BlockError): void {
    if (error.errno === 'ENOMEDIUM') this.#fail(new Sense(NOT_READY, ASC.MEDIUM_NOT_PRESENT));
    else this.#fail(new Sense(ILLEGAL_REQUEST, ASC.LOGICAL_BLOCK_OOR));
  }

  /** The packet is in the buffer. Source: ide_atapi_cmd. */
  override atapiCommand(): void {
    const packet = this.io_buffer.slice(0, 12);
    const command = COMMANDS.get(packet[0]!);
    const flags = command?.flags ?? 0;
    this.transferStop();
    if (this.sense_key === UNIT_ATTENTION && !(flags & ALLOW_UA)) {
      this.error = 0x20 | (UNIT_ATTENTION << 4);
      this.status = ERR_STAT;
      this.nsector = 0;
      this.bus.setIrq();
      return;
    }
    if (!(flags & ALLOW_UA) && !this.tray_open && this.blk?.isInserted && this.cdrom_changed) {
      const first = this.cdrom_changed === 1;
      this.cdrom_changed = first ? 2 : 0;
      this.#fail(
        first ? new Sense(NOT_READY, ASC.MEDIUM_NOT_PRESENT) : new Sense(UNIT_ATTENTION, ASC.MEDIUM_MAY_HAVE_CHANGED)
      );
      return;
    }
    if (flags & CHECK_READY && (!this.#hasMedium || !this.blk?.isInserted)) {
      this.#fail(new Sense(NOT_READY, ASC.MEDIUM_NOT_PRESENT));
      return;
    }
    if (!command) this.#fail(new Sense(ILLEGAL_REQUEST, ASC.ILLEGAL_OPCODE));
    else if (flags & NO_COUNT || this.#countIsValid()) this.#finish(command.run(this, packet));
  }

  /** Data by PIO needs a byte count; without, the command is aborted as an ATA one. Source: validate_bcl. */
  #countIsValid(): boolean {
    if (this.#usesDma || this.#byteCountLimit > 0) return true;
    this.abort();
    this.bus.setIrq();
    return false;
  }

  #finish(outcome: Outcome): void {
    if (outcome === 'ok') this.#ok();
    else if (outcome instanceof Sense) this.#fail(outcome);
    else if (outcome instanceof Reply) this.#reply(outcome);
  }

  /** Source: ide_atapi_cmd_reply. */
  #reply({ bytes, most }: Reply): void {
    const size = Math.min(bytes.length, most);
    this.io_buffer.set(bytes.subarray(0, size));
    this.#reading = undefined;
    this.packet_transfer_size = size;
    this.elementary_transfer_size = 0;
    this.status = READY_STAT | SEEK_STAT;
    if (!this.#usesDma) {
      this.cur_io_buffer_offset = 0;
      this.atapiReplyEnd();
      return;
    }
    this.status |= DRQ_STAT;
    this.beginDma(() => {
      this.bus.dma.put(this.io_buffer.subarray(0, size));
      this.packet_transfer_size = 0;
      this.#dmaDone();
    });
  }

  #dmaDone(): void {
    this.status = READY_STAT | SEEK_STAT;
    this.#interruptReason(INT_REASON_IO | INT_REASON_CD);
    this.bus.setIrq();
    this.setInactive(false);
  }

  /** A block was fetched, or none yet: offers the next one. Source: ide_atapi_cmd_reply_end. */
  override atapiReplyEnd(): void {
    if (this.packet_transfer_size <= 0) {
      this.#reading = undefined;
      this.#ok();
      return;
    }
    const limit = this.#byteCountLimit;
    const rest = this.packet_transfer_size;
    const size = rest > limit ? Math.max(2, limit & ~1) : rest;
    if (this.#reading) this.#readBlock(this.#reading, size);
    else if (this.cur_io_buffer_offset + size <= IO_BUFFER_TOTAL_LEN) this.#offer(this.cur_io_buffer_offset, size);
    // A state that was loaded in the middle of a read does not tell where it was.
    else this.#fail(new Sense(ILLEGAL_REQUEST, ASC.LOGICAL_BLOCK_OOR));
  }

  #offer(offset: number, size: number): void {
    this.#interruptReason(INT_REASON_IO);
    this.lcyl = size & 0xff;
    this.hcyl = size >> 8;
    this.packet_transfer_size -= size;
    this.transferStart(offset, size, END.ATAPI_REPLY);
    this.bus.setIrq();
  }

  #readBlock({ lba, size, total }: Reading, bytes: number): void {
    const done = total - this.packet_transfer_size;
    const offset = done % size;
    const sectors = Math.ceil((offset + bytes) / size);
    this.status |= BUSY_STAT;
    this.#readSectors(lba + Math.floor(done / size), sectors, size, () => {
      this.status &= ~BUSY_STAT;
      this.#offer(offset, bytes);
    });
  }

  /** Fills the buffer with sectors as the guest gets them. */
  #readSectors(lba: number, count: number, size: number, then: () => void): void {
    this.ask(
      RETRY.READ,
      (blk, done) => blk.read(lba * CD_SECTOR, count * CD_SECTOR, done),
      (result) => {
        if (!(result instanceof Uint8Array)) {
          this.status &= ~BUSY_STAT;
          if (result) this.#ioError(result);
          return;
        }
        for (let i = 0; i < count; i++) {
          const data = result.subarray(i * CD_SECTOR, (i + 1) * CD_SECTOR);
          if (size === CD_SECTOR) this.io_buffer.set(data, i * size);
          else putRaw(this.io_buffer.subarray(i * size, (i + 1) * size), lba + i, data);
        }
        then();
      }
    );
  }

  #startRead(lba: number, sectors: number, size: number): Outcome {
    const total = sectors * size;
    this.packet_transfer_size = total;
    this.elementary_transfer_size = 0;
    this.#reading = { lba, size, total };
    if (this.#usesDma) {
      this.status = READY_STAT | SEEK_STAT | DRQ_STAT | BUSY_STAT;
      this.beginDma(() => this.#nextDma());
    } else this.atapiReplyEnd();
    return 'goes-on';
  }

  /** Source: ide_atapi_cmd_read_dma_cb. */
  #nextDma(): void {
    const reading = this.#reading;
    if (!reading || this.packet_transfer_size <= 0) return this.#dmaDone();
    const { lba, size, total } = reading;
    const sector = lba + (total - this.packet_transfer_size) / size;
    const count = Math.min(Math.floor(DMA_SECTORS * (CD_SECTOR / size)), this.packet_transfer_size / size);
    this.#readSectors(sector, count, size, () => {
      const bytes = count * size;
      if (this.bus.dma.put(this.io_buffer.subarray(0, bytes)) < bytes) {
        // The guest has described less memory than it asked data for: nothing more happens.
        this.setInactive(false);
        return;
      }
      this.packet_transfer_size -= bytes;
      this.#nextDma();
    });
  }

  requestSense(packet: Uint8Array): Outcome {
    const bytes = new Uint8Array(18);
    bytes.set([0xf0, 0, this.sense_key]);
    bytes[7] = 10;
    bytes[12] = this.asc;
    if (this.sense_key === UNIT_ATTENTION) this.sense_key = NO_SENSE;
    return new Reply(bytes, packet[4]!);
  }

  inquiry(packet: Uint8Array): Outcome {
    const most = packet[4]!;
    if (!(packet[1]! & 1)) {
      const head = [0x05, 0x80, 0x00, 0x21, 31, 0, 0, 0];
      const names = [...padded('QEMU', 8), ...padded('QEMU DVD-ROM', 16), ...padded(this.version, 4)];
      return new Reply(Uint8Array.from([...head, ...names]), most);
    }
    const page = packet[2]!;
    const answer = (body: readonly number[]): Reply =>
      new Reply(Uint8Array.from([0x05, page, 0, body.length, ...body]), most);
    if (page === 0x00) return answer([0x00, 0x83]);
    if (page !== 0x83) return invalidField;
    if (4 + 24 > most) return new Sense(ILLEGAL_REQUEST, ASC.DATA_PHASE_ERROR);
    const body = [0x02, 0x00, 0x00, 20, ...padded(this.serial, 20)];
    if (4 + body.length + 72 > most) return answer(body);
    body.push(0x02, 0x01, 0x00, 68, ...padded('ATA', 8), ...padded(this.model, 40), ...padded(this.serial, 20));
    if (this.wwn && 4 + body.length + 12 <= most) {
      body.push(0x01, 0x03, 0x00, 0x08, ...u32(Number(this.wwn >> 32n)), ...u32(Number(this.wwn & 0xffff_ffffn)));
    }
    return answer(body);
  }

  startStopUnit(packet: Uint8Array): Outcome {
    const start = (packet[4]! & 1) !== 0;
    const eject = (packet[4]! & 2) !== 0;
    if (packet[4]! & 0xf0 || !eject) return 'ok';
    if (!start && !this.tray_open && this.tray_locked) {
      return new Sense(this.blk?.isInserted ? NOT_READY : ILLEGAL_REQUEST, ASC.MEDIA_REMOVAL_PREVENTED);
    }
    this.tray_open = !start;
    return 'ok';
  }

  preventRemoval(packet: Uint8Array): Outcome {
    this.tray_locked = (packet[4]! & 1) !== 0;
    return 'ok';
  }

  /** READ CAPACITY: the last sector. */
  capacity(): Outcome {
    return new Reply(Uint8Array.from([...u32(this.#size - 1), ...u32(CD_SECTOR)]), 8);
  }

  read(packet: Uint8Array): Outcome {
    const sectors = packet[0] === 0x28 ? be16(packet, 7) : be32(packet, 6);
    const lba = be32(packet, 2);
    if (sectors === 0) return 'ok';
    if (lba + sectors > this.#size) return new Sense(ILLEGAL_REQUEST, ASC.LOGICAL_BLOCK_OOR);
    return this.#startRead(lba, sectors, CD_SECTOR);
  }

  readCd(packet: Uint8Array): Outcome {
    const sectors = (packet[6]! << 16) | be16(packet, 7);
    const lba = be32(packet, 2);
    const wanted = packet[9]! & 0xf8;
    if (sectors === 0) return 'ok';
    if (lba + sectors > this.#size) return new Sense(ILLEGAL_REQUEST, ASC.LOGICAL_BLOCK_OOR);
    if (wanted === 0) return 'ok';
    if (!this.#countIsValid()) return 'goes-on';
    if (wanted === 0x10) return this.#startRead(lba, sectors, CD_SECTOR);
    if (wanted === 0xf8) return this.#startRead(lba, sectors, RAW_SECTOR);
    return invalidField;
  }

  seek(packet: Uint8Array): Outcome {
    return be32(packet, 2) < this.#size ? 'ok' : new Sense(ILLEGAL_REQUEST, ASC.LOGICAL_BLOCK_OOR);
  }

  /** One session with one track. Source: hw/block/cdrom.c. */
  readToc(packet: Uint8Array): Outcome {
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
        return withLength([1, 1, ...first, 0, 0x16, 0xaa, 0, ...place(this.#size)]);
      }
      case 1:
        return new Reply(Uint8Array.from([0, 0x0a, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0]), most);
      case 2: {
        const row = (point: number, ...rest: readonly number[]): number[] => [1, 0x14, 0, point, 0, 0, 0, ...rest];
        return withLength([
          ...[1, 1],
          ...row(0xa0, 0, 1, 0, 0),
          ...row(0xa1, 0, 1, 0, 0),
          ...row(0xa2, ...place(this.#size)),
          ...row(1, ...place(0))
        ]);
      }
      default:
        return invalidField;
    }
  }

  getConfiguration(packet: Uint8Array): Outcome {
    if (be16(packet, 2) !== 0) return invalidField;
    const isDvd = this.nbSectors > CD_MAX_SECTORS;
    const current = !this.#hasMedium ? 0 : isDvd ? PROFILE_DVD_ROM : PROFILE_CD_ROM;
    const profile = (number: number): number[] => [...u16(number), number === current ? 1 : 0, 0];
    const profiles = [...profile(PROFILE_DVD_ROM), ...profile(PROFILE_CD_ROM)];
    const head = [0, 0, ...u16(current), 0, 0, 0x03, profiles.length];
    const length = 4 + head.length + profiles.length;
    return new Reply(
      Uint8Array.from([...u32(length - 4), ...head, ...profiles]),
      Math.min(be16(packet, 7), SECTOR_SIZE)
    );
  }

  /** GET EVENT STATUS NOTIFICATION: only polled, only of the medium. */
  eventStatus(packet: Uint8Array): Outcome {
    const most = be16(packet, 7);
    if (!(packet[1]! & 1)) return invalidField;
    const supported = 1 << GESN_MEDIA;
    if (!(packet[4]! & supported)) return new Reply(Uint8Array.from([0, 0, 0x80, supported]), most);
    return new Reply(Uint8Array.from([0, 4, GESN_MEDIA, supported, ...this.#mediaEvent(), 0, 0]), most);
  }

  /** Event code and status of the medium. Source: event_status_media. */
  #mediaEvent(): number[] {
    if (this.tray_open) return [0, 1];
    const status = this.blk?.isInserted ? 2 : 0;
    if (this.events.new_media) {
      this.events.new_media = false;
      return [2, status];
    }
    if (!this.events.eject_request) return [0, status];
    this.events.eject_request = false;
    return [1, status];
  }

  discInformation(packet: Uint8Array): Outcome {
    if (packet[1]! & 7) return invalidField;
    const bytes = new Uint8Array(34);
    bytes.set([0, 32, 0x0e, 1, 1, 1, 1, 0x20]);
    return new Reply(bytes, be16(packet, 7));
  }

  modeSense(packet: Uint8Array): Outcome {
    const most = be16(packet, 7);
    const control = packet[2]! >> 6;
    if (control === 3) return new Sense(ILLEGAL_REQUEST, ASC.SAVING_PARAMETERS_NOT_SUPPORTED);
    const page = control === 0 ? modePage(packet[2]! & 0x3f, this.tray_locked) : undefined;
    if (!page) return invalidField;
    return new Reply(Uint8Array.from([...u16(6 + page.length), 0x70, 0, 0, 0, 0, 0, ...page]), most);
  }

  dvdStructure(packet: Uint8Array): Outcome {
    const [media, layer, format] = [packet[1]!, packet[6]!, packet[7]!];
    if (format < 0xff) {
      if (!this.#hasMedium) return invalidField;
      if (this.nbSectors <= CD_MAX_SECTORS) return new Sense(ILLEGAL_REQUEST, ASC.INCOMPATIBLE_FORMAT);
    }
    if (media !== 0) return invalidField;
    const answer = (length: number, body: readonly number[]): Reply => {
      const bytes = new Uint8Array(length);
      bytes.set([...u16(length - 2), 0, 0, ...body]);
      return new Reply(bytes, be16(packet, 8));
    };
    const last = u32(this.#size - 1);
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
}

/** A sector with its frame: sync, address, mode, data; the error correction is not computed. */
function putRaw(into: Uint8Array, lba: number, data: Uint8Array): void {
  into.fill(0);
  into.fill(0xff, 1, 11);
  into.set([...msf(lba), 1], 12);
  into.set(data, 16);
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

interface Command {
  readonly run: (drive: ATAPIDrive, packet: Uint8Array) => Outcome;
  readonly flags: number;
}
/** By operation code. Source: atapi_cmd_table. */
const COMMANDS: ReadonlyMap<number, Command> = new Map<number, Command>([
  [0x00, { run: () => 'ok', flags: CHECK_READY | NO_COUNT }],
  [0x03, { run: (d, packet) => d.requestSense(packet), flags: ALLOW_UA }],
  [0x12, { run: (d, packet) => d.inquiry(packet), flags: ALLOW_UA }],
  [0x1b, { run: (d, packet) => d.startStopUnit(packet), flags: NO_COUNT }],
  [0x1e, { run: (d, packet) => d.preventRemoval(packet), flags: NO_COUNT }],
  [0x25, { run: (d) => d.capacity(), flags: CHECK_READY }],
  [0x28, { run: (d, packet) => d.read(packet), flags: CHECK_READY }],
  [0x2b, { run: (d, packet) => d.seek(packet), flags: CHECK_READY | NO_COUNT }],
  [0x43, { run: (d, packet) => d.readToc(packet), flags: CHECK_READY }],
  [0x46, { run: (d, packet) => d.getConfiguration(packet), flags: ALLOW_UA }],
  [0x4a, { run: (d, packet) => d.eventStatus(packet), flags: ALLOW_UA }],
  [0x51, { run: (d, packet) => d.discInformation(packet), flags: CHECK_READY }],
  [0x5a, { run: (d, packet) => d.modeSense(packet), flags: 0 }],
  [0xa8, { run: (d, packet) => d.read(packet), flags: CHECK_READY }],
  [0xad, { run: (d, packet) => d.dvdStructure(packet), flags: CHECK_READY }],
  [0xbb, { run: () => 'ok', flags: NO_COUNT }],
  [0xbd, { run: (_, packet) => new Reply(Uint8Array.of(0, 0, 0, 0, 0, 1, 0, 0), be16(packet, 8)), flags: 0 }],
  [0xbe, { run: (d, packet) => d.readCd(packet), flags: CHECK_READY | NO_COUNT }]
]);
