/** How the convergence chart is looked at: the stretch of time in view, what is picked, which tracks are pinned. */
import { SvelteSet } from 'svelte/reactivity';
import type { Span } from '../selection.svelte.ts';
import { StreamNavigation, type KeptStreamView } from '../timeline/stream-navigation.svelte.ts';
import { chartTracks } from './chart-tracks.ts';

/** What outlives the panel. */
export class KeptChart implements KeptStreamView {
  frame: KeptStreamView['frame'] = [0, 1];
  of: number | undefined;
  fitted = true;
  /** Ids of tracks. */
  readonly pinned = new SvelteSet<string>(['phases', 'rounds']);
  area = $state.raw<Span>();
}

/** Make it while a component initialises. */
export class ChartView {
  readonly navigation: StreamNavigation;
  /** Dragging picks a stretch instead of moving the view. */
  selecting = $state(false);
  /** While it is dragged. */
  dragged = $state.raw<Span>();
  /** ms under the pointer. */
  pointed = $state<number>();
  width = $state(0);
  readonly #kept: KeptChart;
  readonly area: Span | undefined = $derived.by(() => this.dragged ?? this.#kept.area);
  readonly pinned = $derived.by(() => chartTracks.filter((t) => this.#kept.pinned.has(t.id)));
  readonly others = $derived.by(() => chartTracks.filter((t) => !this.#kept.pinned.has(t.id)));

  /** @param run changes with what is shown @param end ms */
  constructor(kept: KeptChart, run: () => number | undefined, end: () => number) {
    this.#kept = kept;
    this.navigation = new StreamNavigation(kept, run, end, () => this.width);
  }

  isPinned(track: string): boolean {
    return this.#kept.pinned.has(track);
  }
  pin(track: string): void {
    if (!this.#kept.pinned.delete(track)) this.#kept.pinned.add(track);
  }
  pick(area: Span | undefined): void {
    this.#kept.area = area;
    this.dragged = undefined;
  }
}
