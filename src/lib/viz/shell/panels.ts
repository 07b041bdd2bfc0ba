/** Every panel, where it sits at first, and how its code is fetched: each is a chunk of its own. */
import type { Component } from 'svelte';

/** Areas of the workbench; each shows one of its panels at a time, with tabs when it has several. */
export type Slot = 'left' | 'leftBottom' | 'main' | 'side' | 'bottomLeft' | 'bottomMiddle' | 'bottomRight';

export interface PanelRow {
  readonly id: string;
  /** On the tab. */
  readonly title: string;
  readonly slot: Slot;
  readonly load: () => Promise<{ readonly default: Component }>;
}

const rows = [
  { id: 'problems', title: 'Problems', slot: 'leftBottom', load: () => import('../problems/ProblemLog.svelte') }
] as const satisfies readonly PanelRow[];

export type PanelId = (typeof rows)[number]['id'];
export const panels: readonly (PanelRow & { readonly id: PanelId })[] = rows;
export const panelsOf = (slot: Slot) => panels.filter((p) => p.slot === slot);
export const panelRow = (id: PanelId) => panels.find((p) => p.id === id)!;
