/** What a stretch of a run's time comes to. */
import { bytesText, count, percent } from '../format.ts';
import { sendKinds } from './chart.ts';
import { evidenceOf, type Evidence, type Figure } from './evidence.ts';
import type { ChartRun } from './chart-tracks.ts';
import { PAGE } from '../../vmstate/page.ts';

export interface RangeFigures {
  /** ms that were watched. */
  readonly duration: number;
  /** Rounds that lie in it, wholly or in part: the first and the last. */
  readonly rounds: readonly [first: number, last: number] | undefined;
  readonly bytes: number;
  /** Bytes a second. */
  readonly bandwidth: number;
  /** Pages a second. */
  readonly dirtyRate: number;
  readonly dirtied: number;
  readonly sent: Readonly<Record<(typeof sendKinds)[number], number>>;
  readonly least: number;
  readonly most: number;
  /** Instructions a second. */
  readonly instructions: number;
  readonly throttle: number;
  /** ms that the guest stood. */
  readonly stood: number;
  /** Rounds and windows are cut by its edges: their shares are taken as even. */
  readonly cut: boolean;
}

const shareOf = (start: number, end: number, from: number, to: number): number =>
  end <= start
    ? start >= from && start < to
      ? 1
      : 0
    : Math.max(0, Math.min(end, to) - Math.max(start, from)) / (end - start);

/** @param from @param to ms */
export function rangeFigures({ story }: Pick<ChartRun, 'story'>, from: number, to: number): RangeFigures {
  const { rounds, samples, stops, until } = story;
  const duration = Math.max(0, Math.min(to, until) - Math.max(from, 0));
  const sent = { zero: 0, normal: 0, xbzrle: 0, skipped: 0 };
  let [bytes, dirtied, instructions, throttle] = [0, 0, 0, 0];
  let [least, most] = [Infinity, 0];
  let cut = false;
  const inside = rounds.filter((r) => r.end > from && r.start < to);
  for (const round of inside) {
    const share = shareOf(round.start, round.end, from, to);
    if (share < 1) cut = true;
    bytes += round.bytes * share;
    dirtied += round.dirtied * share;
    instructions += round.instructions * share;
    throttle = Math.max(throttle, round.throttle);
    for (const kind of sendKinds) sent[kind] += round.sent[kind] * share;
  }
  for (const { at, remaining } of samples) {
    if (at < from || at > to) continue;
    least = Math.min(least, remaining);
    most = Math.max(most, remaining);
  }
  const covered = inside.reduce((sum, r) => sum + Math.min(r.end, to) - Math.max(r.start, from), 0) / 1000;
  const second = (sum: number): number => (covered > 0 ? sum / covered : 0);
  return {
    ...{ duration, bytes, dirtied, sent, throttle, cut, most, least: Math.min(least, most) },
    rounds: inside.length > 0 ? [inside[0]!.number, inside.at(-1)!.number] : undefined,
    ...{ bandwidth: second(bytes), dirtyRate: second(dirtied), instructions: second(instructions) },
    stood: stops.reduce((sum, s) => sum + Math.max(0, Math.min(s.end, to) - Math.max(s.start, from)), 0)
  };
}

export interface FactRow {
  readonly name: string;
  readonly values: readonly string[];
  readonly evidence: Evidence;
}

/** A column a run. */
export function rangeRows(runs: readonly ChartRun[], from: number, to: number): readonly FactRow[] {
  const figures = runs.map((run) => rangeFigures(run, from, to));
  const watcher = runs[0]?.run.watcher ?? 'sender';
  const cut = figures.some((f) => f.cut);
  const row = (name: string, figure: Figure, text: (f: RangeFigures) => string): FactRow => {
    const known = evidenceOf(figure, watcher);
    // Of a round that is cut, only a share was meant: nobody counted it.
    const evidence = cut && known === 'counted' && shared.has(figure) ? 'inferred' : known;
    return { name, values: figures.map(text), evidence };
  };
  const pages = (f: RangeFigures): number => sendKinds.reduce((sum, kind) => sum + f.sent[kind], 0);
  return [
    row('time', 'status', (f) => `${count(Math.round(f.duration))} ms`),
    row('rounds', 'rounds', ({ rounds }) =>
      !rounds ? 'none' : rounds[0] === rounds[1] ? `${rounds[0]}` : `${rounds[0]} to ${rounds[1]}`
    ),
    row('sent', 'bytes', (f) => bytesText(Math.round(f.bytes))),
    row('pages', 'pages', (f) => count(Math.round(pages(f)))),
    ...sendKinds.map((kind) => row(kind, 'pages', (f) => percent(f.sent[kind], pages(f)))),
    row('bandwidth', 'bandwidth', (f) => `${bytesText(Math.round(f.bandwidth))}/s`),
    row('dirty rate', 'dirtyRate', (f) => `${bytesText(Math.round(f.dirtyRate * PAGE))}/s`),
    row('left, least', 'remaining', (f) => bytesText(f.least)),
    row('left, most', 'remaining', (f) => bytesText(f.most)),
    row('throttle, most', 'throttle', (f) => `${f.throttle}%`),
    row('instructions', 'instructions', (f) => `${count(Math.round(f.instructions))}/s`),
    row('guest stood', 'downtime', (f) => `${count(Math.round(f.stood))} ms`)
  ];
}
/** Figures that belong to whole rounds. */
const shared: ReadonlySet<Figure> = new Set(['bytes', 'pages', 'bandwidth', 'dirtyRate', 'instructions']);
