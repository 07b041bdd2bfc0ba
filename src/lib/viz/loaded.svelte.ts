/** What fast input asks for is fetched one at a time; only the newest question waits. */
import { messageOf } from './format.ts';

/** No spinner before this many ms: most answers are quicker. */
const PATIENCE = 200;

/**
 * The answer to a question that changes. The previous answer stays until the new one is there. Make it while a
 * component initialises.
 *
 *   const page = new Loaded(() => { const p = pageOf(selection.current); return p && (() => inspector.page(id, p)); });
 */
export class Loaded<T> {
  value = $state.raw<T>();
  error = $state<string>();
  /** Asked and not answered for longer than a person notices. */
  slow = $state(false);
  #running = false;
  #next: (() => Promise<T>) | undefined;

  /** @param ask reads what it depends on and gives the question, or undefined for none */
  constructor(ask: () => (() => Promise<T>) | undefined) {
    $effect(() => {
      this.#next = ask();
      if (this.#next) void this.#run();
      else this.value = this.error = undefined;
    });
  }

  async #run(): Promise<void> {
    if (this.#running) return;
    this.#running = true;
    const timer = setTimeout(() => (this.slow = true), PATIENCE);
    while (this.#next) {
      const ask = this.#next;
      this.#next = undefined;
      try {
        const value = await ask();
        // A newer question is waiting: this answer is already old, but better than an older one.
        this.value = value;
        this.error = undefined;
      } catch (error) {
        this.error = messageOf(error);
      }
    }
    clearTimeout(timer);
    this.slow = false;
    this.#running = false;
  }
}
