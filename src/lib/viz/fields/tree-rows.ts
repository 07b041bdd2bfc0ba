/**
 * The tree as the rows that are visible: sections, in them fields. Runs of RAM parts and long arrays are folded into
 * groups, so that a stream of a million parts is still a short list.
 */
import type { SectionInfo } from '../../emulator/api.ts';
import { sectionLabel } from '../../vmstate/snapshot.ts';
import { formatValue } from '../../vmstate/meaning.ts';
import { joinPath, type Placed } from '../../vmstate/vmstate.ts';
import { bytesText, count, counted } from '../format.ts';
import type { Selection } from '../selection.svelte.ts';

/** Parts in a row before they fold. */
const RUN = 4;
/** Children of one row before they fold into groups of this many. */
const GROUP = 500;

export interface TreeRow {
  /** The same over time: what is expanded is remembered by it. */
  readonly key: string;
  /** From 1, as `aria-level`. */
  readonly level: number;
  readonly label: string;
  readonly value: string;
  /** Right-hand note: kind, size. */
  readonly note: string;
  readonly expandable: boolean;
  readonly expanded: boolean;
  readonly setSize: number;
  /** From 1. */
  readonly position: number;
  /** What a click selects. */
  readonly selection: Selection;
  readonly start: number;
  readonly end: number;
  readonly icon: 'section' | 'opaque' | 'group' | 'struct' | 'leaf' | 'waiting';
}

interface Node {
  readonly key: string;
  readonly label: string;
  readonly value: string;
  readonly note: string;
  readonly selection: Selection;
  readonly start: number;
  readonly end: number;
  readonly icon: TreeRow['icon'];
  /** Made only when expanded; absent for a leaf. */
  readonly children?: () => readonly Node[];
}

/** Rows of a section's fields, or undefined while they are fetched. */
export type FieldsOf = (section: number) => readonly Placed[] | undefined;

/** A list that is made as far as it is looked at. */
interface Items {
  readonly first: number;
  /** Behind the last. */
  readonly last: number;
  readonly make: (at: number) => Node;
  /** Stream offsets of one item, without making it. */
  readonly place: (at: number) => { readonly start: number; readonly end: number };
  /** What a group of [first, last) is called. */
  readonly label: (first: number, last: number) => string;
}

/** Folds a list into groups of groups, so that no list is longer than `GROUP`. */
function grouped(items: Items, key: string): readonly Node[] {
  const { first, last, make, place, label } = items;
  const nodes: Node[] = [];
  if (last - first <= GROUP) {
    for (let i = first; i < last; i++) nodes.push(make(i));
    return nodes;
  }
  let size = GROUP;
  while ((last - first) / size > GROUP) size *= GROUP;
  for (let from = first; from < last; from += size) {
    const to = Math.min(last, from + size);
    const { start } = place(from);
    const { end } = place(to - 1);
    const groupKey = `${key}+${from}:${size}`;
    nodes.push({
      ...{ key: groupKey, label: label(from, to), value: '', note: bytesText(end - start) },
      ...{ start, end, icon: 'group', selection: { kind: 'range', start, end } },
      children: () => grouped({ ...items, first: from, last: to }, groupKey)
    });
  }
  return nodes;
}

function fieldNodes(section: number, rows: readonly Placed[], parent: string): readonly Node[] {
  const make = (at: number): Node => {
    const row = rows[at]!;
    const path = joinPath(parent, row.name);
    const { children } = row;
    return {
      ...{ key: `f${section}:${path}`, label: row.name, value: formatValue(row, 16), note: '' },
      ...{ start: row.start, end: row.end, icon: children ? 'struct' : 'leaf' },
      selection: { kind: 'field', section, path },
      ...(children && { children: () => fieldNodes(section, children, path) })
    };
  };
  const label = (first: number, last: number) => `[${first} … ${last - 1}]`;
  return grouped({ first: 0, last: rows.length, make, place: (at) => rows[at]!, label }, `g${section}:${parent}`);
}

function sectionNode(s: SectionInfo, fieldsOf: FieldsOf, inner: readonly SectionInfo[] | undefined): Node {
  const pages = pagesOf(s);
  const isDevice = s.sectionId >= 0;
  const children = (): readonly Node[] => {
    const nested = inner?.map((i) => sectionNode(i, fieldsOf, undefined)) ?? [];
    const fields = s.fieldCount > 0 ? fieldsOf(s.index) : [];
    if (fields) return [...fieldNodes(s.index, fields, ''), ...nested];
    const waiting: Node = {
      ...{ key: `w${s.index}`, label: 'reading fields', value: '', note: '', start: s.start, end: s.end },
      ...{ icon: 'waiting', selection: { kind: 'section', section: s.index } }
    };
    return [waiting, ...nested];
  };
  return {
    key: `s${s.index}`,
    label: isDevice && s.instance !== 0 ? sectionLabel(s) : s.name || s.kind,
    value: s.opaque && s.fieldCount === 0 ? 'layout unknown' : pages > 0 ? counted(pages, 'page') : '',
    note: `${isDevice ? s.kind : ''} ${bytesText(s.end - s.start)}`.trim(),
    ...{ start: s.start, end: s.end, icon: s.opaque ? 'opaque' : 'section' },
    selection: { kind: 'section', section: s.index },
    ...((s.fieldCount > 0 || inner) && { children })
  };
}

const pagesOf = (s: SectionInfo): number => (s.records ? s.records[1] - s.records[0] : 0);

/** Parts in a row, of one phase. */
interface Run {
  readonly parts: readonly SectionInfo[];
  readonly label: string;
  readonly pages: number;
}

function runNode({ parts, label, pages }: Run, fieldsOf: FieldsOf): Node {
  const key = `r${parts[0]!.index}`;
  const [start, end] = [parts[0]!.start, parts.at(-1)!.end];
  const items: Items = {
    ...{ first: 0, last: parts.length, place: (at) => parts[at]! },
    make: (at) => sectionNode(parts[at]!, fieldsOf, undefined),
    label: (from, to) => `parts ${count(from + 1)} to ${count(to)}`
  };
  return {
    ...{ key, label, value: pages > 0 ? counted(pages, 'page') : '' },
    note: `${parts[0]!.phase} ${bytesText(end - start)}`,
    ...{ start, end, icon: 'group', selection: { kind: 'range', start, end } },
    children: () => grouped(items, key)
  };
}

/** How the sections are arranged: the same for a list of sections, however often the tree is drawn. */
interface Plan {
  readonly top: readonly (SectionInfo | Run)[];
  /** What a PACKAGED command holds, by its index. */
  readonly inner: ReadonlyMap<number, readonly SectionInfo[]>;
}
const plans = new WeakMap<readonly SectionInfo[], Plan>();

function planOf(sections: readonly SectionInfo[]): Plan {
  const known = plans.get(sections);
  if (known) return known;
  const inner = new Map<number, SectionInfo[]>();
  const top: (SectionInfo | Run)[] = [];
  let run: SectionInfo[] = [];
  const endRun = () => {
    if (run.length < RUN) top.push(...run);
    else {
      const names = [...new Set(run.map((p) => p.name))].join(', ');
      const pages = run.reduce((sum, p) => sum + pagesOf(p), 0);
      top.push({ parts: run, label: `${names}: ${count(run.length)} parts`, pages });
    }
    run = [];
  };
  for (const s of sections) {
    if (s.inside !== undefined) {
      const held = inner.get(s.inside);
      if (held) held.push(s);
      else inner.set(s.inside, [s]);
      continue;
    }
    if (run.length > 0 && (s.kind !== 'part' || s.phase !== run[0]!.phase)) endRun();
    if (s.kind === 'part') run.push(s);
    else top.push(s);
  }
  endRun();
  const plan = { top, inner };
  plans.set(sections, plan);
  return plan;
}

function topNodes(sections: readonly SectionInfo[], fieldsOf: FieldsOf): Node[] {
  const { top, inner } = planOf(sections);
  return top.map((entry) =>
    'parts' in entry ? runNode(entry, fieldsOf) : sectionNode(entry, fieldsOf, inner.get(entry.index))
  );
}

/** Every visible row, top to bottom. */
export function treeRows(
  sections: readonly SectionInfo[],
  fieldsOf: FieldsOf,
  expanded: { has(key: string): boolean }
): TreeRow[] {
  const rows: TreeRow[] = [];
  // Fields of one name: QEMU's `unused`, and whatever a hostile stream thinks of.
  const times = new Map<string, number>();
  const unique = (key: string): string => {
    const n = (times.get(key) ?? 0) + 1;
    times.set(key, n);
    return n === 1 ? key : unique(`${key}~${n}`);
  };
  const add = (nodes: readonly Node[], level: number) => {
    nodes.forEach(({ children, ...node }, i) => {
      const key = unique(node.key);
      const open = children !== undefined && expanded.has(key);
      rows.push({
        ...node,
        key,
        level,
        expandable: children !== undefined,
        expanded: open,
        setSize: nodes.length,
        position: i + 1
      });
      if (open) add(children(), level + 1);
    });
  };
  add(topNodes(sections, fieldsOf), 1);
  return rows;
}

/** Keys to expand so that a selection has a row; the last one is the row itself. Undefined: it is not in the tree. */
export function keysTo(
  selection: Selection,
  sections: readonly SectionInfo[],
  fieldsOf: FieldsOf
): readonly string[] | undefined {
  if (selection.kind !== 'section' && selection.kind !== 'field') return undefined;
  const wanted = sections[selection.section];
  if (!wanted) return undefined;
  const target = selection.kind === 'section' ? `s${wanted.index}` : `f${wanted.index}:${selection.path}`;
  const at = selection.kind === 'field' ? fieldStart(fieldsOf(wanted.index), selection.path) : wanted.start;
  const keys: string[] = [];
  const descend = (nodes: readonly Node[]): boolean => {
    for (const node of nodes) {
      if (node.key === target) {
        keys.push(node.key);
        return true;
      }
      if (!node.children || at === undefined || at < node.start || at > node.end) continue;
      if (node.icon === 'struct' && !isParent(node.key, target)) continue;
      keys.push(node.key);
      if (descend(node.children())) return true;
      keys.pop();
    }
    return false;
  };
  return descend(topNodes(sections, fieldsOf)) ? keys : undefined;
}

const isParent = (key: string, target: string): boolean =>
  target.startsWith(key) && (target[key.length] === '.' || target[key.length] === '[');

function fieldStart(rows: readonly Placed[] | undefined, path: string, parent = ''): number | undefined {
  for (const row of rows ?? []) {
    const full = joinPath(parent, row.name);
    if (full === path) return row.start;
    if (row.children && isParent(full, path)) {
      const found = fieldStart(row.children, path, full);
      if (found !== undefined) return found;
    }
  }
  return undefined;
}

/** Row to go to when a person types: the next one behind `from` that begins so; a longer text may stay. */
export function typeAhead(rows: readonly TreeRow[], from: number, text: string): number | undefined {
  const wanted = text.toLowerCase();
  const first = text.length > 1 ? from : from + 1;
  for (let i = 0; i < rows.length; i++) {
    const at = (first + i) % rows.length;
    if (rows[at]!.label.toLowerCase().startsWith(wanted)) return at;
  }
  return undefined;
}

/** Row index of the parent, or -1. */
export function parentOf(rows: readonly TreeRow[], at: number): number {
  const level = rows[at]?.level ?? 0;
  for (let i = at - 1; i >= 0; i--) if (rows[i]!.level < level) return i;
  return -1;
}
