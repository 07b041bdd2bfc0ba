/** What the convergence chart shows below each other: one row a track. Times are ms, sizes bytes. */
import { bytesText, count } from '../format.ts';
import type { Figure } from './evidence.ts';
import { mostOf, seriesOf, type Point, type Series } from './series.ts';
import { lawOf, type Run, type Story } from './story.ts';
import { PAGE } from '../../vmstate/page.ts';

interface Curve {
  readonly title: string;
  readonly figure: Figure;
  /** Token of its colour. */
  readonly token: string;
  /** Each value holds until the next. */
  readonly steps?: boolean;
  points(story: Story): readonly Point[];
}

export interface ChartTrack {
  readonly id: string;
  readonly title: string;
  readonly about: string;
  /** CSS pixels. */
  readonly height: number;
  /** Boxes: what happened from when to when. Curves otherwise. */
  readonly boxes?: 'phases' | 'rounds' | 'kinds';
  readonly figure: Figure;
  readonly text: (value: number) => string;
  /** End of the scale; as much as there is, when absent. */
  readonly most?: number;
  readonly curves: readonly Curve[];
}

const size = (value: number): string => bytesText(Math.round(value));
const rate = (value: number): string => `${bytesText(Math.round(value))}/s`;
const ms = (value: number): string => `${count(Math.round(value))} ms`;
const percents = (value: number): string => `${Math.round(value)}%`;
const perSecond = (value: number): string =>
  value >= 1e6 ? `${+(value / 1e6).toPrecision(3)} M/s` : `${count(Math.round(value))}/s`;

/** A value a round that holds while the round lasts. */
const ofRounds = (story: Story, value: (round: Story['rounds'][number]) => number): Point[] => {
  const live = story.rounds.filter((r) => r.phase !== 'switchover');
  const last = live.at(-1);
  return [...live.map((r): Point => [r.start, value(r)]), ...(last ? [[last.end, value(last)] as const] : [])];
};
/** A value a window that holds while the window lasts. */
const ofSamples = (story: Story, value: (sample: Story['samples'][number]) => number): Point[] =>
  story.samples.map((s): Point => [s.at, value(s)]);

function remaining({ rounds, samples }: Story): Point[] {
  const [first] = rounds;
  const last = rounds.at(-1);
  return [
    ...(first ? [[first.start, first.dirty * PAGE] as const] : []),
    ...samples.map((s): Point => [s.at, s.remaining]),
    ...(last?.phase === 'switchover' ? [[last.end, 0] as const] : [])
  ];
}
/** What the law has for each round; of no more than there is. */
function lawful({ rounds }: Story): Point[] {
  const law = lawOf(rounds);
  const all = (rounds[0]?.dirty ?? 0) * PAGE;
  return law ? rounds.map((r, n): Point => [r.start, Math.min(law.volumes[n]!, all)]) : [];
}
function throttled({ throttle, until }: Story): Point[] {
  const last = throttle.at(-1);
  if (!last) return [];
  return [[0, 0], ...throttle.map((t): Point => [t.at, t.percentage]), [Math.max(until, last.at), last.percentage]];
}
/** As long as the guest stood. */
function stood({ stops, downtime }: Story): Point[] {
  const stop = stops.at(-1);
  return stop && downtime
    ? [
        [stop.start, downtime.downtime],
        [Math.max(stop.end, stop.start + 1), downtime.downtime]
      ]
    : [];
}

export const chartTracks: readonly ChartTrack[] = [
  {
    ...{ id: 'phases', title: 'Phases', figure: 'status', boxes: 'phases', height: 18, curves: [], text: String },
    about: 'Migration status, and where the guest stands'
  },
  {
    ...{ id: 'rounds', title: 'Rounds', figure: 'rounds', boxes: 'rounds', height: 18, curves: [], text: String },
    about: 'From one synchronisation of the dirty bitmap to the next'
  },
  {
    ...{ id: 'left', title: 'Left to send', figure: 'remaining', height: 104, text: size },
    about: 'Bytes still to send, and the threshold under which the guest may be stopped: bandwidth × downtime limit',
    curves: [
      { title: 'left', figure: 'remaining', token: '--category-0', points: remaining },
      {
        title: 'threshold',
        figure: 'threshold',
        token: '--category-5',
        points: (s) => ofSamples(s, (x) => x.threshold)
      },
      { title: 'law M rⁿ', figure: 'law', token: '--muted', steps: true, points: lawful }
    ]
  },
  {
    ...{ id: 'rates', title: 'Rates', figure: 'bandwidth', height: 76, text: rate },
    about: 'What the link took in each window, and what the guest wrote in each round',
    curves: [
      {
        ...{ title: 'bandwidth', figure: 'bandwidth', token: '--category-1' },
        points: (s) => ofSamples(s, (x) => (x.bytes / Math.max(1, x.duration)) * 1000)
      },
      {
        ...{ title: 'dirty rate', figure: 'dirtyRate', token: '--category-2', steps: true },
        points: (s) => ofRounds(s, (r) => r.dirtyRate * PAGE)
      }
    ]
  },
  {
    ...{ id: 'kinds', title: 'Kinds', figure: 'pages', boxes: 'kinds', height: 48, curves: [], text: count },
    about: 'Pages of each round by how they were sent: zero, normal, xbzrle, skipped'
  },
  {
    ...{ id: 'downtime', title: 'Downtime', figure: 'expectedDowntime', height: 60, text: ms },
    about: 'What query-migrate expected, and how long the guest stood in the end',
    curves: [
      {
        ...{ title: 'expected', figure: 'expectedDowntime', token: '--category-6' },
        points: (s) => ofSamples(s, (x) => x.expectedDowntime)
      },
      { title: 'actual', figure: 'downtime', token: '--phase-switchover', steps: true, points: stood }
    ]
  },
  {
    ...{ id: 'throttle', title: 'Throttle', figure: 'throttle', height: 44, most: 100, text: percents },
    about: 'Share of time that auto-converge keeps the CPU from running',
    curves: [{ title: 'throttle', figure: 'throttle', token: '--category-3', steps: true, points: throttled }]
  },
  {
    ...{ id: 'guest', title: 'Guest', figure: 'instructions', height: 44, text: perSecond },
    about: 'Instructions that the guest ran a second',
    curves: [
      {
        ...{ title: 'instructions', figure: 'instructions', token: '--category-7' },
        points: (s) => ofSamples(s, (x) => (x.instructions / Math.max(1, x.duration)) * 1000)
      }
    ]
  }
];

/** A run with its curves drawn up. */
export interface ChartRun {
  readonly run: Run;
  /** All of it. */
  readonly story: Story;
  /** By track and curve, in the order of the table, and the greatest value of each. */
  readonly series: readonly (readonly Series[])[];
  readonly mosts: readonly (readonly number[])[];
  readonly phases: readonly Box[];
  readonly rounds: readonly Box[];
}
/** Something that lasts. */
export interface Box {
  readonly start: number;
  readonly end: number;
  readonly label: string;
  readonly token: string;
}

const statusTokens: Readonly<Record<string, string>> = {
  setup: '--phase-setup',
  active: '--phase-iterate',
  'pre-switchover': '--category-7',
  device: '--phase-switchover',
  completed: '--good',
  failed: '--bad',
  cancelling: '--warn',
  cancelled: '--warn'
};
/** Each status lasts until the next. */
const phasesOf = ({ statuses, until }: Story): Box[] =>
  statuses.map(({ at, status }, i) => ({
    ...{ start: at, end: statuses[i + 1]?.at ?? Math.max(at, until), label: status },
    token: statusTokens[status] ?? '--category-6'
  }));
const roundsOf = ({ rounds }: Story): Box[] =>
  rounds.map(({ start, end, number }, i) => ({
    ...{ start, end, label: String(number), token: i % 2 ? '--ramp-1' : '--ramp-2' }
  }));

export function chartRun(run: Run, story: Story): ChartRun {
  const series = chartTracks.map((track) => track.curves.map((curve) => seriesOf(curve.points(story))));
  const mosts = series.map((all) => all.map(mostOf));
  return { run, story, series, mosts, phases: phasesOf(story), rounds: roundsOf(story) };
}

/** Greatest value that a track has to show of all runs; what is no figure (a threshold before it is known) is cut. */
export function scaleEnd(track: ChartTrack, runs: readonly ChartRun[]): number {
  if (track.most !== undefined) return track.most;
  const index = chartTracks.indexOf(track);
  // The first curve says how much room there is: a threshold far above all that is left is no news.
  const mosts = runs.map((run) => run.mosts[index]!);
  const main = Math.max(1, ...mosts.map(([first = 0]) => first));
  const all = Math.max(1, ...mosts.flat());
  return track.id === 'left' ? Math.min(all, main * 1.25) : all;
}
