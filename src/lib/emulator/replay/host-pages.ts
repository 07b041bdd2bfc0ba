/** The RAM of a machine as pages of the host's memory, and where a guest-physical address lies in it. */
import type { Machine } from '../machine.ts';
import type { PhysMem } from '../system/physmem.ts';
import type { WatchedRam } from './checkpoints.ts';
import { TimeTravelError } from './time-travel-error.ts';

const PAGE_BITS = 12;
const PAGE = 1 << PAGE_BITS;

export class HostPages implements WatchedRam {
  readonly #physmem: PhysMem;

  constructor(physmem: PhysMem) {
    this.#physmem = physmem;
  }

  page(number: number): Uint8Array {
    return this.#physmem.host.views.u8.subarray(number * PAGE, (number + 1) * PAGE);
  }
  restore(number: number, read: (into: Uint8Array) => void): void {
    this.#physmem.setDirty(number * PAGE, PAGE);
    read(this.page(number));
  }
  protect(pages: Iterable<number> | undefined): void {
    this.#physmem.watchFirstWrites(pages);
  }

  hostAddress(machine: Machine, address: bigint): number | undefined {
    const entry = machine.board.pc.pages.hostPage(Number(address >> BigInt(PAGE_BITS)));
    return entry === 0 ? undefined : ((entry & -PAGE) >>> 0) + Number(address & BigInt(PAGE - 1));
  }
  /** Numbers of host pages. */
  pagesOf(machine: Machine, address: bigint, bytes: number): readonly number[] {
    const first = address >> BigInt(PAGE_BITS);
    const last = (address + BigInt(bytes) - 1n) >> BigInt(PAGE_BITS);
    const pages: number[] = [];
    for (let page = first; page <= last; page++) {
      const host = this.hostAddress(machine, page << BigInt(PAGE_BITS));
      if (host === undefined) throw new TimeTravelError(`0x${address.toString(16)} is not RAM`);
      pages.push(host >>> PAGE_BITS);
    }
    return pages;
  }
}
