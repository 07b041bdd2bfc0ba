/**
 * A drive: its registers, PIO and DMA transfers of sectors, what it says of itself. Commands are in ide-commands.ts, what
 * only a CD does in atapi.ts.
 * Source: QEMU hw/ide/core.c, hw/ide/ide-dev.c; ATA8-ACS.
 */
import type { BlockBackend } from '../../block/block-backend.ts';
import { SECTOR_SIZE, type BlockError } from '../../block/block-driver.ts';
import { guessGeometry, type HDGeometry } from '../../block/hd-geometry.ts';
import { IO_BUFFER_TOTAL_LEN, type IDEState } from './core.ts';

export const ERR_STAT = 0x01;
export const DRQ_STAT = 0x08;
export const SEEK_STAT = 0x10;
export const READY_STAT = 0x40;
export const BUSY_STAT = 0x80;
export const ABRT_ERR = 0x04;
export const MAX_MULT_SECTORS = 16;

const DEV_ALWAYS_ON = 0xa0;
const DEV_LBA = 0x40;
const DEV_HEAD = 0x0f;

/** What happens when the buffer is through: the numbers of end_transfer_fn_idx. */
export const END = { SECTOR_READ: 0, SECTOR_WRITE: 1, STOP: 2, ATAPI_REPLY: 3, ATAPI_COMMAND: 4, DUMMY: 5 } as const;

/** IDEBus.error_status: what is to be done again. */
export const RETRY = { DMA: 0x08, PIO: 0x10, READ: 0x20, FLUSH: 0x40, TRIM: 0x80 } as const;

/** A stretch of guest memory. */
export interface DMASegment {
  readonly addr: number;
  readonly length: number;
}

/** How a drive reaches guest memory. Source: IDEDMAOps. */
export interface IDEDMA {
  /** Begins, now or when the guest starts the bus master. */
  start(begin: () => void): void;
  /** Where the next bytes go; `described` counts those beyond the limit too. */
  prepare(limit: number): { readonly segments: readonly DMASegment[]; readonly described: number };
  /** Writes into guest memory; returns how many bytes had room. */
  put(bytes: Uint8Array): number;
  read(segment: DMASegment, into: Uint8Array): void;
  write(segment: DMASegment, from: Uint8Array): void;
  /** @param more the guest has described more than was moved */
  setInactive(more: boolean): void;
  /** From the table's beginning again. */
  restart(): void;
}

/** What a drive needs of its channel. */
export interface IDEDriveBus {
  readonly dma: IDEDMA;
  error_status: number;
  retry_unit: number;
  retry_sector_num: bigint;
  retry_nsector: number;
  /** Raises the interrupt, unless the guest has turned it off. */
  setIrq(): void;
}

export type DMACommand = 'read' | 'write' | 'trim' | 'atapi';

/** Work of an image under way; what it comes to does not count any more once it was cancelled. */
interface Pending {
  cancelled: boolean;
  /** What RETRY would be needed to do it again. */
  readonly retry: number;
}

export interface IDEDriveOptions {
  readonly kind: 'hd' | 'cd';
  readonly blk: BlockBackend;
  readonly serial?: string;
  readonly model?: string;
  readonly wwn?: bigint;
}

/** QEMU_HW_VERSION. */
const HW_VERSION = '2.5+';
/** Bytes that go through the host's memory at a time. */
const PIECE = 1 << 20;

export class IDEDrive implements IDEState {
  readonly bus: IDEDriveBus;
  readonly unit: number;
  readonly kind: 'none' | 'hd' | 'cd';
  readonly blk: BlockBackend | undefined;
  readonly serial: string;
  readonly model: string;
  readonly version = HW_VERSION;
  readonly wwn: bigint;
  /** What the drive has; the guest may have set others. */
  readonly native: HDGeometry;
  heads: number;
  sectors: number;
  mult_sectors = MAX_MULT_SECTORS;
  identify_set = 0;
  identify_data: Uint8Array = new Uint8Array(SECTOR_SIZE);
  feature = 0;
  error = 0;
  nsector = 1;
  sector = 1;
  lcyl = 0;
  hcyl = 0;
  hob_feature = 0;
  hob_sector = 0;
  hob_nsector = 0;
  hob_lcyl = 0;
  hob_hcyl = 0;
  select = DEV_ALWAYS_ON;
  status = READY_STAT | SEEK_STAT;
  lba48 = 0;
  sense_key = 0;
  asc = 0;
  cdrom_changed = 0;
  readonly events = { new_media: false, eject_request: false };
  tray_open = false;
  tray_locked = false;
  req_nb_sectors = 0;
  io_buffer: Uint8Array = new Uint8Array(IO_BUFFER_TOTAL_LEN);
  cur_io_buffer_offset = 0;
  cur_io_buffer_len = 0;
  end_transfer_fn_idx: number = END.DUMMY;
  elementary_transfer_size = 0;
  packet_transfer_size = 0;
  dmaCommand: DMACommand = 'read';
  /** A reset puts back what the drive had at the start. */
  resetReverts = false;
  /** Bytes that the last stretch of the PRD table described. */
  #described = 0;
  #pending: Pending | undefined;

  /** @param number of the drive in the machine, from 1 on: part of its serial number */
  constructor(bus: IDEDriveBus, unit: number, number: number, options?: IDEDriveOptions) {
    this.bus = bus;
    this.unit = unit;
    this.kind = options?.kind ?? 'none';
    this.blk = options?.blk;
    this.serial = options?.serial ?? `QM${String(number).padStart(5, '0')}`;
    this.model = options?.model ?? (this.kind === 'cd' ? 'QEMU DVD-ROM' : 'QEMU HARDDISK');
    this.wwn = options?.wwn ?? 0n;
    this.native = this.kind === 'hd' ? guessGeometry(this.nbSectors) : { cylinders: 0, heads: 0, sectors: 0 };
    this.heads = this.native.heads;
    this.sectors = this.native.sectors;
  }

  get nbSectors(): number {
    return Math.floor(this.blk?.sectors ?? 0);
  }
  get hasPioState(): boolean {
    return (this.status & DRQ_STAT) !== 0 || (this.bus.error_status & RETRY.PIO) !== 0;
  }
  /** What an image is working on, as RETRY; 0 when nothing. */
  get pendingRetry(): number {
    return this.#pending?.retry ?? 0;
  }

  /** Source: ide_reset. */
  reset(): void {
    this.cancel();
    if (this.resetReverts) {
      this.resetReverts = false;
      this.heads = this.native.heads;
      this.sectors = this.native.sectors;
    }
    this.mult_sectors = MAX_MULT_SECTORS;
    this.feature = this.error = this.nsector = this.sector = this.lcyl = this.hcyl = 0;
    this.hob_feature = this.hob_sector = this.hob_nsector = this.hob_lcyl = this.hob_hcyl = 0;
    this.select = DEV_ALWAYS_ON;
    this.status = READY_STAT | SEEK_STAT;
    this.lba48 = this.sense_key = this.asc = this.cdrom_changed = 0;
    this.packet_transfer_size = this.elementary_transfer_size = this.req_nb_sectors = 0;
    this.tray_locked = this.tray_open = false;
    this.#described = 0;
    this.setSignature();
    this.end_transfer_fn_idx = END.DUMMY;
    this.dummyStop();
  }

  /** Sector numbers that tell what kind of drive it is. */
  setSignature(): void {
    this.select &= ~DEV_HEAD;
    this.nsector = this.sector = 1;
    [this.lcyl, this.hcyl] = this.kind === 'cd' ? [0x14, 0xeb] : this.kind === 'hd' ? [0, 0] : [0xff, 0xff];
  }

  /** All bits of the device register but those that are always set. Source: cmd_exec_dev_diagnostic. */
  clearSelect(): void {
    this.select = DEV_ALWAYS_ON;
  }

  /** Makes `size` bytes of the buffer ready to be read or written by the guest. Source: ide_transfer_start. */
  transferStart(offset: number, size: number, end: number): void {
    this.cur_io_buffer_offset = offset;
    this.cur_io_buffer_len = size;
    this.#setRetry();
    if (!(this.status & ERR_STAT)) this.status |= DRQ_STAT;
    this.end_transfer_fn_idx = end;
  }

  transferStop(): void {
    this.end_transfer_fn_idx = END.STOP;
    this.cur_io_buffer_offset = this.cur_io_buffer_len = 0;
    this.status &= ~DRQ_STAT;
  }

  /** Data registers read all ones. */
  dummyStop(): void {
    this.cur_io_buffer_offset = this.cur_io_buffer_len = 0;
    this.io_buffer.fill(0xff, 0, 4);
  }

  abort(): void {
    this.status = READY_STAT | ERR_STAT;
    this.error = ABRT_ERR;
    this.transferStop();
  }

  /** Whether the guest reads the buffer; else it writes it. Source: ide_is_pio_out. */
  get #guestReads(): boolean {
    return this.end_transfer_fn_idx !== END.SECTOR_WRITE && this.end_transfer_fn_idx !== END.ATAPI_COMMAND;
  }

  /** The next bytes of the data register, little-endian. Returns 0 when there are none. */
  readData(size: number): number {
    if (!(this.status & DRQ_STAT) || !this.#guestReads || size > this.cur_io_buffer_len) return 0;
    const at = this.cur_io_buffer_offset;
    let value = 0;
    for (let i = size; i-- > 0;) value = value * 256 + this.io_buffer[at + i]!;
    this.#advance(size);
    return value;
  }

  writeData(value: number, size: number): void {
    if (!(this.status & DRQ_STAT) || this.#guestReads || size > this.cur_io_buffer_len) return;
    for (let i = 0; i < size; i++) this.io_buffer[this.cur_io_buffer_offset + i] = value >>> (8 * i);
    this.#advance(size);
  }

  #advance(size: number): void {
    this.cur_io_buffer_offset += size;
    this.cur_io_buffer_len -= size;
    if (this.cur_io_buffer_len > 0) return;
    this.status &= ~DRQ_STAT;
    this.#ended();
  }

  #ended(): void {
    switch (this.end_transfer_fn_idx) {
      case END.SECTOR_READ:
        return this.sectorRead();
      case END.SECTOR_WRITE:
        return this.sectorWrite();
      case END.ATAPI_REPLY:
        return this.atapiReplyEnd();
      case END.ATAPI_COMMAND:
        return this.atapiCommand();
      case END.DUMMY:
        return this.dummyStop();
      default:
        return this.transferStop();
    }
  }

  /** Of a CD. */
  atapiCommand(): void {
    this.transferStop();
  }
  atapiReplyEnd(): void {
    this.transferStop();
  }
  /** Fills the buffer with what IDENTIFY PACKET DEVICE answers. */
  identifyPacket(): void {}

  getSector(): number {
    const low = this.lcyl * 0x100 + this.sector;
    if (!(this.select & DEV_LBA)) {
      const cylinder = this.hcyl * 0x100 + this.lcyl;
      return cylinder * this.heads * this.sectors + (this.select & DEV_HEAD) * this.sectors + this.sector - 1;
    }
    if (!this.lba48) return (this.select & DEV_HEAD) * 2 ** 24 + this.hcyl * 0x10000 + low;
    const high = this.hob_hcyl * 0x10000 + this.hob_lcyl * 0x100 + this.hob_sector;
    return high * 2 ** 24 + this.hcyl * 0x10000 + low;
  }

  setSector(number: number): void {
    const byte = (n: number): number => Math.floor(number / 2 ** (8 * n)) & 0xff;
    if (this.select & DEV_LBA) {
      [this.sector, this.lcyl, this.hcyl] = [byte(0), byte(1), byte(2)];
      if (this.lba48) [this.hob_sector, this.hob_lcyl, this.hob_hcyl] = [byte(3), byte(4), byte(5)];
      else this.select = (this.select & ~DEV_HEAD) | (byte(3) & DEV_HEAD);
      return;
    }
    const track = Math.max(1, this.heads * this.sectors);
    const cylinder = Math.floor(number / track);
    const rest = number % track;
    this.lcyl = cylinder & 0xff;
    this.hcyl = (cylinder >> 8) & 0xff;
    this.select = (this.select & ~DEV_HEAD) | (Math.floor(rest / Math.max(1, this.sectors)) & DEV_HEAD);
    this.sector = (rest % Math.max(1, this.sectors)) + 1;
  }

  #rangeOk(sector: number, count: number): boolean {
    return sector >= 0 && sector + count <= this.nbSectors;
  }

  #setRetry(): void {
    const { bus } = this;
    bus.retry_unit = this.unit;
    bus.retry_sector_num = BigInt(this.getSector());
    bus.retry_nsector = this.nsector;
  }
  #clearRetry(): void {
    const { bus } = this;
    bus.retry_unit = 0xff;
    bus.retry_sector_num = 0n;
    bus.retry_nsector = 0;
  }

  /** Asks the image for something, and gets what it came to unless it was cancelled meanwhile. */
  ask(
    retry: number,
    work: (blk: BlockBackend, done: (result: Uint8Array | BlockError | undefined) => void) => void,
    then: (result: Uint8Array | BlockError | undefined) => void
  ): void {
    const { blk } = this;
    if (!blk) return;
    const pending: Pending = { cancelled: false, retry };
    this.#pending = pending;
    work(blk, (result) => {
      if (pending.cancelled) return;
      this.#pending = undefined;
      then(result);
    });
  }

  /** What an image still works on comes to nothing. */
  cancel(): void {
    if (!this.#pending) return;
    this.#pending.cancelled = true;
    this.#pending = undefined;
    this.blk?.cancelHeld();
  }

  /** Returns whether the request is to be kept, or was answered with the error. Source: ide_handle_rw_error. */
  #handleError(error: BlockError, retry: number): void {
    if (this.blk?.stopsOn(error, (retry & RETRY.READ) !== 0)) this.bus.error_status = retry;
    else if (retry & RETRY.DMA) this.dmaError();
    else {
      this.abort();
      this.bus.setIrq();
    }
  }

  get #count(): number {
    return Math.min(this.nsector, this.req_nb_sectors);
  }

  /** Source: ide_sector_read. */
  sectorRead(): void {
    this.status = READY_STAT | SEEK_STAT;
    this.error = 0;
    if (this.nsector === 0) return this.transferStop();
    this.status |= BUSY_STAT;
    const sector = this.getSector();
    const n = this.#count;
    if (!this.#rangeOk(sector, n)) return this.#rwError();
    this.#setRetry();
    this.ask(
      RETRY.PIO | RETRY.READ,
      (blk, done) => blk.read(sector * SECTOR_SIZE, n * SECTOR_SIZE, done),
      (result) => {
        this.status &= ~BUSY_STAT;
        if (!(result instanceof Uint8Array)) return this.#handleError(result!, RETRY.PIO | RETRY.READ);
        this.io_buffer.set(result);
        this.setSector(sector + n);
        this.nsector -= n;
        this.transferStart(0, n * SECTOR_SIZE, END.SECTOR_READ);
        this.bus.setIrq();
      }
    );
  }

  #rwError(): void {
    this.abort();
    this.bus.setIrq();
  }

  /** Source: ide_sector_write. */
  sectorWrite(): void {
    this.status = READY_STAT | SEEK_STAT | BUSY_STAT;
    const sector = this.getSector();
    const n = this.#count;
    if (!this.#rangeOk(sector, n)) return this.#rwError();
    const bytes = this.io_buffer.slice(0, n * SECTOR_SIZE);
    this.ask(
      RETRY.PIO,
      (blk, done) => blk.write(sector * SECTOR_SIZE, bytes, done),
      (error) => {
        this.status &= ~BUSY_STAT;
        if (error && !(error instanceof Uint8Array)) return this.#handleError(error, RETRY.PIO);
        this.nsector -= n;
        this.setSector(sector + n);
        if (this.nsector === 0) this.transferStop();
        else this.transferStart(0, this.#count * SECTOR_SIZE, END.SECTOR_WRITE);
        this.bus.setIrq();
      }
    );
  }

  flushCache(): void {
    this.status |= BUSY_STAT;
    this.#setRetry();
    this.ask(
      RETRY.FLUSH,
      (blk, done) => blk.flush(done),
      (error) => {
        if (error && !(error instanceof Uint8Array)) return this.#handleError(error, RETRY.FLUSH);
        this.status = READY_STAT | SEEK_STAT;
        this.bus.setIrq();
      }
    );
  }

  /** Source: ide_sector_start_dma. */
  startDma(command: DMACommand): void {
    this.status = READY_STAT | SEEK_STAT | DRQ_STAT;
    this.#described = 0;
    this.dmaCommand = command;
    this.beginDma(() => this.#nextDma());
  }

  beginDma(begin: () => void): void {
    this.#setRetry();
    this.bus.dma.start(begin);
  }

  /** What is to be set in error_status for the DMA command at hand. */
  get dmaRetry(): number {
    if (this.dmaCommand === 'atapi') return RETRY.READ;
    return RETRY.DMA | { read: RETRY.READ, write: 0, trim: RETRY.TRIM }[this.dmaCommand];
  }

  dmaError(): void {
    this.abort();
    this.setInactive(false);
    this.bus.setIrq();
  }

  setInactive(more: boolean): void {
    this.#clearRetry();
    this.bus.dma.setInactive(more);
  }

  /** A stretch was moved, or nothing yet: goes on with the next. Source: ide_dma_cb. */
  #nextDma(): void {
    const stayActive = this.#described > this.nsector * SECTOR_SIZE;
    const moved = stayActive ? this.nsector : Math.floor(this.#described / SECTOR_SIZE);
    if (moved > 0) {
      this.setSector(this.getSector() + moved);
      this.nsector -= moved;
    }
    if (this.nsector === 0) {
      this.status = READY_STAT | SEEK_STAT;
      this.bus.setIrq();
      return this.setInactive(stayActive);
    }
    const bytes = this.nsector * SECTOR_SIZE;
    const { segments, described } = this.bus.dma.prepare(bytes);
    this.#described = described;
    if (segments.reduce((sum, { length }) => sum + length, 0) < bytes) {
      this.status = READY_STAT | SEEK_STAT;
      return this.setInactive(false);
    }
    const sector = this.getSector();
    if (this.dmaCommand === 'trim') this.#trim(segments, bytes);
    else if (!this.#rangeOk(sector, this.nsector)) this.dmaError();
    else this.#moveSectors(sector * SECTOR_SIZE, bytes, segments);
  }

  /** Between image and guest memory, piece by piece. */
  #moveSectors(start: number, bytes: number, segments: readonly DMASegment[]): void {
    const write = this.dmaCommand === 'write';
    const step = (done: number): void => {
      if (done >= bytes) return this.#nextDma();
      const piece = Math.min(PIECE, bytes - done);
      const places = cut(segments, done, piece);
      const out = write ? new Uint8Array(piece) : undefined;
      if (out) eachPart(places, out, (place, part) => this.bus.dma.read(place, part));
      this.ask(
        this.dmaRetry,
        (blk, then) => (out ? blk.write(start + done, out, then) : blk.read(start + done, piece, then)),
        (result) => {
          if (result instanceof Uint8Array) eachPart(places, result, (place, part) => this.bus.dma.write(place, part));
          else if (result) return this.#handleError(result, this.dmaRetry);
          step(done + piece);
        }
      );
    };
    step(0);
  }

  /** DATA SET MANAGEMENT: each 8 bytes are a sector of 48 bits and a count of 16. Source: ide_issue_trim_cb. */
  #trim(segments: readonly DMASegment[], bytes: number): void {
    const list = new Uint8Array(bytes);
    eachPart(segments, list, (place, part) => this.bus.dma.read(place, part));
    const view = new DataView(list.buffer);
    const next = (at: number): void => {
      while (at + 8 <= bytes && view.getUint16(at + 6, true) === 0) at += 8;
      if (at + 8 > bytes) return this.#nextDma();
      const count = view.getUint16(at + 6, true);
      const sector = view.getUint32(at, true) + view.getUint16(at + 4, true) * 2 ** 32;
      if (!this.#rangeOk(sector, count)) return this.dmaError();
      this.ask(
        this.dmaRetry,
        (blk, done) => blk.discard(sector * SECTOR_SIZE, count * SECTOR_SIZE, done),
        (error) => {
          if (error && !(error instanceof Uint8Array)) return this.#handleError(error, this.dmaRetry);
          next(at + 8);
        }
      );
    };
    next(0);
  }

  /** Does again what a loaded state, or an error, has left undone. Source: ide_restart_bh. */
  retry(what: number): void {
    if (what & RETRY.DMA) {
      this.setSector(Number(this.bus.retry_sector_num));
      this.nsector = this.bus.retry_nsector;
      this.bus.dma.restart();
      this.startDmaAgain(what & RETRY.TRIM ? 'trim' : what & RETRY.READ ? 'read' : 'write');
    } else if (what & RETRY.PIO) {
      if (what & RETRY.READ) this.sectorRead();
      else this.sectorWrite();
    } else if (what & RETRY.FLUSH) this.flushCache();
    else if (what === RETRY.READ) {
      this.bus.dma.restart();
      this.atapiCommand();
    }
  }

  startDmaAgain(command: DMACommand): void {
    this.#described = 0;
    this.dmaCommand = command;
    this.beginDma(() => this.#nextDma());
  }

  /** What was loaded must stay inside the buffer. */
  postLoad(): string | undefined {
    const { cur_io_buffer_offset: offset, cur_io_buffer_len: length } = this;
    this.cur_io_buffer_offset = Math.max(0, Math.min(offset, IO_BUFFER_TOTAL_LEN));
    this.cur_io_buffer_len = Math.max(0, Math.min(length, IO_BUFFER_TOTAL_LEN - this.cur_io_buffer_offset));
    this.req_nb_sectors = Math.max(0, Math.min(this.req_nb_sectors, MAX_MULT_SECTORS));
    if (this.blk && this.identify_set && this.kind === 'hd') {
      this.blk.writeCache = (this.identify_data[2 * 85]! & 0x20) !== 0;
    }
    return undefined;
  }
}

/** `length` bytes of segments from `from` on. */
function cut(segments: readonly DMASegment[], from: number, length: number): DMASegment[] {
  const out: DMASegment[] = [];
  for (const segment of segments) {
    const skip = Math.min(from, segment.length);
    from -= skip;
    const take = Math.min(segment.length - skip, length);
    length -= take;
    if (take > 0) out.push({ addr: segment.addr + skip, length: take });
  }
  return out;
}

/** Gives each segment its part of the bytes. */
function eachPart(
  segments: readonly DMASegment[],
  bytes: Uint8Array,
  move: (segment: DMASegment, part: Uint8Array) => void
): void {
  let at = 0;
  for (const segment of segments) {
    move(segment, bytes.subarray(at, at + segment.length));
    at += segment.length;
  }
}
