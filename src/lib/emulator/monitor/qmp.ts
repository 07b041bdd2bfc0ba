/**
 * The machine monitor: JSON in, JSON out, and events. One server is one connection.
 * Source: QEMU monitor/qmp.c, qapi/qmp-dispatch.c, docs/interop/qmp-spec.rst.
 */
import { capabilityChanges } from '../migration/options.ts';
import { byHand, POWERDOWN, RESET } from '../replay/by-hand.ts';
import { goOn, hmp, type MonitorSession } from './hmp.ts';
import { imageFormats, screendump } from './ui-hmp-cmds.ts';
import { queryMigrate, startIncoming, startMigration, STATES } from './migration-hmp-cmds.ts';

/** The QEMU whose commands, words and defaults these are. */
const VERSION = { qemu: { micro: 0, minor: 1, major: 11 }, package: 'migrascope' };
/** Characters of one command. */
const LONGEST = 1 << 20;
const DEEPEST = 1024;

type Json = Readonly<Record<string, unknown>>;

class QmpError extends Error {
  readonly class: string;
  constructor(message: string, kind = 'GenericError') {
    super(message);
    this.class = kind;
  }
}

interface QmpCommand {
  /** Names of its arguments; a question mark is behind those that may be left out. */
  readonly args: readonly string[];
  readonly run: (session: MonitorSession, args: Json) => unknown;
}

const text = (args: Json, name: string): string => {
  const value = args[name];
  if (typeof value !== 'string') throw new QmpError(`Invalid parameter type for '${name}', expected: string`);
  return value;
};

/** Exactly one of uri and channels, which has one entry. Returns the URI. */
function uriOf(args: Json): string {
  const { uri, channels } = args;
  if ((uri === undefined) === (channels === undefined)) throw new QmpError("need either 'uri' or 'channels' argument");
  return uri === undefined ? uriOfChannels(channels) : text(args, 'uri');
}

/** The URI that says the same as a list of MigrationChannel. @throws Error in QEMU's words */
export function uriOfChannels(channels: unknown): string {
  if (!Array.isArray(channels)) throw new QmpError("Invalid parameter type for 'channels', expected: array");
  const list = channels as readonly Json[];
  const main = list.filter((c) => c?.['channel-type'] === 'main');
  if (main.length > 1) throw new QmpError('Channel list has more than one main entry');
  if (!main[0]) throw new QmpError('Channel list has no main entry');
  const addr = main[0].addr as Json | undefined;
  const of = (name: string): string => String(addr?.[name] ?? '');
  if (addr?.transport === 'socket' && addr.type === 'inet') return `tcp:${of('host')}:${of('port')}`;
  if (addr?.transport === 'socket' && addr.type === 'unix') return `unix:${of('path')}`;
  if (addr?.transport === 'file')
    return `file:${of('filename')}${addr.offset === undefined ? '' : `,offset=${of('offset')}`}`;
  if (addr?.transport === 'exec' && Array.isArray(addr.args)) return `exec:${String(addr.args.at(-1))}`;
  throw new QmpError("Parameter 'uri' expects a valid migration protocol");
}

/** Source: qapi/*.json; `help` of the human monitor has the same under other names. */
const COMMANDS: Readonly<Record<string, QmpCommand>> = {
  'query-version': { args: [], run: () => VERSION },
  'query-commands': { args: [], run: () => Object.keys(COMMANDS).map((name) => ({ name })) },
  'query-status': {
    args: [],
    run: ({ machine: { runstate } }) => ({ status: runstate.state, running: runstate.running })
  },
  'query-name': { args: [], run: () => ({}) },
  stop: { args: [], run: ({ machine }) => machine.stop() },
  cont: { args: [], run: goOn },
  system_powerdown: { args: [], run: ({ machine }) => byHand(machine, POWERDOWN, new Uint8Array(0)) },
  system_reset: { args: [], run: ({ machine }) => byHand(machine, RESET, new Uint8Array(0)) },
  quit: { args: [], run: ({ host }) => host.quit() },
  'human-monitor-command': {
    args: ['command-line', 'cpu-index?'],
    run: async (session, args) => {
      const answer = await hmp(session, text(args, 'command-line'));
      return answer === '' ? '' : `${answer.replaceAll('\n', '\r\n')}\r\n`;
    }
  },
  screendump: {
    args: ['filename', 'device?', 'head?', 'format?'],
    run(session, args) {
      const filename = text(args, 'filename');
      const format = args.format === undefined ? 'ppm' : text(args, 'format');
      if (!imageFormats.has(format)) throw new QmpError(`Parameter 'format' does not accept value '${format}'`);
      if (args.device !== undefined) throw new QmpError(`Device '${text(args, 'device')}' not found`, 'DeviceNotFound');
      if (args.head !== undefined) throw new QmpError("'head' must be specified together with 'device'");
      return screendump(session, filename, format);
    }
  },
  migrate: {
    args: ['uri?', 'channels?', 'detach?', 'resume?'],
    run(session, args) {
      const uri = uriOf(args);
      if (args.resume === true) throw new QmpError('Cannot resume if there is no paused migration');
      void startMigration(session, uri);
    }
  },
  migrate_cancel: { args: [], run: ({ machine }) => machine.migration.cancel() },
  'migrate-continue': {
    args: ['state'],
    run({ machine }, args) {
      const state = text(args, 'state');
      if (!STATES.has(state)) throw new QmpError(`Parameter 'state' does not accept value '${state}'`);
      machine.migration.continue(state);
    }
  },
  'migrate-incoming': {
    args: ['uri?', 'channels?', 'exit-on-error?'],
    run(session, args) {
      if (!session.incoming) throw new QmpError("'-incoming' was not specified on the command line");
      startIncoming(session, uriOf(args));
    }
  },
  'migrate-set-capabilities': {
    args: ['capabilities'],
    run: ({ machine }, args) => machine.migration.options.setCapabilities(capabilityChanges(args.capabilities))
  },
  'migrate-set-parameters': { args: [], run: ({ machine }, args) => machine.migration.options.setParameters(args) },
  'query-migrate': { args: [], run: queryMigrate },
  'query-migrate-capabilities': { args: [], run: ({ machine }) => machine.migration.options.capabilities() },
  'query-migrate-parameters': { args: [], run: ({ machine }) => machine.migration.options.parameters() }
};
/** Takes any argument: it knows itself which there are. */
const OPEN = new Set(['migrate-set-parameters']);

/** No JSON has these; a client sends one to have what it began forgotten. Source: docs/interop/qmp-spec.rst, json-lexer.c. */
const CONTROL = /[\x00-\x08\x0b\x0c\x0e-\x1f]/;

/** Where one JSON value ends, given that it is an object or a list; undefined while it does not. */
class Splitter {
  #text = '';
  #depth = 0;
  #quoted = false;
  #escaped = false;

  /** The values that are complete with these characters. */
  *feed(characters: string): Generator<string> {
    for (const c of characters) {
      if (this.#depth === 0 && this.#text === '' && /\s/.test(c)) continue;
      const broken = CONTROL.test(c);
      this.#text += c;
      if (this.#quoted) {
        if (this.#escaped) this.#escaped = false;
        else if (c === '\\') this.#escaped = true;
        else if (c === '"') this.#quoted = false;
      } else if (c === '"') this.#quoted = true;
      else if (c === '{' || c === '[') this.#depth++;
      else if (c === '}' || c === ']') this.#depth--;
      const ends = broken || (this.#depth <= 0 && !this.#quoted && /[}\]\n]/.test(c));
      if (!ends && this.#text.length < LONGEST && this.#depth < DEEPEST) continue;
      yield this.#text.trim();
      this.#text = '';
      this.#depth = 0;
      this.#quoted = this.#escaped = false;
    }
  }
}

/** Something happened. @param data absent where the event has none */
export type QmpEvent = (event: string, data?: Json) => void;

export class QmpServer {
  readonly #session: MonitorSession;
  readonly #send: (line: string) => void;
  readonly #splitter = new Splitter();
  #negotiated = false;
  /** Commands are answered in their order. */
  #last: Promise<void> = Promise.resolve();

  /** Greets. @param send takes lines without their end */
  constructor(session: MonitorSession, send: (line: string) => void) {
    this.#session = session;
    this.#send = send;
    this.#json({ QMP: { version: VERSION, capabilities: [] } });
  }

  #json(value: Json): void {
    this.#send(JSON.stringify(value));
  }

  feed(characters: string): void {
    for (const line of this.#splitter.feed(characters)) {
      this.#last = this.#last.then(() => this.#answer(line));
    }
  }

  /** To whoever has ended the negotiation. Microseconds as far as the clock tells them. */
  readonly event: QmpEvent = (event, data) => {
    if (!this.#negotiated) return;
    const now = performance.timeOrigin + performance.now();
    const seconds = Math.floor(now / 1000);
    const microseconds = Math.floor((now - seconds * 1000) * 1000);
    this.#json({ timestamp: { seconds, microseconds }, event, ...(data ? { data } : {}) });
  };

  async #answer(line: string): Promise<void> {
    let id: Json = {};
    try {
      const request = parse(line);
      if ('id' in request) id = { id: request.id };
      const result = await this.#run(request);
      this.#json({ return: result ?? {}, ...id });
    } catch (error) {
      const kind = error instanceof QmpError ? error.class : 'GenericError';
      const desc = error instanceof Error ? error.message.replace(/^Error: /, '') : String(error);
      this.#json({ ...id, error: { class: kind, desc } });
    }
  }

  #run(request: Json): unknown {
    const { execute } = request;
    if (execute === undefined) throw new QmpError("QMP input lacks member 'execute'");
    if (typeof execute !== 'string') throw new QmpError("QMP input member 'execute' must be a string");
    const args = request.arguments ?? {};
    if (typeof args !== 'object' || args === null || Array.isArray(args))
      throw new QmpError("QMP input member 'arguments' must be an object");
    if (execute === 'qmp_capabilities') return this.#negotiate();
    if (!this.#negotiated)
      throw new QmpError("Expecting capabilities negotiation with 'qmp_capabilities'", 'CommandNotFound');
    const command = Object.hasOwn(COMMANDS, execute) ? COMMANDS[execute] : undefined;
    if (!command) throw new QmpError(`The command ${execute} has not been found`, 'CommandNotFound');
    const given = args as Json;
    const missing = command.args.find((name) => !name.endsWith('?') && given[name] === undefined);
    if (missing !== undefined) throw new QmpError(`Parameter '${missing}' is missing`);
    const known = new Set(command.args.map((name) => name.replace('?', '')));
    const unknown = OPEN.has(execute) ? undefined : Object.keys(given).find((name) => !known.has(name));
    if (unknown !== undefined) throw new QmpError(`Parameter '${unknown}' is unexpected`);
    return command.run(this.#session, given);
  }

  #negotiate(): Json {
    if (this.#negotiated)
      throw new QmpError('Capabilities negotiation is already complete, command ignored', 'CommandNotFound');
    this.#negotiated = true;
    return {};
  }
}

function parse(line: string): Json {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    throw new QmpError('JSON parse error, invalid keyword or syntax');
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new QmpError('QMP input must be a JSON object');
  const unknown = Object.keys(value).find((key) => !['execute', 'exec-oob', 'arguments', 'id'].includes(key));
  if (unknown !== undefined) throw new QmpError(`QMP input member '${unknown}' is unexpected`);
  return value as Json;
}

/** Tells servers what the machine and its migrations do. */
export function sendEvents({ machine, incoming }: MonitorSession, tell: QmpEvent): void {
  machine.runstate.onChange((_state, running) => tell(running ? 'RESUME' : 'STOP'));
  machine.onPowerdown = () => tell('POWERDOWN');
  machine.migration.onEvent = ({ event, data }) => tell(event, data);
  if (!incoming) return;
  incoming.onStatus = (status) => machine.migration.options.has('events') && tell('MIGRATION', { status });
}
