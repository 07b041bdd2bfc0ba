/** How each figure of a migration is known: it depends on the figure and on who watched. */
import type { Watcher } from '../../vmstate/recording.ts';

export type Evidence = 'counted' | 'reported' | 'inferred';

export type Figure =
  | 'status'
  | 'rounds'
  | 'pages'
  | 'bytes'
  | 'remaining'
  | 'threshold'
  | 'bandwidth'
  | 'dirtyRate'
  | 'expectedDowntime'
  | 'downtime'
  | 'throttle'
  | 'instructions'
  | 'sections'
  | 'dirtyPages'
  | 'writers'
  | 'law'
  | 'cut';

type Row = Readonly<Record<Watcher, Evidence>>;
const everywhere = (evidence: Evidence): Row => ({
  ...{ sender: evidence, passes: evidence, qmp: evidence, stream: evidence }
});
const unlessCounted = (qmp: Evidence): Row => ({ sender: 'counted', passes: qmp, qmp, stream: 'inferred' });
const read: Row = everywhere('counted');

/**
 * A sender of ours counts what it does. QEMU says some of the same of itself; where only the bytes are there, they and the
 * pages in them are counted, and what they mean is inferred.
 */
const figures: Readonly<Record<Figure, Row>> = {
  status: unlessCounted('reported'),
  // Of multifd and of what nobody asked for, QMP tells how many there were, not where each began.
  rounds: { ...unlessCounted('inferred'), passes: 'reported' },
  pages: read,
  bytes: read,
  remaining: unlessCounted('reported'),
  threshold: unlessCounted('inferred'),
  bandwidth: unlessCounted('reported'),
  dirtyRate: unlessCounted('reported'),
  // What query-migrate says: a guess of the sender's own.
  expectedDowntime: { ...everywhere('reported'), stream: 'inferred' },
  downtime: unlessCounted('reported'),
  throttle: unlessCounted('reported'),
  instructions: unlessCounted('inferred'),
  sections: read,
  dirtyPages: unlessCounted('inferred'),
  writers: unlessCounted('inferred'),
  law: everywhere('inferred'),
  cut: everywhere('inferred')
};

export const evidenceOf = (figure: Figure, watcher: Watcher): Evidence => figures[figure][watcher];

/** A mark that stands beside a figure, and what it says aloud. */
export const evidenceMarks: Readonly<Record<Evidence, { readonly mark: string; readonly about: string }>> = {
  counted: { mark: '●', about: 'counted' },
  reported: { mark: '◐', about: 'reported by the sender, not counted' },
  inferred: { mark: '○', about: 'inferred' }
};
