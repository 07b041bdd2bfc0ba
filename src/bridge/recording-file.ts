/** A recording that is written while a migration goes on. The format is in `src/lib/vmstate/recording.ts`. */
import { createWriteStream, type WriteStream } from 'node:fs';
import {
  recordingBytes,
  recordingHead,
  recordingNote,
  type RecordingHead,
  type RecordingNote
} from '../lib/vmstate/recording.ts';
import { InputError } from './file-source.ts';
import { reason } from './migration-uri.ts';

export class RecordingFile {
  readonly #file: WriteStream;
  readonly #path: string;
  /** When it began: ms since 1970, and by the clock that never jumps. */
  #started: { readonly epoch: number; readonly clock: number } | undefined;
  #failure: string | undefined;
  /** Bytes of the migration stream's side that were recorded. */
  bytes = 0;

  private constructor(path: string, file: WriteStream) {
    this.#path = path;
    this.#file = file;
    file.on('error', (error) => (this.#failure ??= `${path}: ${reason(error)}`));
  }

  /** @throws InputError where it cannot be written */
  static async create(path: string): Promise<RecordingFile> {
    const file = createWriteStream(path, { highWaterMark: 4 << 20 });
    await new Promise<void>((resolve, reject) => {
      file.once('open', () => resolve());
      file.once('error', (error) => reject(new InputError(`${path}: ${reason(error)}`)));
    });
    return new RecordingFile(path, file);
  }

  /** From now on time counts. */
  begin(head: Omit<RecordingHead, 'started'>): void {
    this.#started = { epoch: Date.now(), clock: performance.now() };
    this.#write(recordingHead({ ...head, started: this.#started.epoch }));
  }
  get begun(): boolean {
    return this.#started !== undefined;
  }
  /** ms since 1970. */
  get started(): number {
    return this.#started!.epoch;
  }
  /** ms since it began. */
  now(): number {
    return this.#started ? performance.now() - this.#started.clock : 0;
  }

  note(kind: string, more: Readonly<Record<string, unknown>>, at = this.now()): void {
    this.add({ ...more, kind, at });
  }
  add(note: RecordingNote): void {
    this.#write(recordingNote(note));
  }
  /** A piece that has arrived just now. */
  piece(bytes: Uint8Array, more: Readonly<Record<string, unknown>>): void {
    this.#write(recordingBytes(this.now(), bytes.length, more));
    this.#write(bytes);
    this.#write('\n');
    this.bytes += bytes.length;
  }

  #write(what: string | Uint8Array): void {
    // What cannot be recorded any more must not stop the migration: it goes on, and the recording ends here.
    if (this.#failure === undefined) this.#file.write(what);
  }

  /** Resolves when the disk has caught up: what is not written yet has a bound. */
  async room(): Promise<void> {
    if (this.#failure !== undefined || !this.#file.writableNeedDrain) return;
    await new Promise<void>((resolve) => {
      const go = (): void => {
        this.#file.off('drain', go).off('close', go).off('error', go);
        resolve();
      };
      this.#file.on('drain', go).on('close', go).on('error', go);
    });
  }

  /** Why the recording is not whole, if it is not; the rest has been written then. */
  async close(): Promise<string | undefined> {
    if (this.#failure === undefined)
      await new Promise<void>((resolve) => {
        this.#file.once('error', () => resolve());
        this.#file.end(() => resolve());
      });
    return this.#failure;
  }

  get path(): string {
    return this.#path;
  }
}
