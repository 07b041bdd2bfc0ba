/** Where a subcommand's words go: results to stdout, everything else to stderr. */
import type { Problem } from '../lib/vmstate/problem.ts';

export interface Io {
  /** Results. Resolves when more can be taken, so that a slow reader bounds memory. */
  out(text: string): Promise<void>;
  /** One line for the person. */
  err(line: string): void;
  /** Shows how far a long work is, where somebody watches; `undefined` wipes it. */
  progress(line: string | undefined): void;
}

/** Results cannot be written. `closed`: whoever read them has gone (`| head`), which is nobody's fault. */
export class OutputError extends Error {
  readonly closed: boolean;
  constructor({ code, message }: NodeJS.ErrnoException) {
    super(`cannot write the result: ${message}`);
    this.closed = code === 'EPIPE';
  }
}

/** Control characters would let a file's text drive the terminal. */
const harmless = (line: string): string => line.replace(/[\x00-\x08\x0b-\x1f\x7f-\x9f]/g, '\ufffd');

export function processIo(): Io {
  const { stdout, stderr } = process;
  let shown = false;
  // Whoever writes hears of it; without a listener Node would end the process.
  stdout.on('error', () => undefined);
  const wipe = (): void => {
    if (shown) stderr.write('\r\x1b[K');
    shown = false;
  };
  return {
    out(text) {
      wipe();
      return new Promise((resolve, reject) => {
        stdout.write(text, (error) => {
          if (error) reject(new OutputError(error));
          else resolve();
        });
      });
    },
    err(line) {
      wipe();
      stderr.write(`${harmless(line)}\n`);
    },
    progress(line) {
      if (!stderr.isTTY) return;
      if (line === undefined) return wipe();
      stderr.write(`\r\x1b[K${harmless(line)}`);
      shown = true;
    }
  };
}

/** Writes lines in pieces of some size, made harmless. */
export async function writeLines(io: Io, lines: Iterable<string>): Promise<void> {
  await writePieces(
    io,
    mapped(lines, (line) => `${harmless(line)}\n`)
  );
}

/** Writes text in pieces of some size. */
export async function writePieces(io: Io, pieces: Iterable<string>): Promise<void> {
  let waiting = '';
  for (const piece of pieces) {
    waiting += piece;
    if (waiting.length < 1 << 16) continue;
    await io.out(waiting);
    waiting = '';
  }
  if (waiting !== '') await io.out(waiting);
}

function* mapped<T, U>(items: Iterable<T>, make: (item: T) => U): Generator<U> {
  for (const item of items) yield make(item);
}

/** `fatal at 0x1f4 in ram/0: …`, with the hint on a line of its own. */
export function reportProblems(io: Io, problems: readonly Problem[]): void {
  for (const p of problems) {
    const where = p.section ? ` in ${p.section}${p.path ? ` ${p.path}` : ''}` : '';
    io.err(`${p.severity} at 0x${p.at.toString(16)}${where}: ${p.message} [${p.code}]`);
    if (p.hint) io.err(`  ${p.hint}`);
  }
}
