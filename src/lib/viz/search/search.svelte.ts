/** One search at a time, its hits as they come. Outlives the panel. */
import type { Inspector, SearchHit, SnapshotId } from '../../emulator/api.ts';
import { messageOf } from '../format.ts';

/** The search stops at so many places, until a person asks for more. */
const LIMIT = 10_000;

export class Search {
  readonly #inspector: Inspector;
  hits = $state.raw<readonly SearchHit[]>([]);
  /** Where it stops; it can be lifted. */
  limit = $state(LIMIT);
  /** 0 to 1 while it runs. */
  progress = $state<number>();
  error = $state<string>();
  /** What `hits` answers. */
  query = $state<string>();
  #run = 0;

  constructor(inspector: Inspector) {
    this.#inspector = inspector;
  }

  async start(id: SnapshotId, query: string, limit = LIMIT): Promise<void> {
    const run = ++this.#run;
    this.query = query;
    this.limit = limit;
    this.error = undefined;
    this.progress = 0;
    // The old hits stay until there is a new one, or none.
    const found: SearchHit[] = [];
    let done = false;
    const hit = (hits: readonly SearchHit[], progress: number) => {
      if (run !== this.#run) return;
      // The last hits may come behind the answer: they have a channel of their own.
      if (!done) this.progress = progress;
      if (hits.length === 0) return;
      for (const h of hits) found.push(h);
      this.hits = found.slice();
    };
    try {
      await this.#inspector.search(id, query, hit, limit);
    } catch (error) {
      if (run === this.#run) this.error = messageOf(error);
    }
    if (run !== this.#run) return;
    done = true;
    if (found.length === 0) this.hits = [];
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
    this.query = this.error = undefined;
  }
}
