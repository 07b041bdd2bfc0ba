/** What every subcommand is. */
import type { ParseArgsConfig } from 'node:util';
import type { Io } from './io.ts';

export const Exit = {
  done: 0,
  /** The input has a fatal problem (what could be read is printed all the same); for `diff`, the inputs differ. */
  failed: 1,
  usage: 2
} as const;
/** One of those, or the status that a guest chose. */
export type ExitCode = number;

/** Wrong words on the command line. */
export class UsageError extends Error {}

export type Options = NonNullable<ParseArgsConfig['options']>;
export type OptionValues = Readonly<Record<string, string | boolean | (string | boolean)[] | undefined>>;

export interface Command {
  readonly name: string;
  /** One line. */
  readonly summary: string;
  /** What stands behind the name: `FILE [--format text|json]`. */
  readonly usage: string;
  /** The rest of the help, lines of at most 100 columns. */
  readonly help: string;
  readonly options: Options;
  run(values: OptionValues, positionals: readonly string[], io: Io): Promise<ExitCode>;
}

/** A subcommand that takes its words as they are: its options are those of another program. */
export interface RawCommand extends Omit<Command, 'options' | 'run'> {
  run(words: readonly string[], io: Io): Promise<ExitCode>;
}

/** The value of an option that takes one. */
export const textOption = (values: OptionValues, name: string): string | undefined => {
  const value = values[name];
  return typeof value === 'string' ? value : undefined;
};

/** The values of an option that may be given several times. */
export const textOptions = (values: OptionValues, name: string): readonly string[] => {
  const value = values[name];
  return Array.isArray(value) ? value.filter((v) => typeof v === 'string') : [];
};
