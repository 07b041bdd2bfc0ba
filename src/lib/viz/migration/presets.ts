/** The lab: what a class tries with the workload guest. Rates that a link and a guest of 16 MiB show well. */
export const ways = {
  precopy: { title: 'Precopy', capabilities: [], stopFirst: false },
  'auto-converge': { title: 'Auto-converge', capabilities: ['auto-converge'], stopFirst: false },
  xbzrle: { title: 'XBZRLE', capabilities: ['xbzrle'], stopFirst: false },
  'stop-and-copy': { title: 'Stop and copy', capabilities: [], stopFirst: true }
} as const;
export type Way = keyof typeof ways;
export const isWay = (text: string): text is Way => Object.hasOwn(ways, text);

export interface Settings {
  readonly way: Way;
  /** Bytes a second. */
  readonly bandwidth: number;
  /** ms */
  readonly downtime: number;
  /** Of the link within the tab: bytes a second, whatever the limit says, and ms on the way. 0: no bounds. */
  readonly link?: number;
  readonly latency?: number;
  /** Pages a second that the workload guest writes. */
  readonly dirtyRate: number;
  /** Memory that it writes, and how: arguments of its `dirty`. */
  readonly pattern: string;
}

export interface Preset extends Settings {
  readonly id: string;
  readonly title: string;
  readonly about: string;
  /** Typed before it begins: what memory holds, so much for the first round. */
  readonly before: readonly string[];
  /** Tracks of the chart that it is about: they are pinned. */
  readonly shows?: readonly string[];
  /** Done to it when it has gone on for so many rounds. */
  readonly rescue?: { readonly rounds: number; readonly downtime: number };
}

const MIB = 1 << 20;
const usual = {
  way: 'precopy',
  bandwidth: 4 * MIB,
  link: 4 * MIB,
  downtime: 100,
  pattern: '6M seq',
  before: ['fill 12M zero', 'fill 6M']
} as const;
/** What a link says of it: `#sample=…&preset=…`. */
export const linkOf = (sample: string, preset: string): string =>
  `#${new URLSearchParams({ sample, preset }).toString()}`;

export const presets: readonly Preset[] = [
  {
    ...{ ...usual, id: 'converges', title: 'Converges at once', dirtyRate: 200 },
    about: 'The guest writes a fifth of what the link takes: each round is a fifth of the one before.'
  },
  {
    ...{ ...usual, id: 'plateau', title: 'Saw-tooth plateau', dirtyRate: 1080 },
    // A little more than the link takes. The longer a round, the more pages it meets twice: rounds come to a length that
    // they keep. A page after the other would be found dirty again right before it is sent.
    ...{ pattern: '12M random', before: ['fill 12M zero'] },
    about: 'It writes about as much as the link takes: rounds stay as long as they are, until chance lets one pass.'
  },
  {
    ...{ ...usual, id: 'never', title: 'Never converges', dirtyRate: 3000, downtime: 20 },
    about: 'It writes three times as much as the link takes: every round finds all of its working set dirty again.'
  },
  {
    ...{ ...usual, id: 'auto-converge', title: 'Rescued by auto-converge', dirtyRate: 3000, downtime: 20 },
    ...{
      way: 'auto-converge',
      shows: ['throttle'],
      about: 'The same, but QEMU slows the guest down, more with every round that does not help.'
    }
  },
  {
    ...{ ...usual, id: 'downtime', title: 'Rescued by a larger downtime limit', dirtyRate: 3000, downtime: 20 },
    ...{
      shows: ['downtime'],
      rescue: { rounds: 5, downtime: 3000 },
      about: 'The same; after five rounds the guest may stand for three seconds.'
    }
  }
];
