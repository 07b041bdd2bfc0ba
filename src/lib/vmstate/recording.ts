/**
 * A recording: a migration in a file, whoever watched it. Version 2; this is where the format is described.
 *
 *   recording ::= head note*
 *   head      ::= {"format":"migrascope-migration","version":2,…} "\n"
 *   note      ::= {"kind":…,"at":…,…} "\n"                             where "at" is in ms from the beginning
 *               | {"kind":"bytes","at":…,"length":N,…} "\n" byte{N} "\n"
 *
 * So it is lines of JSON (UTF-8), of which those of kind `bytes` are followed by raw bytes. It is written while the
 * migration goes on, and one that breaks off is good up to there. Without `bytes` it is a text. What a reader does not
 * know it passes over.
 *
 * The head may have `watcher` (who knew: `sender`, a sender of ours that counted; `qmp`, QEMU's own reports; `passes`,
 * these, and what they say of each round; `stream`, the bytes alone), `machine`, `memory` (bytes of RAM), `started` (the
 * beginning, ms since 1970) and `settings`.
 *
 * | kind       | besides `at`                                                                                        |
 * | ---------- | --------------------------------------------------------------------------------------------------- |
 * | bytes      | `length`; `connection`, a number, 0 where it is left out; `back`: true for what the receiver sent     |
 * | connection | `number`, `channel`: main, multifd, preempt or cpr. The main one's bytes are the migration stream      |
 * | gap        | bytes of the stream are missing from here: `length`, where it is known, and `why`                      |
 * | end        | `connection` has ended; `error` where it broke                                                       |
 * | parameters | `parameters` and `capabilities`: what query-migrate-parameters and -capabilities said                |
 * | qmp        | `info`: what query-migrate said                                                                       |
 * | event      | `event`, `data`, `timestamp`: an event of QMP                                                         |
 * | trace      | `name`, `text`: a line of QEMU's trace log                                                            |
 *
 * The other kinds are a sender's observations, `MigrationObservation` of `emulator/migration-api.ts` as it is, but for
 * `sync`, whose bitmaps are base64. Notes need not be in the order of `at`; bytes are in the order of the stream.
 */
import { lastUpTo } from './bisect.ts';
import { isObject, type Json } from './json.ts';
import { Damage, type PeekStream } from './peek-stream.ts';
import type { NamedSource } from './outside-pages.ts';
import type { Round } from './snapshot.ts';
import type { ByteSource } from './source.ts';

export const RECORDING_FORMAT = 'migrascope-migration';
export const RECORDING_VERSION = 2;
/** How every recording begins. */
export const RECORDING_START = `{"format":"${RECORDING_FORMAT}"`;

/**
 * Who watched: our own sender, QMP of a QEMU that sent, which may have told of each round too, or nobody: the stream alone
 * is left.
 */
export type Watcher = 'sender' | 'passes' | 'qmp' | 'stream';
const WATCHERS: readonly unknown[] = ['sender', 'passes', 'qmp', 'stream'] satisfies Watcher[];

export interface RecordingHead {
  readonly watcher: Watcher;
  readonly machine: string;
  /** Bytes of RAM; 0: not known. */
  readonly memory: number;
  /** ms since 1970. */
  readonly started?: number;
  /** What it was made with, unchecked. */
  readonly settings?: unknown;
}

/** A line that is no bytes: of a file, so only `kind` and `at` are what they should be. */
export type RecordingNote = { readonly kind: string; readonly at: number } & Readonly<Record<string, unknown>>;

/** Bytes of a line; the bitmap of a terabyte takes 43 MB. */
const MAX_LINE = 64 << 20;
/** Bytes of a `bytes` note. */
const MAX_PIECE = 64 << 20;
/** A day of samples each 50 ms. */
const MAX_NOTES = 2_000_000;
/** Characters of all notes that are kept. */
const MAX_TEXT = 512 << 20;
/** As many channels as a migration may have (multifd-channels), and one. */
const MAX_CHANNELS = 256;
/** Arrivals that are told apart: nearer ones are one. */
const MAX_ARRIVALS = 1 << 22;

const isTime = (v: unknown): v is number => typeof v === 'number' && Number.isFinite(v) && v >= 0;
const isCount = (v: unknown): v is number => isTime(v) && Number.isSafeInteger(v);

function objectOf(line: string): Json | undefined {
  try {
    const json: unknown = JSON.parse(line);
    return isObject(json) ? json : undefined;
  } catch {
    return undefined;
  }
}

/** What a connection beside the main one carried: where its pieces lie in the recording. */
class RecordedChannel {
  readonly kind: string;
  /** Where in the recording each piece begins, and the offset of the connection at which it ends. */
  readonly #places: number[] = [];
  readonly #ends: number[] = [];

  constructor(kind: string) {
    this.kind = kind;
  }

  get size(): number {
    return this.#ends.at(-1) ?? 0;
  }
  add(place: number, length: number): void {
    if (length === 0 || this.#ends.length >= MAX_ARRIVALS) return;
    this.#ends.push(this.size + length);
    this.#places.push(place);
  }

  /** The connection's bytes, in order. */
  in(recording: ByteSource): ByteSource {
    const [places, ends, { size }] = [this.#places, this.#ends, this];
    return {
      size,
      async read(at, target) {
        let done = 0;
        for (let i = lastUpTo(ends, at) + 1; i < ends.length && done < target.length; i++) {
          const left = ends[i]! - (at + done);
          const place = places[i]! + (ends[i]! - (ends[i - 1] ?? 0)) - left;
          const got = await recording.read(place, target.subarray(done, done + left));
          done += got;
          if (got < left) break;
        }
        return done;
      }
    };
  }
}

/** All of a recording but the stream's bytes. It grows while they are read. */
export class RecordingNotes {
  readonly head: RecordingHead;
  readonly notes: RecordingNote[] = [];
  /** Stream offsets at which something arrived, rising, and when. */
  readonly offsets: number[] = [];
  readonly times: number[] = [];
  /** Length of the stream so far. */
  bytes = 0;
  /** Where bytes are missing. */
  readonly gaps: { readonly offset: number; readonly at: number; readonly why: string }[] = [];
  /** Connections that carried pages beside the stream, by number. */
  readonly channels = new Map<number, RecordedChannel>();
  /** The recording, where it can be read at random. */
  readonly source: ByteSource | undefined;
  #text = 0;

  constructor(head: RecordingHead, source: ByteSource | undefined) {
    this.head = head;
    this.source = source;
  }

  /** What belongs to the stream, as if it were in files beside it; undefined where there is none. */
  beside(): { readonly channels: readonly NamedSource[]; readonly preempt?: ByteSource } | undefined {
    const { source } = this;
    if (!source || this.channels.size === 0) return undefined;
    const of = (kind: string): NamedSource[] =>
      [...this.channels].flatMap(([number, channel]) =>
        channel.kind === kind ? { name: `connection ${number}`, source: channel.in(source) } : []
      );
    const [preempt] = of('preempt');
    return { channels: of('multifd'), ...(preempt ? { preempt: preempt.source } : {}) };
  }

  /** Undefined where there are too many. */
  add(note: RecordingNote, length: number): void {
    this.#text += length;
    if (this.notes.length < MAX_NOTES && this.#text <= MAX_TEXT) this.notes.push(note);
  }
  arrived(at: number, length: number): void {
    if (this.offsets.length < MAX_ARRIVALS) {
      this.offsets.push(this.bytes);
      this.times.push(at);
    }
    this.bytes += length;
  }
}

/** What is needed to say when a byte of the stream came. */
export type Arrivals = { readonly offsets: ArrayLike<number>; readonly times: ArrayLike<number> };

/** When the byte at an offset of the stream arrived, in ms. */
export const timeOf = ({ offsets, times }: Arrivals, offset: number): number =>
  times[Math.max(0, lastUpTo(offsets, offset))] ?? 0;

/** How many bytes of the stream had arrived at a moment. @param end length of the stream */
export function arrivedAt({ offsets, times }: Arrivals, at: number, end: number): number {
  const last = lastUpTo(times, at);
  return last < 0 ? 0 : (offsets[last + 1] ?? end);
}

/** Rounds with when they went on, where that came along. */
export function withTimes(rounds: readonly Round[], recording: RecordingNotes | undefined): readonly Round[] {
  const { started } = recording?.head ?? {};
  if (!recording || started === undefined) return rounds;
  const at = (offset: number): number => started + timeOf(recording, offset);
  return rounds.map((r) => ({ ...r, startTime: at(r.start), endTime: at(Math.max(r.start, r.end - 1)) }));
}

/** What the first line says, or why it begins no recording of this version. */
export function recordingHeadOf(line: string): RecordingHead | string {
  const json = objectOf(line);
  if (json?.format !== RECORDING_FORMAT) return `its format is not "${RECORDING_FORMAT}"`;
  const { version, watcher, machine, memory, started, settings } = json;
  if (version !== RECORDING_VERSION) return `version ${String(version)} is not known, ${RECORDING_VERSION} is`;
  return {
    watcher: WATCHERS.includes(watcher) ? (watcher as Watcher) : 'stream',
    machine: typeof machine === 'string' ? machine : '',
    memory: isTime(memory) ? memory : 0,
    ...(isTime(started) ? { started } : {}),
    ...(settings === undefined ? {} : { settings })
  };
}

/** One line with its length in bytes, without the end; undefined at the end of the input. @throws Damage */
async function lineOf(input: PeekStream): Promise<Uint8Array | undefined> {
  for (let most = 1024; ; most *= 4) {
    const ahead = await input.peek(most);
    const end = ahead.indexOf(10);
    if (end >= 0) {
      const line = ahead.slice(0, end);
      await input.skip(end + 1);
      return line;
    }
    if (ahead.length === 0) return undefined;
    if (ahead.length < most) throw new Damage(input.position + ahead.length, 'the recording ends inside a note');
    if (most > MAX_LINE) throw new Damage(input.position, `a note of a recording is longer than ${MAX_LINE} bytes`);
  }
}

/** Reads the head. @param source what `input` reads, where it can be read at random @throws Damage */
export async function openRecording(input: PeekStream, source?: ByteSource): Promise<RecordingNotes> {
  const line = await lineOf(input);
  const head = recordingHeadOf(new TextDecoder().decode(line));
  if (typeof head === 'string') throw new Damage(0, `this is no recording of a migration: ${head}`);
  return new RecordingNotes(head, source);
}

/**
 * The stream's bytes, in order; `notes` has the rest at the end. The input stands behind the head.
 * @throws Damage where it breaks off or bytes are missing
 */
export async function* recordedStream(
  input: PeekStream,
  notes: RecordingNotes
): AsyncGenerator<Uint8Array, void, undefined> {
  const decoder = new TextDecoder();
  /** Connection that carries the stream: 0 unless another is said to be. */
  let main = 0;
  let broken: Damage | undefined;
  for (;;) {
    const start = input.position;
    const line = await lineOf(input);
    if (!line) break;
    if (line.length === 0) continue;
    const json = objectOf(decoder.decode(line));
    if (!json || typeof json.kind !== 'string' || !isTime(json.at))
      throw new Damage(start, 'a note of the recording is no JSON object with "kind" and "at"');
    const note = json as RecordingNote;
    if (note.kind !== 'bytes') {
      notes.add(note, line.length);
      if (note.kind === 'connection' && note.channel === 'main' && isCount(note.number) && notes.bytes === 0)
        main = note.number;
      if (note.kind === 'connection' && (note.channel === 'multifd' || note.channel === 'preempt')) {
        const channels = notes.channels;
        if (isCount(note.number) && !channels.has(note.number) && channels.size < MAX_CHANNELS)
          channels.set(note.number, new RecordedChannel(note.channel));
      }
      if (note.kind === 'gap') {
        const why = typeof note.why === 'string' ? note.why : 'it was not recorded';
        const missing = isCount(note.length) ? `${note.length} bytes are` : 'bytes are';
        notes.gaps.push({ offset: notes.bytes, at: note.at, why });
        // What comes behind a gap cannot be told apart: the stream has no marks to go on from.
        broken ??= new Damage(start, `the recording has a gap: ${missing} missing from here, ${why}`);
      }
      continue;
    }
    const { length } = note;
    if (!isCount(length) || length > MAX_PIECE)
      throw new Damage(start, `bytes of the recording have no sound "length"`);
    const connection = isCount(note.connection) ? note.connection : 0;
    const wanted = !broken && note.back !== true && connection === main;
    const channel = note.back === true || connection === main ? undefined : notes.channels.get(connection);
    const place = input.position;
    if (wanted) notes.arrived(note.at, length);
    for (let left = length; left > 0;) {
      const piece = await input.chunk(left);
      if (piece.length === 0) {
        channel?.add(place, length - left);
        if (wanted) notes.bytes -= left;
        throw new Damage(input.position, `the recording ends inside bytes: ${left} of ${length} are missing`);
      }
      left -= piece.length;
      if (wanted) yield piece;
    }
    channel?.add(place, length);
    const [end] = await input.peek(1);
    if (end !== undefined && end !== 10)
      throw new Damage(input.position, 'bytes of the recording do not end where they should');
    await input.skip(1);
  }
  if (broken) throw broken;
}

// Writing.

const { stringify } = JSON;

/** The first line. */
export function recordingHead({ watcher, machine, memory, started, settings }: RecordingHead): string {
  const rest = stringify({ version: RECORDING_VERSION, watcher, machine, memory, started, settings });
  return `${RECORDING_START},${rest.slice(1)}\n`;
}

/** ms to the microsecond. */
const precise = (at: number): number => Math.round(at * 1000) / 1000;

/** The line of a note, or the one before the bytes of a piece. */
export const recordingNote = (note: RecordingNote): string => `${stringify({ ...note, at: precise(note.at) })}\n`;

/** What stands before a piece of the stream; behind it stands a line's end. */
export const recordingBytes = (at: number, length: number, more: Json = {}): string =>
  recordingNote({ kind: 'bytes', at, length, ...more });
