/**
 * The observations of a recording: each is a note of the file, as it is. The format is described in
 * `vmstate/recording.ts`. Dirty bitmaps are base64, a bit a page, least significant first. Everything of a file is checked
 * when it is read: it may be anybody's.
 */
import type { DirtyBlock, MigrationObservation, MigrationRound } from '../../emulator/migration-api.ts';
import { recordingHead, recordingHeadOf, type RecordingNote } from '../../vmstate/recording.ts';
import type { Watcher } from './evidence.ts';
import { base64Of, bytesOf, readSent, readWriters, sentNote, writersNote } from './page-notes.ts';
import { isWay, type Settings } from './presets.ts';

/** A day of 50 ms windows; more is no recording that a page could show. */
const MAX_OBSERVATIONS = 2_000_000;

export interface Recording {
  readonly watcher: Watcher;
  readonly machine: string;
  /** Bytes of RAM. */
  readonly memory: number;
  readonly settings: Settings | undefined;
  readonly observations: readonly MigrationObservation[];
}

/** What is wrong with a file. */
export class RecordingError extends Error {}
const fail = (why: string): never => {
  throw new RecordingError(`this is no recording of a migration: ${why}`);
};

export function recordingText({ watcher, machine, memory, settings, observations }: Recording): string {
  const lines = observations.map((o) => JSON.stringify(noteOf(o)));
  return `${recordingHead({ watcher, machine, memory, settings })}${lines.map((line) => `${line}\n`).join('')}`;
}

function noteOf(o: MigrationObservation): unknown {
  // A round has a beginning and an end; as a note it is of its end.
  if (o.kind === 'round') return { at: o.end, ...o };
  if (o.kind === 'pages') return { ...o, sent: o.sent.map(sentNote) };
  if (o.kind !== 'sync') return o;
  const dirty = o.dirty.map(({ bitmap, writers, ...d }) => ({
    ...{ ...d, bitmap: base64Of(bitmap) },
    ...(writers ? { writers: writersNote(writers) } : {})
  }));
  return { ...o, dirty };
}

/** Numbers that each kind must have, and nothing else that is used unchecked. */
const numbers: Readonly<Record<string, readonly string[]>> = {
  status: ['at'],
  sync: ['at', 'number'],
  pages: ['at', 'number', 'more'],
  round: [
    ...['number', 'start', 'end', 'dirty', 'bytes', 'dirtied', 'dirtyRate', 'bandwidth', 'remaining', 'threshold'],
    ...['expectedDowntime', 'throttle', 'instructions']
  ],
  sample: [
    ...['at', 'duration', 'bytes', 'pages', 'transferred', 'remaining', 'threshold', 'expectedDowntime'],
    ...['dirtyPagesRate', 'throttle', 'instructions']
  ],
  throttle: ['at', 'percentage'],
  guest: ['at'],
  section: ['at', 'instance', 'bytes', 'microseconds'],
  downtime: ['at', 'downtime', 'total']
};
const words: Readonly<Record<string, readonly string[]>> = {
  status: ['status'],
  round: ['phase'],
  section: ['name']
};

type Json = Readonly<Record<string, unknown>>;
const isObject = (v: unknown): v is Json => typeof v === 'object' && v !== null && !Array.isArray(v);
const isNumber = (v: unknown): v is number => typeof v === 'number' && Number.isFinite(v) && v >= 0;

/** A recording without the bytes of a stream, which are to be opened as a file. @throws RecordingError */
export function readRecording(text: string): Recording {
  const [first = '', ...lines] = text.split('\n', MAX_OBSERVATIONS + 2);
  const head = recordingHeadOf(first);
  if (typeof head === 'string') return fail(head);
  if (lines.length > MAX_OBSERVATIONS) return fail(`it has more than ${MAX_OBSERVATIONS} observations`);
  const notes = lines.flatMap((line, i) => {
    if (line === '') return [];
    try {
      return [JSON.parse(line) as RecordingNote];
    } catch (error) {
      return fail(`line ${i + 2}: ${error instanceof Error ? error.message : 'it is no JSON'}`);
    }
  });
  const { watcher, machine, memory, settings } = head;
  return { watcher, machine, memory, settings: settingsOf(settings), observations: observationsIn(notes) };
}

/** Whether a recording begins with the bytes of a stream: it is to be opened as a file then. */
export async function holdsStream(file: Blob): Promise<boolean> {
  return /^\{"kind":"bytes"/m.test(await file.slice(0, 1 << 20).text());
}

/** The observations among a recording's notes; others are passed over. @throws RecordingError */
export const observationsIn = (notes: readonly unknown[]): MigrationObservation[] =>
  notes.flatMap((note, i) =>
    isObject(note) && typeof note.kind === 'string' && !Object.hasOwn(numbers, note.kind) ? [] : observationOf(note, i)
  );

export function settingsOf(json: unknown): Settings | undefined {
  if (!isObject(json)) return undefined;
  const { way, bandwidth, downtime, dirtyRate, pattern } = json;
  if (typeof way !== 'string' || !isWay(way) || typeof pattern !== 'string') return undefined;
  if (!isNumber(bandwidth) || !isNumber(downtime) || !isNumber(dirtyRate)) return undefined;
  const { link, latency } = json;
  const wire = { ...(isNumber(link) && { link }), ...(isNumber(latency) && { latency }) };
  return { way, bandwidth, downtime, dirtyRate, pattern, ...wire };
}

function observationOf(json: unknown, i: number): MigrationObservation {
  if (!isObject(json) || typeof json.kind !== 'string') return fail(`observation ${i} has no kind`);
  const { kind } = json;
  const wanted = Object.hasOwn(numbers, kind) ? numbers[kind]! : [];
  const bad = wanted.find((name) => !isNumber(json[name])) ?? words[kind]?.find((n) => typeof json[n] !== 'string');
  if (bad !== undefined) return fail(`observation ${i} (${kind}) has no sound "${bad}"`);
  if (kind === 'guest' && typeof json.running !== 'boolean') return fail(`observation ${i} (guest) has no "running"`);
  if (kind === 'round') {
    const { sent } = json;
    if (!isObject(sent) || !['normal', 'zero', 'xbzrle', 'skipped'].every((name) => isNumber(sent[name])))
      return fail(`observation ${i} (round) has no sound "sent"`);
  }
  if (kind === 'pages') {
    const sent = (Array.isArray(json.sent) ? (json.sent as readonly unknown[]) : []).map(
      (block) => readSent(block) ?? fail(`observation ${i} (pages) has no sound pages`)
    );
    return {
      ...{ kind, at: json.at as number, number: json.number as number },
      ...{ sent, more: json.more as number }
    };
  }
  if (kind === 'round') {
    const { at: _, ...round } = json;
    return round as unknown as MigrationObservation;
  }
  if (kind !== 'sync') return json as unknown as MigrationObservation;
  const dirty = Array.isArray(json.dirty) ? (json.dirty as readonly unknown[]) : [];
  return { kind, at: json.at as number, number: json.number as number, dirty: dirty.map((d) => bitmapOf(d, i)) };
}

function bitmapOf(json: unknown, i: number): DirtyBlock {
  const { block, pages, bitmap, writers } = isObject(json) ? json : {};
  if (typeof block !== 'string' || !isNumber(pages) || typeof bitmap !== 'string')
    return fail(`observation ${i} (sync) has no sound bitmap`);
  const bits = bytesOf(bitmap) ?? fail(`observation ${i} (sync) has a bitmap that is no base64`);
  if (writers === undefined) return { block, pages, bitmap: bits };
  const who = readWriters(writers) ?? fail(`observation ${i} (sync) has no sound writers`);
  return { block, pages, bitmap: bits, writers: who };
}

/** A line a round, with a head. */
export function roundsCsv(rounds: readonly MigrationRound[]): string {
  const columns = [
    ...([
      'number',
      'phase',
      'start',
      'end',
      'dirty',
      'bytes',
      'dirtied',
      'dirtyRate',
      'bandwidth',
      'remaining'
    ] as const),
    ...(['threshold', 'expectedDowntime', 'throttle', 'instructions'] as const)
  ] as const;
  const kinds = ['normal', 'zero', 'xbzrle', 'skipped'] as const;
  const rows = rounds.map((r) => [...columns.map((c) => r[c]), ...kinds.map((k) => r.sent[k])].join(','));
  return [[...columns, ...kinds].join(','), ...rows, ''].join('\n');
}
