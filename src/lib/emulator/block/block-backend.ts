/**
 * A drive as a device sees it: requests with callbacks, which come between two slices. A drive whose image is not there
 * holds requests back until one is put in, and says which size it should have.
 * Source: QEMU block/block-backend.c.
 */
import { BlockError, SECTOR_SIZE, type BlockDriver } from './block-driver.ts';
import type { Completions } from './completions.ts';

/** Gets what went wrong, or nothing. */
export type BlockDone = (error: BlockError | undefined) => void;

export interface BlockBackendOptions {
  /** The medium can be taken out: CD and floppy. Without one, requests fail instead of waiting. */
  readonly removable?: boolean;
  readonly readOnly?: boolean;
}

/** A drive at some moment. */
export interface BlockCapture {
  readonly writeCache: boolean;
  readonly bringBack: () => void;
}

export class BlockBackend {
  /** As `info block` calls it: `virtio0`, `ide1-cd0`. */
  readonly name: string;
  readonly removable: boolean;
  /** Writes may be kept in a cache until they are flushed. */
  writeCache = true;
  /** Told when a request begins to wait for an image, and when none does any more. */
  onWait: (reason: string | undefined) => void = () => {};
  /** A request failed in a way that stops the machine (werror=enospc, QEMU's default). */
  onStop: (reason: string) => void = () => {};
  /** The medium was changed. */
  onMediumChange: () => void = () => {};
  /** Another image is in, or none: what was before cannot be come back to. */
  onSwap: () => void = () => {};
  readonly #completions: Completions;
  #forceReadOnly: boolean;
  #driver: BlockDriver | undefined;
  #expected = 0;
  #inFlight = 0;
  #held: (() => void)[] = [];

  constructor(
    name: string,
    completions: Completions,
    driver?: BlockDriver,
    { removable, readOnly }: BlockBackendOptions = {}
  ) {
    this.name = name;
    this.#completions = completions;
    this.#driver = driver;
    this.removable = removable ?? false;
    this.#forceReadOnly = readOnly ?? false;
  }

  get driver(): BlockDriver | undefined {
    return this.#driver;
  }
  get isInserted(): boolean {
    return this.#driver !== undefined;
  }
  /** Bytes; of a missing image what is expected. */
  get size(): number {
    return this.#driver?.size ?? this.#expected;
  }
  get sectors(): number {
    return this.size / SECTOR_SIZE;
  }
  get readOnly(): boolean {
    return this.#forceReadOnly || (this.#driver?.readOnly ?? false);
  }
  /** A loaded state says that its disk could not be written. */
  setReadOnly(): void {
    this.#forceReadOnly = true;
  }
  /** Requests that the image works on. */
  get inFlight(): number {
    return this.#inFlight;
  }
  /** Requests that wait for an image. */
  get waiting(): number {
    return this.#held.length;
  }

  /** A loaded state says how big the image is that belongs here. */
  expectSize(bytes: number): void {
    this.#expected = bytes;
  }

  /** Puts an image in. Of another size than a waiting guest expects it is refused: undefined, or why. */
  insert(driver: BlockDriver): string | undefined {
    if (!this.removable && this.#expected > 0 && driver.size !== this.#expected) {
      return `${this.name} had ${this.#expected} bytes, the image has ${driver.size}`;
    }
    this.#driver = driver;
    this.onSwap();
    if (this.removable) this.onMediumChange();
    const held = this.#held;
    this.#held = [];
    for (const request of held) request();
    if (held.length > 0) this.onWait(undefined);
    return undefined;
  }

  /** Takes the medium out. */
  eject(): void {
    this.#driver = undefined;
    this.onSwap();
    this.onMediumChange();
  }

  /** Whether what is written can be taken back. */
  get canCapture(): boolean {
    return !this.#driver || this.readOnly || this.#driver.capture !== undefined;
  }
  /** Contents and mode at this moment. */
  capture(): BlockCapture {
    return { writeCache: this.writeCache, bringBack: this.#driver?.capture?.() ?? (() => {}) };
  }
  restore({ writeCache, bringBack }: BlockCapture): void {
    this.cancelHeld();
    this.writeCache = writeCache;
    bringBack();
  }

  /** Whether a failed request is to be kept until the machine goes on. Source: blk_get_error_action. */
  stopsOn(error: BlockError, isRead: boolean): boolean {
    if (isRead || error.errno !== 'ENOSPC') return false;
    this.onStop(`${this.name}: ${error.message}`);
    return true;
  }

  /** Forgets what waits for an image: the device was reset, or its state goes elsewhere. */
  cancelHeld(): void {
    if (this.#held.length === 0) return;
    this.#held = [];
    this.onWait(undefined);
  }

  /** @param done gets `length` bytes, or what went wrong */
  read(at: number, length: number, done: (result: Uint8Array | BlockError) => void): void {
    this.#request(
      at,
      length,
      async (driver) => {
        const bytes = new Uint8Array(length);
        await driver.read(at, bytes);
        return bytes;
      },
      done
    );
  }

  /** @param bytes are not to be changed until it is done */
  write(at: number, bytes: Uint8Array, done: BlockDone): void {
    this.#change(at, bytes.length, (driver) => driver.write(at, bytes), done);
  }
  writeZeroes(at: number, length: number, done: BlockDone): void {
    this.#change(at, length, (driver) => driver.writeZeroes(at, length), done);
  }
  discard(at: number, length: number, done: BlockDone): void {
    this.#change(at, length, (driver) => driver.discard(at, length), done);
  }
  flush(done: BlockDone): void {
    this.#request(0, 0, (driver) => driver.flush(), asDone(done));
  }

  #change(at: number, length: number, work: (driver: BlockDriver) => Promise<void>, done: BlockDone): void {
    if (this.readOnly) {
      this.#completions.start(
        () => Promise.resolve(),
        () => done(new BlockError('EROFS', `${this.name} is read-only`))
      );
      return;
    }
    this.#request(
      at,
      length,
      async (driver) => {
        await work(driver);
        if (!this.writeCache) await driver.flush();
      },
      asDone(done)
    );
  }

  #request<T>(
    at: number,
    length: number,
    work: (driver: BlockDriver) => Promise<T>,
    done: (result: T | BlockError) => void
  ): void {
    const begin = (): void => {
      const driver = this.#driver;
      this.#inFlight++;
      this.#completions.start(
        async () => {
          if (!driver) throw new BlockError('ENOMEDIUM', `${this.name} has no medium`);
          const inside = at >= 0 && length >= 0 && at + length <= driver.size;
          if (!inside) throw new BlockError('EIO', `${at}..${at + length} lies outside of ${this.name}`);
          return work(driver);
        },
        (result) => {
          this.#inFlight--;
          done(result instanceof Error ? asBlockError(result) : result);
        }
      );
    };
    if (this.#driver || this.removable) {
      begin();
      return;
    }
    this.#held.push(begin);
    if (this.#held.length === 1) this.onWait(`${this.name} wants an image of ${this.#expected} bytes`);
  }
}

const asBlockError = (error: Error): BlockError =>
  error instanceof BlockError ? error : new BlockError('EIO', error.message);

const asDone =
  (done: BlockDone) =>
  (result: unknown): void =>
    done(result instanceof BlockError ? result : undefined);
