/**
 * Inflate (RFC 1951) that stops anywhere and goes on, and zlib (RFC 1950) around it. The browser's DecompressionStream
 * cannot do what is needed here: it drops what it decoded when the input is damaged, refuses what follows a gzip
 * member, never says where it stopped, and is too slow to start for single pages (RAM_SAVE_FLAG_COMPRESS_PAGE, qcow2
 * clusters).
 */
import { adler32 } from './checksum.ts';

/** How far back a match reaches at most. */
export const DEFLATE_WINDOW = 32768;
const LONGEST_MATCH = 258;
/** Bytes that the fast loop may take for one symbol pair, rounded up. */
const FAST_INPUT = 8;

/** Table entries: code length in bits 0..3, extra bits in 4..7, what it is in 8..9, value from bit 10. 0: no code. */
const LITERAL = 0;
const LENGTH = 1;
const END = 2;
const entry = (kind: number, extra: number, value: number): number => (value << 10) | (kind << 8) | (extra << 4);

const LENGTH_SYMBOLS = lengthSymbols();
const DISTANCE_SYMBOLS = distanceSymbols();
const CODE_LENGTH_SYMBOLS = Uint32Array.from({ length: 19 }, (_, i) => entry(LITERAL, 0, i));
const CODE_LENGTH_ORDER = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

function lengthSymbols(): Uint32Array {
  const out = new Uint32Array(286);
  for (let i = 0; i < 256; i++) out[i] = entry(LITERAL, 0, i);
  out[256] = entry(END, 0, 0);
  let base = 3;
  for (let i = 0; i < 28; i++) {
    const extra = i < 8 ? 0 : (i >> 2) - 1;
    out[257 + i] = entry(LENGTH, extra, base);
    base += 1 << extra;
  }
  out[285] = entry(LENGTH, 0, LONGEST_MATCH);
  return out;
}

function distanceSymbols(): Uint32Array {
  const out = new Uint32Array(30);
  let base = 1;
  for (let i = 0; i < 30; i++) {
    const extra = i < 4 ? 0 : (i >> 1) - 1;
    out[i] = entry(LENGTH, extra, base);
    base += 1 << extra;
  }
  return out;
}

interface Codes {
  readonly table: Uint32Array;
  readonly mask: number;
}

/** Look-up by the next bits, as many as the longest code has. An incomplete set of codes leaves entries of 0. */
function codesOf(lengths: Uint8Array, symbols: Uint32Array): Codes {
  const count = new Uint16Array(16);
  for (const n of lengths) count[n]!++;
  count[0] = 0;
  let longest = 15;
  while (longest > 1 && count[longest] === 0) longest--;
  const next = new Uint32Array(16);
  let code = 0;
  for (let n = 1; n <= 15; n++) {
    code = (code + count[n - 1]!) << 1;
    next[n] = code;
    if (code + count[n]! > 1 << n) throw new BadDeflate('too many codes for their lengths');
  }
  const table = new Uint32Array(1 << longest);
  for (let symbol = 0; symbol < lengths.length; symbol++) {
    const n = lengths[symbol]!;
    if (n === 0 || symbol >= symbols.length) continue;
    let reversed = 0;
    for (let c = next[n]!++, i = 0; i < n; i++, c >>= 1) reversed = (reversed << 1) | (c & 1);
    for (let at = reversed; at < table.length; at += 1 << n) table[at] = symbols[symbol]! | n;
  }
  return { table, mask: table.length - 1 };
}

let fixed: readonly [Codes, Codes] | undefined;
function fixedCodes(): readonly [Codes, Codes] {
  const lengths = new Uint8Array(288).fill(8).fill(9, 144, 256).fill(7, 256, 280);
  return (fixed ??= [codesOf(lengths, LENGTH_SYMBOLS), codesOf(new Uint8Array(32).fill(5), DISTANCE_SYMBOLS)]);
}

/** The bytes are no deflate stream; never leaves this file. */
class BadDeflate extends Error {}
/** The input ends inside a symbol or a block header; never leaves this file. */
class NeedsInput extends Error {}
const needsInput = new NeedsInput();

/**
 * A deflate stream: `feed` it input, `run` it for output. A symbol or block header that the input ends in waits for
 * the next `feed`.
 */
export class Inflate {
  #input = new Uint8Array(0);
  #pos = 0;
  /** The next `#count` bits, at most 31. */
  #bits = 0;
  #count = 0;
  #fed = 0;
  #state: 'header' | 'stored' | 'codes' | 'end' | 'failed' = 'header';
  #last = false;
  /** What is left of a stored block, or of a match that the output ended in. */
  #length = 0;
  #distance = 0;
  #codes: readonly [Codes, Codes] = fixedCodes();
  /** Why nothing comes any more. */
  failure: string | undefined;

  /** The last block is over. */
  get ended(): boolean {
    return this.#state === 'end';
  }
  /** Bytes of input used so far. */
  get used(): number {
    return this.#fed - this.rest.length;
  }
  /** The input that was not used. */
  get rest(): Uint8Array {
    return this.#input.subarray(this.#pos - (this.#count >> 3));
  }

  feed(bytes: Uint8Array): void {
    this.#fed += bytes.length;
    this.#unread();
    const left = this.#input.length - this.#pos;
    const input = left === 0 ? bytes : new Uint8Array(left + bytes.length);
    if (left > 0) {
      input.set(this.#input.subarray(this.#pos));
      input.set(bytes, left);
    }
    this.#input = input as Uint8Array<ArrayBuffer>;
    this.#pos = 0;
  }

  /**
   * Decodes into out[at, end) until that is full, the input is used up, the stream ends, or it is broken (`failure`).
   * What lies before `at` is the history that matches refer to. Returns the new `at`.
   */
  run(out: Uint8Array, at: number, end: number): number {
    for (;;) {
      if (this.#length > 0) {
        at = this.#state === 'stored' ? this.#copyStored(out, at, end) : this.#copyMatch(out, at, end);
        if (this.#length > 0) return at;
        if (this.#state === 'stored') this.#blockEnds();
      } else if (this.#state === 'codes' && at < end) {
        at = this.#manySymbols(out, at, end);
      }
      if (this.#state === 'end' || this.#state === 'failed' || at === end) return at;
      const pos = this.#pos;
      const bits = this.#bits;
      const count = this.#count;
      try {
        if (this.#state === 'header') this.#blockHeader();
        else at = this.#oneSymbol(out, at);
      } catch (error) {
        if (error instanceof NeedsInput) {
          this.#pos = pos;
          this.#bits = bits;
          this.#count = count;
        } else if (error instanceof BadDeflate) {
          this.#state = 'failed';
          this.failure = error.message;
        } else throw error;
        return at;
      }
    }
  }

  #take(n: number): number {
    while (this.#count < n) {
      if (this.#pos === this.#input.length) throw needsInput;
      this.#bits |= this.#input[this.#pos++]! << this.#count;
      this.#count += 8;
    }
    const value = this.#bits & ((1 << n) - 1);
    this.#bits >>>= n;
    this.#count -= n;
    return value;
  }

  /** The entry of the next code, whose bits are taken. */
  #code({ table, mask }: Codes): number {
    for (;;) {
      const found = table[this.#bits & mask]!;
      const length = found & 15;
      if (length !== 0 && length <= this.#count) {
        this.#bits >>>= length;
        this.#count -= length;
        return found;
      }
      if (this.#count >= 15) throw new BadDeflate('a code that was not declared');
      if (this.#pos === this.#input.length) throw needsInput;
      this.#bits |= this.#input[this.#pos++]! << this.#count;
      this.#count += 8;
    }
  }

  /** Whole bytes that were read ahead go back. */
  #unread(): void {
    this.#pos -= this.#count >> 3;
    this.#count &= 7;
    this.#bits &= (1 << this.#count) - 1;
  }

  #blockEnds(): void {
    this.#state = this.#last ? 'end' : 'header';
  }

  #blockHeader(): void {
    const last = this.#take(1) === 1;
    const type = this.#take(2);
    if (type === 0) {
      this.#take(this.#count & 7);
      const length = this.#take(16);
      if ((this.#take(16) ^ length) !== 0xffff) throw new BadDeflate('a stored block whose length contradicts itself');
      this.#unread();
      this.#length = length;
    } else if (type === 1) this.#codes = fixedCodes();
    else if (type === 2) this.#codes = this.#declaredCodes();
    else throw new BadDeflate('a block of unknown type 3');
    this.#last = last;
    this.#state = type === 0 ? 'stored' : 'codes';
    if (type === 0 && this.#length === 0) this.#blockEnds();
  }

  #declaredCodes(): readonly [Codes, Codes] {
    const literals = this.#take(5) + 257;
    const distances = this.#take(5) + 1;
    const declared = this.#take(4) + 4;
    if (literals > 286) throw new BadDeflate(`${literals} literal and length codes`);
    const order = new Uint8Array(19);
    for (let i = 0; i < declared; i++) order[CODE_LENGTH_ORDER[i]!] = this.#take(3);
    const codes = codesOf(order, CODE_LENGTH_SYMBOLS);
    const lengths = new Uint8Array(literals + distances);
    for (let i = 0; i < lengths.length;) {
      const symbol = this.#code(codes) >>> 10;
      if (symbol < 16) {
        lengths[i++] = symbol;
        continue;
      }
      if (symbol === 16 && i === 0) throw new BadDeflate('a repetition of nothing');
      const value = symbol === 16 ? lengths[i - 1]! : 0;
      const times = symbol === 16 ? 3 + this.#take(2) : symbol === 17 ? 3 + this.#take(3) : 11 + this.#take(7);
      if (i + times > lengths.length) throw new BadDeflate('more code lengths than codes');
      lengths.fill(value, i, (i += times));
    }
    return [
      codesOf(lengths.subarray(0, literals), LENGTH_SYMBOLS),
      codesOf(lengths.subarray(literals), DISTANCE_SYMBOLS)
    ];
  }

  #copyStored(out: Uint8Array, at: number, end: number): number {
    const n = Math.min(this.#length, end - at, this.#input.length - this.#pos);
    out.set(this.#input.subarray(this.#pos, this.#pos + n), at);
    this.#pos += n;
    this.#length -= n;
    return at + n;
  }

  #copyMatch(out: Uint8Array, at: number, end: number): number {
    const n = Math.min(this.#length, end - at);
    for (let i = 0; i < n; i++) out[at + i] = out[at + i - this.#distance]!;
    this.#length -= n;
    return at + n;
  }

  /** One symbol with every check; a match is left to be copied. */
  #oneSymbol(out: Uint8Array, at: number): number {
    const symbol = this.#code(this.#codes[0]);
    const kind = (symbol >> 8) & 3;
    if (kind === LITERAL) {
      out[at] = symbol >>> 10;
      return at + 1;
    }
    if (kind === END) {
      this.#blockEnds();
      return at;
    }
    const length = (symbol >>> 10) + this.#take((symbol >> 4) & 15);
    const far = this.#code(this.#codes[1]);
    const distance = (far >>> 10) + this.#take((far >> 4) & 15);
    if (distance > at) throw new BadDeflate('a match that begins before the first byte');
    this.#length = length;
    this.#distance = distance;
    return at;
  }

  /** As many symbols as need no check for the end of input or output; what is left over is for `#oneSymbol`. */
  #manySymbols(out: Uint8Array, at: number, end: number): number {
    const input = this.#input;
    const [{ table: literals, mask: literalMask }, { table: distances, mask: distanceMask }] = this.#codes;
    const lastInput = input.length - FAST_INPUT;
    const lastOut = end - LONGEST_MATCH;
    let pos = this.#pos;
    let bits = this.#bits;
    let count = this.#count;
    while (pos <= lastInput && at <= lastOut) {
      while (count < 24) {
        bits |= input[pos++]! << count;
        count += 8;
      }
      const symbol = literals[bits & literalMask]!;
      const kind = (symbol >> 8) & 3;
      if (symbol === 0 || kind === END) break;
      if (kind === LITERAL) {
        bits >>>= symbol & 15;
        count -= symbol & 15;
        out[at++] = symbol >>> 10;
        continue;
      }
      // Nothing is kept of a match that turns out wrong: #oneSymbol meets it again and says why.
      let b = bits >>> (symbol & 15);
      let c = count - (symbol & 15);
      let p = pos;
      let extra = (symbol >> 4) & 15;
      const length = (symbol >>> 10) + (b & ((1 << extra) - 1));
      b >>>= extra;
      c -= extra;
      while (c < 24) {
        b |= input[p++]! << c;
        c += 8;
      }
      const far = distances[b & distanceMask]!;
      if (far === 0) break;
      b >>>= far & 15;
      c -= far & 15;
      while (c < 16) {
        b |= input[p++]! << c;
        c += 8;
      }
      extra = (far >> 4) & 15;
      const distance = (far >>> 10) + (b & ((1 << extra) - 1));
      if (distance > at) break;
      bits = b >>> extra;
      count = c - extra;
      pos = p;
      if (distance === 1) out.fill(out[at - 1]!, at, at + length);
      else if (distance >= length && length > 32) out.copyWithin(at, at - distance, at - distance + length);
      else for (let i = 0; i < length; i++) out[at + i] = out[at + i - distance]!;
      at += length;
    }
    this.#pos = pos;
    this.#bits = bits;
    this.#count = count;
    return at;
  }
}

/**
 * Inflates what is at hand whole into `out`.
 * @returns bytes written and input used, or why that is not possible
 */
export function inflateRaw(input: Uint8Array, out: Uint8Array): { written: number; used: number } | string {
  const stream = new Inflate();
  stream.feed(input);
  const written = stream.run(out, 0, out.length);
  if (stream.failure !== undefined) return `byte ${stream.used}: ${stream.failure}`;
  return { written, used: stream.used };
}

/** The two bytes before a zlib stream (RFC 1950): what is wrong with them. */
export function badZlibHeader(first: number, second: number): string | undefined {
  if ((first & 15) !== 8 || first >> 4 > 7 || ((first << 8) | second) % 31 !== 0) return 'no zlib header';
  return second & 0x20 ? 'a zlib stream with a preset dictionary' : undefined;
}

/**
 * Inflates a zlib stream that must give exactly `out.length` bytes and end there (QEMU: migration/ram-compress.c).
 * @returns what is wrong, undefined when nothing is
 */
export function inflateZlib(input: Uint8Array, out: Uint8Array): string | undefined {
  if (input.length < 6) return 'too short for a zlib stream';
  const header = badZlibHeader(input[0]!, input[1]!);
  if (header) return header;
  const stream = new Inflate();
  stream.feed(input.subarray(2));
  const written = stream.run(out, 0, out.length);
  // The end of the last block may lie behind the last byte.
  if (written === out.length && !stream.ended) {
    const spill = new Uint8Array(DEFLATE_WINDOW + 1);
    const kept = out.subarray(-DEFLATE_WINDOW);
    spill.set(kept);
    if (stream.run(spill, kept.length, kept.length + 1) > kept.length) return `more than ${out.length} bytes`;
  }
  if (stream.failure !== undefined) return `byte ${2 + stream.used}: ${stream.failure}`;
  if (!stream.ended) return `ends after ${written} of ${out.length} bytes`;
  if (written < out.length) return `${written} bytes instead of ${out.length}`;
  const { rest } = stream;
  if (rest.length < 4) return 'no checksum';
  const sum = new DataView(rest.buffer, rest.byteOffset).getUint32(0);
  return sum === adler32(out) ? undefined : 'wrong checksum';
}
