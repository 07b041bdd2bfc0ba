/** The one thing selected. Views meet only here: each turns the selection into its own terms. */

import type { PageRuns } from '../vmstate/ram-statistics.ts';

/** Stream offsets, end exclusive. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

export type Selection =
  | { readonly kind: 'none' }
  /** By position in the stream. */
  | { readonly kind: 'section'; readonly section: number }
  /** `path` as in `migrascope inspect`: `timers.cpu_ticks_offset`. */
  | { readonly kind: 'field'; readonly section: number; readonly path: string }
  /** Bytes of the stream, picked in the hex view or found by a search. */
  | ({ readonly kind: 'bytes' } & Span)
  /** A guest page, by its number over all blocks; as of one of its sends, else as it ended. `offset`: the byte in it. */
  | { readonly kind: 'page'; readonly page: number; readonly record?: number; readonly offset?: number }
  /** Guest pages picked on the RAM map, by their numbers over all blocks. */
  | { readonly kind: 'pages'; readonly runs: PageRuns }
  /** A span of the stream, picked on the timeline: what lies in it is summed up. */
  | ({ readonly kind: 'range' } & Span)
  /** A guest virtual address, to be walked. */
  | { readonly kind: 'gva'; readonly gva: bigint };

export const nothing: Selection = { kind: 'none' };

export const sameSelection = (a: Selection | undefined, b: Selection | undefined): boolean =>
  a === b || (a !== undefined && b !== undefined && keyOf(a) === keyOf(b));

const keyOf = (s: Selection): string =>
  JSON.stringify(s, (_, value) => (typeof value === 'bigint' ? `${value}n` : value));

const DEPTH = 100;

export interface SelectOptions {
  /** Who selected: that view does not scroll to what its user just clicked. */
  readonly from?: string;
  /** Takes the place of the newest entry: dragging, arrow keys. */
  readonly replace?: boolean;
  /** Stream offset of the very byte that was meant. */
  readonly cursor?: number;
}

export class SelectionState {
  #places = $state.raw<readonly Selection[]>([nothing]);
  #at = $state(0);
  /** What the pointer is over: a preview, never in the history. */
  hover = $state.raw<Selection>();
  /** The byte that the hex view's cursor is on; undefined: the first of what is selected. */
  cursor = $state<number>();
  /** Which view made the current selection. */
  from = $state<string>();

  get current(): Selection {
    return this.#places[this.#at] ?? nothing;
  }
  get canGoBack(): boolean {
    return this.#at > 0;
  }
  get canGoForward(): boolean {
    return this.#at < this.#places.length - 1;
  }

  select(selection: Selection, options: SelectOptions = {}): void {
    this.from = options.from;
    this.cursor = options.cursor;
    if (sameSelection(selection, this.current)) return;
    const kept = this.#places.slice(0, this.#at + (options.replace ? 0 : 1)).slice(-DEPTH);
    this.#places = [...kept, selection];
    this.#at = kept.length;
  }

  back(): void {
    this.#go(-1);
  }
  forward(): void {
    this.#go(1);
  }
  #go(by: 1 | -1): void {
    const at = this.#at + by;
    if (at < 0 || at >= this.#places.length) return;
    this.#at = at;
    this.cursor = this.from = undefined;
  }

  /** Another snapshot: what was selected means nothing in it. */
  reset(to: Selection = nothing): void {
    this.#places = [to];
    this.#at = 0;
    this.hover = this.cursor = this.from = undefined;
  }
}
