/** RAM while the guest runs: which pages were written since the look before, and which hold nothing but zeros. */
import { HOST_PAGE_SIZE } from '../host/memory.ts';
import type { RamPageBits, RamView } from '../machine-api.ts';
import { DIRTY_VIEW, type PhysMem, type RAMBlock } from '../system/physmem.ts';

const PAGE: RamPageBits = { ZERO: 1, DATA: 2, WRITTEN: 4 };
const KNOWN = PAGE.ZERO | PAGE.DATA;
/** Pages whose contents are looked at in one go: well under a millisecond. */
const MOST_AT_ONCE = 1024;

/** What was told of a block. */
interface Told {
  /** A byte a page; another array for each look that found something new. */
  readonly pages: Uint8Array;
  /** Some pages are WRITTEN, or not known yet. */
  readonly unsettled: boolean;
}

export class RamWatch {
  readonly #physmem: PhysMem;
  readonly #told = new Map<RAMBlock, Told>();

  constructor(physmem: PhysMem) {
    this.#physmem = physmem;
  }

  look(): readonly RamView[] {
    let left = MOST_AT_ONCE;
    return this.#physmem.blocks.map((block) => {
      const before = this.#told.get(block);
      const written = this.#physmem.takeDirty(block.offset, block.used_length, DIRTY_VIEW);
      if (before && !before.unsettled && !written.includes(1)) return { idstr: block.idstr, pages: before.pages };
      const pages = before ? before.pages.slice() : new Uint8Array(block.used_length / HOST_PAGE_SIZE);
      const [words, freshWords] = [wordsOf(pages), wordsOf(written)];
      let unsettled = false;
      for (let n = 0; n < pages.length; n++) {
        if ((n & 3) === 0 && freshWords[n >>> 2] === 0 && areSettled(words[n >>> 2])) {
          n += 3;
          continue;
        }
        // What was there before the first look was written by nobody who looked on.
        const fresh = written[n] === 1;
        let bits = (fresh ? 0 : pages[n]! & KNOWN) | (fresh && before ? PAGE.WRITTEN : 0);
        if (!(bits & KNOWN)) {
          const at = block.offset + n * HOST_PAGE_SIZE;
          if (!this.#physmem.wasWritten(at)) bits |= PAGE.ZERO;
          else if (left-- > 0) bits |= this.#isZero(at) ? PAGE.ZERO : PAGE.DATA;
        }
        unsettled ||= bits !== PAGE.ZERO && bits !== PAGE.DATA;
        pages[n] = bits;
      }
      this.#told.set(block, { pages, unsettled });
      return { idstr: block.idstr, pages };
    });
  }

  #isZero(address: number): boolean {
    const { u32 } = this.#physmem.host.views;
    const start = address >>> 2;
    for (let at = start; at < start + HOST_PAGE_SIZE / 4; at++) if (u32[at] !== 0) return false;
    return true;
  }
}

const wordsOf = (bytes: Uint8Array): Uint32Array => new Uint32Array(bytes.buffer, 0, bytes.length >>> 2);
/** Four pages of which each is known, and none has just been written: a one in just one of the lower two bits. */
const areSettled = (word: number | undefined): boolean =>
  word !== undefined && (word & ~0x0303_0303) === 0 && ((word ^ (word >>> 1)) & 0x0101_0101) === 0x0101_0101;
