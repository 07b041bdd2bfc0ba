/**
 * Commands of the human monitor for migration. Source: QEMU migration/migration-hmp-cmds.c, hmp-commands.hx.
 */
import type { MigrationInfo } from '../migration-api.ts';
import { capabilitiesText, MigrationError, parametersText } from '../migration/options.ts';
import { checkUri } from '../migration/uri.ts';
import { isOn } from '../../vmstate/command-line.ts';
import type { HmpCommand, MonitorSession } from './hmp.ts';
import { MonitorError } from './monitor-error.ts';

/** A refusal of the engine in the monitor's words. Source: hmp_handle_error. */
function handled<T>(run: () => T): T {
  try {
    return run();
  } catch (error) {
    throw error instanceof MigrationError ? new MonitorError(`Error: ${error.message}`) : error;
  }
}

const more = (name: string): string => `\nTry "help ${name}" for more information`;
const missing = (name: string): MonitorError => new MonitorError(`${name}: string expected${more(name)}`);

const unquoted = (text: string): string => /^"(.*)"$/s.exec(text)?.[1]?.replace(/\\(.)/g, '$1') ?? text;

/** Begins; resolves at the end. @throws MigrationError where it cannot begin */
export function startMigration({ machine, host }: MonitorSession, uri: string): Promise<void> {
  checkUri(uri, machine.migration.options);
  return machine.migration.start(() => host.connect(uri));
}

/** @throws MigrationError */
export function startIncoming({ incoming, host, machine }: MonitorSession, uri: string): void {
  if (!incoming || (incoming.status === 'none' && machine.runstate.state !== 'inmigrate'))
    throw new MigrationError("'-incoming' was not specified on the command line");
  checkUri(uri, machine.migration.options);
  void incoming.start(() => host.listen(uri));
}

const migrate = async (session: MonitorSession, args: string): Promise<string> => {
  let rest = args.trim();
  let detach = false;
  for (let option; (option = /^-(\w)(?:\s+|$)/.exec(rest)); rest = rest.slice(option[0].length)) {
    if (option[1] === 'd') detach = true;
    else if (option[1] === 'r') throw new MonitorError('Error: Cannot resume if there is no paused migration');
    else throw new MonitorError(`migrate: unsupported option -${option[1]!}${more('migrate')}`);
  }
  if (rest === '') throw missing('migrate');
  const { machine, host } = session;
  const done = handled(() => startMigration(session, unquoted(rest)));
  if (detach && host.detaches) return '';
  await done;
  return machine.migration.error ?? '';
};

/** query-migrate: what comes in and what goes out. Source: qmp_query_migrate. */
export const queryMigrate = ({ machine, incoming }: MonitorSession): MigrationInfo => ({
  ...incoming?.info(),
  ...machine.migration.info()
});

const UNITS = ['', 'Ki', 'Mi', 'Gi', 'Ti', 'Pi'];
/** Source: util/cutils.c size_to_str: three digits, in a unit that keeps them below 1000. */
export function sizeText(bytes: number): string {
  let unit = 0;
  let value = bytes;
  while (value >= 1000 && unit < UNITS.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${Number(value.toPrecision(3))} ${UNITS[unit]}B`;
}

const GLOBALS = [
  ...['Globals:', '  store-global-state: on', '  only-migratable: off', '  send-configuration: on'],
  ...['  send-section-footer: on', '  send-switchover-start: on', '  clear-bitmap-shift: 18']
];

const infoMigrate = (session: MonitorSession, args: string): string => {
  const info = queryMigrate(session);
  const { ram } = info;
  const lines: string[] = [];
  if (info.status !== undefined) {
    const why = info.status === 'failed' && info['error-desc'] !== undefined ? ` (${info['error-desc']})` : '';
    lines.push(`Status: \t\t${info.status}${why}`);
    if (info['total-time']) {
      const times = [
        `total=${info['total-time']}`,
        ...(info['setup-time'] === undefined ? [] : [`setup=${info['setup-time']}`]),
        ...(info['expected-downtime'] === undefined ? [] : [`exp_down=${info['expected-downtime']}`]),
        ...(info.downtime === undefined ? [] : [`down=${info.downtime}`])
      ];
      lines.push(`Time (ms): \t\t${times.join(', ')}`);
    }
    if (info.remaining !== undefined) lines.push(`Remaining: \t\t${sizeText(info.remaining)}`);
  }
  if (ram) {
    const dirty = ram['dirty-pages-rate'] ? `, dirty=${ram['dirty-pages-rate']}` : '';
    const downtime = ram['downtime-bytes'] ? `, downtime_bytes=${ram['downtime-bytes']}` : '';
    lines.push(
      'RAM info:',
      `  Throughput (Mbps): \t${ram.mbps.toFixed(2)}`,
      `  Sizes: \t\tpagesize=${sizeText(ram['page-size'])}, total=${sizeText(ram.total)}`,
      `  Transfers: \t\ttransferred=${sizeText(ram.transferred)}, remain=${sizeText(ram.remaining)}`,
      `    Channels: \t\tprecopy=${sizeText(ram['precopy-bytes'])}, multifd=${sizeText(ram['multifd-bytes'])}, ` +
        `postcopy=${sizeText(ram['postcopy-bytes'])}`,
      `    Page Types: \tnormal=${ram.normal}, zero=${ram.duplicate}`,
      `  Page Rates (pps): \ttransfer=${ram['pages-per-second']}${dirty}`,
      `  Others: \t\tdirty_syncs=${ram['dirty-sync-count']}${downtime}`
    );
  }
  if (/^-a\b/.test(args.trim())) {
    lines.push(...GLOBALS);
    const cache = info['xbzrle-cache'];
    if (cache) {
      lines.push(
        `XBZRLE: size=${cache['cache-size']}, transferred=${cache.bytes}, pages=${cache.pages}, miss=${cache['cache-miss']}`,
        `  miss_rate=${cache['cache-miss-rate'].toFixed(2)}, encode_rate=${cache['encoding-rate'].toFixed(2)}, ` +
          `overflow=${cache.overflow}`
      );
    }
    if (info['cpu-throttle-percentage'] !== undefined)
      lines.push(`CPU Throttle (%): ${info['cpu-throttle-percentage']}`);
  }
  return lines.join('\n');
};

export const MIGRATION_COMMANDS: readonly HmpCommand[] = [
  {
    ...{ name: 'migrate', params: '[-d] uri', run: migrate },
    help: 'migrate to URI (using -d to not wait for completion)'
  },
  {
    ...{ name: 'migrate_cancel', params: '', help: 'cancel the current VM migration' },
    run({ machine }) {
      machine.migration.cancel();
      return '';
    }
  },
  {
    ...{ name: 'migrate_continue', params: 'state', help: 'Continue migration from the given paused state' },
    run({ machine }, args) {
      const state = args.trim();
      if (state === '') throw missing('migrate_continue');
      handled(() => {
        if (!STATES.has(state)) throw new MigrationError(`invalid parameter value: ${state}`);
        machine.migration.continue(state);
      });
      return '';
    }
  },
  {
    ...{ name: 'migrate_incoming', params: 'uri', help: 'Continue an incoming migration from an -incoming defer' },
    run(session, args) {
      if (args.trim() === '') throw missing('migrate_incoming');
      handled(() => startIncoming(session, unquoted(args.trim())));
      return '';
    }
  },
  {
    ...{ name: 'migrate_set_capability', params: 'capability state' },
    help: 'Enable/Disable the usage of a capability for migration',
    run({ machine }, args) {
      const [, name, word] = /^(\S+)\s*(.*)$/.exec(args.trim()) ?? [];
      if (name === undefined) throw missing('migrate_set_capability');
      const state = isOn(word);
      if (state === undefined) throw new MonitorError(`Expected 'on' or 'off'${more('migrate_set_capability')}`);
      handled(() => machine.migration.options.setCapabilityText(name, state));
      return '';
    }
  },
  {
    ...{ name: 'migrate_set_parameter', params: 'parameter value', help: 'Set the parameter for migration' },
    run({ machine }, args) {
      const [, name, value = ''] = /^(\S+)\s*(.*)$/s.exec(args.trim()) ?? [];
      if (name === undefined || value === '') throw missing('migrate_set_parameter');
      handled(() => machine.migration.options.setParameterText(name, unquoted(value)));
      return '';
    }
  }
];

/** qapi/migration.json MigrationStatus, all of it. */
export const STATES: ReadonlySet<string> = new Set(
  (
    'none setup cancelling cancelled active postcopy-device postcopy-active postcopy-paused postcopy-recover-setup ' +
    'postcopy-recover completed failed colo pre-switchover device wait-unplug'
  ).split(' ')
);

export const MIGRATION_INFO: readonly HmpCommand[] = [
  {
    ...{ name: 'migrate', params: '[-a]', help: 'show migration status (-a: all, dump all status)' },
    run: infoMigrate
  },
  {
    ...{ name: 'migrate_capabilities', params: '', help: 'show current migration capabilities' },
    run: ({ machine }) => capabilitiesText(machine.migration.options)
  },
  {
    ...{ name: 'migrate_parameters', params: '', help: 'show current migration parameters' },
    run: ({ machine }) => parametersText(machine.migration.options)
  }
];
