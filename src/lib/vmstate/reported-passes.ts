/**
 * Where dirty rounds begin, by what the sender said of them while it was recorded: MIGRATION_PASS, lines of its trace log,
 * or dirty-sync-count of query-migrate. What had arrived when a pass was told was sent before it, so that is the earliest
 * place for its beginning. Bytes that were still on their way are told by pages that come again, as `rounds.ts` has it.
 *
 * Source: QEMU migration/ram.c (migration_bitmap_sync, which counts, traces and sends the event, in this order).
 */
import { isObject } from './json.ts';
import { arrivedAt, type RecordingNote, type RecordingNotes } from './recording.ts';
import type { RoundEvidence } from './snapshot.ts';

/** A hostile recording may tell of as many as it likes. */
const MAX_PASSES = 10_000;

export interface ReportedPass {
  /** dirty-sync-count when it began: 1 is the bulk pass. */
  readonly pass: number;
  /** Bytes of the stream that had arrived before it was told: it begins there, or later. */
  readonly offset: number;
}

export interface ReportedPasses {
  readonly by: 'MIGRATION_PASS' | 'its trace log' | 'dirty-sync-count';
  /** No pass was told later than it began. */
  readonly exact: boolean;
  /** Rising in both. */
  readonly passes: readonly ReportedPass[];
  /** Bytes that had arrived when the last word came: behind them nobody knows. */
  readonly until: number;
}

const isCount = (v: unknown): v is number => typeof v === 'number' && Number.isSafeInteger(v) && v >= 0;

/** A pass, and a moment that was not after its beginning. */
interface Told {
  readonly pass: number;
  readonly at: number;
}

/** ms since 1970, by the sender's clock. */
const sentAt = ({ timestamp }: RecordingNote): number =>
  isObject(timestamp) && isCount(timestamp.seconds) && isCount(timestamp.microseconds)
    ? timestamp.seconds * 1000 + timestamp.microseconds / 1000
    : NaN;

/** Events, as if each had come as fast as the fastest: a monitor may be held up, the stream meanwhile is not. */
function fromEvents(notes: readonly RecordingNote[]): Told[] {
  const events = notes.filter(({ kind }) => kind === 'event');
  const delays = events.map((n) => n.at - sentAt(n)).filter((delay) => !Number.isNaN(delay));
  const least = delays.reduce((least, delay) => Math.min(least, delay), Infinity);
  return events.flatMap((note) => {
    const { event, data, at } = note;
    if (event !== 'MIGRATION_PASS' || !isObject(data) || !isCount(data.pass)) return [];
    const sent = sentAt(note) + least;
    return [{ pass: data.pass, at: Number.isNaN(sent) ? at : Math.min(at, sent) }];
  });
}

/** Lines of the trace log: it has one for each pass from the first on, or it is no witness. */
function fromTrace(notes: readonly RecordingNote[], most: number): Told[] {
  const told = notes
    .filter(({ kind, name }) => kind === 'trace' && name === 'migration_bitmap_sync_start')
    // The recording's own beginning is known to the millisecond.
    .map(({ at }, n) => ({ pass: n + 1, at: at - 1 }));
  return most > 0 && told.length !== most ? [] : told;
}

/** Samples: what is new in one came after the sample before it. */
function fromSamples(notes: readonly RecordingNote[]): Told[] {
  const told: Told[] = [];
  let last = 0;
  let before = 0;
  for (const { kind, at, info } of notes) {
    if (kind !== 'qmp' || !isObject(info) || !isObject(info.ram)) continue;
    const { 'dirty-sync-count': count } = info.ram;
    if (!isCount(count)) continue;
    for (; last < count && told.length < MAX_PASSES; last++) told.push({ pass: last + 1, at: before });
    before = at;
  }
  return told;
}

/** What a recording tells of passes; undefined where it does not. */
export function reportedPasses(recording: RecordingNotes): ReportedPasses | undefined {
  const notes = recording.notes.toSorted((a, b) => a.at - b.at);
  const sampled = fromSamples(notes);
  const most = sampled.at(-1)?.pass ?? 0;
  const sources = [
    { by: 'MIGRATION_PASS', kind: 'event', told: fromEvents(notes) },
    { by: 'its trace log', kind: 'trace', told: fromTrace(notes, most) },
    { by: 'dirty-sync-count', kind: 'qmp', told: sampled }
  ] as const;
  const best = sources.find(({ told }) => told.some(({ pass }) => pass > 1));
  if (!best) return undefined;
  const arrived = (at: number): number => arrivedAt(recording, at, recording.bytes);
  const passes: ReportedPass[] = [];
  let last = { pass: 0, offset: 0 };
  for (const { pass, at } of best.told.slice(0, MAX_PASSES)) {
    if (pass <= last.pass) continue;
    last = { pass, offset: Math.max(last.offset, arrived(at)) };
    passes.push(last);
  }
  const word = notes.findLast(({ kind }) => kind === best.kind || kind === 'qmp' || kind === 'event');
  const exact =
    best.kind === 'trace' ||
    (best.kind === 'event' && notes.every((n) => n.event !== 'MIGRATION_PASS' || !Number.isNaN(sentAt(n))));
  return { by: best.by, exact, passes, until: arrived(word?.at ?? 0) };
}

/** A PART of the "ram" section, or the END. */
export interface Part {
  readonly start: number;
  readonly end: boolean;
  /** The last part before this one that has a page which comes again here; -1: none. */
  readonly before: number;
}

/** A round that begins with a part. */
export interface PlacedRound {
  readonly part: number;
  readonly pass: number;
  readonly evidence: RoundEvidence;
  readonly certain: boolean;
  readonly why: string;
}

interface Placing {
  part: number;
  pass: number;
  /** Passes that were told at the same place, and left out. */
  merged: number;
  evidence: RoundEvidence;
  certain: boolean;
}

/**
 * Rounds at the earliest places that agree with what was told and with the pages: no page twice within a round, and
 * never more rounds than passes were told of.
 */
export function placePasses(parts: readonly Part[], reported: ReportedPasses): readonly PlacedRound[] {
  const { by, exact, passes, until } = reported;
  const rounds: Placing[] = [];
  /** The last part before the last round that has a page which comes again in it. */
  let reach = -1;
  /** The first one is the bulk pass, whenever it was told. */
  let next = passes[0]?.pass === 1 ? 1 : 0;
  /** The END has the last one. */
  const forParts = passes.length - (parts.at(-1)?.end ? 1 : 0);
  parts.forEach(({ start, end, before }, part) => {
    const last = rounds.at(-1);
    if (last && !end && rounds.length >= MAX_PASSES) return;
    const begin = (pass: number, evidence: RoundEvidence, certain: boolean, merged = 0): void => {
      rounds.push({ part, pass, merged, evidence, certain });
      reach = before;
    };
    const from = next;
    while (next < (end ? passes.length : forParts) && (end || passes[next]!.offset <= start)) next++;
    if (!last) return begin(1, 'section', true);
    const pass = Math.max(next > from ? passes[next - 1]!.pass : 0, last.pass + 1);
    const merged = pass - last.pass - 1;
    // Earlier than it was told a round cannot be, and where pages come again not later.
    if (end) begin(pass, 'section', true, merged);
    else if (next > from) begin(pass, 'qmp-pass', exact && before >= last.part, merged);
    else if (before < last.part) reach = Math.max(reach, before);
    else if (last.evidence === 'qmp-pass' && reach < rounds.at(-2)!.part) {
      // What it was placed at had been sent before, and was on its way.
      last.part = part;
      reach = before;
    } else if (last.merged > 0) {
      last.merged--;
      begin(last.pass--, 'qmp-pass', false);
    } else if (next < forParts) begin(passes[next++]!.pass, 'repeat', false);
    else if (start >= until) begin(pass, 'repeat', false);
  });
  return rounds.map(({ merged: _, ...r }) => ({ ...r, why: whyOf(r, by) }));
}

function whyOf({ part, pass, evidence }: Pick<PlacedRound, 'part' | 'pass' | 'evidence'>, by: string): string {
  if (evidence === 'qmp-pass') return `the sender told of pass ${pass} (${by}) before this came`;
  if (evidence === 'repeat') return 'pages come again that no pass was told for in time: there was a sync in between';
  return part === 0 ? 'the bulk pass: every page is dirty at setup' : 'END: the last sync, the guest has stopped';
}
