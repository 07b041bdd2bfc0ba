/** What the page holds: the open snapshot, what is selected, which panels show, what can be done. Views get it by context. */
import { createContext } from 'svelte';
import { SvelteMap } from 'svelte/reactivity';
import type { Inspector } from '../emulator/api.ts';
import { Activity } from './activity.ts';
import { Commands } from './commands.ts';
import { Pictures } from './pictures.ts';
import { Session } from './session.svelte.ts';
import { SelectionState } from './selection.svelte.ts';
import { Settings, type Store } from './settings.svelte.ts';
import { panelRow, panelsOf, type PanelId, type Slot } from './shell/panels.ts';

export class Workspace {
  readonly activity = new Activity();
  readonly inspector: Inspector;
  readonly session: Session;
  /** The right-hand side of a comparison with another file. */
  readonly other: Session;
  readonly selection = new SelectionState();
  readonly settings: Settings;
  readonly commands: Commands;
  readonly pictures = new Pictures();
  readonly mac: boolean;
  /** What panels keep in the URL: `panel.setting` to text, for example `ram.colour`. */
  readonly view = new SvelteMap<string, string>();
  /** Id of the bundled sample that is open. */
  sample = $state<string>();
  /** Said by the live region. */
  announcement = $state('');
  /** Slot that fills the workbench. */
  maximised = $state<Slot>();
  /** Panel that has, or shall get, the focus. */
  focused = $state.raw<{ readonly panel: PanelId }>();
  readonly #kept = new Map<string, unknown>();

  constructor(inspector: Inspector, options: { store?: Store; mac?: boolean } = {}) {
    this.inspector = this.activity.watch(inspector);
    this.session = new Session(this.inspector);
    this.other = new Session(this.inspector);
    this.settings = new Settings(options.store);
    this.mac = options.mac ?? false;
    this.commands = new Commands(this.mac);
  }

  /** The panel that a slot shows. */
  tab(slot: Slot): PanelId | undefined {
    const wanted = this.view.get(`tab.${slot}`);
    const choices = panelsOf(slot);
    return (choices.find((p) => p.id === wanted) ?? choices[0])?.id;
  }

  /** Brings a panel to the front of its slot; with `focus`, moves the keyboard there. */
  show(panel: PanelId, focus = false): void {
    const { slot } = panelRow(panel);
    if (panelsOf(slot)[0]?.id === panel) this.view.delete(`tab.${slot}`);
    else this.view.set(`tab.${slot}`, panel);
    if (this.maximised !== undefined && this.maximised !== slot) this.maximised = undefined;
    if (focus) this.focused = { panel };
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
