/**
 * The human monitor: one line in, text out. The commands are a table; `help` prints it.
 * Source: QEMU monitor/hmp.c, hmp-commands.hx, hmp-commands-info.hx.
 */
import type { Machine } from '../machine.ts';
import type { ByteDuplex } from '../migration/channel.ts';
import type { IncomingMigration } from '../migration/incoming-state.ts';
import { byHand, POWERDOWN, RESET } from '../replay/by-hand.ts';
import { parseExpression, registersOf } from './expression.ts';
import { infoRegisters } from './info-registers.ts';
import { walkAddress } from '../debug/guest-memory.ts';
import { examine, examineCode, FORMAT, printValue, wantsCode } from './examine.ts';
import { UI_COMMANDS } from './ui-hmp-cmds.ts';
import { MIGRATION_COMMANDS, MIGRATION_INFO } from './migration-hmp-cmds.ts';
import { MonitorError } from './monitor-error.ts';
import { REPLAY_COMMANDS, REPLAY_INFO } from './replay-hmp-cmds.ts';
import { infoBlock, infoPci } from './info.ts';
import { infoLapic, infoPic } from './info-apic.ts';
import { infoMtree } from './info-mtree.ts';
import { infoQtree } from './info-qtree.ts';

/** What a monitor's owner can do that the machine cannot: files, processes, the end. */
export interface MonitorHost {
  quit(): void;
  /** Opens the channel that a migration URI names; rejects with the reason, in QEMU's words. */
  connect(uri: string): Promise<ByteDuplex>;
  /** Waits there for a sender. */
  listen(uri: string): Promise<ByteDuplex>;
  /** False: what is written is the answer, so that `migrate -d` waits too. */
  readonly detaches: boolean;
}

export interface MonitorSession {
  readonly machine: Machine;
  readonly host: MonitorHost;
  /** Of a machine that waits for another host's guest. */
  readonly incoming?: IncomingMigration | undefined;
}

export interface HmpCommand {
  readonly name: string;
  readonly params: string;
  readonly help: string;
  readonly run: (session: MonitorSession, args: string) => Promise<string> | string;
}

/** `x/8xg 0x1000`, `xp/4i $pc`: memory as values or code. */
const dump = (space: 'virtual' | 'physical'): HmpCommand['run'] => {
  const name = space === 'virtual' ? 'x' : 'xp';
  return ({ machine }, args) => {
    const [, format = '', expression = ''] = FORMAT.exec(args) ?? [];
    if (expression.trim() === '') throw new MonitorError(`${name}: an address is missing`);
    const show = wantsCode(machine, format) ? examineCode : examine;
    return show(machine, space, format, parseExpression(expression, registersOf(machine.cpu)));
  };
};

const INFO: readonly HmpCommand[] = [
  { name: 'status', params: '', help: 'whether the machine runs', run: ({ machine }) => status(machine) },
  { name: 'registers', params: '[-a]', help: 'the cpu registers', run: ({ machine }) => infoRegisters(machine.cpu) },
  { name: 'pic', params: '', help: 'state of the 8259s and I/O APIC', run: ({ machine }) => infoPic(machine) },
  {
    ...{ name: 'lapic', params: '[apic-id]', help: 'state of the local APIC' },
    run: ({ machine }, args) => (args === '' || Number(args) === 0 ? infoLapic(machine) : 'No CPU available')
  },
  { name: 'mtree', params: '[-f]', help: 'the memory tree', run: ({ machine }, args) => infoMtree(machine, args) },
  { name: 'qtree', params: '[-b]', help: 'devices by bus', run: ({ machine }, args) => infoQtree(machine, args) },
  { name: 'pci', params: '', help: 'PCI devices', run: ({ machine }) => infoPci(machine) },
  { name: 'block', params: '', help: 'drives and their images', run: ({ machine }) => infoBlock(machine) },
  ...MIGRATION_INFO,
  ...REPLAY_INFO,
  { name: 'version', params: '', help: 'version of the machine type', run: ({ machine }) => machine.machine }
];

const status = ({ runstate }: Machine): string =>
  runstate.running
    ? 'VM status: running'
    : `VM status: paused${runstate.state === 'paused' ? '' : ` (${runstate.state})`}`;

/** Source: qmp_cont. @throws MonitorError */
export function goOn({ machine, incoming }: MonitorSession): void {
  const { state, needsReset } = machine.runstate;
  if (needsReset) throw new MonitorError('Error: Resetting the Virtual Machine is required');
  if (state === 'finish-migrate') throw new MonitorError('Error: Migration is not finalized yet');
  if (state === 'inmigrate') incoming?.goOn();
  else machine.start();
}

const COMMANDS: readonly HmpCommand[] = [
  { name: 'help', params: '[cmd]', help: 'the commands', run: (_s, args) => help(args.trim()) },
  { name: 'info', params: 'subcommand', help: 'about the machine', run: info },
  {
    ...{ name: 'stop', params: '', help: 'pauses the machine' },
    run: async ({ machine }) => {
      await machine.stop();
      return '';
    }
  },
  {
    ...{ name: 'cont', params: '', help: 'goes on' },
    run: (session) => {
      goOn(session);
      return '';
    }
  },
  {
    ...{ name: 'system_powerdown', params: '', help: 'presses the power button, of which ACPI tells the guest' },
    run: ({ machine }) => {
      byHand(machine, POWERDOWN, new Uint8Array(0));
      return '';
    }
  },
  {
    ...{ name: 'system_reset', params: '', help: 'resets the machine' },
    run: ({ machine }) => {
      byHand(machine, RESET, new Uint8Array(0));
      return '';
    }
  },
  { name: 'x', params: '/fmt addr', help: 'memory by virtual address', run: dump('virtual') },
  { name: 'xp', params: '/fmt addr', help: 'memory by physical address', run: dump('physical') },
  {
    ...{ name: 'gva2gpa', params: 'addr', help: 'the guest physical address of a virtual one' },
    run: ({ machine }, args) => {
      const { gpa } = walkAddress(machine, parseExpression(args, registersOf(machine.cpu)));
      return gpa === undefined ? 'Unmapped' : `gpa: 0x${gpa.toString(16)}`;
    }
  },
  {
    ...{ name: 'print', params: '/fmt expr', help: 'the value of an expression' },
    run: ({ machine }, args) => {
      const [, format = '', expression = ''] = FORMAT.exec(args) ?? [];
      return printValue(machine, format, parseExpression(expression, registersOf(machine.cpu)));
    }
  },
  ...UI_COMMANDS,
  ...MIGRATION_COMMANDS,
  ...REPLAY_COMMANDS,
  {
    ...{ name: 'quit', params: '', help: 'ends' },
    run: ({ host }) => {
      host.quit();
      return '';
    }
  }
];
const ALIASES: Readonly<Record<string, string>> = { '?': 'help', c: 'cont', s: 'stop', p: 'print', q: 'quit' };

const find = (table: readonly HmpCommand[], name: string): HmpCommand | undefined =>
  table.find((c) => c.name === name) ?? only(table.filter((c) => name !== '' && c.name.startsWith(name)));
const only = <T>(list: readonly T[]): T | undefined => (list.length === 1 ? list[0] : undefined);

const line = ({ name, params, help }: HmpCommand, prefix = ''): string =>
  `${`${prefix}${name} ${params}`.trim()} -- ${help}`;

function help(name: string): string {
  if (name === '') return COMMANDS.map((c) => line(c)).join('\n');
  if (name === 'info') return INFO.map((c) => line(c, 'info ')).join('\n');
  const command = find(COMMANDS, ALIASES[name] ?? name);
  if (!command) throw new MonitorError(`unknown command: '${name}'`);
  return line(command);
}

function info(session: MonitorSession, args: string): Promise<string> | string {
  const [name = '', ...rest] = args.trim().split(/\s+/);
  const command = find(INFO, name);
  if (command) return runWith(session, command, rest.join(' '), `info ${command.name}`);
  if (name !== '') throw new MonitorError(`unknown command: 'info ${name}'`);
  return INFO.map((c) => line(c, 'info ')).join('\n');
}

/** With arguments only where it takes any. Source: monitor_parse_arguments. */
function runWith(session: MonitorSession, command: HmpCommand, args: string, path: string): Promise<string> | string {
  if (command.params !== '' || args === '') return command.run(session, args);
  const short = Object.entries(ALIASES).flatMap(([alias, name]) => (name === path ? [alias] : []));
  const names = [command.name, ...short].join('|');
  throw new MonitorError(`${names}: extraneous characters at the end of line\nTry "help ${path}" for more information`);
}

/** Runs one line. Never rejects for what a person or a host may do wrong: the answer says it. */
export async function hmp(session: MonitorSession, text: string): Promise<string> {
  const [, word = '', args = ''] = /^\s*([^\s/]*)(.*)$/s.exec(text) ?? [];
  if (word === '') return '';
  const name = ALIASES[word] ?? word;
  const command = find(COMMANDS, name);
  if (!command) return `unknown command: '${word}'`;
  try {
    return await runWith(session, command, args.trim(), command.name);
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** Completions of the word that is being typed. */
export function complete(text: string): readonly string[] {
  const [, sub] = /^\s*info\s+(\S*)$/.exec(text) ?? [];
  if (sub !== undefined) return INFO.map((c) => c.name).filter((name) => name.startsWith(sub));
  const word = text.trim();
  return COMMANDS.map((c) => c.name).filter((name) => name.startsWith(word));
}
