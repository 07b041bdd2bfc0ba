/** `migrascope inspect`: a stream as text, as one JSON document, or as QEMU's analyze-migration.py prints it. */
import { analysisText, analyze } from '../lib/vmstate/analyze.ts';
import { documentText, isSection, sectionFilter, type DocumentOptions } from '../lib/vmstate/document.ts';
import { listing } from '../lib/vmstate/listing.ts';
import { sectionLabel, type Snapshot } from '../lib/vmstate/snapshot.ts';
import { Exit, textOption, UsageError, type Command } from './command.ts';
import { reportProblems, writeLines, writePieces, type Io } from './io.ts';
import { hashBlock, readInput } from './read.ts';

type Write = (snapshot: Snapshot, options: DocumentOptions, io: Io) => Promise<void>;

const formats: Readonly<Record<string, Write>> = {
  text: (snapshot, options, io) => writeLines(io, listing(snapshot, options)),
  json: (snapshot, options, io) => writePieces(io, documentText(snapshot, options)),
  async analyze(snapshot, _options, io) {
    if (!snapshot.vmdescription) {
      io.err('note: the stream has no vmdescription: shown by our own descriptions, where analyze-migration.py stops');
    }
    await io.out(`${analysisText(await analyze(snapshot))}\n`);
  }
};

async function hashes(snapshot: Snapshot, io: Io): Promise<ReadonlyMap<string, string>> {
  const out = new Map<string, string>();
  for (const block of snapshot.ram.blocks) out.set(block.idstr, await hashBlock(snapshot, block, io));
  return out;
}

export const inspect: Command = {
  name: 'inspect',
  summary: 'shows a stream as text, JSON, or what analyze-migration.py prints',
  usage: 'FILE… [--format text|json|analyze] [--no-ram] [--ram-hash] [--section NAME[/INSTANCE]] [--snapshot NAME|ID]',
  help: `Reads any container that the page reads; FILE may be - for standard input. Several files are one migration, in any
order: the stream with captures of its multifd or preempt channels, or with the RAM files that x-ignore-shared left out.

  --format text     one field a line with its meaning, made for diff (the default)
  --format json     one document with every section, field, RAM block, round and problem
  --format analyze  what QEMU's scripts/analyze-migration.py -d state -f FILE prints
  --no-ram          leave out RAM and rounds: device state only (text, json)
  --ram-hash        add the SHA-256 of each RAM block's final contents (text, json)
  --section NAME[/INSTANCE]
                    only the sections of that name, with or without its device path (text, json)
  --snapshot NAME|ID
                    of a qcow2 image with several VM states this one; else the last

Exit status: 0 read to the end; 1 the input has a fatal problem, what could be read is printed; 2 usage.`,
  options: {
    format: { type: 'string' },
    'no-ram': { type: 'boolean' },
    'ram-hash': { type: 'boolean' },
    section: { type: 'string' },
    snapshot: { type: 'string' }
  },
  async run(values, positionals, io) {
    if (positionals.length === 0) throw new UsageError('inspect takes a FILE');
    const format = textOption(values, 'format') ?? 'text';
    const write = Object.hasOwn(formats, format) ? formats[format] : undefined;
    if (!write) throw new UsageError(`--format is ${Object.keys(formats).join(', ')}, not '${format}'`);
    const section = textOption(values, 'section');
    if (format === 'analyze' && (section !== undefined || values['no-ram'] || values['ram-hash'])) {
      throw new UsageError('--format analyze prints what the script prints: it takes none of the other options');
    }

    const snapshot = await readInput(positionals, io, { snapshot: textOption(values, 'snapshot') });
    const wanted = sectionFilter(section);
    const sections = snapshot.sections.filter(isSection);
    if (section !== undefined && !sections.some(wanted)) {
      reportProblems(io, snapshot.problems);
      const labels = [...new Set(sections.map(sectionLabel))].join('\n  ');
      io.err(`there is no section '${section}'${labels === '' ? '' : `; there are:\n  ${labels}`}`);
      return Exit.failed;
    }
    const noRam = values['no-ram'] === true;
    await write(
      snapshot,
      {
        noRam,
        ...(section === undefined ? {} : { section }),
        ...(values['ram-hash'] === true && !noRam ? { hashes: await hashes(snapshot, io) } : {})
      },
      io
    );
    reportProblems(io, snapshot.problems);
    return snapshot.problems.some((p) => p.severity === 'fatal') ? Exit.failed : Exit.done;
  }
};
