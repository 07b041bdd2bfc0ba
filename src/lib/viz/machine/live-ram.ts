/** RAM while the guest runs, for a map: what was written glows, and cools down. */
import type { RamPageBits, RamView } from '../../emulator/machine-api.ts';
import type { Part } from '../ram/arrangement.ts';
import { place, spotAt, type Placement } from '../ram/placement.ts';
import { mix, pixel, type TokenReader } from '../canvas/tokens.ts';
import { PAGE as PAGE_SIZE } from '../../vmstate/page.ts';

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

/** What is at a point of the map, in cells. */
export function pageAt({ placement, parts, values }: LiveMap, x: number, y: number): string | undefined {
  const spot = spotAt(placement, x, y);
  if (!spot) return undefined;
  const value = values[spot.part]![spot.cell]!;
  const holds = ['not looked at yet', 'zeros', 'data', 'data'][Math.floor(value / (GLOW + 1))]!;
  const at = (spot.cell * PAGE_SIZE).toString(16);
  return `${parts[spot.part]!.title} +0x${at}: ${holds}${value % (GLOW + 1) > 0 ? ', written lately' : ''}`;
}
