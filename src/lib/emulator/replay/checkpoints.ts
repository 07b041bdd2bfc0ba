/**
 * Checkpoints of a running machine. RAM is kept as what was written over: each checkpoint has the pages as they were at
 * its moment and no longer were at the next one, so that going back means putting pages back, the youngest checkpoint's
 * first. The farther back, the fewer remain: the gap between two grows with their age.
 */
import { PageStore } from './page-store.ts';

/** The RAM that is watched, as host pages. */
export interface WatchedRam {
  /** The bytes of a page, as they are now. */
  page(number: number): Uint8Array;
  /** About to be written to by the machine's own means: dirty bits are set, decoded code is given up. */
  restore(number: number, read: (into: Uint8Array) => void): void;
  /** Every page is told again when it is written to for the first time. */
  protect(pages: Iterable<number> | undefined): void;
}

export interface Checkpoint<State> {
  readonly icount: number;
  readonly state: State;
  /** Bytes of `state`. */
  readonly stateBytes: number;
  /** Slots of contents at this moment, by page: of those written to before the next checkpoint. */
  readonly pages: Map<number, number>;
}

/** As many checkpoints in each doubling of age. */
const FINENESS = 8;

export class Checkpoints<State> {
  readonly #ram: WatchedRam;
  readonly #store: PageStore;
  readonly #list: Checkpoint<State>[] = [];
  readonly #interval: number;
  /** The oldest checkpoint is another one, or there is none. */
  onForget: () => void = () => {};

  /**
   * @param interval instructions between two young checkpoints
   * @param limit bytes of pages and states that it may take
   */
  constructor(ram: WatchedRam, interval: number, limit: number) {
    this.#ram = ram;
    this.#interval = interval;
    this.#store = new PageStore(limit);
  }

  /** Oldest first. */
  get list(): readonly Checkpoint<State>[] {
    return this.#list;
  }
  get interval(): number {
    return this.#interval;
  }
  get limit(): number {
    return this.#store.limit;
  }
  get bytes(): number {
    return this.#store.bytes + this.#list.reduce((sum, { stateBytes }) => sum + stateBytes, 0);
  }

  /** The machine as it is now. */
  add(icount: number, state: State, stateBytes: number): void {
    const last = this.#list.at(-1);
    this.#list.push({ icount, state, stateBytes, pages: new Map() });
    this.#ram.protect(last?.pages.keys());
    this.#thin(icount);
    while (this.bytes > this.limit && this.#list.length > 1) this.forgetOldest();
  }

  /** A page is written to for the first time since the last checkpoint. */
  written(page: number): void {
    const last = this.#list.at(-1);
    if (!last || last.pages.has(page)) return;
    let slot = this.#store.put(this.#ram.page(page));
    while (slot === undefined && this.#list.length > 1) {
      this.forgetOldest();
      slot = this.#store.put(this.#ram.page(page));
    }
    if (slot === undefined) this.clear();
    else last.pages.set(page, slot);
  }

  /** The youngest before a count of instructions. */
  before(icount: number): Checkpoint<State> | undefined {
    return this.#list.findLast((c) => c.icount < icount);
  }

  /** Whether any of these pages was written to after a checkpoint and before the next. */
  touchedSince({ pages: written }: Checkpoint<State>, pages: readonly number[]): boolean {
    return pages.some((page) => written.has(page));
  }

  /** Puts RAM back to a checkpoint, which becomes the last. Returns its state. */
  restore(checkpoint: Checkpoint<State>): State {
    const at = this.#list.indexOf(checkpoint);
    if (at < 0) throw new RangeError('this checkpoint was given up');
    const changed = new Map<number, number>();
    // The oldest of several contents is that of the wanted moment.
    for (const { pages } of this.#list.slice(at).toReversed())
      for (const [page, slot] of pages) changed.set(page, slot);
    for (const [page, slot] of changed) this.#ram.restore(page, (into) => this.#store.get(slot, into));
    for (const { pages } of this.#list.splice(at + 1)) this.#freeAll(pages);
    this.#freeAll(checkpoint.pages);
    this.#ram.protect(undefined);
    return checkpoint.state;
  }

  clear(): void {
    for (const { pages } of this.#list.splice(0)) this.#freeAll(pages);
    this.onForget();
  }

  #freeAll(pages: Map<number, number>): void {
    for (const slot of pages.values()) this.#store.free(slot);
    pages.clear();
  }

  forgetOldest(): void {
    const oldest = this.#list.shift();
    if (oldest) this.#freeAll(oldest.pages);
    this.onForget();
  }

  /** Gives up what stands closer to its neighbours than its age asks for; its pages go to the one before it. */
  #thin(now: number): void {
    for (let i = this.#list.length - 2; i > 0; i--) {
      const [before, one, after] = [this.#list[i - 1]!, this.#list[i]!, this.#list[i + 1]!];
      const age = now - after.icount;
      if (after.icount - before.icount > Math.max(this.#interval, age / FINENESS)) continue;
      for (const [page, slot] of one.pages) {
        if (before.pages.has(page)) this.#store.free(slot);
        else before.pages.set(page, slot);
      }
      this.#list.splice(i, 1);
    }
  }
}
