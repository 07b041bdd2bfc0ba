/** A snapshot as files for other tools: fields as JSON, CSV or text, RAM raw, an ELF core, the stream again. */
import { documentText } from './document.ts';
import { elfCore } from './elf-core.ts';
import { listing } from './listing.ts';
import { formatValue } from './meaning.ts';
import { blockSource } from './ram-contents.ts';
import type { RamBlock } from './ram-index.ts';
import type { Snapshot } from './snapshot.ts';
import { leaves } from './vmstate.ts';
import { writeStream } from './write-stream.ts';

export type ExportKind = 'json' | 'csv' | 'text' | 'ram-block' | 'elf-core' | 'stream' | 'stream-reencoded';

const CHUNK = 1 << 20;

/**
 * The export in pieces.
 * @param block idstr of the RAM block, for `ram-block`
 */
export async function* exportSnapshot(
  snapshot: Snapshot,
  kind: ExportKind,
  block?: string
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  switch (kind) {
    case 'json':
      return yield* encoded(documentText(snapshot));
    case 'csv':
      return yield* encoded(fieldsCsv(snapshot));
    case 'text':
      return yield* encoded(lines(listing(snapshot)));
    case 'elf-core':
      return yield* elfCore(snapshot);
    case 'stream':
      return yield* writeStream(snapshot, 'copy');
    case 'stream-reencoded':
      return yield* writeStream(snapshot, 'reencode');
    case 'ram-block': {
      const found = block === undefined ? undefined : snapshot.ram.block(block);
      if (!found) throw new RangeError(`there is no RAM block '${block ?? ''}'`);
      return yield* blockBytes(snapshot, found);
    }
  }
}

/** A block's final contents from 0 to used_length. */
async function* blockBytes(snapshot: Snapshot, block: RamBlock): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  const source = blockSource(snapshot, block);
  for (let at = 0; at < block.usedLength; at += CHUNK) {
    const chunk = new Uint8Array(Math.min(CHUNK, block.usedLength - at));
    await source.read(at, chunk);
    yield chunk;
  }
}

/** One row a field (RFC 4180), a header row first. */
function* fieldsCsv(snapshot: Snapshot): Generator<string> {
  yield 'section,instance,path,type,start,end,value,doc\r\n';
  for (const { name, instance, fields } of snapshot.sections) {
    const section = `${cell(name)},${instance}`;
    for (const { path, row } of leaves(fields)) {
      const place = `${cell(path)},${cell(row.type)},${row.start},${row.end}`;
      yield `${section},${place},${cell(formatValue(row, Infinity))},${cell(row.about?.doc ?? '')}\r\n`;
    }
  }
}

/** What a spreadsheet would take apart, or for a formula. */
const special = /[",\r\n]|^[=+@\t-]/;

/** Text that a spreadsheet would take for a formula gets an apostrophe before it: names in a stream are anybody's. */
function cell(value: string): string {
  if (!special.test(value)) return value;
  const text = /^[=+@\t\r]|^-(?!\d)/.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

function* lines(texts: Iterable<string>): Generator<string> {
  for (const text of texts) yield `${text}\n`;
}

/** Gathers small texts into pieces worth handing on. */
function* encoded(texts: Iterable<string>): Generator<Uint8Array<ArrayBuffer>> {
  const encoder = new TextEncoder();
  let gathered = '';
  for (const text of texts) {
    gathered += text;
    if (gathered.length < 1 << 16) continue;
    yield encoder.encode(gathered);
    gathered = '';
  }
  if (gathered !== '') yield encoder.encode(gathered);
}
