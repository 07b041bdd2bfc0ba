/**
 * A migration in a file: JSON with what it was made with and all that was observed, in the order in which it happened.
 * Version 1. Dirty bitmaps are base64, a bit a page, least significant first. Everything of a file is checked when it is
 * read: it may be anybody's.
 */
import type { DirtyBlock, MigrationObservation, MigrationRound } from '../../emulator/migration-api.ts';
import { base64Of, bytesOf, readSent, readWriters, sentNote, writersNote } from './page-notes.ts';
import { isWay, type Settings } from './presets.ts';

const FORMAT = 'migrascope-migration';
const VERSION = 1;
/** A day of 50 ms windows; more is no recording that a page could show. */
const MAX_OBSERVATIONS = 2_000_000;

export interface Recording {
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

export function recordingText({ machine, memory, settings, observations }: Recording): string {
  const plain = observations.map((o) => {
    if (o.kind === 'pages') return { ...o, sent: o.sent.map(sentNote) };
    if (o.kind !== 'sync') return o;
    const dirty = o.dirty.map(({ bitmap, writers, ...d }) => ({
      ...{ ...d, bitmap: base64Of(bitmap) },
      ...(writers ? { writers: writersNote(writers) } : {})
    }));
    return { ...o, dirty };
  });
  const head = { format: FORMAT, version: VERSION, machine, memory, ...(settings ? { settings } : {}) };
  return `${JSON.stringify(head).slice(0, -1)},"observations":[\n${plain.map((o) => JSON.stringify(o)).join(',\n')}\n]}\n`;
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

/** @throws RecordingError */
export function readRecording(text: string): Recording {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    return fail(error instanceof Error ? error.message : 'it is no JSON');
  }
  if (!isObject(json) || json.format !== FORMAT) return fail(`its format is not "${FORMAT}"`);
  if (json.version !== VERSION) return fail(`version ${String(json.version)} is not known, ${VERSION} is`);
  const { observations } = json;
  if (!Array.isArray(observations)) return fail('it has no observations');
  if (observations.length > MAX_OBSERVATIONS) return fail(`it has more than ${MAX_OBSERVATIONS} observations`);
  return {
    machine: typeof json.machine === 'string' ? json.machine : '',
    memory: isNumber(json.memory) ? json.memory : 0,
    settings: settingsOf(json.settings),
    observations: observations.map((o: unknown, i) => observationOf(o, i))
  };
}

function settingsOf(json: unknown): Settings | undefined {
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
  const wanted = numbers[kind] ?? fail(`observation ${i} is of the unknown kind ${JSON.stringify(kind)}`);
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
