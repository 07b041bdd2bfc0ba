/** One open snapshot. The previous one stays until the first of the new one is there. */
import { SvelteMap } from 'svelte/reactivity';
import type { Inspector, SectionInfo, SnapshotId, SnapshotInfo } from '../emulator/api.ts';
import { sectionAt } from '../vmstate/snapshot.ts';
import { joinPath, placedAt, type Placed } from '../vmstate/vmstate.ts';
import { fingerprint } from './fingerprint.ts';
import { messageOf } from './format.ts';
import { chosenState } from './image-states.ts';
import type { Selection, Span } from './selection.svelte.ts';

/** A row with its full path. */
interface PathRow {
  readonly path: string;
  readonly row: Placed;
}

interface FetchedFields {
  /** `SectionInfo.fieldCount` at that time: a section that is still arriving grows. */
  readonly count: number;
  readonly rows: readonly Placed[];
}

export class Session {
  readonly inspector: Inspector;
  /** What is shown, as far as it has been read. */
  info = $state.raw<SnapshotInfo>();
  /** Of `info`. The same while more of it arrives: what follows it does not begin anew with every piece. */
  readonly id: SnapshotId | undefined = $derived(this.info?.id);
  /** What is being read now; already shown if it is `info` too. */
  arriving = $state.raw<SnapshotInfo>();
  /** Names of the files under way, from the drop to the last byte. */
  opening = $state.raw<readonly File[]>();
  /** Why the last open came to nothing. */
  failure = $state<string>();
  /** The files that `info` was made of. */
  files = $state.raw<readonly File[]>([]);
  /** Names the content (not the file name) across reloads: notes and links hold on to it. */
  fingerprint = $state<string>();

  readonly #fields = new SvelteMap<number, FetchedFields>();
  // eslint-disable-next-line svelte/prefer-svelte-reactivity -- what is under way is not shown
  readonly #fetching = new Map<number, Promise<readonly Placed[]>>();
  #generation = 0;

  constructor(inspector: Inspector) {
    this.inspector = inspector;
  }

  /**
   * Opens what was dropped together. Settles when all is read, cancelled, or has failed: see `failure`.
   * @param snapshot of a qcow2 image: id of the VM state; by default the last
   */
  async open(files: readonly File[], snapshot?: string): Promise<void> {
    const generation = ++this.#generation;
    if (this.opening && this.arriving) this.inspector.cancel(this.arriving.id);
    this.opening = files;
    this.arriving = this.failure = undefined;
    let settled = false;
    const seen = (info: SnapshotInfo) => {
      if (generation !== this.#generation) return this.inspector.close(info.id);
      this.arriving = info;
      // Something to see, or nothing more to come.
      if (info.sections.length > 0 || (info.done && !info.cancelled)) this.#show(info, files);
    };
    try {
      // Progress has a channel of its own: what comes behind the answer is old.
      const progress = (info: SnapshotInfo) => void (!settled && generation === this.#generation && seen(info));
      const info = await this.inspector.open(files, progress, snapshot);
      settled = true;
      seen(info);
    } catch (error) {
      if (generation === this.#generation) this.failure = messageOf(error);
    }
    if (generation === this.#generation) this.opening = this.arriving = undefined;
  }

  #show(info: SnapshotInfo, files: readonly File[]): void {
    const before = this.info;
    this.info = info;
    if (before?.id === info.id) return;
    this.#fields.clear();
    this.#fetching.clear();
    this.files = files;
    this.fingerprint = undefined;
    if (before) this.inspector.close(before.id);
    const main = files.find((f) => f.name === info.file.name) ?? files[0];
    if (main)
      void fingerprint(main, chosenState(info.file)).then((print) => this.id === info.id && (this.fingerprint = print));
  }

  /** Stops reading; what was read stays. */
  cancel(): void {
    if (this.arriving) this.inspector.cancel(this.arriving.id);
  }

  close(): void {
    this.#generation++;
    if (this.info) this.inspector.close(this.info.id);
    if (this.arriving && this.arriving.id !== this.info?.id) this.inspector.close(this.arriving.id);
    this.info = this.arriving = this.opening = this.failure = this.fingerprint = undefined;
    this.files = [];
    this.#fields.clear();
    this.#fetching.clear();
  }

  section(index: number): SectionInfo | undefined {
    return this.info?.sections[index];
  }

  /** Rows of a section, or undefined while they are fetched: read it where a re-run is wanted when they arrive. */
  fields(index: number): readonly Placed[] | undefined {
    const section = this.section(index);
    if (!section) return undefined;
    if (section.fieldCount === 0) return noRows;
    const got = this.#fields.get(index);
    if (got?.count !== section.fieldCount) void this.fetchFields(index).catch(() => undefined);
    return got?.rows;
  }

  /** The same, awaited. */
  fetchFields(index: number): Promise<readonly Placed[]> {
    const { info } = this;
    const section = this.section(index);
    if (!info || !section) return Promise.resolve(noRows);
    let fetching = this.#fetching.get(index);
    if (!fetching) {
      fetching = this.inspector.fields(info.id, index).then((rows) => {
        if (this.id === info.id) this.#fields.set(index, { count: section.fieldCount, rows });
        return rows;
      });
      this.#fetching.set(index, fetching);
      const done = () => this.#fetching.get(index) === fetching && this.#fetching.delete(index);
      fetching.then(done, done);
    }
    return fetching;
  }

  /** The row of a field, or undefined while its section is fetched. */
  field(section: number, path: string): Placed | undefined {
    return placedAt(this.fields(section) ?? noRows, path);
  }

  sectionAt(offset: number): SectionInfo | undefined {
    return sectionAt(this.info?.sections ?? [], offset);
  }

  /** The chain of rows at a stream offset, outermost first; empty while they are fetched or where there are none. */
  chainAt(offset: number): readonly PathRow[] {
    const section = this.sectionAt(offset);
    return section ? chainAt(this.fields(section.index) ?? noRows, offset) : [];
  }

  /** What a click on the byte means: its field, else itself. Waits for the fields. */
  async meaningOf(offset: number): Promise<Selection> {
    const section = this.sectionAt(offset);
    if (section) {
      const field = chainAt(await this.fetchFields(section.index), offset).at(-1);
      if (field) return { kind: 'field', section: section.index, path: field.path };
    }
    return { kind: 'bytes', start: offset, end: offset + 1 };
  }

  /** Stream bytes that a selection stands for; undefined where it has none, or while its fields are fetched. */
  spanOf(selection: Selection | undefined): Span | undefined {
    switch (selection?.kind) {
      case 'bytes':
      case 'range':
        return selection;
      case 'section':
        return this.section(selection.section);
      case 'field':
        return this.field(selection.section, selection.path);
      default:
        return undefined;
    }
  }
}

const noRows: readonly Placed[] = [];

/** The rows that hold an offset, outermost first, with their paths. Rows of one level are in stream order. */
function chainAt(fields: readonly Placed[], offset: number): PathRow[] {
  const chain: PathRow[] = [];
  for (let rows: readonly Placed[] | undefined = fields, parent = ''; rows;) {
    const row: Placed | undefined = rows.find((r) => r.start <= offset && offset < r.end);
    if (!row) break;
    parent = joinPath(parent, row.name);
    chain.push({ path: parent, row });
    rows = row.children;
  }
  return chain;
}
