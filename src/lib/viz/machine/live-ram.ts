/** RAM while the guest runs, for a map: what was written glows, and cools down. */
import type { RamPageBits, RamView } from '../../emulator/machine-api.ts';
import type { Part } from '../ram/arrangement.ts';
import { place, type Placement } from '../ram/placement.ts';
import { hilbertCell } from '../ram/hilbert.ts';
import { mix, pixel, type TokenReader } from '../canvas/tokens.ts';

const PAGE: RamPageBits = { ZERO: 1, DATA: 2, WRITTEN: 4 };
/** Looks until a page that was written has cooled down. */
const GLOW = 12;
/** Smaller blocks are firmware and the like: a few dots. */
const FEWEST_PAGES = 16;

export interface LiveMap {
  readonly parts: readonly Part[];
  readonly placement: Placement;
  /** Of each part's pages: what it holds times GLOW + 1, plus how it glows. */
  readonly values: readonly Uint8Array[];
  /** Pages written at the last look, and those whose contents nobody has looked at yet. */
  readonly written: number;
  readonly unknown: number;
}

/** The map after a look; the one before has how pages glowed. */
export function liveMap(views: readonly RamView[], before?: LiveMap): LiveMap {
  const shown = views.filter(({ pages }) => pages.length >= FEWEST_PAGES);
  const same =
    before?.parts.length === shown.length &&
    before.parts.every((part, i) => part.title === shown[i]!.idstr && part.cells === shown[i]!.pages.length);
  const parts = same
    ? before.parts
    : shown.map(({ idstr, pages }) => ({
        ...{ title: idstr, cells: pages.length },
        runs: [{ cell: 0, page: 0, pages: pages.length }]
      }));
  let written = 0;
  let unknown = 0;
  const values = shown.map(({ pages }, part) => {
    const last = same ? before.values[part] : undefined;
    return pages.map((bits, n) => {
      const fresh = (bits & PAGE.WRITTEN) !== 0;
      if (fresh) written++;
      if ((bits & 3) === 0) unknown++;
      const glow = fresh ? GLOW : Math.max(0, ((last?.[n] ?? 0) % (GLOW + 1)) - 1);
      return (bits & 3) * (GLOW + 1) + glow;
    });
  });
  return { parts, placement: same ? before.placement : place(parts, 'hilbert'), values, written, unknown };
}

/** A pixel a value: what it holds, mixed with the glow. */
export function paletteOf(token: TokenReader): Uint32Array {
  const holds = ['--kind-none', '--kind-zero', '--kind-normal', '--kind-normal'].map(token);
  const glow = token('--kind-mapped');
  return Uint32Array.from(holds.flatMap((colour) => glows.map((share) => pixel(mix(colour, glow, share)))));
}
const glows = Array.from({ length: GLOW + 1 }, (_, n) => n / GLOW);

/** A part's pages as pixels. @param cells of `cellsOf` */
export function paintPart(values: Uint8Array, cells: Uint32Array, palette: Uint32Array, into: Uint32Array): void {
  for (let n = 0; n < values.length; n++) into[cells[n]!] = palette[values[n]!]!;
}

/** Where each page of a part lies among its pixels. */
export function cellsOf({ placement }: LiveMap, part: number): Uint32Array {
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
