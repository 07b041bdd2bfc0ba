/**
 * The way back of a migration's connection: the destination says there whether it has the guest, so that a source whose
 * capability `return-path` is on keeps its guest where that failed. Without it a source knows only that all has left.
 * Source: QEMU migration/migration.c (source_return_path_thread, migrate_send_rp_message).
 */
import { hex } from '../../vmstate/hex.ts';
import { VmSection } from '../../vmstate/section-body.ts';
import type { Section } from '../../vmstate/snapshot.ts';
import { received, type ByteDuplex } from './channel.ts';

type Bytes = Uint8Array<ArrayBuffer>;

/** enum mig_rp_message_type, as far as precopy has it. */
const SHUT = 1;
const PONG = 2;
const HEAD = 4;
/** Bytes of the end of a stream that are kept: the JSON of the largest machines has less. */
const TAIL = 4 << 20;

function message(type: number, value: number): Bytes {
  const bytes = new Uint8Array(HEAD + 4);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, type);
  view.setUint16(2, 4);
  view.setUint32(HEAD, value);
  return bytes;
}

/** The source's end: reads what the destination says, from now on. */
export class ReturnPath {
  /** What ended it too early, or the destination's refusal. */
  error: Error | undefined;
  /** The destination has the guest; rejects with `error`. */
  readonly shut: Promise<void>;

  /** @param broken told of `error` at once */
  constructor(channel: ByteDuplex, broken: () => void) {
    this.shut = this.#listen(channel).catch((error: unknown) => {
      this.error = error instanceof Error ? error : new Error(String(error));
      broken();
      throw this.error;
    });
    this.shut.catch(() => undefined);
  }

  async #listen(channel: ByteDuplex): Promise<void> {
    let left = new Uint8Array(0);
    for await (const piece of received(channel)) {
      const bytes = new Uint8Array(left.length + piece.length);
      bytes.set(left);
      bytes.set(piece, left.length);
      const view = new DataView(bytes.buffer);
      let at = 0;
      while (at + HEAD <= bytes.length) {
        const [type, length] = [view.getUint16(at), view.getUint16(at + 2)];
        if ((type !== SHUT && type !== PONG) || length !== 4)
          throw new Error(`Received invalid message ${hex(type, 4)} length ${hex(length, 4)}`);
        if (at + HEAD + length > bytes.length) break;
        const value = view.getUint32(at + HEAD);
        at += HEAD + length;
        if (type !== SHUT) continue;
        if (value !== 0) throw new Error(`Sibling indicated error ${value}`);
        return;
      }
      left = bytes.slice(at);
    }
    throw new Error('The destination closed the return path without a word that it has the guest');
  }
}

/**
 * The destination's end. A source that waits for an answer does not close its end of the connection: what comes is at its
 * end when it ends with the JSON that a stream ends with, behind the RAM.
 */
export class Answers {
  readonly #channel: ByteDuplex;
  #open = false;
  #reached: 'head' | 'ram' | 'devices' = 'head';
  /** The last pieces that came, copied; none where the source did not open it. */
  readonly #tail: Uint8Array[] = [];
  #bytes = 0;

  constructor(channel: ByteDuplex) {
    this.#channel = channel;
  }

  /** An item of the stream was read. */
  item({ kind, name, fields }: Section): void {
    if (name === 'ram') this.#reached = kind === 'end' ? 'devices' : 'ram';
    if (kind !== 'command') return;
    if (name === 'OPEN_RETURN_PATH') this.#open = true;
    if (name === 'PING' && this.#open) this.#say(PONG, Number(fields[0]?.value ?? 0)).catch(() => undefined);
  }

  /** What arrives, to the end of the connection or of the stream. */
  async *stream(): AsyncGenerator<Uint8Array> {
    for (;;) {
      if (this.#open && this.#reached === 'devices' && this.#complete()) return;
      const piece = await this.#channel.read();
      if (!piece) return;
      this.#keep(piece);
      yield piece;
    }
  }

  /** Tells the source, where it asked to be told. @throws where the connection is broken */
  async shut(failed: boolean): Promise<void> {
    if (this.#open) await this.#say(SHUT, failed ? 1 : 0);
  }

  async #say(type: number, value: number): Promise<void> {
    await this.#channel.write(message(type, value));
  }

  #keep(piece: Uint8Array): void {
    if (!this.#open && this.#reached !== 'head') return;
    this.#tail.push(piece.slice(-TAIL));
    this.#bytes += this.#tail.at(-1)!.length;
    while (this.#bytes - this.#tail[0]!.length >= TAIL) this.#bytes -= this.#tail.shift()!.length;
  }

  /** Whether what came ends with EOF, a vmdescription's head, and as much JSON as it says. */
  #complete(): boolean {
    if (this.#tail.at(-1)?.at(-1) !== CLOSE) return false;
    const bytes = new Uint8Array(this.#bytes);
    let end = 0;
    for (const piece of this.#tail) {
      bytes.set(piece, end);
      end += piece.length;
    }
    const view = new DataView(bytes.buffer);
    for (let at = bytes.lastIndexOf(OPEN); at >= HEAD_OF_JSON; at = bytes.lastIndexOf(OPEN, at - 1)) {
      const head = at - HEAD_OF_JSON;
      if (bytes[head] !== VmSection.EOF || bytes[head + 1] !== VmSection.VMDESCRIPTION) continue;
      if (view.getUint32(head + 2) === end - at) return true;
    }
    return false;
  }
}
/** Braces. */
const OPEN = 0x7b;
const CLOSE = 0x7d;
/** EOF, the vmdescription's type, its length. */
const HEAD_OF_JSON = 6;
