/** What the page holds: the open snapshot, what is selected, which panels show, what can be done. Views get it by context. */
import { createContext } from 'svelte';
import { SvelteMap } from 'svelte/reactivity';
import type { Inspector } from '../emulator/api.ts';
import type { BridgeAddress } from '../emulator/machine-api.ts';
import { Activity } from './activity.ts';
import { Commands } from './commands.ts';
import { Notebook } from './notes/notebook.svelte.ts';
import { FILTER } from './filter.svelte.ts';
import { messageOf } from './format.ts';
import { MachineSession, type StartHost } from './machine/machine-session.svelte.ts';
import { capturedRecording } from './migration/captured.ts';
import { LiveMigration } from './migration/live-migration.svelte.ts';
import { Pictures } from './pictures.ts';
import type { Sample } from './samples.ts';
import { Session } from './session.svelte.ts';
import { SelectionState } from './selection.svelte.ts';
import { Settings, type Store } from './settings.svelte.ts';
import type { Picker } from './shell/palette.ts';
import type { ViewState } from './url-state.ts';
import { panelRow, panelsOf, type PanelId, type Area } from './shell/panels.ts';

export interface WorkspaceOptions {
  readonly store?: Store | undefined;
  readonly mac?: boolean;
  readonly startHost?: StartHost;
  readonly bridge?: BridgeAddress | undefined;
}

export class Workspace {
  readonly activity = new Activity();
  readonly inspector: Inspector;
  readonly session: Session;
  /** The right-hand side of a comparison with another file. */
  readonly other: Session;
  readonly machine: MachineSession;
  readonly migration: LiveMigration;
  readonly selection = new SelectionState();
  readonly settings: Settings;
  readonly commands: Commands;
  readonly pictures = new Pictures();
  readonly notebook = new Notebook();
  readonly mac: boolean;
  /** What panels keep in the URL: `panel.setting` to text, for example `ram.colour`. */
  readonly view = new SvelteMap<string, string>();
  /** Id of the bundled sample that is open. */
  sample = $state<string>();
  /** Its guest takes `dirty`, as its manifest says. */
  workload = $state(false);
  /** Number of the run whose stream is the open file. */
  recorded = $state<number>();
  /** Said by the live region. */
  announcement = $state('');
  /** What the palette is asked for; undefined: it is closed. */
  picker = $state.raw<Picker>();
  /** What the link that the page was opened by asks for, until its file is there. */
  wanted = $state.raw<ViewState>();
  /** Why the last thing asked for was not done. */
  refusal = $state<string>();
  /** Counts how often the panels were put back. */
  layoutReset = $state(0);
  /** Where the keyboard is. */
  areaWithFocus = $state<Area>();
  /** Area that fills the workbench. */
  maximised = $state<Area>();
  /** Panel that has, or shall get, the focus. */
  focused = $state.raw<{ readonly panel: PanelId }>();
  // eslint-disable-next-line svelte/prefer-svelte-reactivity -- each state is reactive in itself
  readonly #kept = new Map<string, unknown>();

  constructor(inspector: Inspector, options: WorkspaceOptions = {}) {
    this.inspector = this.activity.watch(inspector);
    this.session = new Session(this.inspector);
    this.other = new Session(this.inspector);
    this.machine = new MachineSession(this.activity, options.startHost, options.bridge);
    this.migration = new LiveMigration(this.machine);
    this.settings = new Settings(options.store);
    this.mac = options.mac ?? false;
    this.commands = new Commands(this.mac);
  }

  /** The panels that an area has now. */
  panels(area: Area): readonly { readonly id: PanelId; readonly title: string }[] {
    return panelsOf(area).filter((p) => this.has(p.id));
  }
  has(panel: PanelId): boolean {
    const { needs } = panelRow(panel);
    if (needs === 'migration' && this.migration.observations.length > 0) return true;
    return needs === undefined || this.machine.there;
  }

  /** The panel that an area shows. */
  tab(area: Area): PanelId | undefined {
    const wanted = this.view.get(`tab.${area}`);
    const choices = this.panels(area);
    return (choices.find((p) => p.id === wanted) ?? choices[0])?.id;
  }

  /** Brings a panel to the front of its area; with `focus`, moves the keyboard there. */
  show(panel: PanelId, focus = false): void {
    const { area } = panelRow(panel);
    if (panelsOf(area)[0]?.id === panel) this.view.delete(`tab.${area}`);
    else this.view.set(`tab.${area}`, panel);
    if (this.maximised !== undefined && this.maximised !== area) this.maximised = undefined;
    if (focus) this.focused = { panel };
  }

  /** Every way in: the button, a drop, a sample. */
  open(files: readonly File[], sample?: Pick<Sample, 'id' | 'workload'>): Promise<void> {
    this.sample = sample?.id;
    this.workload = sample?.workload ?? false;
    this.refusal = undefined;
    // A link's filter is for the first file; another file's pages and offsets are others.
    if (this.session.info) this.view.delete(FILTER);
    this.announce(`Reading ${files.map((f) => f.name).join(', ')}`);
    return this.activity.track(this.#open(files));
  }
  /** Another state of the qcow2 image that is open, by its id. */
  openSnapshot(id: string): Promise<void> {
    this.view.delete(FILTER);
    return this.activity.track(this.#open(this.session.files, id));
  }
  async #open(files: readonly File[], snapshot?: string): Promise<void> {
    await this.session.open(files, snapshot);
    const { info } = this.session;
    if (!info?.recording || this.session.files !== files) return;
    // A recorded stream brings its migration along.
    try {
      const { settings, observations, watcher } = capturedRecording(info)!;
      this.migration.open(settings, observations, info.file.name, watcher);
      this.recorded = this.migration.run.number;
      this.show('convergence');
    } catch (error) {
      this.refuse(`${info.file.name}: ${messageOf(error)}`);
    }
  }

  /**
   * What a link to a preset asks for: the machine, the preset's settings, the chart over all else, the keyboard at the
   * button that begins. Nothing runs by itself.
   */
  async rehearse(preset: string): Promise<void> {
    const { machine, migration } = this;
    await machine.load(this.session.files, this.session.info?.file.snapshot);
    if (!machine.there) return;
    for (const panel of ['console', 'registers'] as const) this.show(panel);
    if (!(await migration.recognise(this.workload))) return this.refuse('Presets need the workload guest.');
    if (!migration.choose(preset)) return this.refuse(`There is no preset ${preset}.`);
    this.show('convergence', true);
    this.maximised = 'main';
    this.announce(`${migration.preset!.title}: press Migrate.`);
  }

  /** What a person did cannot be done: said where they look, and aloud. */
  refuse(why: string): void {
    this.refusal = why;
    this.announce(why);
  }

  close(): void {
    this.session.close();
    this.other.close();
    void this.machine.remove();
    this.selection.reset();
    this.view.delete(FILTER);
    this.sample = this.refusal = this.wanted = this.maximised = undefined;
    this.announce('Closed.');
  }

  /** Fills the search box and searches. */
  search(query: string): void {
    this.view.set('search.query', query);
    this.show('search');
  }

  resetLayout(): void {
    for (const key of [...this.view.keys()]) if (key.startsWith('tab.')) this.view.delete(key);
    this.maximised = undefined;
    this.layoutReset++;
  }

  /** State of a panel that outlives the panel: made at first use. */
  keep<T>(key: string, make: () => T): T {
    if (!this.#kept.has(key)) this.#kept.set(key, make());
    return this.#kept.get(key) as T;
  }

  announce(text: string): void {
    this.announcement = text;
  }
}

export const [useWorkspace, setWorkspace] = createContext<Workspace>();
