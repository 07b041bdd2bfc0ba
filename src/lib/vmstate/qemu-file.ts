/**
 * QEMU's `QEMUFile` as a cursor over bytes that are at hand: big-endian, knows its position in the stream.
 * Source: QEMU migration/qemu-file.c.
 */

/** Thrown by a read past the end; whoever holds the stream fetches more and tries again, or reports a truncation. */
export class ShortRead extends Error {
  /** Stream offset of the read that failed. */
  readonly at: number;
  /** Bytes that it wanted. */
  readonly wanted: number;
  constructor(at: number, wanted: number) {
    super(`input ends: ${wanted} bytes wanted at ${at}`);
    this.at = at;
    this.wanted = wanted;
  }
}

/** Thrown by a codec that meets bytes which its QEMU twin would refuse. Becomes a Problem of the section. */
export class BadField extends Error {
  readonly at: number;
  constructor(at: number, message: string) {
    super(message);
    this.at = at;
  }
}

/** One character a byte. (TextDecoder's "latin1" is windows-1252, which differs from 80 to 9f.) */
export function latin1(bytes: Uint8Array): string {
  let text = '';
  for (let at = 0; at < bytes.length; at += 4096) text += String.fromCharCode(...bytes.subarray(at, at + 4096));
  return text;
}

export class QemuFileReader {
  readonly bytes: Uint8Array;
  /** Stream offset of `bytes[0]`. */
  readonly base: number;
  /** Index into `bytes`. */
  pos = 0;
  readonly #view: DataView;

  constructor(bytes: Uint8Array, base = 0) {
    this.bytes = bytes;
    this.base = base;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** Stream offset of the next byte. */
  get offset(): number {
    return this.base + this.pos;
  }
  get left(): number {
    return this.bytes.length - this.pos;
  }

  #take(n: number): number {
    const at = this.pos;
    if (!(n >= 0 && n <= this.bytes.length - at)) throw new ShortRead(this.base + at, n);
    this.pos = at + n;
    return at;
  }

  u8(): number {
    return this.#view.getUint8(this.#take(1));
  }
  i8(): number {
    return this.#view.getInt8(this.#take(1));
  }
  be16(): number {
    return this.#view.getUint16(this.#take(2));
  }
  i16(): number {
    return this.#view.getInt16(this.#take(2));
  }
  be32(): number {
    return this.#view.getUint32(this.#take(4));
  }
  i32(): number {
    return this.#view.getInt32(this.#take(4));
  }
  be64(): bigint {
    return this.#view.getBigUint64(this.#take(8));
  }
  i64(): bigint {
    return this.#view.getBigInt64(this.#take(8));
  }
  /** be64 as a double: exact below 2^53. */
  be64AsNumber(): number {
    const at = this.#take(8);
    return this.#view.getUint32(at) * 0x1_0000_0000 + this.#view.getUint32(at + 4);
  }
  /** A view, not a copy, of the next n bytes. */
  buffer(n: number): Uint8Array {
    const at = this.#take(n);
    return this.bytes.subarray(at, at + n);
  }
  /** u8 length + that many bytes, as Latin-1 (QEMU: qemu_get_counted_string). */
  countedString(): string {
    return this.text(this.u8());
  }
  text(n: number): string {
    return latin1(this.buffer(n));
  }
  skip(n: number): void {
    this.#take(n);
  }
  /** The byte `ahead` places on, or undefined at the end (QEMU: qemu_peek_byte). */
  peek(ahead = 0): number | undefined {
    return this.bytes[this.pos + ahead];
  }
}

/** Appends big-endian values to a growing buffer. */
export class QemuFileWriter {
  #bytes = new Uint8Array(1024);
  #view = new DataView(this.#bytes.buffer);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** Makes room for n bytes and returns where. Replaces buffer and view: take them after, never in one expression. */
  #grow(n: number): number {
    const at = this.#length;
    if (at + n > this.#bytes.length) {
      const bigger = new Uint8Array(Math.max(this.#bytes.length * 2, at + n));
      bigger.set(this.#bytes.subarray(0, at));
      this.#bytes = bigger;
      this.#view = new DataView(bigger.buffer);
    }
    this.#length = at + n;
    return at;
  }

  u8(value: number): void {
    const at = this.#grow(1);
    this.#view.setUint8(at, value);
  }
  be16(value: number): void {
    const at = this.#grow(2);
    this.#view.setUint16(at, value);
  }
  be32(value: number): void {
    const at = this.#grow(4);
    this.#view.setUint32(at, value);
  }
  be64(value: bigint): void {
    const at = this.#grow(8);
    this.#view.setBigUint64(at, BigInt.asUintN(64, value));
  }
  /** be64 of a double that is a whole number below 2^53. */
  be64FromNumber(value: number): void {
    const at = this.#grow(8);
    this.#view.setUint32(at, Math.floor(value / 0x1_0000_0000));
    this.#view.setUint32(at + 4, value >>> 0);
  }
  buffer(bytes: Uint8Array): void {
    const at = this.#grow(bytes.length);
    this.#bytes.set(bytes, at);
  }
  zeros(n: number): void {
    const at = this.#grow(n);
    this.#bytes.fill(0, at, at + n);
  }
  countedString(s: string): void {
    this.u8(s.length);
    this.text(s);
  }
  text(s: string): void {
    for (let i = 0; i < s.length; i++) this.u8(s.charCodeAt(i));
  }
  /** What was written so far, copied. */
  finish(): Uint8Array<ArrayBuffer> {
    return this.#bytes.slice(0, this.#length);
  }
}
