/** The command line: `migrascope SUBCOMMAND …`. The subcommands are the table below. */
import { parseArgs } from 'node:util';
import { Exit, UsageError, type Command, type ExitCode, type OptionValues, type RawCommand } from './command.ts';
import { capture } from './capture.ts';
import { diff } from './diff.ts';
import { InputError } from './file-source.ts';
import { inspect } from './inspect.ts';
import { OutputError, processIo, type Io } from './io.ts';
import { serve } from './serve.ts';
import { system } from './system.ts';

const commands: readonly (Command | RawCommand)[] = [inspect, diff, system, capture, serve];

const overview = (): string => {
  const width = Math.max(...commands.map((c) => c.name.length));
  return `migrascope ${__VERSION__}: looks into QEMU migration streams

Usage: migrascope SUBCOMMAND [OPTIONS]

${commands.map((c) => `  ${c.name.padEnd(width)}  ${c.summary}`).join('\n')}

migrascope SUBCOMMAND --help tells more. Results go to stdout, problems and progress to stderr.`;
};

const helpOf = (command: Command | RawCommand): string =>
  `Usage: migrascope ${command.name} ${command.usage}\n\n${command.help}`;

/** Runs one command line; the exit status. */
export async function main(words: readonly string[], io: Io): Promise<ExitCode> {
  const [name, ...rest] = words;
  if (name === undefined || name === '--help' || name === '-h' || name === 'help') {
    if (name === undefined) {
      io.err(overview());
      return Exit.usage;
    }
    await io.out(`${overview()}\n`);
    return Exit.done;
  }
  if (name === '--version') {
    await io.out(`${__VERSION__}\n`);
    return Exit.done;
  }
  const command = commands.find((c) => c.name === name);
  if (!command) {
    io.err(`there is no subcommand '${name}'. There are: ${commands.map((c) => c.name).join(', ')}`);
    return Exit.usage;
  }
  try {
    if (!('options' in command)) {
      if (rest.length !== 1 || !/^(-h|--?help)$/.test(rest[0]!)) return await command.run(rest, io);
      await io.out(`${helpOf(command)}\n`);
      return Exit.done;
    }
    const { values, positionals } = parse(command, rest);
    if (values.help) {
      await io.out(`${helpOf(command)}\n`);
      return Exit.done;
    }
    return await command.run(values, positionals, io);
  } catch (error) {
    if (error instanceof OutputError && error.closed) return Exit.done;
    if (error instanceof InputError || error instanceof OutputError) {
      io.err(error.message);
      return Exit.failed;
    }
    if (!(error instanceof UsageError)) throw error;
    io.err(`${error.message}\nUsage: migrascope ${command.name} ${command.usage}`);
    return Exit.usage;
  }
}

function parse(command: Command, args: readonly string[]): { values: OptionValues; positionals: string[] } {
  try {
    return parseArgs({
      args: [...args],
      options: { ...command.options, help: { type: 'boolean', short: 'h' } },
      allowPositionals: true
    });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

/** The program: `bin/migrascope` calls this. */
export async function run(): Promise<void> {
  process.exitCode = await main(process.argv.slice(2), processIo());
}
