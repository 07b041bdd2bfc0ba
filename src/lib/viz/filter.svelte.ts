/**
 * What RAM map and timeline are narrowed to: a stretch of the stream, or some pages. Selecting one makes it the filter,
 * and it stays while single things in it are looked at. It is kept with the view, so that links hold it.
 */
import { nothing, type Selection } from './selection.svelte.ts';
import { readSelection, selectionText } from './url-state.ts';
import type { Workspace } from './workspace.svelte.ts';

export type Filter = Extract<Selection, { kind: 'range' | 'pages' }>;
/** Where the view keeps it. */
export const FILTER = 'filter';

export function filterOf(workspace: Workspace): Filter | undefined {
  const filter = readSelection(workspace.view.get(FILTER) ?? '');
  return filter.kind === 'range' || filter.kind === 'pages' ? filter : undefined;
}

/** Makes what is selected the filter, where it can be one. Call it while a component initialises. */
export function followSelection(workspace: Workspace): void {
  const { selection, session } = workspace;
  $effect(() => {
    const { current } = selection;
    if (current.kind === 'range' || current.kind === 'pages') workspace.view.set(FILTER, selectionText(current));
    const section = current.kind === 'section' ? session.section(current.section) : undefined;
    if (section?.records && section.records[1] > section.records[0]) {
      workspace.view.set(FILTER, selectionText({ kind: 'range', start: section.start, end: section.end }));
    }
  });
}

/** Shows everything again. */
export function clearFilter(workspace: Workspace): void {
  workspace.view.delete(FILTER);
  const { kind } = workspace.selection.current;
  if (kind === 'range' || kind === 'pages') workspace.selection.select(nothing);
}
