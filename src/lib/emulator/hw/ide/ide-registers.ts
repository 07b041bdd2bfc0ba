/**
 * The registers of a drive: reset, where the sectors are, the data port.
 * Source: QEMU hw/ide/core.c, hw/ide/ide-dev.c; ATA8-ACS.
 */
import type { BlockBackend } from '../../block/block-backend.ts';
import { SECTOR_SIZE } from '../../block/block-driver.ts';
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

export interface IDEDriveOptions {
  readonly kind: 'hd' | 'cd';
  readonly blk: BlockBackend;
  readonly serial?: string;
  readonly model?: string;
  readonly wwn?: bigint;
}

/** QEMU_HW_VERSION. */
const HW_VERSION = '2.5+';
export abstract class IDERegisters implements IDEState {
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
  /** A reset puts back what the drive had at the start. */
  resetReverts = false;

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
  /** Source: ide_reset. */
  reset(): void {
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
    this.setRetry();
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
    this.transferEnded();
  }

  /** The guest has moved the whole buffer. */
  protected abstract transferEnded(): void;

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

  /** What would have to be done again if the machine stopped now. */
  setRetry(): void {
    const { bus } = this;
    bus.retry_unit = this.unit;
    bus.retry_sector_num = BigInt(this.getSector());
    bus.retry_nsector = this.nsector;
  }
  clearRetry(): void {
    const { bus } = this;
    bus.retry_unit = 0xff;
    bus.retry_sector_num = 0n;
    bus.retry_nsector = 0;
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
