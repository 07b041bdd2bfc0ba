/** What a RAM map can be coloured by: the colours of each value, and the legend that explains them. */
import type { RamColouring, RamColumn } from '../../emulator/api.ts';
import { mix, pixel, ramp, type TokenReader } from '../canvas/tokens.ts';
import { count } from '../format.ts';
import { DIM, HOLE, VALUES, type Reduction } from './pyramid.ts';

interface Colouring {
  readonly title: string;
  /** How cells become coarser. */
  readonly reduction: Reduction;
  /** Token of a value by the name that the column's legend gives it. */
  readonly token?: (name: string) => string;
  /** Place of a value on the scale, 0 to 1; undefined for pages that were never sent. `most`: the greatest value. */
  readonly scale?: (value: number, most: number) => number | undefined;
  /** What the ends of the scale are, where the column does not know. */
  readonly ends?: (most: number) => { readonly low: string; readonly high: string };
}

const guessTokens: Readonly<Record<string, string>> = {
  'never sent': '--kind-none',
  zeros: '--kind-zero',
  'one byte repeated': '--kind-fill',
  'nearly all zeros': '--ramp-1',
  'looks like text': '--category-1',
  'looks like x86 code': '--category-2',
  'looks like a page table': '--category-3',
  'looks like pointers': '--category-4',
  'looks compressed or random': '--category-5',
  'other data': '--category-0'
};
const levelTokens: Readonly<Record<string, string>> = {
  'never sent': '--kind-none',
  'no page table': '--kind-zero',
  PT: '--category-0',
  PD: '--category-1',
  PDPT: '--category-2',
  PML4: '--category-3',
  PML5: '--category-5'
};

export const colourings: Readonly<Record<RamColouring, Colouring>> = {
  // Values rise from never sent over zeros to contents: what there is little of is seen in what there is much of.
  kind: { title: 'Kind', reduction: 'max', token: (name) => `--kind-${name}` },
  entropy: { title: 'Entropy', reduction: 'mean', scale: (value) => value / 255 },
  round: {
    title: 'Last round',
    reduction: 'max',
    scale: (value) => (value === 0 ? undefined : (value - 1) / 254)
  },
  sends: {
    title: 'Times sent',
    reduction: 'max',
    scale: (value, most) => (value === 0 ? undefined : most < 2 ? 0 : Math.log(value) / Math.log(most)),
    ends: (most) => ({ low: 'once', high: most >= 255 ? '255 times or more' : `${count(most)} times` })
  },
  guess: { title: 'Guess', reduction: 'most', token: (name) => guessTokens[name] ?? '--category-7' },
  'page-tables': {
    title: 'Page tables',
    reduction: 'max',
    token: (name) => levelTokens[name.split(',')[0]!] ?? '--category-6'
  }
};
export const colouringNames = Object.keys(colourings) as RamColouring[];

interface LegendEntry {
  readonly value: number;
  readonly name: string;
  readonly colour: string;
}
export interface Palette {
  /** RGBA words by value, as `paintTile` takes them. */
  readonly words: Uint32Array;
  /** CSS colours by value, 0 to 255. */
  readonly colours: readonly string[];
  readonly legend:
    readonly LegendEntry[] | { readonly low: string; readonly high: string; readonly colours: readonly string[] };
}

/** Names as people say them. */
const said = (name: string): string => (name === 'none' ? 'never sent' : name);

export function paletteOf(column: RamColumn, read: TokenReader): Palette {
  const { token, scale, ends } = colourings[column.colouring];
  const background = read('--bg');
  const never = read('--kind-none');
  const colours = new Array<string>(256).fill(never);
  let legend: Palette['legend'];
  if (scale) {
    const steps = ramp([0, 1, 2, 3, 4].map((n) => read(`--ramp-${n}`)));
    const most = column.bytes.reduce((a, b) => Math.max(a, b), 0);
    for (let value = 0; value < 256; value++) {
      const at = scale(value, most);
      if (at !== undefined) colours[value] = steps(Math.min(1, at));
    }
    const { low, high } = ends?.(most) ?? ('low' in column.legend ? column.legend : { low: '', high: '' });
    legend = { low, high, colours: [0, 0.25, 0.5, 0.75, 1].map(steps) };
  } else {
    const named = 'low' in column.legend ? [] : column.legend;
    for (const { value, name } of named) colours[value] = read(token!(name));
    legend = named.map(({ value, name }) => ({ value, name: said(name), colour: colours[value]! }));
  }
  const words = new Uint32Array(VALUES);
  colours.forEach((colour, value) => {
    words[value] = pixel(colour);
    words[value | DIM] = pixel(mix(colour, background, 0.84));
  });
  // Where the guest has no memory, the paper shows.
  words[HOLE] = words[HOLE | DIM] = 0;
  return { words, colours, legend };
}

/** How many of the pages have each value. */
export function countValues(
  column: RamColumn,
  runs: Iterable<{ readonly page: number; readonly pages: number }>
): Uint32Array {
  const counts = new Uint32Array(256);
  for (const { page, pages } of runs) {
    for (let i = page; i < page + pages; i++) counts[column.bytes[i]!]!++;
  }
  return counts;
}

/** What a value of a column means, in words. */
export function valueText(column: RamColumn, value: number, rounds: number): string {
  if (!('low' in column.legend)) {
    return said(column.legend.find((l) => l.value === value)?.name ?? String(value));
  }
  switch (column.colouring) {
    case 'entropy':
      return `${(value / 32).toFixed(1)} bits per byte`;
    case 'sends':
      return value === 0
        ? 'never sent'
        : value === 1
          ? 'sent once'
          : `sent ${value === 255 ? '255 times or more' : `${value} times`}`;
    case 'round':
      return value === 0 ? 'never sent' : roundText(value, rounds);
    default:
      return String(value);
  }
}

/** The column has 254 steps: with more rounds, several share one. */
function roundText(value: number, rounds: number): string {
  const round = 1 + Math.ceil(((value - 1) * rounds) / 254);
  return rounds <= 254 ? `round ${round}` : `about round ${round}`;
}
