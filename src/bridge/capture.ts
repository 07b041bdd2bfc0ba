/** `migrascope capture`: records a live migration between two QEMUs. */
import { readFileSync } from 'node:fs';
import { CaptureProxy } from './capture-proxy.ts';
import { Exit, textOption, UsageError, type Command, type OptionValues } from './command.ts';
import { InputError } from './file-source.ts';
import type { Io } from './io.ts';
import { socketAddress } from './migration-uri.ts';
import { QmpClient } from './qmp-client.ts';
import { RecordingFile } from './recording-file.ts';
import { readTraceLog } from './trace-log.ts';
import { messageOf } from '../lib/vmstate/problem.ts';

const INTERVAL = 50;
/** ms that QMP is asked on for after the stream has ended: total time and downtime come last. */
const AFTERWARDS = 5000;
const OVER = /^(completed|failed|cancelled)$/;

const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

function uriOption(values: OptionValues, name: string): string | undefined {
  const uri = textOption(values, name);
  if (uri !== undefined && !socketAddress(uri))
    throw new UsageError(`--${name} takes tcp:HOST:PORT or unix:PATH, not '${uri}'`);
  return uri;
}

function intervalOf(text: string | undefined): number {
  if (text === undefined) return INTERVAL;
  const ms = Number(text);
  if (!/^\d+$/.test(text) || ms < 1 || ms > 60_000)
    throw new UsageError(`--interval is in ms, 1 to 60000, not '${text}'`);
  return ms;
}

/** What the sender says of itself, into the recording. */
class QmpSamples {
  readonly #client: QmpClient;
  readonly #file: RecordingFile;
  readonly #interval: number;
  #last = '';
  status = 'none';
  samples = 0;
  syncs = 0;

  private constructor(client: QmpClient, file: RecordingFile, interval: number) {
    this.#client = client;
    this.#file = file;
    this.#interval = interval;
  }

  /** @throws InputError where nobody answers */
  static async connect(uri: string, file: RecordingFile, interval: number): Promise<QmpSamples> {
    const client = await QmpClient.connect(uri, (event, { data, timestamp }) => {
      if (file.begun) file.note('event', { event, ...(data === undefined ? {} : { data }), timestamp });
    });
    return new QmpSamples(client, file, interval);
  }

  async parameters(): Promise<void> {
    const parameters = await this.#client.execute('query-migrate-parameters');
    const capabilities = await this.#client.execute('query-migrate-capabilities');
    this.#file.note('parameters', { parameters, capabilities });
  }

  /** Asks until it is over. @param over tells that the stream has ended, and when */
  async run(over: () => number | undefined): Promise<void> {
    await this.parameters();
    for (;;) {
      const info = (await this.#client.execute('query-migrate')) as Readonly<Record<string, unknown>>;
      const text = JSON.stringify(info);
      // What has not changed says nothing.
      if (text !== this.#last) {
        this.#file.note('qmp', { info });
        this.samples++;
      }
      this.#last = text;
      this.status = String(info.status ?? 'none');
      const { 'dirty-sync-count': syncs } = (info.ram ?? {}) as { readonly 'dirty-sync-count'?: number };
      this.syncs = syncs ?? this.syncs;
      const ended = over();
      if (ended !== undefined && (OVER.test(this.status) || performance.now() - ended > AFTERWARDS)) return;
      await wait(this.#interval);
    }
  }

  close(): void {
    this.#client.close();
  }
}

async function record(values: OptionValues, path: string, io: Io): Promise<boolean> {
  const listen = uriOption(values, 'listen');
  if (listen === undefined) throw new UsageError('capture needs --listen: where the sender is to migrate to');
  const forward = uriOption(values, 'forward');
  const qmp = uriOption(values, 'qmp');
  const interval = intervalOf(textOption(values, 'interval'));
  const file = await RecordingFile.create(path);
  const samples = qmp === undefined ? undefined : await QmpSamples.connect(qmp, file, interval);
  let began: () => void = () => {};
  const beginning = new Promise<void>((resolve) => (began = resolve));
  const proxy = await CaptureProxy.listen(file, { listen, forward, watcher: samples ? 'qmp' : 'stream', began });
  const stop = (): void => proxy.stop();
  process.once('SIGINT', stop).once('SIGTERM', stop);
  io.err(`waiting at ${proxy.uri} · monitor: migrate -d ${proxy.uri}`);

  let ended: number | undefined;
  const failures: string[] = [];
  const streamed = proxy.over.then((broken) => {
    ended = performance.now();
    failures.push(...broken);
  });
  const shown = setInterval(() => {
    const more = samples ? `, ${samples.status}, ${samples.syncs} rounds` : '';
    if (file.begun)
      io.progress(`${(file.bytes / 2 ** 20).toFixed(1)} MiB in ${(file.now() / 1000).toFixed(1)} s${more}`);
  }, 200);
  try {
    await Promise.race([beginning, streamed]);
    await Promise.all([
      streamed,
      file.begun && samples?.run(() => ended).catch((error: unknown) => failures.push(messageOf(error)))
    ]);
  } finally {
    clearInterval(shown);
    io.progress(undefined);
    process.off('SIGINT', stop).off('SIGTERM', stop);
    samples?.close();
  }
  if (!file.begun) failures.push('nobody connected');
  else mergeTrace(file, textOption(values, 'trace'), failures, io);
  const duration = file.now();
  const broken = await file.close();
  if (broken !== undefined) failures.push(`the recording is not whole: ${broken}`);
  for (const failure of failures) io.err(failure);
  if (samples && samples.status !== 'completed') io.err(`the sender says: ${samples.status}`);
  const said = samples ? `, ${samples.samples} samples of query-migrate` : '';
  await io.out(`${path}: ${file.bytes} bytes in ${(duration / 1000).toFixed(1)} s${said}\n`);
  return failures.length === 0 && (!samples || samples.status === 'completed');
}

function mergeTrace(file: RecordingFile, path: string | undefined, failures: string[], io: Io): void {
  if (path === undefined) return;
  try {
    const { notes, timeless } = readTraceLog(readFileSync(path, 'utf8'), file.started, file.now());
    for (const note of notes) file.add(note);
    if (timeless > 0) io.err(`${path}: ${timeless} lines say no time: start QEMU with -msg timestamp=on`);
  } catch (error) {
    if (error instanceof InputError) throw error;
    failures.push(`${path}: ${messageOf(error)}`);
  }
}

export const capture: Command = {
  name: 'capture',
  summary: 'records a live migration: its bytes with their times, and what the sender says meanwhile',
  usage: '--listen URI [--forward URI] [--qmp URI] [--interval MS] [--trace FILE] OUT',
  help: `Stands in front of the receiver. Start it, then migrate to the URI that it prints; it ends with the
migration. What goes through goes on untouched, both ways. The page opens OUT.

  --listen URI   tcp:HOST:PORT or unix:PATH that the sender migrates to; port 0 is any free one
  --forward URI  where the receiver waits (its -incoming); without it the stream ends here
  --qmp URI      the sender's QMP socket (unix:PATH), which must have no other client
  --interval MS  how often query-migrate is asked (default ${INTERVAL})
  --trace FILE   the sender's trace log, merged by its times, from
                 -trace 'migration_*' -trace 'vmstate_downtime_*' -D FILE -msg timestamp=on`,
  options: {
    listen: { type: 'string' },
    forward: { type: 'string' },
    qmp: { type: 'string' },
    interval: { type: 'string' },
    trace: { type: 'string' }
  },
  async run(values, positionals, io) {
    const [path, ...more] = positionals;
    if (path === undefined || more.length > 0) throw new UsageError('capture needs one OUT, the recording');
    return (await record(values, path, io)) ? Exit.done : Exit.failed;
  }
};
