/** What the load doctor says: what fails, why, and the section, field and bytes that it is about. */
import { sectionLabel, type Section, type Snapshot } from './snapshot.ts';
import { joinPath, type Placed } from './vmstate.ts';

export interface Finding {
  readonly severity: 'fails' | 'warns' | 'passes' | 'unknown';
  /** QEMU's message, in substance. */
  readonly message: string;
  readonly why: string;
  readonly hint?: string;
  /** Name and instance: `serial/0`. */
  readonly section?: string;
  readonly path?: string;
  /** Stream offsets. */
  readonly start?: number;
  readonly end?: number;
  /** QEMU's file and function that says so. */
  readonly source?: string;
}

/** Where something is. Empty when there is no snapshot to look in. */
export type Place = Pick<Finding, 'section' | 'path' | 'start' | 'end'>;

const isState = (s: Section): boolean => s.kind === 'full' || s.kind === 'end' || s.kind === 'start';

/** The section with a device's state by QEMU's idstr; any instance when none is given. */
export const findSection = (snapshot: Snapshot | undefined, idstr: string, instance?: number): Section | undefined =>
  snapshot?.sections.findLast(
    (s) => isState(s) && s.name === idstr && (instance === undefined || s.instance === instance)
  );

/** The section whose START or FULL has a section_id. */
export const sectionById = (snapshot: Snapshot | undefined, id: number): Section | undefined =>
  snapshot?.sections.find((s) => (s.kind === 'full' || s.kind === 'start') && s.sectionId === id);

/** A whole section; what could be told without a snapshot when there is none. */
export const sectionPlace = (section: Section | undefined, idstr?: string, instance = 0): Place =>
  section
    ? { section: sectionLabel(section), start: section.start, end: section.end }
    : idstr === undefined
      ? {}
      : { section: `${idstr}/${instance}` };

/** The be32 version_id in front of a section's body. */
export const versionPlace = (section: Section): Place => ({
  section: sectionLabel(section),
  path: 'version_id',
  start: section.bodyStart - 4,
  end: section.bodyStart
});

/** The footer, or the place where it should be. */
export const footerPlace = (section: Section): Place => ({
  section: sectionLabel(section),
  path: 'footer',
  start: section.bodyEnd,
  end: Math.max(section.end, section.bodyEnd + 5)
});

/** A RAM block's entry in the block list. */
export function blockPlace(snapshot: Snapshot | undefined, idstr: string): Place {
  const block = snapshot?.ram.block(idstr);
  const place = { section: 'ram/0', path: idstr };
  return block ? { ...place, start: block.start, end: block.end } : place;
}

/** A row by its path. */
export const rowPlace = (section: Section, path: string, row: Placed): Place => ({
  section: sectionLabel(section),
  path,
  start: row.start,
  end: row.end
});

/** The first row, depth first, that a test wants; with its full path. */
export function findRow(
  rows: readonly Placed[],
  wanted: (path: string, row: Placed) => boolean,
  parent = ''
): { readonly path: string; readonly row: Placed } | undefined {
  for (const row of rows) {
    const path = joinPath(parent, row.name);
    if (wanted(path, row)) return { path, row };
    const found = row.children && findRow(row.children, wanted, path);
    if (found) return found;
  }
  return undefined;
}

/** A field by the end of its path; the whole section when it was not decoded. */
export function fieldPlace(section: Section, path: string): Place {
  const found = findRow(section.fields, (p) => p === path || p.endsWith(`.${path}`));
  return found ? rowPlace(section, found.path, found.row) : sectionPlace(section);
}

/** The register at a byte of a device's PCI configuration space, down to its innermost row. */
export function configPlace(
  section: Section,
  byte: number
): Place & { readonly register?: string; readonly doc?: string } {
  const config = findRow(section.fields, (_, row) => row.type === 'pci config');
  if (!config) return sectionPlace(section);
  const at = config.row.start + byte;
  let { path, row } = config;
  let doc: string | undefined;
  for (let child; (child = row.children?.find((r) => r.start <= at && at < r.end)); row = child) {
    path = joinPath(path, child.name);
    doc = child.about?.doc ?? doc;
  }
  const span = row === config.row ? { start: at, end: at + 1 } : { start: row.start, end: row.end };
  const register = path.slice(config.path.length).replace(/^\./, '');
  return {
    section: sectionLabel(section),
    path,
    ...span,
    ...(register === '' ? {} : { register }),
    ...(doc === undefined ? {} : { doc })
  };
}
