/** Images without a format: byte n of the file is byte n of the disk. Source: QEMU block/raw-format.c. */
import type { ByteSource } from '../../vmstate/source.ts';
import { BlockError, SECTOR_SIZE, type BlockDriver } from './block-driver.ts';

/** Where a file can be written too. */
export interface ByteSink {
  write(at: number, bytes: Uint8Array): Promise<void>;
  flush(): Promise<void>;
}

const ZEROS = new Uint8Array(1 << 16);

export class RawImage implements BlockDriver {
  readonly format = 'raw';
  readonly size: number;
  readonly #source: ByteSource;
  readonly #sink: ByteSink | undefined;

  /** @param sink without it the image is read-only */
  constructor(source: ByteSource, sink?: ByteSink) {
    this.#source = source;
    this.#sink = sink;
    this.size = Math.ceil(source.size / SECTOR_SIZE) * SECTOR_SIZE;
  }

  get readOnly(): boolean {
    return this.#sink === undefined;
  }

  /** A file that ends inside its last sector goes on with zeros; one that became shorter does too. */
  async read(at: number, target: Uint8Array): Promise<void> {
    for (let done = 0; done < target.length;) {
      const got = await this.#source.read(at + done, target.subarray(done));
      if (got === 0) {
        target.fill(0, done);
        return;
      }
      done += got;
    }
  }

  async write(at: number, bytes: Uint8Array): Promise<void> {
    await this.#writable().write(at, bytes.slice());
  }

  async flush(): Promise<void> {
    await this.#sink?.flush();
  }

  async writeZeroes(at: number, length: number): Promise<void> {
    const sink = this.#writable();
    for (let done = 0; done < length; done += ZEROS.length) {
      await sink.write(at + done, ZEROS.subarray(0, Math.min(ZEROS.length, length - done)));
    }
  }

  /** A file has no holes to make. */
  async discard(): Promise<void> {}

  #writable(): ByteSink {
    if (!this.#sink) throw new BlockError('EROFS', 'the image is read-only');
    return this.#sink;
  }
}
