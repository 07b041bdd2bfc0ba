/** What the observations of a migration tell, up to a moment of it: rounds, samples, states. Times are ms since it began. */
import { bisector } from 'd3';
import type {
  MigrationInfo,
  MigrationObservation,
  MigrationRound,
  MigrationSample,
  MigrationSection,
  MigrationStatus
} from '../../emulator/migration-api.ts';
import type { Watcher } from '../../vmstate/recording.ts';
import type { Settings } from './presets.ts';

/** A migration as it was watched. */
export interface Run {
  /** Another for each, of this page. */
  readonly number: number;
  readonly title: string;
  readonly watcher: Watcher;
  /** What it was made with. */
  readonly made: Settings | undefined;
  readonly observations: readonly MigrationObservation[];
}

interface Throttled {
  readonly at: number;
  readonly percentage: number;
}
interface Status {
  readonly at: number;
  readonly status: MigrationStatus;
  readonly error?: string;
}
interface Section extends MigrationSection {
  readonly at: number;
}
export interface Story {
  /** How far it is told. */
  readonly until: number;
  readonly rounds: readonly MigrationRound[];
  readonly samples: readonly MigrationSample[];
  readonly throttle: readonly Throttled[];
  readonly statuses: readonly Status[];
  /** Stretches in which the guest stood. */
  readonly stops: readonly { readonly start: number; readonly end: number }[];
  /** Largest first. */
  readonly sections: readonly Section[];
  readonly downtime: { readonly at: number; readonly downtime: number; readonly total: number } | undefined;
}

const endOf = (o: MigrationObservation): number => ('at' in o ? o.at : o.end);

/** The last moment that anything is known of. */
export const durationOf = (observations: readonly MigrationObservation[]): number =>
  observations.reduce((last, o) => Math.max(last, endOf(o)), 0);

/** All that is told of a run. Notes of a file may be in any order. */
function wholeStory(observations: readonly MigrationObservation[]): Story {
  const rounds: MigrationRound[] = [];
  const samples: MigrationSample[] = [];
  const throttle: Throttled[] = [];
  const statuses: Status[] = [];
  const sections: Section[] = [];
  const guest: { at: number; running: boolean }[] = [];
  let downtime: Story['downtime'];
  for (const o of observations) {
    if (o.kind === 'round') rounds.push(o);
    else if (o.kind === 'sample') samples.push(o);
    else if (o.kind === 'throttle') throttle.push(o);
    else if (o.kind === 'status') statuses.push(o);
    else if (o.kind === 'section') sections.push(o);
    else if (o.kind === 'guest') guest.push(o);
    else if (o.kind === 'downtime') downtime ??= o;
  }
  const until = durationOf(observations);
  const byTime = (a: { readonly at: number }, b: { readonly at: number }): number => a.at - b.at;
  for (const list of [samples, throttle, statuses, guest]) list.sort(byTime);
  rounds.sort((a, b) => a.end - b.end);
  sections.sort((a, b) => b.bytes - a.bytes);
  const stops: { start: number; end: number }[] = [];
  let stopped: number | undefined;
  for (const { at, running } of guest) {
    if (!running) stopped ??= at;
    else if (stopped !== undefined) {
      stops.push({ start: stopped, end: at });
      stopped = undefined;
    }
  }
  if (stopped !== undefined) stops.push({ start: stopped, end: until });
  return { until, rounds, samples, throttle, statuses, stops, sections, downtime };
}

const byAt = bisector<{ readonly at: number }, number>((o) => o.at);
const byEnd = bisector<MigrationRound, number>((r) => r.end);

/** What of a story is told at a moment. */
export function storyAt(whole: Story, until: number): Story {
  const told = <T extends { readonly at: number }>(list: readonly T[]): readonly T[] =>
    list.slice(0, byAt.right(list, until));
  const { downtime } = whole;
  return {
    ...{ until, samples: told(whole.samples), throttle: told(whole.throttle), statuses: told(whole.statuses) },
    rounds: whole.rounds.slice(0, byEnd.right(whole.rounds, until)),
    stops: whole.stops.filter((s) => s.start <= until).map((s) => ({ start: s.start, end: Math.min(s.end, until) })),
    sections: whole.sections.filter((s) => s.at <= until),
    downtime: downtime && downtime.at <= until ? downtime : undefined
  };
}

/** @param until what came later is left out; absent: all of it */
export function storyOf(observations: readonly MigrationObservation[], until?: number): Story {
  const whole = wholeStory(observations);
  return until === undefined ? whole : storyAt(whole, until);
}

/** What the law says of the rounds to come. A tenth is less than a run's rates vary. */
export const verdictOf = (ratio: number): string =>
  ratio < 0.9
    ? 'each round is smaller than the one before, it converges'
    : ratio <= 1.1
      ? 'rounds stay about as large as they are'
      : 'each round is larger than the one before';

/** One line of the law that textbooks give: round n sends V_n = V_0 r^n, r being dirty rate over bandwidth. */
export interface Law {
  /** Bytes of round 1, bytes a second both. */
  readonly first: number;
  readonly dirtyRate: number;
  readonly bandwidth: number;
  readonly ratio: number;
  /** Bytes that each round has to send, as many as there were rounds. */
  readonly volumes: readonly number[];
}

/** Its inputs are the run's own: what the bulk round sent, and the means over the rounds behind it. */
export function lawOf(rounds: readonly MigrationRound[], pageSize = 4096): Law | undefined {
  const [bulk] = rounds;
  const live = rounds.filter((r) => r.phase !== 'switchover');
  const seconds = live.reduce((sum, r) => sum + r.end - r.start, 0) / 1000;
  if (!bulk || seconds === 0) return undefined;
  const sum = (of: (r: MigrationRound) => number): number => live.reduce((total, r) => total + of(r), 0);
  const bandwidth = sum((r) => r.bytes) / seconds;
  const dirtyRate = (sum((r) => r.dirtied) * pageSize) / seconds;
  if (bandwidth === 0) return undefined;
  const ratio = dirtyRate / bandwidth;
  return {
    ...{ first: bulk.bytes, dirtyRate, bandwidth, ratio },
    volumes: rounds.map((_, n) => bulk.bytes * ratio ** n)
  };
}

/** How it stands, in a sentence. */
export function stateOf(story: Story, info: MigrationInfo | undefined): string {
  const last = story.statuses.at(-1);
  if (!last) return 'No migration yet.';
  const rounds = story.rounds.length;
  const after = `after ${(story.until / 1000).toFixed(1)} s and ${rounds} round${rounds === 1 ? '' : 's'}`;
  if (last.status === 'completed') {
    const down = story.downtime ? `, the guest stood for ${Math.round(story.downtime.downtime)} ms` : '';
    return `Completed ${after}${down}.`;
  }
  const why = last.error ?? info?.['error-desc'];
  if (last.status === 'failed') return `Failed ${after}${why === undefined ? '' : `: ${why}`}. The guest goes on here.`;
  if (last.status === 'cancelled') return `Cancelled ${after}. The guest goes on here.`;
  return `${last.status}: round ${rounds + 1}, ${(story.until / 1000).toFixed(1)} s`;
}
