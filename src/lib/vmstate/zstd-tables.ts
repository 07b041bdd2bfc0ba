/** Entropy tables of Zstandard (RFC 8878 §4): finite state entropy and Huffman codes, and the bits they are read from. */

/** Thrown by everything that reads a block; becomes Damage with a position. */
export class Corrupt extends Error {}

export const floorLog2 = (n: number): number => 31 - Math.clz32(n);

/** Bits read from the last byte to the first, below the highest set bit of the last (RFC 8878 §4.1). */
export class BitsBackwards {
  readonly bytes: Uint8Array;
  /** Bit at which the first byte begins. A position below it means that more was read than there is. */
  readonly start: number;
  position: number;

  constructor(bytes: Uint8Array, from: number, to: number) {
    const last = to > from ? bytes[to - 1]! : 0;
    if (last === 0) throw new Corrupt('a bit stream without its end mark');
    this.bytes = bytes;
    this.start = from * 8;
    this.position = (to - 1) * 8 + floorLog2(last);
  }

  /** n <= 25 bits; zeros or other bytes' bits behind the end, which `position` then shows. */
  read(n: number): number {
    const p = (this.position -= n);
    const { bytes } = this;
    const o = p >> 3;
    const word = bytes[o]! | (bytes[o + 1]! << 8) | (bytes[o + 2]! << 16) | (bytes[o + 3]! << 24);
    return (word >>> (p & 7)) & ((1 << n) - 1);
  }
}

/** Per state: the symbol, how many bits the next state takes, and what they are added to. */
export interface FseTable {
  readonly accuracy: number;
  readonly symbol: Uint8Array;
  readonly bits: Uint8Array;
  readonly next: Uint16Array;
}

/** From probabilities, -1 meaning "less than one" (RFC 8878 §4.1.1). */
export function fseTable(probabilities: readonly number[], accuracy: number): FseTable {
  const size = 1 << accuracy;
  const mask = size - 1;
  const symbol = new Uint8Array(size);
  const counter = new Uint16Array(probabilities.length);
  let high = mask;
  probabilities.forEach((p, s) => {
    if (p === -1) symbol[high--] = s;
    counter[s] = Math.abs(p);
  });
  let at = 0;
  const step = (size >> 1) + (size >> 3) + 3;
  probabilities.forEach((p, s) => {
    for (let i = 0; i < p; i++) {
      symbol[at] = s;
      do at = (at + step) & mask;
      while (at > high);
    }
  });
  const bits = new Uint8Array(size);
  const next = new Uint16Array(size);
  for (let state = 0; state < size; state++) {
    const n = counter[symbol[state]!]!++;
    bits[state] = accuracy - floorLog2(n);
    next[state] = (n << bits[state]!) - size;
  }
  return { accuracy, symbol, bits, next };
}

/** A table of one symbol that takes no bits. */
export const rleTable = (symbol: number): FseTable => ({
  accuracy: 0,
  symbol: Uint8Array.of(symbol),
  bits: new Uint8Array(1),
  next: new Uint16Array(1)
});

/** Reads a table description that begins at `from`. Returns where it ends. */
export function readFseTable(
  bytes: Uint8Array,
  from: number,
  to: number,
  maxAccuracy: number,
  maxSymbol: number
): { table: FseTable; end: number } {
  let at = from * 8;
  const peek = (n: number): number => {
    const o = at >> 3;
    const word = bytes[o]! | (bytes[o + 1]! << 8) | (bytes[o + 2]! << 16);
    return (word >>> (at & 7)) & ((1 << n) - 1);
  };
  const accuracy = peek(4) + 5;
  at += 4;
  if (accuracy > maxAccuracy) throw new Corrupt(`an entropy table of 2^${accuracy} states`);
  const probabilities: number[] = [];
  for (let left = 1 << accuracy; left > 0;) {
    if (probabilities.length > maxSymbol || at > to * 8) throw new Corrupt('an entropy table that does not end');
    // Values from 0 to left + 1 in as few bits as go: the low ones take one bit less.
    const width = floorLog2(left + 1) + 1;
    const low = (1 << width) - 1 - (left + 1);
    const short = peek(width - 1);
    let value = short;
    if (short < low) at += width - 1;
    else {
      value = peek(width);
      if (value >= 1 << (width - 1)) value -= low;
      at += width;
    }
    const p = value - 1;
    probabilities.push(p);
    left -= Math.abs(p);
    if (p !== 0) continue;
    let zeros;
    do {
      zeros = peek(2);
      at += 2;
      for (let i = 0; i < zeros; i++) probabilities.push(0);
    } while (zeros === 3 && probabilities.length <= maxSymbol);
  }
  const end = (at + 7) >> 3;
  if (end > to || probabilities.length > maxSymbol + 1) throw new Corrupt('an entropy table that does not end');
  return { table: fseTable(probabilities, accuracy), end };
}

/** By the next `bits` bits: symbol << 8 | bits of its code. */
export interface HuffmanTable {
  readonly bits: number;
  readonly entries: Uint16Array;
}

const MAX_CODE_BITS = 11;

/** Weights compressed with two alternating states of one table (RFC 8878 §4.2.1.2). */
function compressedWeights(bytes: Uint8Array, from: number, to: number): number[] {
  const { table, end } = readFseTable(bytes, from, to, 6, 255);
  const stream = new BitsBackwards(bytes, end, to);
  let state = stream.read(table.accuracy);
  let other = stream.read(table.accuracy);
  const weights: number[] = [];
  while (weights.length < 254) {
    weights.push(table.symbol[state]!);
    const next = table.next[state]! + stream.read(table.bits[state]!);
    if (stream.position < stream.start) {
      weights.push(table.symbol[other]!);
      return weights;
    }
    state = other;
    other = next;
  }
  throw new Corrupt('more than 255 Huffman weights');
}

/** Reads a tree description that begins at `from`. Returns where it ends. */
export function readHuffmanTable(bytes: Uint8Array, from: number, to: number): { table: HuffmanTable; end: number } {
  const header = bytes[from]!;
  const direct = header - 127;
  const end = from + 1 + (header < 128 ? header : (direct + 1) >> 1);
  if (end > to) throw new Corrupt('a Huffman tree that does not end');
  const weights =
    header < 128
      ? compressedWeights(bytes, from + 1, end)
      : Array.from({ length: direct }, (_, i) => (bytes[from + 1 + (i >> 1)]! >> (i & 1 ? 0 : 4)) & 15);
  let sum = 0;
  for (const w of weights) sum += w === 0 ? 0 : 1 << (w - 1);
  const bits = sum === 0 ? 0 : floorLog2(sum) + 1;
  const left = (1 << bits) - sum;
  if (sum === 0 || bits > MAX_CODE_BITS || (left & (left - 1)) !== 0) throw new Corrupt('impossible Huffman weights');
  weights.push(floorLog2(left) + 1);
  const entries = new Uint16Array(1 << bits);
  let at = 0;
  for (let w = 1; w <= bits; w++) {
    for (let symbol = 0; symbol < weights.length; symbol++) {
      if (weights[symbol] !== w) continue;
      const run = 1 << (w - 1);
      entries.fill((symbol << 8) | (bits + 1 - w), at, (at += run));
    }
  }
  return { table: { bits, entries }, end };
}

/** Decodes n symbols, which must use up the bits [from, to) bytes exactly. */
export function readHuffman(
  bytes: Uint8Array,
  from: number,
  to: number,
  { bits, entries }: HuffmanTable,
  out: Uint8Array,
  at: number,
  n: number
): void {
  const { start, position } = new BitsBackwards(bytes, from, to);
  const mask = (1 << bits) - 1;
  let p = position - bits;
  const end = at + n;
  const first = start - bits;
  while (at < end && p > first) {
    const o = p >> 3;
    const word = bytes[o]! | (bytes[o + 1]! << 8) | (bytes[o + 2]! << 16);
    const entry = entries[(word >>> (p & 7)) & mask]!;
    out[at++] = entry >> 8;
    p -= entry & 255;
  }
  if (at !== end || p !== first) throw new Corrupt('Huffman coded literals that do not end where they should');
}
