/**
 * What a recorded stream tells of its migration, as observations: from its rounds and when their bytes arrived, from what QMP said meanwhile, and from QEMU's trace log. What our own sender counted is taken as it is.
 *
 * Of a round: `dirty` is what it sent, `dirtied` what the next one sends, and `remaining` that in bytes: within one pass
 * each dirty page is sent once. Threshold, expected downtime and throttle are of the last sample before its end, 0 where
 * nobody said. `instructions` is 0: nobody counted them.
 */
import type { RecordingInfo, SectionInfo, SnapshotInfo } from '../../emulator/api.ts';
import type {
  MigrationObservation,
  MigrationRound,
  MigrationSample,
  MigrationStatus
} from '../../emulator/migration-api.ts';
import { isObject } from '../../vmstate/json.ts';
import { timeOf, type RecordingNote } from '../../vmstate/recording.ts';
import { observationsIn, settingsOf, type Recording } from './recording.ts';

/** ms of a sample, as QEMU's own windows: nearer ones are one. */
const WINDOW = 100;

const number = (v: unknown): number => (typeof v === 'number' && Number.isFinite(v) && v >= 0 ? v : 0);
const ofKind = (notes: readonly RecordingNote[], kind: string): readonly RecordingNote[] =>
  notes.filter((n) => n.kind === kind).sort((a, b) => a.at - b.at);

/** What query-migrate said, with all that is used of it checked. */
interface Said {
  readonly at: number;
  readonly status: string;
  readonly error: string | undefined;
  readonly ram: boolean;
  readonly transferred: number;
  readonly remaining: number;
  readonly pages: number;
  readonly dirtyPagesRate: number;
  readonly expectedDowntime: number;
  readonly throttle: number;
  readonly downtime: number;
  readonly total: number;
}
function saidIn({ at, info }: RecordingNote): Said | undefined {
  if (!isObject(info)) return undefined;
  const ram = isObject(info.ram) ? info.ram : {};
  const { 'error-desc': error } = info;
  return {
    ...{ at, ram: isObject(info.ram), status: typeof info.status === 'string' ? info.status : 'none' },
    error: typeof error === 'string' ? error : undefined,
    transferred: number(ram.transferred),
    remaining: number(ram.remaining),
    pages: number(ram.normal) + number(ram.duplicate),
    dirtyPagesRate: number(ram['dirty-pages-rate']),
    expectedDowntime: number(info['expected-downtime']),
    throttle: number(info['cpu-throttle-percentage']),
    downtime: number(info.downtime),
    total: number(info['total-time'])
  };
}

/** downtime-limit in ms, as far as it was asked for. */
function downtimeLimit(notes: readonly RecordingNote[]): number {
  const parameters = notes.find((n) => n.kind === 'parameters')?.parameters;
  return isObject(parameters) ? number(parameters['downtime-limit']) : 0;
}

function samplesOf(said: readonly Said[], limit: number): MigrationSample[] {
  const samples: MigrationSample[] = [];
  let last: Said | undefined;
  for (const now of said) {
    if (!now.ram) continue;
    if (!last || now.transferred < last.transferred) {
      last = now;
      continue;
    }
    const duration = now.at - last.at;
    if (duration < WINDOW) continue;
    const bytes = now.transferred - last.transferred;
    const { at, transferred, remaining, expectedDowntime, dirtyPagesRate, throttle } = now;
    samples.push({
      ...{ at, duration, bytes, pages: Math.max(0, now.pages - last.pages), transferred, remaining },
      ...{ expectedDowntime, dirtyPagesRate, throttle, instructions: 0 },
      threshold: Math.floor((bytes / duration) * limit)
    });
    last = now;
  }
  return samples;
}

function roundsOf(
  { rounds, pageSize, end }: SnapshotInfo,
  recording: RecordingInfo,
  samples: readonly MigrationSample[]
): MigrationRound[] {
  const last = timeOf(recording, end);
  return rounds.map((r, n) => {
    const start = timeOf(recording, r.start);
    const next = rounds[n + 1];
    const until = Math.max(start, next ? timeOf(recording, next.start) : last);
    const seconds = Math.max(until - start, 1e-3) / 1000;
    const sample = samples.findLast(({ at }) => at <= until);
    const dirtied = next?.pages ?? 0;
    const phase = r.certain && r.why.startsWith('END') ? 'switchover' : n === 0 ? 'bulk' : 'dirty';
    return {
      ...{ number: r.pass ?? n + 1, phase, start, end: until, dirty: r.pages, bytes: r.bytes },
      sent: { normal: r.normal + r.compressed, zero: r.zero, xbzrle: r.xbzrle, skipped: 0 },
      ...{ dirtied, dirtyRate: dirtied / seconds, bandwidth: r.bytes / seconds, remaining: dirtied * pageSize },
      ...{ threshold: sample?.threshold ?? 0, expectedDowntime: sample?.expectedDowntime ?? 0 },
      ...{ throttle: sample?.throttle ?? 0, instructions: 0 }
    };
  });
}

/** `migrate_set_state new state active`; QMP's samples and events say the same, later. */
function statusesOf(said: readonly Said[], notes: readonly RecordingNote[]): MigrationObservation[] {
  const all = [
    ...said.flatMap(({ at, status, error }) => (status === 'none' ? [] : [{ at, status, error }])),
    ...ofKind(notes, 'event').flatMap(({ at, event, data }) =>
      event === 'MIGRATION' && isObject(data) && typeof data.status === 'string'
        ? [{ at, status: data.status, error: undefined }]
        : []
    ),
    ...ofKind(notes, 'trace').flatMap(({ at, name, text }) => {
      const [, status] = name === 'migrate_set_state' ? (/new state (\S+)/.exec(String(text)) ?? []) : [];
      return status === undefined ? [] : [{ at, status, error: undefined }];
    })
  ].sort((a, b) => a.at - b.at);
  const seen = new Set<string>();
  return all.flatMap(({ at, status, error }) => {
    if (seen.has(status)) return [];
    seen.add(status);
    return [{ kind: 'status', at, status: status as MigrationStatus, ...(error === undefined ? {} : { error }) }];
  });
}

/** Devices written at the switchover, with the time that the sender's trace log gives each. */
function sectionsOf(sections: readonly SectionInfo[], recording: RecordingInfo): MigrationObservation[] {
  const traced = new Map<string, number>();
  for (const { text } of ofKind(recording.notes, 'trace').filter(({ name }) => name === 'vmstate_downtime_save')) {
    const [, name, instance, us] = /idstr=(.*) instance_id=(\d+) downtime=(\d+)/.exec(String(text)) ?? [];
    if (us !== undefined) traced.set(`${name}/${instance}`, Number(us));
  }
  return sections.flatMap(({ name, instance, kind, phase, start, end }) => {
    if (kind !== 'full' || phase !== 'switchover') return [];
    const at = timeOf(recording, end);
    const arrival = Math.max(0, at - timeOf(recording, start)) * 1000;
    const microseconds = traced.get(`${name}/${instance}`) ?? Math.round(arrival);
    return [{ kind: 'section', at, name, instance, bytes: end - start, microseconds }];
  });
}

/** When the guest stopped: as QMP says it, else when the first byte of the last round came. */
function stopsOf(notes: readonly RecordingNote[], rounds: readonly MigrationRound[]): MigrationObservation[] {
  const told = ofKind(notes, 'event').flatMap(({ at, event }): MigrationObservation[] =>
    event === 'STOP' || event === 'RESUME' ? [{ kind: 'guest', at, running: event === 'RESUME' }] : []
  );
  const last = rounds.at(-1);
  if (told.length > 0 || last?.phase !== 'switchover') return told;
  return [{ kind: 'guest', at: last.start, running: false }];
}

function downtimeOf(
  said: readonly Said[],
  rounds: readonly MigrationRound[],
  { recording, end, problems }: SnapshotInfo
): MigrationObservation[] {
  const at = timeOf(recording!, end);
  const told = said.findLast(({ status }) => status === 'completed');
  if (told) return [{ kind: 'downtime', at: told.at, downtime: told.downtime, total: told.total }];
  const last = rounds.at(-1);
  if (said.length > 0 || last?.phase !== 'switchover' || problems.some((p) => p.severity === 'fatal')) return [];
  return [
    { kind: 'downtime', at, downtime: at - last.start, total: at },
    { kind: 'status', at, status: 'completed' }
  ];
}

function throttleOf(said: readonly Said[]): MigrationObservation[] {
  let last = 0;
  return said.flatMap(({ at, throttle }): MigrationObservation[] => {
    if (throttle === last) return [];
    last = throttle;
    return [{ kind: 'throttle', at, percentage: throttle }];
  });
}

const timeIn = (o: MigrationObservation): number => (o.kind === 'round' ? o.end : o.at);

/** The recording that an opened file is. @throws RecordingError where what it says is not sound */
export function capturedRecording(info: SnapshotInfo): Recording | undefined {
  const { recording, configuration } = info;
  if (!recording) return undefined;
  const { head, notes } = recording;
  const { watcher, memory, settings } = head;
  const own = observationsIn(notes);
  const told = info.rounds.some((r) => r.evidence === 'qmp-pass') && !info.rounds.some((r) => r.evidence === 'repeat');
  const about = {
    watcher: watcher === 'qmp' && told ? 'passes' : watcher,
    memory,
    machine: head.machine || (configuration?.machine ?? ''),
    settings: settingsOf(settings)
  } as const;
  if (own.length > 0) return { ...about, observations: own };
  const said = ofKind(notes, 'qmp').flatMap((note) => saidIn(note) ?? []);
  const samples = samplesOf(said, downtimeLimit(notes));
  const rounds = roundsOf(info, recording, samples);
  const observations: MigrationObservation[] = [
    ...statusesOf(said, notes),
    ...samples.map((s) => ({ kind: 'sample' as const, ...s })),
    ...rounds.map((r) => ({ kind: 'round' as const, ...r })),
    ...throttleOf(said),
    ...stopsOf(notes, rounds),
    ...sectionsOf(info.sections, recording),
    ...downtimeOf(said, rounds, info)
  ];
  return { ...about, observations: observations.sort((a, b) => timeIn(a) - timeIn(b)) };
}
