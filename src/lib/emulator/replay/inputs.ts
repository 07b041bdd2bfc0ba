/**
 * Where input comes in: keys, characters, frames, buttons, changes made by hand. It waits until the CPU is between two
 * slices, so that a recording has a count of instructions for it. What takes it must do the same each time it is given
 * the same bytes: no look at a clock, no random numbers.
 */
import type { Input } from './log.ts';

export class Inputs {
  readonly #takers = new Map<string, (data: Uint8Array) => void>();
  #waiting: Input[] = [];
  /** Something waits: a machine that sleeps has to wake. */
  onArrival: () => void = () => {};
  /** An input takes effect now: for the recording. */
  onDeliver: (input: Input) => void = () => {};

  /** @param take throws where the input is none */
  register(to: string, take: (data: Uint8Array) => void): void {
    this.#takers.set(to, take);
  }

  /** Comes in between two slices, in the order of the calls; on a machine that stands still when it goes on. */
  post(to: string, data: Uint8Array): void {
    this.#waiting.push({ to, data: data.slice() });
    this.onArrival();
  }

  /** Takes effect at once: to be called between slices, or while the machine stands still. @throws what taking it does */
  perform(to: string, data: Uint8Array): void {
    const input = { to, data: data.slice() };
    this.onDeliver(input);
    this.take(input);
  }

  /** What waits takes effect. */
  run(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const input of waiting) {
      this.onDeliver(input);
      this.take(input);
    }
  }

  /** Once more, from a recording. @throws where nothing of that name takes input */
  take({ to, data }: Input): void {
    const taker = this.#takers.get(to);
    if (!taker) throw new RangeError(`nothing takes input for '${to}'`);
    taker(data);
  }
}
