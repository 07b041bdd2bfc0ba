/**
 * The observations of a recording: each is a note of the file, as it is. The format is described in
 * `vmstate/recording.ts`. Dirty bitmaps are base64, a bit a page, least significant first. Everything of a file is checked
 * when it is read: it may be anybody's.
 */
import type { DirtyBlock, MigrationObservation, MigrationRound } from '../../emulator/migration-api.ts';
import { isObject } from '../../vmstate/json.ts';
import { Damage, PeekStream } from '../../vmstate/peek-stream.ts';
import { openRecording, recordedStream, recordingHead, type Watcher } from '../../vmstate/recording.ts';
import { fromChunks } from '../../vmstate/source.ts';
import { base64Of, bytesOf, readSent, readWriters, sentNote, writersNote } from './page-notes.ts';
import { isWay, type Settings } from './presets.ts';

/** Bytes of a file read at a time. */
const CHUNK = 1 << 20;

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

const isNumber = (v: unknown): v is number => typeof v === 'number' && Number.isFinite(v) && v >= 0;

/** A recording as a file, with the bytes of its stream where they were kept. */
export function recordingFile(recording: Recording, stream: Blob | undefined): Blob {
  const text = recordingText(recording);
  const head = text.indexOf('\n') + 1;
  const parts = stream ? [text.slice(0, head), stream, text.slice(head)] : [text];
  return new Blob(parts, { type: 'application/octet-stream' });
}

/** A file's observations, and whether it has the bytes of a stream too. @throws RecordingError */
export async function readRecordingFile(file: Blob): Promise<Recording & { readonly holdsStream: boolean }> {
  const input = new PeekStream(fromChunks(chunksOf(file)));
  try {
    const notes = await openRecording(input);
    for await (const _ of recordedStream(input, notes));
    const { watcher, machine, memory, settings } = notes.head;
    const about = { watcher, machine, memory, settings: settingsOf(settings) };
    return { ...about, observations: observationsIn(notes.notes), holdsStream: notes.bytes > 0 };
  } catch (error) {
    if (error instanceof Damage) throw new RecordingError(error.message);
    throw error;
  }
}
async function* chunksOf(file: Blob): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < file.size; at += CHUNK) yield new Uint8Array(await file.slice(at, at + CHUNK).arrayBuffer());
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
