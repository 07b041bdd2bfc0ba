/** Panning and zooming along the stream. */
import { Gliding } from '../canvas/gliding.svelte.ts';
import type { Frame } from '../canvas/glide.ts';
import type { Span } from '../selection.svelte.ts';
import { bounded, focused, whole, xOf, zoomed, type StreamView } from './stream-view.ts';

export interface KeptStreamView {
  frame: Frame;
  /** Snapshot that it is a view of. */
  of: number | undefined;
  /** The whole is shown, and shall be while more of it arrives. */
  fitted: boolean;
}

/** Make it while a component initialises. */
export class StreamNavigation {
  readonly #gliding: Gliding;
  readonly #kept: KeptStreamView;
  readonly #end: () => number;
  readonly #width: () => number;

  constructor(kept: KeptStreamView, id: () => number | undefined, end: () => number, width: () => number) {
    this.#gliding = new Gliding(kept.frame);
    this.#kept = kept;
    this.#end = end;
    this.#width = width;
    $effect(() => {
      const now = id();
      if (width() <= 0 || (now === kept.of && !kept.fitted)) return;
      kept.of = now;
      kept.fitted = true;
      const { start, span } = whole(end(), width());
      this.#gliding.jump([start, span]);
    });
    $effect(() => {
      kept.frame = this.#gliding.aim;
    });
  }

  #view([start, span]: Frame): StreamView {
    return { start: start!, span: span!, width: Math.max(1, this.#width()) };
  }
  /** What is seen in this frame. */
  get now(): StreamView {
    return this.#view(this.#gliding.now);
  }
  /** What will be seen when nothing moves any more. */
  get aim(): StreamView {
    return this.#view(this.#gliding.aim);
  }

  move(to: StreamView, smooth: boolean): void {
    this.#kept.fitted = false;
    const { start, span } = bounded(to, this.#end());
    if (smooth) this.#gliding.go([start, span]);
    else this.#gliding.jump([start, span]);
  }
  /** The offset under `x` stays where it is; the middle when none is given. */
  zoom(factor: number, x: number | undefined, smooth: boolean): void {
    const { aim } = this;
    this.move(zoomed(aim, factor, x ?? aim.width / 2, this.#end()), smooth);
  }
  /** By pixels. */
  pan(pixels: number, smooth: boolean): void {
    const { aim } = this;
    this.move({ ...aim, start: aim.start + (pixels / aim.width) * aim.span }, smooth);
  }
  all(): void {
    const { start, span } = whole(this.#end(), this.#width());
    this.#kept.fitted = true;
    this.#gliding.go([start, span]);
  }
  /** Fills the view with a span. Says whether that changed anything. */
  focus({ start, end }: Span): boolean {
    const { aim } = this;
    const to = focused(start, end, aim.width, this.#end());
    const moved = Math.abs(xOf(aim, to.start)) > 1 || Math.abs(to.span / aim.span - 1) > 1e-3;
    if (moved) this.move(to, true);
    return moved;
  }
  /** Brings a span into view, if no part of it is, without zooming unless it must. */
  show({ start, end }: Span): void {
    const { aim } = this;
    if (end >= aim.start && start <= aim.start + aim.span) return;
    this.move({ ...aim, start: (start + end) / 2 - aim.span / 2 }, true);
  }
}
