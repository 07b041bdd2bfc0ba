/**
 * Zstandard (RFC 8878), decoding. The packages there are loop for minutes on hostile blocks and move the whole window
 * at every block; here every loop is bounded by bytes that are there.
 */
import { Damage, type PeekStream } from './peek-stream.ts';
import {
  BitsBackwards,
  Corrupt,
  fseTable,
  readFseTable,
  readHuffman,
  readHuffmanTable,
  rleTable
} from './zstd-tables.ts';
import type { FseTable, HuffmanTable } from './zstd-tables.ts';

const MAGIC = 0xfd2fb528;
const BLOCK_MAX = 131072;
/** The zstd program's own limit without --long. */
const WINDOW_MAX = 2 ** 27;
/** Room behind the window, so that the window is moved once in so many bytes. */
const SLACK = 2 ** 22;
/** In front of and behind a block's bytes, so that reads of whole words stay inside. */
const PAD = 8;

const LITERAL_LENGTH_BITS = [...zeros(16), 1, 1, 1, 1, 2, 2, 3, 3, 4, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16];
const MATCH_LENGTH_BITS = [...zeros(32), 1, 1, 1, 1, 2, 2, 3, 3, 4, 4, 5, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16];
const LITERAL_LENGTH_BASE = baselines(LITERAL_LENGTH_BITS, 0);
const MATCH_LENGTH_BASE = baselines(MATCH_LENGTH_BITS, 3);

function zeros(n: number): number[] {
  return new Array<number>(n).fill(0);
}
function baselines(bits: readonly number[], base: number): number[] {
  return bits.map((n) => (base += 1 << n) - (1 << n));
}

/** The three codes of a sequence, in the order of their tables: RFC 8878 §3.1.1.3.2. */
const CODES = [
  {
    symbols: 36,
    accuracy: 9,
    predefined: fseTable(
      [4, 3, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2, 2, 3, 2, 1, 1, 1, 1, 1, -1, -1, -1, -1],
      6
    )
  },
  {
    symbols: 32,
    accuracy: 8,
    predefined: fseTable(
      [1, 1, 1, 1, 1, 1, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1],
      5
    )
  },
  {
    symbols: 53,
    accuracy: 9,
    predefined: fseTable([1, 4, 3, 2, 2, 2, 2, 2, 2, ...zeros(37).fill(1), ...zeros(7).fill(-1)], 6)
  }
] as const;

interface FrameHeader {
  readonly window: number;
  readonly contentSize: number | undefined;
  readonly checksum: boolean;
}

/** One frame's state: what was decoded last, and the tables that later blocks may repeat. */
class Frame {
  /** History, then what was decoded last. */
  out = new Uint8Array(2 * BLOCK_MAX);
  at = 0;
  readonly #window: number;
  readonly #blockMax: number;
  #huffman: HuffmanTable | undefined;
  readonly #tables: (FseTable | undefined)[] = [undefined, undefined, undefined];
  readonly #repeat: [number, number, number] = [1, 4, 8];
  readonly #literals = new Uint8Array(BLOCK_MAX);
  readonly #block = new Uint8Array(PAD + BLOCK_MAX + PAD);

  constructor(window: number) {
    this.#window = window;
    this.#blockMax = Math.min(BLOCK_MAX, Math.max(window, 1024));
  }

  get blockMax(): number {
    return this.#blockMax;
  }

  /** Makes room for one more block: grows up to the window and some slack, then moves the window to the front. */
  makeRoom(): void {
    if (this.at + BLOCK_MAX <= this.out.length) return;
    const most = this.#window + Math.max(SLACK, 2 * BLOCK_MAX);
    if (this.out.length < most) {
      const bigger = new Uint8Array(Math.min(most, this.out.length * 2));
      bigger.set(this.out.subarray(0, this.at));
      this.out = bigger;
    }
    if (this.at + BLOCK_MAX <= this.out.length) return;
    this.out.copyWithin(0, this.at - this.#window, this.at);
    this.at = this.#window;
  }

  raw(bytes: Uint8Array): void {
    this.out.set(bytes, this.at);
    this.at += bytes.length;
  }

  fill(byte: number, n: number): void {
    this.out.fill(byte, this.at, this.at + n);
    this.at += n;
  }

  /** A compressed block: literals, then sequences that say where they go and what is repeated between them. */
  compressed(content: Uint8Array): void {
    const block = this.#block;
    block.set(content, PAD);
    const end = PAD + content.length;
    block.fill(0, end, end + PAD);
    const literals = this.#readLiterals(PAD, end);
    this.#readSequences(literals.end, end, literals.size);
  }

  #readLiterals(from: number, to: number): { end: number; size: number } {
    const block = this.#block;
    const word = block[from]! | (block[from + 1]! << 8) | (block[from + 2]! << 16) | (block[from + 3]! << 24);
    const type = word & 3;
    const format = (word >> 2) & 3;
    if (type < 2) {
      const header = format === 1 ? 2 : format === 3 ? 3 : 1;
      const size = header === 1 ? (word >> 3) & 31 : (word >> 4) & (header === 2 ? 0xfff : 0xfffff);
      const at = from + header;
      const end = at + (type === 0 ? size : 1);
      if (size > this.#blockMax || end > to) throw new Corrupt(`${size} literals`);
      if (type === 0) this.#literals.set(block.subarray(at, end));
      else this.#literals.fill(block[at]!, 0, size);
      return { end, size };
    }
    const header = format < 2 ? 3 : format + 2;
    const bits = format < 2 ? 10 : format === 2 ? 14 : 18;
    const mask = (1 << bits) - 1;
    const size = (word >>> 4) & mask;
    // Up to 40 bits of header: the upper ones come from a word of their own.
    const upper = (word >>> (4 + bits)) | (bits === 18 ? block[from + 4]! << 10 : 0);
    const compressed = upper & mask;
    let at = from + header;
    const end = at + compressed;
    if (size > this.#blockMax || end > to) throw new Corrupt(`${size} literals in ${compressed} bytes`);
    if (type === 2) {
      const read = readHuffmanTable(block, at, end);
      this.#huffman = read.table;
      at = read.end;
    }
    if (!this.#huffman) throw new Corrupt('literals that repeat a Huffman tree before there was one');
    if (format === 0) readHuffman(block, at, end, this.#huffman, this.#literals, 0, size);
    else this.#readFourStreams(this.#huffman, at, end, size);
    return { end, size };
  }

  #readFourStreams(huffman: HuffmanTable, from: number, to: number, size: number): void {
    const block = this.#block;
    const quarter = (size + 3) >> 2;
    if (from + 6 > to || quarter * 3 > size) throw new Corrupt('no room for four streams of literals');
    let at = from + 6;
    for (let i = 0; i < 4; i++) {
      const end = i === 3 ? to : at + (block[from + 2 * i]! | (block[from + 2 * i + 1]! << 8));
      if (end > to) throw new Corrupt('a stream of literals that does not end');
      readHuffman(block, at, end, huffman, this.#literals, i * quarter, i === 3 ? size - 3 * quarter : quarter);
      at = end;
    }
  }

  #readSequences(from: number, to: number, literals: number): void {
    const block = this.#block;
    if (from >= to) throw new Corrupt('no sequences section');
    let at = from + 1;
    let count = block[from]!;
    if (count === 255) count = block[at++]! + (block[at++]! << 8) + 0x7f00;
    else if (count > 127) count = ((count - 128) << 8) + block[at++]!;
    if (count === 0) {
      if (at !== to) throw new Corrupt('bytes behind the sequences');
      this.raw(this.#literals.subarray(0, literals));
      return;
    }
    const modes = block[at++]!;
    if (modes & 3) throw new Corrupt('reserved bits of the sequences section');
    for (let i = 0; i < 3; i++) at = this.#readTable(i, (modes >> (6 - 2 * i)) & 3, at, to);
    if (at >= to) throw new Corrupt('no sequences');
    const [lengths, offsets, matches] = this.#tables as [FseTable, FseTable, FseTable];
    this.#execute(new BitsBackwards(block, at, to), count, literals, lengths, offsets, matches);
  }

  #readTable(which: number, mode: number, at: number, to: number): number {
    const { symbols, accuracy, predefined } = CODES[which]!;
    if (mode === 0) this.#tables[which] = predefined;
    else if (mode === 1) {
      if (at >= to || this.#block[at]! >= symbols) throw new Corrupt('a sequence code that does not exist');
      this.#tables[which] = rleTable(this.#block[at++]!);
    } else if (mode === 2) {
      const { table, end } = readFseTable(this.#block, at, to, accuracy, symbols - 1);
      this.#tables[which] = table;
      return end;
    } else if (!this.#tables[which]) throw new Corrupt('sequences that repeat a table before there was one');
    return at;
  }

  #execute(
    stream: BitsBackwards,
    count: number,
    literals: number,
    lengths: FseTable,
    offsets: FseTable,
    matches: FseTable
  ): void {
    const { out } = this;
    const source = this.#literals;
    const limit = this.at + this.#blockMax;
    let at = this.at;
    let literal = 0;
    let lengthState = stream.read(lengths.accuracy);
    let offsetState = stream.read(offsets.accuracy);
    let matchState = stream.read(matches.accuracy);
    for (let i = 0; i < count; i++) {
      const offsetCode = offsets.symbol[offsetState]!;
      const matchCode = matches.symbol[matchState]!;
      const lengthCode = lengths.symbol[lengthState]!;
      if (offsetCode > 27) throw new Corrupt('an offset beyond any window');
      // Up to 27 bits: more than one read gives at once.
      const upper = offsetCode > 16 ? stream.read(offsetCode - 16) : 0;
      const lower = stream.read(Math.min(offsetCode, 16));
      const value = (1 << offsetCode) + (offsetCode > 16 ? upper * 65536 + lower : lower);
      const match = MATCH_LENGTH_BASE[matchCode]! + stream.read(MATCH_LENGTH_BITS[matchCode]!);
      const length = LITERAL_LENGTH_BASE[lengthCode]! + stream.read(LITERAL_LENGTH_BITS[lengthCode]!);
      if (i < count - 1) {
        lengthState = lengths.next[lengthState]! + stream.read(lengths.bits[lengthState]!);
        matchState = matches.next[matchState]! + stream.read(matches.bits[matchState]!);
        offsetState = offsets.next[offsetState]! + stream.read(offsets.bits[offsetState]!);
      }
      if (stream.position < stream.start) throw new Corrupt('sequences that need more bits than there are');
      const offset = this.#offset(value, length);
      if (literal + length > literals || at + length + match > limit) throw new Corrupt('a sequence that is too long');
      if (offset === 0 || offset > at + length || offset > this.#window) throw new Corrupt('a match too far back');
      if (length > 24) out.set(source.subarray(literal, literal + length), at);
      else for (let k = 0; k < length; k++) out[at + k] = source[literal + k]!;
      literal += length;
      at += length;
      if (offset >= match && match > 32) out.copyWithin(at, at - offset, at - offset + match);
      else if (offset === 1) out.fill(out[at - 1]!, at, at + match);
      else for (let k = 0; k < match; k++) out[at + k] = out[at + k - offset]!;
      at += match;
    }
    if (stream.position !== stream.start) throw new Corrupt('bits behind the sequences');
    if (at + literals - literal > limit) throw new Corrupt('a block that is too long');
    out.set(source.subarray(literal, literals), at);
    this.at = at + literals - literal;
  }

  /** RFC 8878 §3.1.1.5: the values 1 to 3 stand for offsets used before. */
  #offset(value: number, literalLength: number): number {
    const repeat = this.#repeat;
    if (value > 3) {
      repeat[2] = repeat[1];
      repeat[1] = repeat[0];
      return (repeat[0] = value - 3);
    }
    const which = value - 1 + (literalLength === 0 ? 1 : 0);
    if (which === 0) return repeat[0];
    const offset = which === 3 ? repeat[0] - 1 : repeat[which]!;
    if (which > 1) repeat[2] = repeat[1];
    repeat[1] = repeat[0];
    return (repeat[0] = offset);
  }
}

const le = (bytes: Uint8Array, at: number, n: number): number => {
  let value = 0;
  for (let i = n - 1; i >= 0; i--) value = value * 256 + bytes[at + i]!;
  return value;
};

async function readFrameHeader(input: PeekStream): Promise<FrameHeader> {
  const at = input.position;
  const descriptor = (await input.take(1))[0]!;
  const single = (descriptor & 0x20) !== 0;
  const dictionaryBytes = [0, 1, 2, 4][descriptor & 3]!;
  const sizeBytes = [single ? 1 : 0, 2, 4, 8][descriptor >> 6]!;
  if (descriptor & 8) throw new Damage(at, 'zstd: a frame of a kind that is not known');
  const windowBytes = single ? 0 : 1;
  const fields = await input.take(windowBytes + dictionaryBytes + sizeBytes);
  if (le(fields, windowBytes, dictionaryBytes) !== 0) {
    throw new Damage(at, 'zstd: compressed with a dictionary, which is not in the file');
  }
  const size = le(fields, windowBytes + dictionaryBytes, sizeBytes) + (sizeBytes === 2 ? 256 : 0);
  const base = single ? 0 : 2 ** (10 + (fields[0]! >> 3));
  const window = single ? size : base + (base / 8) * (fields[0]! & 7);
  if (window > WINDOW_MAX) {
    throw new Damage(at, `zstd: a window of ${window} bytes; at most ${WINDOW_MAX} (--long=27) are kept in memory`);
  }
  return { window, contentSize: sizeBytes === 0 ? undefined : size, checksum: (descriptor & 4) !== 0 };
}

async function* decodeFrame(input: PeekStream): AsyncGenerator<Uint8Array, void, undefined> {
  const { window, contentSize, checksum } = await readFrameHeader(input);
  const frame = new Frame(window);
  let total = 0;
  for (let last = false; !last;) {
    const at = input.position;
    const header = le(await input.take(3), 0, 3);
    last = (header & 1) !== 0;
    const type = (header >> 1) & 3;
    const size = header >> 3;
    if (type === 3 || size > frame.blockMax) throw new Damage(at, 'zstd: a block that is none');
    frame.makeRoom();
    const from = frame.at;
    if (type === 1) frame.fill((await input.take(1))[0]!, size);
    else {
      const content = await input.take(size);
      if (type === 0) frame.raw(content);
      else {
        try {
          frame.compressed(content);
        } catch (error) {
          if (error instanceof Corrupt) throw new Damage(at, `zstd: ${error.message}`);
          throw error;
        }
      }
    }
    total += frame.at - from;
    if (frame.at > from) yield frame.out.subarray(from, frame.at);
  }
  if (contentSize !== undefined && contentSize !== total) {
    throw new Damage(input.position, `zstd: ${total} bytes instead of ${contentSize}`, 'warning');
  }
  if (checksum) await input.take(4);
}

/**
 * The contents of all frames. A chunk is good until the next one is asked for. Content checksums are not compared.
 * @throws Damage where the input is cut or broken
 */
export async function* unzstd(input: PeekStream): AsyncGenerator<Uint8Array, void, undefined> {
  for (;;) {
    const word = await input.peek(4);
    if (word.length === 0) return;
    const magic = le(word, 0, word.length);
    if (word.length === 4 && magic === MAGIC) {
      await input.take(4);
      yield* decodeFrame(input);
    } else if (word.length === 4 && magic >>> 4 === 0x184d2a5) {
      await input.take(4);
      await input.skip(le(await input.take(4), 0, 4));
    } else {
      throw new Damage(input.position, 'zstd: bytes behind the end are ignored', 'note');
    }
  }
}
