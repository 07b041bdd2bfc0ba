/** What the timeline shows: tracks with what is on them, and the density of page records in view. */
import type { PageRuns } from '../../emulator/api.ts';
import { tokenReader } from '../canvas/read-token.svelte.ts';
import { filterOf } from '../filter.svelte.ts';
import { Loaded } from '../loaded.svelte.ts';
import { placeOf } from '../notes/notebook.svelte.ts';
import type { Selection } from '../selection.svelte.ts';
import type { Workspace } from '../workspace.svelte.ts';
import { densityRequest, type DensityRequest } from './density-request.ts';
import { filled, rowsOf } from './draw-timeline.ts';
import type { StreamView } from './stream-view.ts';
import type { PlacedNote, TrackData } from './track.ts';
import { tracks } from './tracks.ts';

/** Make it while a component initialises. */
export class ShownStream {
  readonly #workspace: Workspace;
  readonly info = $derived.by(() => this.#workspace.session.info);
  readonly #notes: readonly PlacedNote[] = $derived.by(() => {
    const { session, notebook } = this.#workspace;
    return notebook.notes.flatMap((note) => {
      const place = placeOf(note);
      const span = session.spanOf(place);
      return span ? [{ start: span.start, end: span.end, title: note.title, text: note.text, place }] : [];
    });
  });
  /** Height of the tracks' box. */
  room = $state(0);
  readonly #filled = $derived.by(() => (this.info ? filled(tracks, { info: this.info, notes: this.#notes }) : []));
  readonly rows = $derived.by(() => rowsOf(this.#filled, this.room));
  readonly read = $derived.by(() => tokenReader(this.#workspace.settings));
  /** Pages whose records are marked: those of the filter, or the one that is selected. */
  readonly #wantedPages: PageRuns | undefined = $derived.by(() => {
    const { current } = this.#workspace.selection;
    if (current.kind === 'page') return [[current.page, current.page + 1]];
    const filter = filterOf(this.#workspace);
    return filter?.kind === 'pages' ? filter.runs : undefined;
  });
  readonly #density;
  readonly #wanted;

  /** @param view what will be seen when nothing moves any more */
  constructor(workspace: Workspace, view: () => StreamView) {
    this.#workspace = workspace;
    const { inspector } = workspace;
    // As text: the same request twice is one.
    const request = $derived(JSON.stringify(densityRequest(view(), this.info?.end ?? 0)));
    const records = $derived(this.info && `${this.info.id} ${this.info.ram.records}`);
    const ask = (only: PageRuns | undefined) => {
      const [id, count] = (records ?? '').split(' ').map(Number);
      const { start, end, buckets } = JSON.parse(request) as DensityRequest;
      return id !== undefined && count ? () => inspector.density(id, start, end, buckets, only) : undefined;
    };
    this.#density = new Loaded(() => ask(undefined));
    this.#wanted = new Loaded(() => (this.#wantedPages ? ask(this.#wantedPages) : undefined));
  }

  get data(): TrackData | undefined {
    const { info } = this;
    return info && { info, density: this.#density.value, wanted: this.#wanted.value, notes: this.#notes };
  }

  /** Stream bytes of what is selected or pointed at. */
  spanOf(selection: Selection | undefined) {
    return this.#workspace.session.spanOf(selection);
  }
}
