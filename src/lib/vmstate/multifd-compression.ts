/**
 * The payloads of one multifd channel. zlib and Zstandard keep one stream for the life of a channel and flush it after
 * every packet, so a packet can be decoded only when all before it were.
 * Source: QEMU migration/multifd-zlib.c, multifd-zstd.c.
 */
import { badZlibHeader, DEFLATE_WINDOW, Inflate } from './inflate.ts';
import { Damage, PeekStream } from './peek-stream.ts';
import { unzstd } from './zstd.ts';

/** MULTIFD_FLAG_COMPRESSION_MASK, shifted down. */
export const multifdCompressions: Readonly<Record<number, string>> = {
  0: 'none',
  1: 'zlib',
  2: 'zstd',
  4: 'qpl',
  8: 'uadk',
  16: 'qatzip'
};

export interface PacketDecoder {
  /**
   * The contents that a packet's payload stands for, good until the next call.
   * @param bytes how many they must be
   * @returns or why they cannot be had; later packets then cannot be decoded either
   */
  decode(payload: Uint8Array, bytes: number): Promise<Uint8Array | string>;
}

class ZlibPackets implements PacketDecoder {
  readonly #inflate = new Inflate();
  #out = new Uint8Array(0);
  /** Bytes of history in front. */
  #at = 0;
  #started = false;

  decode(payload: Uint8Array, bytes: number): Promise<Uint8Array | string> {
    return Promise.resolve(this.#decode(payload, bytes));
  }

  #decode(payload: Uint8Array, bytes: number): Uint8Array | string {
    if (!this.#started) {
      const bad = badZlibHeader(payload[0] ?? 0, payload[1] ?? 0);
      if (bad) return bad;
      this.#started = true;
      payload = payload.subarray(2);
    }
    if (this.#out.length < DEFLATE_WINDOW + bytes) {
      const bigger = new Uint8Array(DEFLATE_WINDOW + bytes);
      bigger.set(this.#out.subarray(0, this.#at));
      this.#out = bigger;
    }
    this.#inflate.feed(payload);
    const from = this.#at;
    const end = this.#inflate.run(this.#out, from, from + bytes);
    const { failure } = this.#inflate;
    if (failure !== undefined) return failure;
    if (end < from + bytes) return 'inflate generated too few output';
    const contents = this.#out.slice(from, end);
    this.#at = Math.min(DEFLATE_WINDOW, end);
    this.#out.copyWithin(0, end - this.#at, end);
    return contents;
  }
}

class ZstdPackets implements PacketDecoder {
  #payload = new Uint8Array(0);
  readonly #chunks: AsyncGenerator<Uint8Array, void, undefined>;

  constructor() {
    this.#chunks = unzstd(
      new PeekStream({
        read: (target) => {
          const n = Math.min(target.length, this.#payload.length);
          target.set(this.#payload.subarray(0, n));
          this.#payload = this.#payload.subarray(n);
          return Promise.resolve(n);
        }
      })
    );
  }

  async decode(payload: Uint8Array, bytes: number): Promise<Uint8Array | string> {
    this.#payload = payload as Uint8Array<ArrayBuffer>;
    const contents = new Uint8Array(bytes);
    try {
      for (let at = 0; at < bytes;) {
        const { value, done } = await this.#chunks.next();
        if (done) return 'the frame ended before';
        if (at + value.length > bytes) return 'more than the packet says';
        contents.set(value, at);
        at += value.length;
      }
    } catch (error) {
      if (error instanceof Damage) return error.message;
      throw error;
    }
    return contents;
  }
}

/** Undefined for hardware formats (qpl, uadk, qatzip) and for what no QEMU sends. */
export function packetDecoder(compression: number): PacketDecoder | undefined {
  return compression === 1 ? new ZlibPackets() : compression === 2 ? new ZstdPackets() : undefined;
}
