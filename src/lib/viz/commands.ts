/**
 * A command is the only way to act: palette, menus, keys, help and tests read this table. A row says what there is;
 * whoever can do it says how, with `commands.on`.
 */
import { matches, type Hotkey, type KeyPress } from './keymap.ts';
import type { PanelId } from './shell/panels.ts';

export type CommandGroup = 'File' | 'View' | 'Go' | 'Machine' | 'Export' | 'Help';

export interface CommandRow {
  readonly id: string;
  /** As in a menu; `…` when it asks for more. */
  readonly title: string;
  readonly group: CommandGroup;
  readonly keys?: readonly Hotkey[];
  /** Its keys work while the focus is in this panel; without, everywhere. */
  readonly scope?: PanelId;
  /** The monitor command that does the same in QEMU. */
  readonly hmp?: string;
}

const rows = [
  { id: 'file.open', title: 'Open…', group: 'File', keys: ['Ctrl+O'] },
  { id: 'file.cancel', title: 'Stop reading', group: 'File' },
  { id: 'file.close', title: 'Close the file', group: 'File' },
  { id: 'file.compare', title: 'Compare with another file…', group: 'File' },
  { id: 'file.copyLink', title: 'Copy a link to this view', group: 'File' },

  { id: 'export.json', title: 'Fields as JSON', group: 'Export' },
  { id: 'export.csv', title: 'Fields as CSV', group: 'Export' },
  { id: 'export.text', title: 'Fields as text, made for diff', group: 'Export' },
  { id: 'export.ram', title: 'RAM block, raw…', group: 'Export', hmp: 'pmemsave' },
  { id: 'export.core', title: 'ELF core for crash and gdb', group: 'Export', hmp: 'dump-guest-memory' },
  { id: 'export.stream', title: 'The stream, copied', group: 'Export' },
  { id: 'export.reencoded', title: 'The stream, encoded again', group: 'Export', hmp: 'migrate file:…' },
  { id: 'export.png', title: 'Picture of a view, PNG…', group: 'Export' },
  { id: 'export.svg', title: 'Picture of a view, SVG…', group: 'Export' },
  { id: 'export.notes', title: 'Notes as Markdown', group: 'Export' },

  { id: 'view.palette', title: 'Command palette', group: 'View', keys: ['Ctrl+Shift+P', 'Ctrl+K'] },
  { id: 'view.theme', title: 'Switch dark, light, as the system', group: 'View' },
  { id: 'view.maximise', title: 'Maximise the panel, or put it back', group: 'View', keys: ['Ctrl+Alt+M'] },
  { id: 'view.reset', title: 'Put the panels back', group: 'View' },
  { id: 'view.nextPanel', title: 'Next panel', group: 'View', keys: ['F6'] },
  { id: 'view.previousPanel', title: 'Previous panel', group: 'View', keys: ['Shift+F6'] },

  { id: 'go.back', title: 'Back', group: 'Go', keys: ['Alt+ArrowLeft'] },
  { id: 'go.forward', title: 'Forward', group: 'Go', keys: ['Alt+ArrowRight'] },
  { id: 'go.offset', title: 'Go to offset or address…', group: 'Go', keys: ['Ctrl+G'] },
  { id: 'go.search', title: 'Search…', group: 'Go', keys: ['Ctrl+F'] },
  { id: 'go.follow', title: 'Follow the pointer', group: 'Go' },
  { id: 'go.nextProblem', title: 'Next problem', group: 'Go', keys: ['F8'] },
  { id: 'go.previousProblem', title: 'Previous problem', group: 'Go', keys: ['Shift+F8'] },
  { id: 'go.nextDifference', title: 'Next difference', group: 'Go', keys: ['F7'] },
  { id: 'go.previousDifference', title: 'Previous difference', group: 'Go', keys: ['Shift+F7'] },
  { id: 'go.note', title: 'Note on what is selected', group: 'Go', keys: ['Ctrl+Shift+M'] },

  { id: 'machine.load', title: 'Load into machine', group: 'Machine', hmp: 'migrate_incoming file:…' },
  { id: 'machine.resume', title: 'Resume', group: 'Machine', keys: ['F9'], hmp: 'cont' },
  { id: 'machine.runAnyway', title: 'Run anyway', group: 'Machine' },
  { id: 'machine.pause', title: 'Pause', group: 'Machine', keys: ['Shift+F9'], hmp: 'stop' },
  { id: 'machine.step', title: 'Step', group: 'Machine', keys: ['F11'] },
  { id: 'machine.stepOver', title: 'Step over', group: 'Machine', keys: ['F10'] },
  { id: 'machine.stepOut', title: 'Step out', group: 'Machine', keys: ['Shift+F11'] },
  { id: 'machine.runTo', title: 'Run to…', group: 'Machine', keys: ['Ctrl+F10'] },
  { id: 'machine.stepBack', title: 'Step back', group: 'Machine', keys: ['Alt+F11'], hmp: 'reverse_step' },
  { id: 'machine.runBack', title: 'Run back to the last breakpoint', group: 'Machine', keys: ['Alt+F9'] },
  {
    id: 'machine.backToWrite',
    title: 'Run back to the last write of this address…',
    group: 'Machine',
    hmp: 'reverse_write'
  },
  {
    id: 'machine.forgetFuture',
    title: 'Go on from this moment, forget what came after',
    group: 'Machine',
    hmp: 'replay_forget'
  },
  { id: 'machine.reset', title: 'Reset the machine', group: 'Machine', hmp: 'system_reset' },
  { id: 'machine.save', title: 'Save state', group: 'Machine', hmp: 'migrate file:…' },
  { id: 'machine.attach', title: 'Attach image…', group: 'Machine' },
  { id: 'machine.remove', title: 'Remove the machine', group: 'Machine', hmp: 'quit' },

  { id: 'bytes.copyHex', title: 'Copy bytes as hex', group: 'Export', keys: ['Ctrl+C'], scope: 'bytes' },
  { id: 'bytes.copyText', title: 'Copy bytes as text', group: 'Export', scope: 'bytes' },
  { id: 'bytes.copyC', title: 'Copy bytes as a C array', group: 'Export', scope: 'bytes' },
  { id: 'bytes.copyDump', title: 'Copy bytes as a hex dump', group: 'Export', scope: 'bytes', hmp: 'xp' },

  { id: 'timeline.zoomIn', title: 'Timeline: zoom in', group: 'View', keys: ['@KeyW', '+', '='], scope: 'timeline' },
  { id: 'timeline.zoomOut', title: 'Timeline: zoom out', group: 'View', keys: ['@KeyS', '-'], scope: 'timeline' },
  { id: 'timeline.left', title: 'Timeline: left', group: 'View', keys: ['@KeyA', 'ArrowLeft'], scope: 'timeline' },
  { id: 'timeline.right', title: 'Timeline: right', group: 'View', keys: ['@KeyD', 'ArrowRight'], scope: 'timeline' },
  { id: 'timeline.trackAbove', title: 'Timeline: track above', group: 'View', keys: ['ArrowUp'], scope: 'timeline' },
  { id: 'timeline.trackBelow', title: 'Timeline: track below', group: 'View', keys: ['ArrowDown'], scope: 'timeline' },
  { id: 'timeline.next', title: 'Timeline: next item', group: 'Go', keys: ['@Period'], scope: 'timeline' },
  { id: 'timeline.previous', title: 'Timeline: previous item', group: 'Go', keys: ['@Comma'], scope: 'timeline' },
  { id: 'timeline.from', title: 'Timeline: select from the cursor', group: 'Go', keys: ['['], scope: 'timeline' },
  { id: 'timeline.to', title: 'Timeline: select to the cursor', group: 'Go', keys: [']'], scope: 'timeline' },
  {
    id: 'timeline.fit',
    title: 'Timeline: focus the selection, or fit all',
    group: 'View',
    keys: ['F'],
    scope: 'timeline'
  },

  { id: 'chart.zoomIn', title: 'Chart: zoom in', group: 'View', keys: ['@KeyW', '+', '='], scope: 'convergence' },
  { id: 'chart.zoomOut', title: 'Chart: zoom out', group: 'View', keys: ['@KeyS', '-'], scope: 'convergence' },
  { id: 'chart.left', title: 'Chart: left', group: 'View', keys: ['@KeyA', 'ArrowLeft'], scope: 'convergence' },
  { id: 'chart.right', title: 'Chart: right', group: 'View', keys: ['@KeyD', 'ArrowRight'], scope: 'convergence' },
  { id: 'chart.next', title: 'Chart: next round', group: 'Go', keys: ['@Period'], scope: 'convergence' },
  { id: 'chart.previous', title: 'Chart: previous round', group: 'Go', keys: ['@Comma'], scope: 'convergence' },
  { id: 'chart.from', title: 'Chart: select from the moment', group: 'Go', keys: ['['], scope: 'convergence' },
  { id: 'chart.to', title: 'Chart: select to the moment', group: 'Go', keys: [']'], scope: 'convergence' },
  {
    ...{ id: 'chart.fit', title: 'Chart: focus the selection, or fit all', group: 'View' },
    ...{ keys: ['F'], scope: 'convergence' }
  },

  { id: 'ram.zoomIn', title: 'RAM map: zoom in', group: 'View', keys: ['@KeyW', '+', '='], scope: 'ram' },
  { id: 'ram.zoomOut', title: 'RAM map: zoom out', group: 'View', keys: ['@KeyS', '-'], scope: 'ram' },
  { id: 'ram.left', title: 'RAM map: left', group: 'View', keys: ['@KeyA', 'ArrowLeft'], scope: 'ram' },
  { id: 'ram.right', title: 'RAM map: right', group: 'View', keys: ['@KeyD', 'ArrowRight'], scope: 'ram' },
  { id: 'ram.up', title: 'RAM map: up', group: 'View', keys: ['ArrowUp'], scope: 'ram' },
  { id: 'ram.down', title: 'RAM map: down', group: 'View', keys: ['ArrowDown'], scope: 'ram' },
  { id: 'ram.fit', title: 'RAM map: focus the selection, or fit all', group: 'View', keys: ['F'], scope: 'ram' },
  { id: 'ram.unfilter', title: 'Show all pages again', group: 'View', keys: ['Escape'], scope: 'ram' },

  { id: 'help.commands', title: 'Commands and keys', group: 'Help', keys: ['F1', '?'] },
  { id: 'help.about', title: 'About, licences', group: 'Help' },
  { id: 'help.support', title: 'What is decoded', group: 'Help' }
] as const satisfies readonly CommandRow[];

export type CommandId = (typeof rows)[number]['id'];
export const commandTable: readonly (CommandRow & { readonly id: CommandId })[] = rows;

/** How a command is done, and whether it can be now. */
export interface Doing {
  readonly run: () => void | Promise<void>;
  readonly when?: () => boolean;
}

export class Commands {
  readonly #doing = new Map<CommandId, Doing>();
  readonly #mac: boolean;
  /** @param mac the command key takes Ctrl's place */
  constructor(mac = false) {
    this.#mac = mac;
  }

  /** Says how. Returns what takes it back, for `$effect`. */
  on(doings: Partial<Readonly<Record<CommandId, Doing | (() => void | Promise<void>)>>>): () => void {
    const added: [CommandId, Doing][] = [];
    for (const [id, doing] of Object.entries(doings) as [CommandId, Doing | (() => void)][]) {
      added.push([id, typeof doing === 'function' ? { run: doing } : doing]);
    }
    for (const [id, doing] of added) this.#doing.set(id, doing);
    return () => {
      for (const [id, doing] of added) if (this.#doing.get(id) === doing) this.#doing.delete(id);
    };
  }

  can(id: CommandId): boolean {
    const doing = this.#doing.get(id);
    return doing !== undefined && (doing.when?.() ?? true);
  }

  /** Does it, if it can be done now. */
  run(id: CommandId): void {
    if (this.can(id)) void this.#doing.get(id)!.run();
  }

  /**
   * Runs what a key press means, and stops the event.
   * @param scope the panel that has the focus, for its own keys; without it only those that work everywhere
   */
  press(event: KeyPress & { preventDefault(): void; stopPropagation(): void }, scope?: PanelId): boolean {
    const row = commandTable.find(
      (r) => r.scope === scope && r.keys?.some((k) => matches(event, k, this.#mac)) && this.can(r.id)
    );
    if (!row) return false;
    event.preventDefault();
    event.stopPropagation();
    this.run(row.id);
    return true;
  }
}
