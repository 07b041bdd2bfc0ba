/**
 * What a page of memory looks like: its entropy and a guess, from counting its bytes and looking at its 64-bit words.
 * A guess is a guess: the names say so. Fast enough for every page of a large guest.
 */
import { PAGE } from './page.ts';

/** Values of the RAM map's colouring `guess`, by number. */
export const PageGuess = {
  zero: 0,
  fill: 1,
  sparse: 2,
  text: 3,
  code: 4,
  pageTable: 5,
  pointers: 6,
  random: 7,
  data: 8
} as const;
export const pageGuessNames: readonly string[] = [
  'zeros',
  'one byte repeated',
  'nearly all zeros',
  'looks like text',
  'looks like x86 code',
  'looks like a page table',
  'looks like pointers',
  'looks compressed or random',
  'other data'
];

export interface PageLook {
  /** Bits per byte, 0 to 8. */
  readonly entropy: number;
  /** One of `PageGuess`. */
  readonly guess: number;
}

export const zeroLook: PageLook = { entropy: 0, guess: PageGuess.zero };

/** n·log2(n), the only logarithms that the entropy of 4096 bytes needs. */
const nLogN = Float64Array.from({ length: PAGE + 1 }, (_, n) => (n === 0 ? 0 : n * Math.log2(n)));

/**
 * Bytes that x86 code has far more often than other data, measured over the .text sections of some hundred Debian
 * programs: mov, lea, test, call, jmp, ret, the two-byte escape, group 5, and common ModRM bytes. They make up a
 * quarter of code and about a hundredth of other data.
 */
const opcodes = [0x89, 0x8b, 0x85, 0xe8, 0xc7, 0xe9, 0x84, 0x8d, 0x83, 0xc3, 0x0f, 0xff, 0xc1, 0xc0];

// Four counters, one for each byte of a word: equal bytes in a row do not wait for each other.
const counts = new Uint32Array(4 * 256);
const words = new Uint32Array(PAGE / 4);
const bytesOfWords = new Uint8Array(words.buffer);

/** Looks at 4096 bytes (a shorter page counts as zero-filled). */
export function lookAt(page: Uint8Array): PageLook {
  bytesOfWords.set(page.length > PAGE ? page.subarray(0, PAGE) : page);
  if (page.length < PAGE) bytesOfWords.fill(0, page.length);
  counts.fill(0);
  for (let i = 0; i < PAGE / 4; i++) {
    const word = words[i]!;
    counts[word & 0xff]!++;
    counts[256 + ((word >>> 8) & 0xff)]!++;
    counts[512 + ((word >>> 16) & 0xff)]!++;
    counts[768 + (word >>> 24)]!++;
  }
  let sum = 0;
  for (let b = 0; b < 256; b++) {
    const n = counts[b]! + counts[256 + b]! + counts[512 + b]! + counts[768 + b]!;
    counts[b] = n;
    sum += nLogN[n]!;
  }
  const entropy = Math.max(0, 12 - sum / PAGE);
  return { entropy, guess: guess(entropy) };
}

/** After `lookAt` has put the counts of all bytes into the first 256 counters. */
function guess(entropy: number): number {
  const zeros = counts[0]!;
  const rest = PAGE - zeros;
  if (entropy === 0) return zeros === PAGE ? PageGuess.zero : PageGuess.fill;
  if (entropy > 7.75) return PageGuess.random;
  let code = 0;
  for (const b of opcodes) code += counts[b]!;
  if (code >= 0.12 * rest && counts[0x89]! + counts[0x8b]! >= 0.015 * rest && entropy > 4) return PageGuess.code;
  if (rest >= PAGE / 2) {
    let text = counts[0x09]! + counts[0x0a]! + counts[0x0d]!;
    for (let b = 0x20; b < 0x7f; b++) text += counts[b]!;
    if (text >= 0.92 * rest) return PageGuess.text;
  }
  const { used, entries, pointers } = countWords();
  if (entries >= 0.95 * used) return PageGuess.pageTable;
  if (zeros >= 0.95 * PAGE) return PageGuess.sparse;
  return pointers >= 0.3 * used ? PageGuess.pointers : PageGuess.data;
}

/** 64-bit words that are not zero, that could be page-table entries, and that could be pointers of a 64-bit guest. */
function countWords(): { used: number; entries: number; pointers: number } {
  let used = 0;
  let entries = 0;
  let pointers = 0;
  for (let i = 0; i < PAGE / 4; i += 2) {
    const low = words[i]!;
    const high = words[i + 1]!;
    if ((low | high) === 0) continue;
    used++;
    // Kernel half of the canonical addresses, or where programs and their libraries lie under Linux.
    const kernel = high >>> 16 === 0xffff && (high !== 0xffffffff || (low >= 0x80000000 && low !== 0xffffffff));
    if (kernel || (high >= 0x5500 && high < 0x8000)) pointers++;
    // Present and accessed, an address from 4 KiB to 64 TiB, none of the bits between address and software bits.
    else if ((low & 0x21) === 0x21 && (low >>> 12 !== 0 || (high & 0x3fff) !== 0) && (high & 0x07ffc000) === 0)
      entries++;
  }
  return { used, entries, pointers };
}
