/** What must hold of a snapshot whatever it was read from, and what the explorer asks of one. */
import { descriptions } from '../../src/lib/emulator/descriptions.ts';
import { machines } from '../../src/lib/emulator/hw/i386/machines.ts';
import { OpenSnapshot } from '../../src/lib/emulator/open-snapshot.ts';
import { analyze } from '../../src/lib/vmstate/analyze.ts';
import { check as checkDestination } from '../../src/lib/vmstate/checks.ts';
import { diffSnapshots } from '../../src/lib/vmstate/diff.ts';
import { explain } from '../../src/lib/vmstate/explain.ts';
import { exportSnapshot } from '../../src/lib/vmstate/export.ts';
import { pagingOf, walk } from '../../src/lib/vmstate/page-walk.ts';
import { density, stretchStatistics } from '../../src/lib/vmstate/ram-statistics.ts';
import { readSnapshot } from '../../src/lib/vmstate/savevm.ts';
import { searchSnapshot } from '../../src/lib/vmstate/search.ts';
import { placedAtOffset, sectionAt, sectionLabel, type Snapshot } from '../../src/lib/vmstate/snapshot.ts';
import { bytesSource, readRange } from '../../src/lib/vmstate/source.ts';
import { once } from '../support/sources.ts';
import type { Input } from './mutate.ts';
import type { Random } from './random.ts';

const STORE = 1 << 26;
/** Memory that is looked at page by page; exporting more takes its time by right. */
const PAGES_LOOKED_AT = 1 << 15;
const queries = [
  'pc.ram',
  'hex: 7e ?? 00',
  'field: cr[3]',
  'text: QEMU',
  'virtual: 0xffffffff81000000',
  'section: cpu'
];

/** Reads an input and asks. Throws where something does not hold. */
export async function check(input: Input, r: Random): Promise<void> {
  const { bytes, beside } = input;
  const named = (files: readonly Uint8Array[]): { name: string; source: ReturnType<typeof bytesSource> }[] =>
    files.map((file, i) => ({ name: `file ${i}`, source: bytesSource(file) }));
  const seekable = !r.chance(4);
  const snapshot = await readSnapshot(seekable ? bytesSource(bytes) : once(bytesSource(bytes), 1 + r.below(100_000)), {
    // Without them the vmdescription has to explain all.
    ...(r.chance(3) ? {} : { descriptions }),
    bounds: { storeBytes: STORE },
    ...(beside.channels ? { channels: named(beside.channels) } : {}),
    ...(beside.preempt ? { preempt: bytesSource(beside.preempt) } : {}),
    ...(beside.ram ? { sharedRam: named([beside.ram]) } : {})
  });
  sane(snapshot);
  const open = new OpenSnapshot(1, snapshot, [], bytes.length, new AbortController());
  for (let n = 0; n < 2; n++) {
    const at = r.below(snapshot.end + 1);
    const section = sectionAt(snapshot.sections, at);
    if (section) placedAtOffset(section.fields, at);
    await readRange(snapshot.bytes, at, at + 64);
  }
  if (!r.chance(8)) return;
  await written(snapshot, bytes, seekable);
  await asked(open, r);
}

function sane({ problems, sections, end, ram }: Snapshot): void {
  for (const p of problems) {
    if (!Number.isSafeInteger(p.at) || p.at < 0 || p.message === '' || /[\0-\x1f\x7f-\x9f]/.test(p.message)) {
      throw new Error(`a problem without place or words: ${JSON.stringify(p)}`);
    }
  }
  let last = 0;
  for (const s of sections) {
    const { start, bodyStart, bodyEnd, end: sectionEnd } = s;
    const inOrder =
      last <= start && start <= bodyStart && bodyStart <= bodyEnd && bodyEnd <= sectionEnd && sectionEnd <= end;
    if (!inOrder) {
      const bounds = [last, start, bodyStart, bodyEnd, sectionEnd, end].join(' ');
      throw new Error(`section ${sectionLabel(s)} has no sane bounds: ${bounds}`);
    }
    last = start;
    for (const row of s.fields) {
      if (!(row.start >= start && row.start <= row.end && row.end <= end)) {
        throw new Error(`${sectionLabel(s)} ${row.name} lies at ${row.start} to ${row.end}`);
      }
    }
  }
  if (ram.count > 0 && ram.pageOf(ram.count - 1) >= ram.pages) throw new Error('a record of no page');
}

/** The writer gives what the reader read. */
async function written(snapshot: Snapshot, bytes: Uint8Array, seekable: boolean): Promise<void> {
  const { file, features, ram } = snapshot;
  const copy = await collect(exportSnapshot(snapshot, 'stream'));
  const plain = file.containers.length === 0 && !features.mappedRam && snapshot.streamVersion !== undefined;
  if (plain && (seekable || ram.store.bytes < STORE)) {
    const from = seekable ? file.streamOffset : bytes.length - snapshot.end;
    if (
      from >= 0 &&
      (seekable || from === 0) &&
      Buffer.compare(copy, bytes.subarray(from, from + snapshot.end)) !== 0
    ) {
      throw new Error('what is written is not what was read');
    }
  }
  if (ram.count < 4096) await drain(exportSnapshot(snapshot, 'stream-reencoded'));
}

async function collect(pieces: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const all: Uint8Array[] = [];
  for await (const piece of pieces) all.push(piece);
  return Buffer.concat(all);
}

async function drain(pieces: AsyncIterable<Uint8Array>): Promise<void> {
  for await (const piece of pieces) void piece;
}

/** What the page asks for, panel by panel. */
async function asked(open: OpenSnapshot, r: Random): Promise<void> {
  const { snapshot } = open;
  const { ram, sections, end } = snapshot;
  structuredClone(open.info());
  const shown = sections[r.below(sections.length)];
  if (shown) structuredClone(shown.fields);
  for (const kind of ['json', 'csv', 'text'] as const) await drain(exportSnapshot(snapshot, kind));
  await analyze(snapshot);
  checkDestination(
    snapshot,
    { machine: 'pc', memory: 2 ** 28, commandLine: '-device virtio-net-pci -smp 2' },
    machines
  );
  explain("error while loading state section id 2(ram)\nUnknown savevm section or instance 'timer' 0", snapshot);
  density(snapshot, open.repeated, { start: 0, end, buckets: 100 });
  stretchStatistics(snapshot, open.repeated, { start: 0, end });
  await open.column('kind');
  if (ram.pages > 0) await open.page(r.below(ram.pages));
  const paging = pagingOf(snapshot);
  if (paging) await walk(open.pages, paging, BigInt(r.below(2 ** 32)) << 12n);
  if (ram.pages > PAGES_LOOKED_AT) return;
  for (const colouring of ['round', 'sends', 'entropy', 'guess', 'page-tables'] as const) {
    structuredClone(await open.column(colouring, r.chance(2) ? 0 : undefined));
  }
  await searchSnapshot(snapshot, r.pick(queries), () => undefined, { limit: 100 }).catch((error: unknown) => {
    if (!(error instanceof Error && error.name === 'QueryError')) throw error;
  });
  await diffSnapshots(snapshot, { ...snapshot });
  if (ram.pages < 1024) await drain(exportSnapshot(snapshot, 'elf-core'));
}
