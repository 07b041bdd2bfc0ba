/**
 * A CD drive: SCSI commands in packets. Source: QEMU hw/ide/atapi.c, hw/block/cdrom.c; MMC-5, SPC-3.
 *
 * QEMU reads the next sector while the guest fetches a block of data; here a block's sectors are all read before it is
 * offered, because images answer later.
 */
import { SECTOR_SIZE, type BlockError } from '../../block/block-driver.ts';
import {
  ASC,
  be16,
  be32,
  CD_SECTOR,
  discInformation,
  dvdStructure,
  eventStatus,
  getConfiguration,
  ILLEGAL_REQUEST,
  inquiry,
  invalidField,
  modeSense,
  NO_SENSE,
  NOT_READY,
  putRaw,
  RAW_SECTOR,
  readToc,
  Reply,
  Sense,
  u32,
  UNIT_ATTENTION,
  type Outcome
} from './atapi-replies.ts';
import { IO_BUFFER_TOTAL_LEN } from './core.ts';
import { identifyCd } from './ide-identify.ts';
import { IDEDrive } from './ide-dev.ts';
import {
  BUSY_STAT,
  DRQ_STAT,
  END,
  ERR_STAT,
  READY_STAT,
  RETRY,
  SEEK_STAT,
  type IDEDriveBus,
  type IDEDriveOptions
} from './ide-registers.ts';

const INT_REASON_CD = 0x01;
const INT_REASON_IO = 0x02;

/** CD sectors that DMA moves at a time. */
const DMA_SECTORS = 64;

/** May run although the guest has not been told of a change of medium. */
const ALLOW_UA = 1;
/** Needs a medium. */
const CHECK_READY = 2;
/** Moves no data, or decides by itself: no byte count is needed. */
const NO_COUNT = 4;

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

  override saveLocal(): unknown {
    return { drive: super.saveLocal(), reading: this.#reading };
  }
  override loadLocal(value: unknown): void {
    const { drive, reading } = value as { drive: unknown; reading: Reading | undefined };
    super.loadLocal(drive);
    this.#reading = reading;
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

  get hasMedium(): boolean {
    return !this.tray_open && this.nbSectors > 0;
  }
  /** CD sectors of the medium. */
  get size(): number {
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
    if (flags & CHECK_READY && (!this.hasMedium || !this.blk?.isInserted)) {
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
    return new Reply(Uint8Array.from([...u32(this.size - 1), ...u32(CD_SECTOR)]), 8);
  }

  read(packet: Uint8Array): Outcome {
    const sectors = packet[0] === 0x28 ? be16(packet, 7) : be32(packet, 6);
    const lba = be32(packet, 2);
    if (sectors === 0) return 'ok';
    if (lba + sectors > this.size) return new Sense(ILLEGAL_REQUEST, ASC.LOGICAL_BLOCK_OOR);
    return this.#startRead(lba, sectors, CD_SECTOR);
  }

  readCd(packet: Uint8Array): Outcome {
    const sectors = (packet[6]! << 16) | be16(packet, 7);
    const lba = be32(packet, 2);
    const wanted = packet[9]! & 0xf8;
    if (sectors === 0) return 'ok';
    if (lba + sectors > this.size) return new Sense(ILLEGAL_REQUEST, ASC.LOGICAL_BLOCK_OOR);
    if (wanted === 0) return 'ok';
    if (!this.#countIsValid()) return 'goes-on';
    if (wanted === 0x10) return this.#startRead(lba, sectors, CD_SECTOR);
    if (wanted === 0xf8) return this.#startRead(lba, sectors, RAW_SECTOR);
    return invalidField;
  }

  seek(packet: Uint8Array): Outcome {
    return be32(packet, 2) < this.size ? 'ok' : new Sense(ILLEGAL_REQUEST, ASC.LOGICAL_BLOCK_OOR);
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
  [0x12, { run: inquiry, flags: ALLOW_UA }],
  [0x1b, { run: (d, packet) => d.startStopUnit(packet), flags: NO_COUNT }],
  [0x1e, { run: (d, packet) => d.preventRemoval(packet), flags: NO_COUNT }],
  [0x25, { run: (d) => d.capacity(), flags: CHECK_READY }],
  [0x28, { run: (d, packet) => d.read(packet), flags: CHECK_READY }],
  [0x2b, { run: (d, packet) => d.seek(packet), flags: CHECK_READY | NO_COUNT }],
  [0x43, { run: readToc, flags: CHECK_READY }],
  [0x46, { run: getConfiguration, flags: ALLOW_UA }],
  [0x4a, { run: eventStatus, flags: ALLOW_UA }],
  [0x51, { run: (_, packet) => discInformation(packet), flags: CHECK_READY }],
  [0x5a, { run: modeSense, flags: 0 }],
  [0xa8, { run: (d, packet) => d.read(packet), flags: CHECK_READY }],
  [0xad, { run: dvdStructure, flags: CHECK_READY }],
  [0xbb, { run: () => 'ok', flags: NO_COUNT }],
  [0xbd, { run: (_, packet) => new Reply(Uint8Array.of(0, 0, 0, 0, 0, 1, 0, 0), be16(packet, 8)), flags: 0 }],
  [0xbe, { run: (d, packet) => d.readCd(packet), flags: CHECK_READY | NO_COUNT }]
]);
