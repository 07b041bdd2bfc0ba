/** RAM over the rounds of a migration as a picture: a value a page, drawn along a Hilbert curve. */
import { mix, pixel, ramp, type TokenReader } from '../canvas/tokens.ts';
import { count, plainHex } from '../format.ts';
import { place, spotAt, type Placement } from '../ram/placement.ts';
import { COPY, type Cut, type Heat, type LedgerBlock, type PageLedger } from './page-ledger.ts';
import { PAGE } from '../../vmstate/page.ts';

/** Smaller blocks are firmware and the like: a few dots. */
const FEWEST_PAGES = 16;
/** Values of the picture: one for never, the others from little to much. */
const STEPS = 32;

export const roundColourings = {
  round: 'Dirty in this round',
  times: 'Times dirty',
  cut: 'Cut here'
} as const;
export type RoundColouring = keyof typeof roundColourings;

export interface RoundMap {
  readonly blocks: readonly LedgerBlock[];
  readonly placement: Placement;
}
export function roundMap({ blocks }: Pick<PageLedger, 'blocks'>): RoundMap {
  const shown = blocks.filter((b) => b.pages >= FEWEST_PAGES);
  const parts = shown.map(({ idstr, pages }) => ({
    ...{ title: idstr, cells: pages },
    runs: [{ cell: 0, page: 0, pages }]
  }));
  return { blocks: shown, placement: place(parts, 'hilbert') };
}

/** A value for each page: an index into the palette. */
export function roundValues(colouring: RoundColouring, heat: Heat, cut: Cut | undefined): Uint8Array {
  if (colouring === 'cut') return cut?.pages ?? new Uint8Array(heat.times.length);
  const { times, now, most } = heat;
  const scale = (STEPS - 1) / Math.log2(most + 1 || 2);
  const warm = Uint8Array.from({ length: most + 1 }, (_, n) => (n === 0 ? 0 : 1 + Math.round(scale * Math.log2(n))));
  const out = new Uint8Array(times.length);
  for (let page = 0; page < out.length; page++) {
    if (colouring === 'times') out[page] = warm[times[page]!]!;
    else out[page] = now[page] ? STEPS : times[page] ? 1 : 0;
  }
  return out;
}

/** Words of RGBA by value. */
export function roundPalette(colouring: RoundColouring, read: TokenReader): Uint32Array {
  if (colouring === 'cut') {
    const tokens: Readonly<Record<number, string>> = {
      [COPY.NEVER]: '--kind-none',
      [COPY.OLD]: '--kind-mapped',
      [COPY.CURRENT]: '--kind-normal'
    };
    return Uint32Array.from([COPY.NEVER, COPY.OLD, COPY.CURRENT], (copy) => pixel(read(tokens[copy]!)));
  }
  const never = read('--kind-none');
  const hot = read('--phase-switchover');
  const steps = ramp([1, 2, 3, 4].map((n) => read(`--ramp-${n}`)));
  const words = new Uint32Array(STEPS + 1);
  for (let value = 0; value <= STEPS; value++) {
    if (value === 0) words[value] = pixel(never);
    else if (colouring === 'times') words[value] = pixel(steps((value - 1) / (STEPS - 1)));
    else words[value] = pixel(value === STEPS ? hot : mix(never, hot, 0.28));
  }
  return words;
}

export const pageTitle = (page: number, blocks: readonly LedgerBlock[]): string => {
  const block = blocks.findLast((b) => b.first <= page);
  return block ? `${block.idstr} + ${plainHex((page - block.first) * PAGE)}` : `page ${count(page)}`;
};

/** The page at a point of the map, in cells. */
export function pageUnder({ placement, blocks }: RoundMap, x: number, y: number): number | undefined {
  const spot = spotAt(placement, x, y);
  return spot && blocks[spot.part]!.first + spot.cell;
}
