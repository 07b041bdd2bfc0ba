/** RAM while the guest runs, for a map: what was written glows, and cools down. */
import type { RamPageBits, RamView } from '../../emulator/machine-api.ts';
import type { Part } from '../ram/arrangement.ts';
import { place, type Placement } from '../ram/placement.ts';
import { hilbertCell } from '../ram/hilbert.ts';
import { mix, pixel, type TokenReader } from '../canvas/tokens.ts';

const PAGE: RamPageBits = { ZERO: 1, DATA: 2, WRITTEN: 4 };
const KNOWN = PAGE.ZERO | PAGE.DATA;
/** Looks until a page that was written has cooled down. */
const GLOW = 12;
/** Smaller blocks are firmware and the like: a few dots. */
const FEWEST_PAGES = 16;

export interface LiveMap {
  readonly parts: readonly Part[];
  readonly placement: Placement;
  /** Of each part's pages: what it holds times GLOW + 1, plus how it glows. The same array while nothing changes. */
  readonly values: readonly Uint8Array[];
  /** Pages written at the last look, and those whose contents nobody has looked at yet. */
  readonly written: number;
  readonly unknown: number;
  /** Nothing glows: with the same pages the next map is this one. */
  readonly settled: boolean;
  readonly pages: readonly Uint8Array[];
}

/** The map after a look; the one before has how pages glowed. */
export function liveMap(views: readonly RamView[], before?: LiveMap): LiveMap {
  const shown = views.filter(({ pages }) => pages.length >= FEWEST_PAGES);
  const pages = shown.map((view) => view.pages);
  if (before?.settled && pages.length === before.pages.length && pages.every((p, i) => p === before.pages[i])) {
    return before;
  }
  const same =
    before?.parts.length === shown.length &&
    before.parts.every((part, i) => part.title === shown[i]!.idstr && part.cells === shown[i]!.pages.length);
  const parts = same
    ? before.parts
    : shown.map(({ idstr, pages }) => ({
        ...{ title: idstr, cells: pages.length },
        runs: [{ cell: 0, page: 0, pages: pages.length }]
      }));
  const counts = { written: 0, unknown: 0, glowing: 0 };
  const values = pages.map((now, part) => {
    const last = same ? { values: before.values[part]!, pages: before.pages[part]! } : undefined;
    return valuesOf(now, counts, last);
  });
  const placement = same ? before.placement : place(parts, 'hilbert');
  const { written, unknown, glowing } = counts;
  return { parts, placement, values, written, unknown, settled: glowing === 0, pages };
}

/** Of a part's pages; the same array where nothing changes. */
function valuesOf(
  pages: Uint8Array,
  counts: { written: number; unknown: number; glowing: number },
  last: { readonly values: Uint8Array; readonly pages: Uint8Array } | undefined
): Uint8Array {
  const values = last ? last.values.slice() : new Uint8Array(pages.length);
  const [words, valueWords] = [wordsOf(pages), wordsOf(values)];
  let changed = !last;
  // A loop without calls: half a gigabyte has 131,072 pages, and most of them rest.
  for (let n = 0; n < pages.length; n++) {
    if ((n & 3) === 0 && n + 4 <= pages.length && rests(words[n >>> 2]!, valueWords[n >>> 2]!)) {
      n += 3;
      continue;
    }
    const bits = pages[n]!;
    const was = values[n]!;
    let glow = was % (GLOW + 1);
    if ((bits & PAGE.WRITTEN) !== 0) {
      counts.written++;
      glow = GLOW;
    } else if (glow > 0) glow--;
    if ((bits & KNOWN) === 0) counts.unknown++;
    if (glow > 0) counts.glowing++;
    values[n] = (bits & KNOWN) * (GLOW + 1) + glow;
    changed ||= values[n] !== was;
  }
  return changed ? values : last!.values;
}
const wordsOf = ({ buffer, byteOffset, length }: Uint8Array): Uint32Array =>
  new Uint32Array(buffer, byteOffset, length >>> 2);
/** Four pages that are known and do not glow, and have their values already. */
const rests = (pages: number, values: number): boolean =>
  (pages & ~0x0303_0303) === 0 &&
  ((pages ^ (pages >>> 1)) & 0x0101_0101) === 0x0101_0101 &&
  Math.imul(pages, GLOW + 1) === (values | 0);

/** A pixel a value: what it holds, mixed with the glow. */
export function paletteOf(token: TokenReader): Uint32Array {
  const holds = ['--kind-none', '--kind-zero', '--kind-normal', '--kind-normal'].map(token);
  const glow = token('--kind-mapped');
  return Uint32Array.from(holds.flatMap((colour) => glows.map((share) => pixel(mix(colour, glow, share)))));
}
const glows = Array.from({ length: GLOW + 1 }, (_, n) => n / GLOW);

/**
 * A part's pages as pixels, those that differ from what was painted before. @param cells of `cellsOf`
 * @returns the first and the last pixel that changed; -1 where none did
 */
export function paintPart(
  values: Uint8Array,
  cells: Uint32Array,
  palette: Uint32Array,
  into: Uint32Array,
  painted?: Uint8Array
): readonly [first: number, last: number] {
  let [first, last] = [-1, -1];
  const [words, paintedWords] = [wordsOf(values), painted && wordsOf(painted)];
  for (let n = 0; n < values.length; n++) {
    if (painted?.[n] === values[n]) {
      if ((n & 3) === 0 && n + 4 <= values.length && words[n >>> 2] === paintedWords![n >>> 2]) n += 3;
      continue;
    }
    const cell = cells[n]!;
    into[cell] = palette[values[n]!]!;
    if (first < 0 || cell < first) first = cell;
    if (cell > last) last = cell;
  }
  return [first, last];
}

/** Where each page of a part lies among its pixels. */
export function cellsOf(placement: Placement, part: number): Uint32Array {
  const { order, cells, width } = placement.parts[part]!;
  const side = 2 ** order;
  const square = side * side;
  return Uint32Array.from({ length: cells }, (_, n) => {
    const cell = hilbertCell(order, n % square);
    const [x, y] = [(cell % side) + Math.floor(n / square) * side, Math.floor(cell / side)];
    return y * width + x;
  });
}

/** What is at a point of the map, in cells. */
export function pageAt(
  { placement, parts, values }: LiveMap,
  x: number,
  y: number,
  cells: readonly Uint32Array[]
): string | undefined {
  for (const [i, part] of placement.parts.entries()) {
    const [column, row] = [Math.floor(x - part.x), Math.floor(y - part.y)];
    if (column < 0 || row < 0 || column >= part.width || row >= part.height) continue;
    const page = cells[i]!.indexOf(row * part.width + column);
    if (page < 0) return undefined;
    const value = values[i]![page]!;
    const holds = ['not looked at yet', 'zeros', 'data', 'data'][Math.floor(value / (GLOW + 1))]!;
    return `${parts[i]!.title} +0x${(page * 4096).toString(16)}: ${holds}${value % (GLOW + 1) > 0 ? ', written lately' : ''}`;
  }
  return undefined;
}
