/**
 * A drive: PIO and DMA transfers of sectors. Commands are in ide-commands.ts, what only a CD does in atapi.ts.
 * Source: QEMU hw/ide/core.c; ATA8-ACS.
 */
import type { BlockBackend } from '../../block/block-backend.ts';
import { SECTOR_SIZE, type BlockError } from '../../block/block-driver.ts';
import {
  BUSY_STAT,
  DRQ_STAT,
  END,
  IDERegisters,
  READY_STAT,
  RETRY,
  SEEK_STAT,
  type DMACommand,
  type DMASegment
} from './ide-registers.ts';
import { IDESmart } from './ide-smart.ts';

/** Work of an image under way; what it comes to does not count any more once it was cancelled. */
interface Pending {
  cancelled: boolean;
  /** What RETRY would be needed to do it again. */
  readonly retry: number;
}

/** Bytes that go through the host's memory at a time. */
const PIECE = 1 << 20;

export class IDEDrive extends IDERegisters {
  readonly smart = new IDESmart();
  dmaCommand: DMACommand = 'read';
  /** Bytes that the last stretch of the PRD table described. */
  #described = 0;
  #pending: Pending | undefined;

  /** What an image is working on, as RETRY; 0 when nothing. */
  get pendingRetry(): number {
    return this.#pending?.retry ?? 0;
  }

  /** No request is under way. */
  saveLocal(): unknown {
    return { dmaCommand: this.dmaCommand, described: this.#described, smart: this.smart.state };
  }
  loadLocal(value: unknown): void {
    const { dmaCommand, described, smart } = value as {
      dmaCommand: DMACommand;
      described: number;
      smart: IDESmart['state'];
    };
    this.dmaCommand = dmaCommand;
    this.#described = described;
    this.smart.state = smart;
  }

  override reset(): void {
    this.cancel();
    this.#described = 0;
    super.reset();
  }

  protected override transferEnded(): void {
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

  #rangeOk(sector: number, count: number): boolean {
    return sector >= 0 && sector + count <= this.nbSectors;
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
    this.setRetry();
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
    this.setRetry();
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
    this.setRetry();
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
    this.clearRetry();
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
