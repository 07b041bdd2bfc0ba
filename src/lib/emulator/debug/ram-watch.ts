/** RAM while the guest runs: which pages were written since the look before, and which hold nothing but zeros. */
import { HOST_PAGE_SIZE } from '../host/memory.ts';
import type { RamPageBits, RamView } from '../machine-api.ts';
import { DIRTY_VIEW, type PhysMem, type RAMBlock } from '../system/physmem.ts';

const PAGE: RamPageBits = { ZERO: 1, DATA: 2, WRITTEN: 4 };
/** Pages whose contents are looked at in one go: a few milliseconds. */
const MOST_AT_ONCE = 4096;

export class RamWatch {
  readonly #physmem: PhysMem;
  /** What each page of a block holds, and where the look goes on: 0 where it is not known. */
  readonly #known = new Map<RAMBlock, { readonly pages: Uint8Array; next: number }>();

  constructor(physmem: PhysMem) {
    this.#physmem = physmem;
  }

  look(): readonly RamView[] {
    let left = MOST_AT_ONCE;
    return this.#physmem.blocks.map((block) => {
      let known = this.#known.get(block);
      if (!known)
        this.#known.set(block, (known = { pages: new Uint8Array(block.used_length / HOST_PAGE_SIZE), next: 0 }));
      const { pages } = known;
      // What was there before the first look was written by nobody who looked on.
      const first = known.next === 0 && pages.every((page) => page === 0);
      const written = this.#physmem.takeDirty(block.offset, block.used_length, DIRTY_VIEW);
      for (let n = 0; n < pages.length; n++) {
        pages[n] = (written[n] ? 0 : pages[n]! & (PAGE.ZERO | PAGE.DATA)) | (written[n] && !first ? PAGE.WRITTEN : 0);
      }
      for (let n = 0; n < pages.length && left > 0; n++) {
        const at = (known.next + n) % pages.length;
        if (pages[at]! & (PAGE.ZERO | PAGE.DATA)) continue;
        left--;
        pages[at]! |= this.#isZero(block, at) ? PAGE.ZERO : PAGE.DATA;
        if (left === 0) known.next = at;
      }
      return { idstr: block.idstr, pages: pages.slice() };
    });
  }

  #isZero(block: RAMBlock, page: number): boolean {
    const { u32 } = this.#physmem.host.views;
    const start = (block.offset + page * HOST_PAGE_SIZE) >>> 2;
    for (let at = start; at < start + HOST_PAGE_SIZE / 4; at++) if (u32[at] !== 0) return false;
    return true;
  }
}
