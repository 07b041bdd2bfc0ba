/**
 * The sending end of a stream: gathers what is written into pieces and sends each when it is full.
 * Source: QEMU migration/qemu-file.c.
 */
import type { ByteDuplex } from './channel.ts';
import type { MigrationStats } from './migration-stats.ts';

const PIECE = 1 << 18;
/** Pieces that are kept for use again: fresh memory costs more than the copy into it. */
const MOST_SPARE = 16;

export class OutgoingFile {
  readonly #channel: ByteDuplex;
  readonly #stats: MigrationStats;
  #piece = new Uint8Array(PIECE);
  #view = new DataView(this.#piece.buffer);
  #length = 0;
  /** What the channel waits for. */
  #full: Promise<void> | undefined;
  readonly #spare: Uint8Array<ArrayBuffer>[] = [];

  constructor(channel: ByteDuplex, stats: MigrationStats) {
    this.#channel = channel;
    this.#stats = stats;
  }

  /** Makes room for at most a piece and returns where it is. Replaces piece and view: take them after. @throws as `flush` */
  #take(bytes: number): number {
    if (this.#length + bytes > PIECE) this.#next();
    const at = this.#length;
    this.#length += bytes;
    this.#stats.transferred += bytes;
    return at;
  }
  #next(): void {
    if (this.#length === 0) return;
    const { buffer } = this.#piece;
    const full = this.#channel.write(this.#piece.subarray(0, this.#length), () => {
      if (this.#spare.length < MOST_SPARE) this.#spare.push(new Uint8Array(buffer));
    });
    // Later ones leave after earlier ones; who waits for none hears of a break when more is written.
    full?.catch(() => undefined);
    this.#full = full ?? this.#full;
    this.#piece = this.#spare.pop() ?? new Uint8Array(PIECE);
    this.#view = new DataView(this.#piece.buffer);
    this.#length = 0;
  }

  /** The channel takes no more for now: time to `flush`. */
  get full(): boolean {
    return this.#full !== undefined;
  }

  u8(value: number): void {
    const at = this.#take(1);
    this.#piece[at] = value;
  }
  be16(value: number): void {
    const at = this.#take(2);
    this.#view.setUint16(at, value);
  }
  /** be64 of a whole number below 2^53. */
  be64(value: number): void {
    const at = this.#take(8);
    this.#view.setUint32(at, Math.floor(value / 2 ** 32));
    this.#view.setUint32(at + 4, value >>> 0);
  }
  /** Copies them. */
  bytes(bytes: Uint8Array): void {
    for (let from = 0; from < bytes.length; from += PIECE) {
      const part = bytes.subarray(from, from + PIECE);
      const at = this.#take(part.length);
      this.#piece.set(part, at);
    }
  }
  countedString(text: string): void {
    this.u8(text.length);
    for (let i = 0; i < text.length; i++) this.u8(text.charCodeAt(i));
  }

  /** Sends what was written. Resolves when the channel takes more. @throws where it is broken */
  async flush(): Promise<void> {
    this.#next();
    const full = this.#full;
    this.#full = undefined;
    await full;
  }

  /** Sends the rest; resolves when all has left. */
  async close(): Promise<void> {
    await this.flush();
    await this.#channel.end();
  }

  /** Whoever waits for the channel is told that it is broken. */
  shutdown(): void {
    this.#channel.destroy();
  }
}
