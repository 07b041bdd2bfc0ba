/**
 * What an image format offers. Everything is asynchronous: bytes come from files, the network or a decompressor.
 * In the place of QEMU include/block/block_int-common.h BlockDriver.
 */

export const SECTOR_SIZE = 512;

/** Why a request failed, as errno names it. */
export type BlockErrno = 'EIO' | 'ENOSPC' | 'EROFS' | 'ENOMEDIUM';

export class BlockError extends Error {
  readonly errno: BlockErrno;
  constructor(errno: BlockErrno, message: string) {
    super(message);
    this.errno = errno;
  }
}

/** Places and lengths are bytes, multiples of `SECTOR_SIZE` inside `size`. Failures are thrown. */
export interface BlockDriver {
  /** What `info block` calls it: `raw`, `qcow2`, … */
  readonly format: string;
  /** Bytes, a multiple of `SECTOR_SIZE`. */
  readonly size: number;
  readonly readOnly: boolean;
  read(at: number, target: Uint8Array): Promise<void>;
  /** Takes the bytes over before it returns. */
  write(at: number, bytes: Uint8Array): Promise<void>;
  /** What was written is safe when this is done. */
  flush(): Promise<void>;
  /** Reads as zeros from now on. */
  writeZeroes(at: number, length: number): Promise<void>;
  /** The contents do not matter any more. */
  discard(at: number, length: number): Promise<void>;
  /** Keeps what is written now, and returns what brings it back; without it that cannot be done. */
  capture?(): () => void;
}
