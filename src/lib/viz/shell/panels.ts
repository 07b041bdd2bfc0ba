/** Every panel, where it sits at first, and how its code is fetched: each is a chunk of its own. */
import type { Component } from 'svelte';

/** Areas of the workbench; each shows one of its panels at a time, with tabs when it has several. */
export const areas = ['left', 'leftBottom', 'main', 'side', 'bottomLeft', 'bottomMiddle', 'bottomRight'] as const;
export type Area = (typeof areas)[number];

export interface PanelRow {
  readonly id: string;
  /** On the tab. */
  readonly title: string;
  readonly area: Area;
  readonly load: () => Promise<{ readonly default: Component }>;
  /** It is there while a machine is; or while one is, or a recording of a migration. */
  readonly needs?: 'machine' | 'migration';
}

const rows = [
  { id: 'sections', title: 'Sections', area: 'left', load: () => import('../fields/FieldTree.svelte') },
  { id: 'problems', title: 'Problems', area: 'leftBottom', load: () => import('../problems/ProblemLog.svelte') },
  { id: 'notes', title: 'Notes', area: 'leftBottom', load: () => import('../notes/Notes.svelte') },
  { id: 'bytes', title: 'Bytes', area: 'main', load: () => import('../hex/HexView.svelte') },
  { id: 'json', title: 'JSON', area: 'main', load: () => import('../fields/JsonView.svelte') },
  { id: 'diff', title: 'Diff', area: 'main', load: () => import('../diff/DiffView.svelte') },
  { id: 'checks', title: 'Checks', area: 'main', load: () => import('../checks/Checks.svelte') },
  { id: 'fields', title: 'Fields', area: 'side', load: () => import('../fields/FieldDetail.svelte') },
  { id: 'timeline', title: 'Timeline', area: 'bottomLeft', load: () => import('../timeline/Timeline.svelte') },
  { id: 'rounds', title: 'Rounds', area: 'bottomRight', load: () => import('../timeline/Rounds.svelte') },
  { id: 'ram', title: 'RAM map', area: 'bottomMiddle', load: () => import('../ram/RamMap.svelte') },
  { id: 'page', title: 'Page', area: 'side', load: () => import('../ram/PageView.svelte') },
  { id: 'pageTables', title: 'Page tables', area: 'side', load: () => import('../cpu/PageTables.svelte') },
  { id: 'search', title: 'Search', area: 'bottomRight', load: () => import('../search/SearchPanel.svelte') },
  {
    ...{ id: 'devices', title: 'Devices', area: 'left', needs: 'machine' },
    load: () => import('../machine/Devices.svelte')
  },
  {
    ...{ id: 'breakpoints', title: 'Breakpoints', area: 'leftBottom', needs: 'machine' },
    load: () => import('../machine/Breakpoints.svelte')
  },
  {
    ...{ id: 'disassembly', title: 'Disassembly', area: 'main', needs: 'machine' },
    load: () => import('../machine/Disassembly.svelte')
  },
  {
    ...{ id: 'display', title: 'Display', area: 'main', needs: 'machine' },
    load: () => import('../machine/Display.svelte')
  },
  {
    ...{ id: 'convergence', title: 'Convergence', area: 'main', needs: 'migration' },
    load: () => import('../migration/Convergence.svelte')
  },
  {
    ...{ id: 'registers', title: 'Registers', area: 'side', needs: 'machine' },
    load: () => import('../machine/Registers.svelte')
  },
  {
    ...{ id: 'stack', title: 'Stack', area: 'bottomRight', needs: 'machine' },
    load: () => import('../machine/Stack.svelte')
  },
  {
    ...{ id: 'calls', title: 'Calls', area: 'bottomRight', needs: 'machine' },
    load: () => import('../machine/Calls.svelte')
  },
  {
    ...{ id: 'cpuTables', title: 'CPU tables', area: 'main', needs: 'machine' },
    load: () => import('../machine/CpuTables.svelte')
  },
  {
    ...{ id: 'interrupts', title: 'Interrupts', area: 'main', needs: 'machine' },
    load: () => import('../machine/Interrupts.svelte')
  },
  {
    ...{ id: 'liveRam', title: 'Live RAM', area: 'bottomMiddle', needs: 'machine' },
    load: () => import('../machine/LiveRam.svelte')
  },
  {
    ...{ id: 'console', title: 'Serial console', area: 'bottomLeft', needs: 'machine' },
    load: () => import('../machine/SerialConsole.svelte')
  },
  {
    ...{ id: 'board', title: 'Board', area: 'bottomLeft', needs: 'machine' },
    load: () => import('../machine/Board.svelte')
  },
  {
    ...{ id: 'virtqueues', title: 'Virtqueues', area: 'bottomLeft', needs: 'machine' },
    load: () => import('../machine/Virtqueues.svelte')
  },
  {
    ...{ id: 'monitor', title: 'Monitor', area: 'bottomRight', needs: 'machine' },
    load: () => import('../machine/Monitor.svelte')
  }
] as const satisfies readonly PanelRow[];

export type PanelId = (typeof rows)[number]['id'];
export const panels: readonly (PanelRow & { readonly id: PanelId })[] = rows;
export const panelsOf = (area: Area) => panels.filter((p) => p.area === area);
export const panelRow = (id: PanelId) => panels.find((p) => p.id === id)!;
