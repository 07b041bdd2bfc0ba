/** A view that glides to where it shall be. Keys that repeat move the aim, not the view. */
import { between, ease, type Frame } from './glide.ts';

const DURATION = 140;

export class Gliding {
  /** What is seen now. */
  now = $state.raw<Frame>([]);
  /** Where it is going, or stands. */
  aim = $state.raw<Frame>([]);
  #from: Frame = [];
  #started = 0;
  #running = false;

  constructor(at: Frame) {
    this.now = this.aim = at;
  }

  /** Goes there at once: wheel and pointer are smooth of themselves. */
  jump(to: Frame): void {
    this.aim = this.now = to;
  }

  /** Goes there in some frames, or at once for those who want no motion. */
  go(to: Frame): void {
    if (matchMedia('(prefers-reduced-motion: reduce)').matches) return this.jump(to);
    this.#from = this.now;
    this.aim = to;
    this.#started = performance.now();
    if (this.#running) return;
    this.#running = true;
    const step = (time: number) => {
      // A jump in between ends the way.
      if (this.now !== this.aim) {
        this.now = between(this.#from, this.aim, ease((time - this.#started) / DURATION));
        requestAnimationFrame(step);
      } else this.#running = false;
    };
    requestAnimationFrame(step);
  }
}
