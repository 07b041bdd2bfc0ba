/** One search at a time, its hits as they come. Outlives the panel. */
import type { Inspector, SearchHit, SnapshotId } from '../../emulator/api.ts';
import { messageOf } from '../format.ts';

/** Shown until a person asks for more: the list stays light, the search goes on counting. */
const CAP = 1000;

export class Search {
  readonly #inspector: Inspector;
  hits = $state.raw<readonly SearchHit[]>([]);
  /** Found in all, kept or not. */
  found = $state(0);
  /** Hits kept at most; it can be lifted. */
  cap = $state(CAP);
  /** 0 to 1 while it runs. */
  progress = $state<number>();
  error = $state<string>();
  /** What `hits` answers. */
  query = $state<string>();
  #run = 0;

  constructor(inspector: Inspector) {
    this.#inspector = inspector;
  }

  async start(id: SnapshotId, query: string, cap = CAP): Promise<void> {
    const run = ++this.#run;
    this.query = query;
    this.cap = cap;
    this.found = 0;
    this.error = undefined;
    this.progress = 0;
    // The old hits stay until there is a new one, or none.
    let fresh = false;
    const kept: SearchHit[] = [];
    try {
      const found = await this.#inspector.search(id, query, (hits, progress) => {
        if (run !== this.#run) return;
        this.progress = progress;
        this.found += hits.length;
        if (hits.length === 0 || kept.length >= this.cap) return;
        for (const hit of hits.slice(0, this.cap - kept.length)) kept.push(hit);
        this.hits = kept.slice();
        fresh = true;
      });
      if (run === this.#run) this.found = Math.max(this.found, found);
    } catch (error) {
      if (run === this.#run) this.error = messageOf(error);
    }
    if (run !== this.#run) return;
    if (!fresh) this.hits = [];
    this.progress = undefined;
  }

  cancel(): void {
    this.#run++;
    this.#inspector.cancelSearch();
    this.progress = undefined;
  }

  clear(): void {
    if (this.progress !== undefined) this.cancel();
    this.hits = [];
    this.found = 0;
    this.query = this.error = undefined;
  }
}
