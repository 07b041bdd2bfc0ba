/** What the palette finds: commands, panels, places, sections, fields; each a choice with its doing. */
import type { SectionInfo } from '../../emulator/api.ts';
import { sectionLabel } from '../../vmstate/snapshot.ts';
import { formatValue } from '../../vmstate/meaning.ts';
import { leaves } from '../../vmstate/vmstate.ts';
import { commandTable } from '../commands.ts';
import { bytesText, hex } from '../format.ts';
import { fuzzyBest } from '../fuzzy.ts';
import type { Hotkey } from '../keymap.ts';
import { pageAtGpa, parsePlace, type Place } from '../places.ts';
import type { Workspace } from '../workspace.svelte.ts';
import { panels } from './panels.ts';

export interface Choice {
  readonly id: string;
  readonly title: string;
  /** What is matched and not shown in the title. */
  readonly detail?: string;
  readonly kind: string;
  readonly hotkey?: Hotkey;
  readonly hmp?: string;
  readonly run: () => void | Promise<void>;
}

/** One use of the palette: its name, and what it finds for a query. */
export interface Picker {
  readonly label: string;
  readonly placeholder: string;
  readonly find: (query: string) => readonly Choice[];
}

const MOST = 60;
/** Devices have one section each; more than this many are parts of RAM, which have no fields worth a search. */
const MOST_SECTIONS = 400;

const isDevice = (s: SectionInfo): boolean => s.kind === 'full' || s.kind === 'configuration';

/** Fetches the fields of the devices, so that the palette finds them. */
export function fetchSearchable(workspace: Workspace): void {
  const { session } = workspace;
  const devices = (session.info?.sections ?? []).filter(isDevice).slice(0, MOST_SECTIONS);
  for (const section of devices) void session.fetchFields(section.index).catch(() => undefined);
}

/** Goes to a file offset, a guest-physical or a guest-virtual address. */
export async function goTo(workspace: Workspace, place: Place): Promise<void> {
  const { session, selection, inspector } = workspace;
  const info = session.info;
  if (!info) return;
  switch (place.kind) {
    case 'file':
      selection.select(await session.meaningOf(place.offset), { cursor: place.offset });
      return workspace.show('bytes');
    case 'gpa': {
      const page = pageAtGpa(place.gpa, await inspector.memoryMap(info.id), info.blocks);
      if (page) selection.select(page);
      else workspace.refuse(`No RAM at guest-physical ${hex(place.gpa)}.`);
      return;
    }
    case 'gva':
      return selection.select({ kind: 'gva', gva: place.gva });
  }
}

const placeTitle = (place: Place): string =>
  place.kind === 'file'
    ? `Go to offset ${hex(place.offset)}`
    : place.kind === 'gpa'
      ? `Go to guest-physical ${hex(place.gpa)}`
      : `Walk guest-virtual ${hex(place.gva, 16)}`;

function places(query: string, workspace: Workspace): Choice[] {
  const { session, selection } = workspace;
  if (!session.info) return [];
  const from = selection.cursor ?? session.spanOf(selection.current)?.start ?? 0;
  const found = [parsePlace(query, from, session.info.end)];
  // Without a prefix it may be any of the three.
  if (!/[:+-]/.test(query)) for (const prefix of ['gpa', 'gva']) found.push(parsePlace(`${prefix}:${query}`));
  const seen = new Set<string>();
  return found.flatMap((place) => {
    if (!place || seen.has(place.kind)) return [];
    seen.add(place.kind);
    return [
      { id: `place:${place.kind}`, title: placeTitle(place), kind: 'address', run: () => goTo(workspace, place) }
    ];
  });
}

function commands(workspace: Workspace): Choice[] {
  return commandTable
    .filter((row) => row.id !== 'view.palette' && workspace.commands.can(row.id))
    .map((row) => ({
      id: row.id,
      title: row.title,
      detail: row.group,
      kind: 'command',
      hotkey: row.keys?.[0],
      hmp: row.hmp,
      run: () => workspace.commands.run(row.id)
    }));
}

const showPanels = (workspace: Workspace): Choice[] =>
  workspace.session.info
    ? panels
        .filter((p) => workspace.has(p.id))
        .map((p) => ({
          id: `panel:${p.id}`,
          title: `Show ${p.title}`,
          kind: 'panel',
          run: () => workspace.show(p.id, true)
        }))
    : [];

function sections(workspace: Workspace): Choice[] {
  const all = workspace.session.info?.sections ?? [];
  return all
    .filter((s) => s.kind !== 'part')
    .slice(0, 2000)
    .map((s) => ({
      id: `section:${s.index}`,
      title: sectionLabel(s),
      detail: `${s.kind}, ${bytesText(s.end - s.start)}`,
      kind: 'section',
      run: () => workspace.selection.select({ kind: 'section', section: s.index })
    }));
}

function* fields(workspace: Workspace): Generator<Choice> {
  const { session, selection } = workspace;
  for (const section of session.info?.sections.filter(isDevice).slice(0, MOST_SECTIONS) ?? []) {
    for (const { path, row } of leaves(session.fields(section.index) ?? [])) {
      yield {
        id: `field:${section.index}:${path}`,
        title: `${section.instance === 0 ? section.name : sectionLabel(section)}.${path}`,
        // Made for those that are shown: there are thousands.
        get detail() {
          return formatValue(row, 16);
        },
        kind: 'field',
        run: () => selection.select({ kind: 'field', section: section.index, path })
      };
    }
  }
}

/** `>` asks for commands only, `/` hands the rest to the search. */
export function everything(workspace: Workspace): Picker {
  return {
    label: 'Command palette',
    placeholder: 'A command, field (cpu.cr3), section, address (0x…, gpa:0x7c00) · > commands · / search',
    find(query) {
      if (query.startsWith('/')) {
        const text = query.slice(1).trim();
        if (text === '' || !workspace.session.info) return [];
        return [{ id: 'search', title: `Search for ${text}`, kind: 'search', run: () => workspace.search(text) }];
      }
      const only = query.startsWith('>');
      const wanted = query.replace(/^>/, '').trim();
      const title = (c: Choice) => c.title;
      const doable = fuzzyBest(wanted, [...commands(workspace), ...showPanels(workspace)], title, MOST);
      if (only || wanted === '') return doable;
      const there = fuzzyBest(wanted, [...sections(workspace), ...fields(workspace)], title, MOST);
      const both = fuzzyBest(wanted, [...doable, ...there], title, MOST);
      return [...places(wanted, workspace), ...both];
    }
  };
}

/** A list to choose from: which block, which view. */
export const oneOf = (label: string, choices: readonly Choice[]): Picker => ({
  label,
  placeholder: 'Type to narrow',
  find: (query) => fuzzyBest(query.trim(), choices, (c) => c.title, MOST)
});
