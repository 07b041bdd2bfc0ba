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

/** Folds a list into groups of groups, so that no list is longer than `GROUP`. */
function grouped(nodes: readonly Node[], label: (first: number, last: number) => string, first = 0): readonly Node[] {
  if (nodes.length <= GROUP) return nodes;
  let size = GROUP;
  while (nodes.length / size > GROUP) size *= GROUP;
  const groups: Node[] = [];
  for (let i = 0; i < nodes.length; i += size) {
    const part = nodes.slice(i, i + size);
    const [start, end] = [part[0]!.start, part.at(-1)!.end];
    groups.push({
      key: `${part[0]!.key}+${size}`,
      label: label(first + i, first + i + part.length - 1),
      value: '',
      note: bytesText(end - start),
      ...{ start, end, icon: 'group' },
      selection: { kind: 'range', start, end },
      children: () => grouped(part, label, first + i)
    });
  }
  return groups;
}

function fieldNodes(section: number, rows: readonly Placed[], parent: string): readonly Node[] {
  const nodes = rows.map((row): Node => {
    const path = joinPath(parent, row.name);
    const { children } = row;
    return {
      key: `f${section}:${path}`,
      label: row.name,
      value: formatValue(row, 16),
      note: children ? '' : row.type,
      selection: { kind: 'field', section, path },
      ...{ start: row.start, end: row.end, icon: children ? 'struct' : 'leaf' },
      ...(children && { children: () => fieldNodes(section, children, path) })
    };
  });
  return grouped(nodes, (first, last) => `[${first} … ${last}]`);
}

function sectionNode(s: SectionInfo, fieldsOf: FieldsOf, inner: readonly SectionInfo[] | undefined): Node {
  const pages = s.records ? s.records[1] - s.records[0] : 0;
  const isDevice = s.sectionId >= 0;
  const children = (): readonly Node[] => {
    const nested = inner?.map((i) => sectionNode(i, fieldsOf, undefined)) ?? [];
    const fields = s.fieldCount > 0 ? fieldsOf(s.index) : [];
    if (fields) return [...fieldNodes(s.index, fields, ''), ...nested];
    const waiting = { kind: 'section', section: s.index } as const;
    return [
      {
        key: `w${s.index}`,
        label: 'reading fields',
        value: '',
        note: '',
        ...{ start: s.start, end: s.end, icon: 'waiting', selection: waiting }
      },
      ...nested
    ];
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

function run(parts: readonly SectionInfo[], fieldsOf: FieldsOf): Node {
  const [first, last] = [parts[0]!, parts.at(-1)!];
  const names = [...new Set(parts.map((p) => p.name))].join(', ');
  const pages = parts.reduce((sum, p) => sum + (p.records ? p.records[1] - p.records[0] : 0), 0);
  const [start, end] = [first.start, last.end];
  return {
    key: `r${first.index}`,
    label: `${names}: ${count(parts.length)} parts`,
    value: pages > 0 ? counted(pages, 'page') : '',
    note: `${first.phase} ${bytesText(end - start)}`,
    ...{ start, end, icon: 'group' },
    selection: { kind: 'range', start, end },
    children: () =>
      grouped(
        parts.map((p) => sectionNode(p, fieldsOf, undefined)),
        (from, to) => `parts ${count(from + 1)} to ${count(to + 1)}`
      )
  };
}

/** The sections in stream order, parts in a row folded by phase, what a PACKAGED command holds inside it. */
function topNodes(sections: readonly SectionInfo[], fieldsOf: FieldsOf): Node[] {
  const inner = new Map<number, SectionInfo[]>();
  for (const s of sections) {
    if (s.inside === undefined) continue;
    const held = inner.get(s.inside);
    if (held) held.push(s);
    else inner.set(s.inside, [s]);
  }
  const nodes: Node[] = [];
  const top = sections.filter((s) => s.inside === undefined);
  for (let i = 0; i < top.length;) {
    let to = i;
    while (top[to]?.kind === 'part' && top[to]!.phase === top[i]!.phase) to++;
    if (to - i >= RUN) {
      nodes.push(run(top.slice(i, to), fieldsOf));
      i = to;
    } else {
      nodes.push(sectionNode(top[i]!, fieldsOf, inner.get(top[i]!.index)));
      i++;
    }
  }
  return nodes;
}

/** Every visible row, top to bottom. */
export function treeRows(
  sections: readonly SectionInfo[],
  fieldsOf: FieldsOf,
  expanded: { has(key: string): boolean }
): TreeRow[] {
  const rows: TreeRow[] = [];
  const add = (nodes: readonly Node[], level: number) => {
    nodes.forEach(({ children, ...node }, i) => {
      const open = children !== undefined && expanded.has(node.key);
      rows.push({
        ...node,
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
