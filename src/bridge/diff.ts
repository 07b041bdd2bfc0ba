/** `migrascope diff`: what differs between two streams, device state first, then memory. */
import { diffSnapshots, type Difference, type FieldDifference, type PageDifference } from '../lib/vmstate/diff.ts';
import { Exit, textOption, textOptions, UsageError, type Command } from './command.ts';
import { reportProblems, writeLines } from './io.ts';
import { readInput } from './read.ts';
import { PAGE } from '../lib/vmstate/page.ts';
import { hex } from '../lib/vmstate/hex.ts';
import type { Snapshot } from '../lib/vmstate/snapshot.ts';

const counted = (n: number, what: string): string => `${n} ${what}${n === 1 ? '' : 's'}`;

function fieldLine({ path, kind, left = '', right = '' }: FieldDifference): string {
  const name = path === '' ? 'the section' : path;
  if (kind === 'only-left') return `  ${name}: ${left} on the left only`;
  if (kind === 'only-right') return `  ${name}: ${right} on the right only`;
  return `  ${name}: ${left} -> ${right}`;
}

function* fieldLines(fields: readonly FieldDifference[]): Generator<string> {
  let section: string | undefined;
  for (const field of fields) {
    if (field.section !== section) yield `section ${(section = field.section)}`;
    yield fieldLine(field);
  }
}

/** Neighbouring pages as one line: `pc.ram 0x1000-0x2fff: 2 pages, 17 bytes differ`. */
function* pageLines(pages: readonly PageDifference[]): Generator<string> {
  for (let i = 0; i < pages.length;) {
    const { block, offset } = pages[i]!;
    let bytes = 0;
    let n = 0;
    for (; pages[i + n]?.block === block && pages[i + n]?.offset === offset + n * PAGE; n++)
      bytes += pages[i + n]!.bytes;
    yield `  ${block} ${hex(offset)}-${hex(offset + n * PAGE - 1)}: ${counted(n, 'page')}, ${counted(bytes, 'byte')} differ`;
    i += n;
  }
}

function* textOf({ fields, fieldCount, pages, pageCount, notes }: Difference, all: boolean): Generator<string> {
  yield* notes.map((note) => `note: ${note}`);
  const shown = all ? fields : fields.filter((f) => !f.noise);
  yield* fieldLines(shown);
  const folded = fields.length - shown.length;
  if (folded > 0) yield `${folded} clocks, timers and counters differ too: --all shows them`;
  if (fieldCount > fields.length) yield `${fieldCount - fields.length} more fields differ`;
  if (pageCount === 0) return;
  yield `memory: ${counted(pageCount, 'page')} differ`;
  yield* pageLines(pages);
  if (pageCount > pages.length) yield `  ${pageCount - pages.length} more pages differ`;
}

export const diff: Command = {
  name: 'diff',
  summary: 'tells what differs between two streams: fields first, then pages',
  usage:
    'A B [--format text|json] [--all] [--no-ram] [--with-a FILE]… [--with-b FILE]… [--snapshot-a NAME] [--snapshot-b NAME]',
  help: `Fields are matched by section and path, so versions of QEMU that order them differently compare well.

  --format text|json  lines for people (the default), or one document with every difference
  --all               clocks, timers and counters too, which text otherwise only counts
  --no-ram            device state only
  --with-a, --with-b FILE
                      belongs to A or to B: a capture of a channel, a RAM file; as often as needed
  --snapshot-a, --snapshot-b NAME|ID
                      of a qcow2 image with several VM states this one; else the last

Exit status: 0 equal; 1 different, or an input has a fatal problem; 2 usage.`,
  options: {
    format: { type: 'string' },
    all: { type: 'boolean' },
    'no-ram': { type: 'boolean' },
    'with-a': { type: 'string', multiple: true },
    'with-b': { type: 'string', multiple: true },
    'snapshot-a': { type: 'string' },
    'snapshot-b': { type: 'string' }
  },
  async run(values, positionals, io) {
    const [a, b, ...more] = positionals;
    if (a === undefined || b === undefined || more.length > 0) throw new UsageError('diff takes two files, A and B');
    if (a === '-' && b === '-') throw new UsageError('only one of A and B can be standard input');
    const format = textOption(values, 'format') ?? 'text';
    if (format !== 'text' && format !== 'json') throw new UsageError(`--format is text or json, not '${format}'`);

    const read = (path: string, side: 'a' | 'b'): Promise<Snapshot> => {
      const paths = [path, ...textOptions(values, `with-${side}`)];
      return readInput(paths, io, { snapshot: textOption(values, `snapshot-${side}`) });
    };
    const [left, right] = [await read(a, 'a'), await read(b, 'b')];
    for (const [path, { problems }] of [[a, left] as const, [b, right] as const]) {
      if (problems.length > 0) io.err(`${path}:`);
      reportProblems(io, problems);
    }
    io.progress('comparing');
    const found = await diffSnapshots(left, right, undefined, undefined);
    io.progress(undefined);
    const difference = values['no-ram'] === true ? { ...found, pages: [], pageCount: 0 } : found;
    if (format === 'json') await io.out(`${JSON.stringify(difference, undefined, 1)}\n`);
    else await writeLines(io, textOf(difference, values.all === true));
    const fatal = [...left.problems, ...right.problems].some((p) => p.severity === 'fatal');
    return fatal || difference.fieldCount > 0 || difference.pageCount > 0 ? Exit.failed : Exit.done;
  }
};
