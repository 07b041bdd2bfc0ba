/**
 * What came into a machine from outside, in order, each with the count of instructions at which it took effect: together
 * with a checkpoint it makes a run again. A few bytes an event. In the place of QEMU replay/replay-internal.c.
 */

/** Input by the name of what takes it: `serial0`, `monitor`. */
export interface Input {
  readonly to: string;
  readonly data: Uint8Array;
}

export type ReplayEvent = { readonly icount: number } & (
  | { readonly kind: 'adjust'; /** ns that were added to the virtual clock */ readonly added: bigint }
  | { readonly kind: 'complete'; /** number of the request that was handed over */ readonly id: number }
  | ({ readonly kind: 'input' } & Input)
  /** The machine went on, or was stopped: devices are told of that. */
  | { readonly kind: 'start' }
  | { readonly kind: 'stop' }
  /** Stopped by a debugger, which may be after an interrupt was taken and before its first instruction. */
  | { readonly kind: 'stop-debug' }
  /** A checkpoint was made, or could have been. */
  | { readonly kind: 'checkpoint' }
);

/** A place between two events. */
export interface LogPosition {
  /** Bytes from the beginning of the recording. */
  readonly offset: number;
  /** Of the event before it. */
  readonly icount: number;
}

const KINDS = ['adjust', 'complete', 'input', 'start', 'stop', 'stop-debug', 'checkpoint'] as const;
const KIND_BITS = 3;
const CHUNK = 1 << 16;
/** Longest input that is read back: a file may say anything. */
const MAX_INPUT = 1 << 24;
const MAX_NAME = 64;

/** A file with a recording. */
export interface LogSink {
  append(bytes: Uint8Array): void;
  /** What lies behind this place is given up. */
  truncate(offset: number): void;
}

export class BadLog extends Error {}

export class ReplayLog {
  /** Pieces of CHUNK bytes; those that were forgotten are gone. */
  readonly #chunks = new Map<number, Uint8Array>();
  #start: LogPosition;
  #end: LogPosition;
  /** Where all of it is written too. */
  sink: LogSink | undefined;

  constructor(icount = 0) {
    this.#start = this.#end = { offset: 0, icount };
  }

  /** A recording as it was appended. @param icount at which it began */
  static from(bytes: Uint8Array, icount: number): ReplayLog {
    const log = new ReplayLog(icount);
    log.#write(bytes);
    let at = log.#start;
    for (let read = log.read(at, bytes.length); read; read = log.read(at, bytes.length)) at = read.next;
    log.#end = at;
    return log;
  }

  get start(): LogPosition {
    return this.#start;
  }
  get end(): LogPosition {
    return this.#end;
  }
  /** Bytes that are kept. */
  get bytes(): number {
    return this.#end.offset - this.#start.offset;
  }

  append(event: ReplayEvent): void {
    const { icount, offset } = this.#end;
    if (event.icount < icount) throw new BadLog(`an event at ${event.icount} after one at ${icount}`);
    const out: number[] = [];
    putNumber(out, BigInt(event.icount - icount) * BigInt(1 << KIND_BITS) + BigInt(KINDS.indexOf(event.kind)));
    if (event.kind === 'adjust') putNumber(out, event.added);
    else if (event.kind === 'complete') putNumber(out, BigInt(event.id));
    else if (event.kind === 'input') {
      const name = new TextEncoder().encode(event.to);
      if (name.length > MAX_NAME || event.data.length > MAX_INPUT)
        throw new RangeError('input too long to be recorded');
      putNumber(out, BigInt(name.length));
      for (const byte of name) out.push(byte);
      putNumber(out, BigInt(event.data.length));
      for (const byte of event.data) out.push(byte);
    }
    const bytes = Uint8Array.from(out);
    this.#write(bytes);
    this.#end = { offset: offset + bytes.length, icount: event.icount };
    this.sink?.append(bytes);
  }

  /** The event at a position, and where the next one is; undefined at the end. @throws BadLog */
  read(
    { offset, icount }: LogPosition,
    end = this.#end.offset
  ): { readonly event: ReplayEvent; readonly next: LogPosition } | undefined {
    if (offset >= end) return undefined;
    if (offset < this.#start.offset) throw new BadLog('this part of the recording was given up');
    let at = offset;
    const byte = (): number => {
      if (at >= end) throw new BadLog('the recording ends inside an event');
      const value = this.#chunks.get(Math.floor(at / CHUNK))![at % CHUNK]!;
      at++;
      return value;
    };
    const number = (most: bigint): bigint => {
      let value = 0n;
      for (let shift = 0n; ; shift += 7n) {
        const next = byte();
        value |= BigInt(next & 0x7f) << shift;
        if (value > most) throw new BadLog(`a number at ${offset} is too large`);
        if (next < 0x80) return value;
      }
    };
    const some = (most: number): Uint8Array => Uint8Array.from({ length: Number(number(BigInt(most))) }, byte);
    const head = number(BigInt(Number.MAX_SAFE_INTEGER));
    const kind = KINDS[Number(head & BigInt((1 << KIND_BITS) - 1))];
    const when = { icount: icount + Number(head >> BigInt(KIND_BITS)) };
    if (kind === undefined) throw new BadLog(`there is no event of the kind at ${offset}`);
    let event: ReplayEvent;
    if (kind === 'adjust') event = { ...when, kind, added: number((1n << 63n) - 1n) };
    else if (kind === 'complete') event = { ...when, kind, id: Number(number(BigInt(Number.MAX_SAFE_INTEGER))) };
    else if (kind === 'input')
      event = { ...when, kind, to: new TextDecoder().decode(some(MAX_NAME)), data: some(MAX_INPUT) };
    else event = { ...when, kind };
    return { event, next: { offset: at, icount: when.icount } };
  }

  /** Gives up what lies behind a position. */
  truncate(position: LogPosition): void {
    for (const chunk of this.#chunks.keys()) if (chunk * CHUNK >= position.offset) this.#chunks.delete(chunk);
    this.#end = position;
    this.sink?.truncate(position.offset);
  }

  /** Gives up what lies before a position. */
  forget(position: LogPosition): void {
    for (const chunk of this.#chunks.keys()) if ((chunk + 1) * CHUNK <= position.offset) this.#chunks.delete(chunk);
    this.#start = position;
  }

  #write(bytes: Uint8Array): void {
    let offset = this.#end.offset;
    for (let done = 0; done < bytes.length;) {
      const n = Math.floor(offset / CHUNK);
      let chunk = this.#chunks.get(n);
      if (!chunk) this.#chunks.set(n, (chunk = new Uint8Array(CHUNK)));
      const part = bytes.subarray(done, done + CHUNK - (offset % CHUNK));
      chunk.set(part, offset % CHUNK);
      done += part.length;
      offset += part.length;
    }
  }
}

/** Seven bits a byte, lowest first. */
function putNumber(out: number[], value: bigint): void {
  let rest = value;
  for (; rest >= 0x80n; rest >>= 7n) out.push(Number(rest & 0x7fn) | 0x80);
  out.push(Number(rest));
}
