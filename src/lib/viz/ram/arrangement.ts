/** Which pages a RAM map shows, in which order: one part a block, or one a stretch of guest-physical memory. */
import type { PhysicalRange } from '../../emulator/api.ts';
import type { RamBlock } from '../../vmstate/ram-index.ts';
import type { PageRuns } from '../../vmstate/ram-statistics.ts';
import { PAGE } from '../../vmstate/page.ts';

/** Holes in guest-physical memory of at most this many pages are shown as such; at longer ones a new part begins. */
const LONGEST_HOLE = 256;

/** Memory above the PCI hole begins here, right behind the firmware: it is a part of its own. */
const FOUR_GIB = 2 ** 32;

/** Pages in a row, shown in a row. */
interface Run {
  /** Cell of the part that shows the first of them. */
  readonly cell: number;
  /** Number over all blocks. */
  readonly page: number;
  readonly pages: number;
}

/** Cells in a row; one page each, or a hole. */
export interface Part {
  readonly title: string;
  readonly cells: number;
  /** By rising cell, without overlap. */
  readonly runs: readonly Run[];
  /** Guest-physical address of the first cell, where cells go by it. */
  readonly gpa?: number;
}

/** `physical`, `blocks`, or the name of one block. */
export type Extent = string;

export function arrange(extent: Extent, blocks: readonly RamBlock[], map: readonly PhysicalRange[]): readonly Part[] {
  if (extent === 'physical') return physicalParts(blocks, map);
  return blocks
    .filter((b) => b.pages > 0 && (extent === 'blocks' || b.idstr === extent))
    .map((b) => ({ title: b.idstr, cells: b.pages, runs: [{ cell: 0, page: b.firstPage, pages: b.pages }] }));
}

function physicalParts(blocks: readonly RamBlock[], map: readonly PhysicalRange[]): Part[] {
  const byName = new Map(blocks.map((b) => [b.idstr, b]));
  const parts: { gpa: number; cells: number; runs: Run[]; names: Set<string> }[] = [];
  for (const range of map) {
    const block = byName.get(range.block);
    const pages = Math.min(Math.ceil(range.bytes / PAGE), (block?.pages ?? 0) - Math.floor(range.offset / PAGE));
    if (!block || pages <= 0) continue;
    let part = parts.at(-1);
    const hole = part ? range.gpa - (part.gpa + part.cells * PAGE) : Infinity;
    if (!part || hole > LONGEST_HOLE * PAGE || range.gpa === FOUR_GIB) {
      part = { gpa: range.gpa, cells: 0, runs: [], names: new Set() };
      parts.push(part);
    }
    const cell = Math.floor((range.gpa - part.gpa) / PAGE);
    part.runs.push({ cell, page: block.firstPage + Math.floor(range.offset / PAGE), pages });
    part.cells = cell + pages;
    part.names.add(range.block);
  }
  return parts.map(({ gpa, cells, runs, names }) => {
    const [first = '', ...rest] = names;
    return { gpa, cells, runs, title: rest.length === 0 ? first : `${first} and ${rest.length} more` };
  });
}

/** The page that a cell shows; undefined for holes. */
export function pageOfCell(part: Part, cell: number): number | undefined {
  let low = 0;
  let high = part.runs.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (part.runs[middle]!.cell <= cell) low = middle + 1;
    else high = middle;
  }
  const run = part.runs[low - 1];
  return run && cell < run.cell + run.pages ? run.page + cell - run.cell : undefined;
}

export interface Spot {
  /** Index of the part. */
  readonly part: number;
  readonly cell: number;
}

/** Where a page is shown first; undefined where it is not. */
export function spotOfPage(parts: readonly Part[], page: number): Spot | undefined {
  for (const [part, { runs }] of parts.entries()) {
    for (const run of runs) {
      if (run.page <= page && page < run.page + run.pages) return { part, cell: run.cell + page - run.page };
    }
  }
  return undefined;
}

/** The pages between two spots, both included, whichever comes first; joined and rising. */
export function pagesBetween(parts: readonly Part[], a: Spot, b: Spot): PageRuns {
  const [from, to] = a.part < b.part || (a.part === b.part && a.cell <= b.cell) ? [a, b] : [b, a];
  const found: [number, number][] = [];
  for (let p = from.part; p <= to.part; p++) {
    const first = p === from.part ? from.cell : 0;
    const end = p === to.part ? to.cell + 1 : parts[p]!.cells;
    for (const run of parts[p]!.runs) {
      const low = Math.max(first, run.cell);
      const high = Math.min(end, run.cell + run.pages);
      if (low < high) found.push([run.page + low - run.cell, run.page + high - run.cell]);
    }
  }
  return joined(found);
}

function joined(runs: [number, number][]): PageRuns {
  const out: [number, number][] = [];
  for (const run of runs.sort((a, b) => a[0] - b[0])) {
    const last = out.at(-1);
    if (last && run[0] <= last[1]) last[1] = Math.max(last[1], run[1]);
    else out.push([...run]);
  }
  return out;
}
