/** Sectors of one transfer of the floppy controller, between its FIFO and an image that takes its time. */
import { BlockError } from '../../block/block-driver.ts';
import { FD_SECTOR_LEN, type FloppyDrive } from './fdc-drive.ts';

export class FloppySectors {
  /** Contents by number. */
  readonly #sectors = new Map<number, Uint8Array>();
  /** Counts transfers: what was asked for in another one comes too late. */
  #transfer = 0;
  #writing = 0;
  /** What the end of the writes is waited for with. */
  #afterWrites: (() => void) | undefined;
  /** A loaded transfer waits for its sectors. */
  loading = false;

  /** Another transfer begins, or none is left. */
  begin(): void {
    this.#transfer++;
    this.#writing = 0;
    this.#afterWrites = undefined;
    this.loading = false;
    this.#sectors.clear();
  }

  /** The end of the writes is waited for. */
  get waits(): boolean {
    return this.#afterWrites !== undefined;
  }

  /** Reads all that a transfer of so many bytes may need, then goes on. What lies behind the image's end is zeros. */
  fetch(drive: FloppyDrive, length: number, then: () => void): void {
    const first = drive.sector;
    const most = Math.ceil(length / FD_SECTOR_LEN) * 2 + 2 * drive.last_sect;
    const count = Math.min(most, Math.floor(drive.blk?.sectors ?? 0) - first);
    if (!drive.blk || count <= 0) return then();
    const transfer = this.#transfer;
    drive.blk.read(first * FD_SECTOR_LEN, count * FD_SECTOR_LEN, (bytes) => {
      if (transfer !== this.#transfer) return;
      for (let i = 0; i < count && !(bytes instanceof BlockError); i++) {
        this.#sectors.set(first + i, bytes.subarray(i * FD_SECTOR_LEN, (i + 1) * FD_SECTOR_LEN));
      }
      then();
    });
  }

  /** The sector that the drive stands on into the FIFO. */
  load(drive: FloppyDrive, fifo: Uint8Array): void {
    const bytes = this.#sectors.get(drive.sector);
    if (bytes) fifo.set(bytes);
    else fifo.fill(0);
  }

  /** The FIFO on to the sector that the drive stands on. @param failed takes the place of what waits for the end */
  store(drive: FloppyDrive, fifo: Uint8Array, failed: () => void): void {
    const bytes = fifo.slice();
    this.#sectors.set(drive.sector, bytes);
    const transfer = this.#transfer;
    this.#writing++;
    drive.blk!.write(drive.sector * FD_SECTOR_LEN, bytes, (error) => {
      if (transfer !== this.#transfer) return;
      this.#writing--;
      if (error) this.#afterWrites = failed;
      if (this.#writing === 0) this.#afterWrites?.();
    });
  }

  /** Goes on when all is written. */
  whenWritten(then: () => void): void {
    if (this.#writing === 0) then();
    else this.#afterWrites = then;
  }
}
