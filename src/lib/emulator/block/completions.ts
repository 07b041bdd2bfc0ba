/**
 * Where the outside world comes in. Work goes on beside the machine, but what it came to is handed over between two
 * slices, in an order that can be written down: requests are numbered as they are made, which is the same in every run,
 * and `onComplete` tells which number came back when.
 */

interface Ready {
  readonly id: number;
  readonly run: () => void;
}

export class Completions {
  #next = 0;
  /** What was asked for before is of no interest any more. */
  #generation = 0;
  #ready: Ready[] = [];
  /** Requests under way, with what settles when each is ready. */
  readonly #underWay = new Map<number, Promise<void>>();
  /** Something became ready: a machine that sleeps has to wake. */
  onReady: () => void = () => {};
  /** A request was made. */
  onStart: () => void = () => {};
  /** A request is handed over now: for the recording. */
  onComplete: (id: number) => void = () => {};

  /** Starts work, whose result or failure `done` gets between two slices. Returns its number. */
  start<T>(work: () => Promise<T>, done: (result: T | Error) => void): number {
    const id = this.#next++;
    const generation = this.#generation;
    const finish = (result: T | Error): void => {
      if (generation !== this.#generation) return;
      this.#underWay.delete(id);
      this.#ready.push({ id, run: () => done(result) });
      this.onReady();
    };
    const asError = (error: unknown): Error => (error instanceof Error ? error : new Error(String(error)));
    const settled = (async () => work())().then(finish, (error: unknown) => finish(asError(error)));
    this.#underWay.set(id, settled);
    this.onStart();
    return id;
  }

  /** The number of the next request. */
  get next(): number {
    return this.#next;
  }
  /** Nothing is under way any more, and numbers go on from here: the machine was put back to another moment. */
  restart(next: number): void {
    this.#generation++;
    this.#ready = [];
    this.#underWay.clear();
    this.#next = next;
  }

  /** Requests that have not been handed over yet. */
  get pending(): number {
    return this.#underWay.size + this.#ready.length;
  }
  get hasReady(): boolean {
    return this.#ready.length > 0;
  }

  /** Hands over all that is ready. To be called between slices. Returns whether there was anything. */
  run(): boolean {
    const ready = this.#ready;
    this.#ready = [];
    for (const { id, run } of ready) {
      this.onComplete(id);
      run();
    }
    return ready.length > 0;
  }

  /** Waits for one request and hands it over: what a replay does at the recorded moment. */
  async runOne(id: number): Promise<void> {
    await this.#underWay.get(id);
    const at = this.#ready.findIndex((r) => r.id === id);
    if (at < 0) throw new RangeError(`no request ${id} is under way`);
    const [one] = this.#ready.splice(at, 1);
    this.onComplete(id);
    one!.run();
  }

  /** Waits until nothing is under way and hands everything over, with what that starts. Source: bdrv_drain_all. */
  async drain(): Promise<void> {
    while (this.pending > 0) {
      if (!this.run()) await Promise.race(this.#underWay.values());
    }
  }
}
