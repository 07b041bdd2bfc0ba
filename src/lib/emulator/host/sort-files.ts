/** Several files opened together: which is which, by content and not by name. */
import { openContainer } from '../../vmstate/container.ts';
import type { NamedSource } from '../../vmstate/outside-pages.ts';
import { PAGE } from '../../vmstate/page.ts';
import { sniff, type FileKind } from '../../vmstate/sniff.ts';
import { readRange } from '../../vmstate/source.ts';
import type { OpenedFile } from '../api.ts';
import { blobSource } from './blob-source.ts';

interface Sorted<T> {
  /** The one that is read as the stream. */
  readonly state: T;
  readonly channels: readonly T[];
  /** The second channel of a postcopy-preempt migration. */
  readonly preempt: T | undefined;
  /** May be the memory that an x-ignore-shared stream left out. */
  readonly ram: readonly T[];
  /** What each is, in the order in which they were given. */
  readonly files: readonly OpenedFile[];
}
export type SortedFiles = Sorted<File>;

type Role = OpenedFile['role'];

/** What `sniff` finds, as a role in the drop. Other kinds are `unknown`. */
const roles: Readonly<Partial<Record<FileKind, Role>>> = {
  'qemu-stream': 'state',
  libvirt: 'state',
  recording: 'state',
  qcow2: 'disk',
  disk: 'disk',
  cpr: 'cpr-state',
  multifd: 'multifd-channel',
  preempt: 'preempt-channel',
  'return-path': 'return-path',
  elf: 'vmlinux',
  kernel: 'vmlinux',
  symbols: 'system-map',
  ram: 'ram',
  zeros: 'ram'
};

/** The first of these that is there is the stream; of several, the first one dropped. */
const preference: readonly Role[] = [
  'state',
  'disk',
  'cpr-state',
  'unknown',
  'ram',
  'multifd-channel',
  'preempt-channel',
  'return-path',
  'vmlinux',
  'system-map'
];

const compressed: readonly FileKind[] = ['gzip', 'zstd', 'xz'];
/** Streams behind a libvirt header, or at an offset of a file, are told apart by the reader. */
const HEAD = 65536;

/** The first bytes, of what is inside where the file is compressed. */
async function headOf({ name, source }: NamedSource): Promise<{ readonly head: Uint8Array; readonly within: string }> {
  const outer = await readRange(source, 0, HEAD);
  const { kind } = sniff(outer, source.size);
  if (!compressed.includes(kind)) return { head: outer, within: '' };
  const { stream } = await openContainer(source, name);
  const inner = new Uint8Array(HEAD);
  let length = 0;
  for (let n; length < HEAD && (n = await stream.read(inner.subarray(length))) > 0;) length += n;
  return { head: inner.subarray(0, length), within: ` in ${kind}` };
}

async function roleOf(file: NamedSource): Promise<OpenedFile> {
  const { name } = file;
  const bytes = file.source.size;
  try {
    const { head, within } = await headOf(file);
    const size = within === '' ? bytes : undefined;
    const { kind, what } = sniff(head, size);
    const pages = size !== undefined && size > 0 && size % PAGE === 0;
    const role = roles[kind] ?? (pages ? 'ram' : 'unknown');
    const how = kind === 'unknown' && pages ? 'whole pages without a magic' : what;
    return { name, bytes, role, note: how + within + (role === 'ram' ? ': memory of a guest, or a raw disk' : '') };
  } catch {
    return { name, bytes, role: 'unknown', note: 'cannot be read: a folder, or a file that is gone' };
  }
}

/** What a compressed file holds: memory and channels are read at random. Undefined where it is not compressed. */
async function contentsOf({ name, source }: NamedSource): Promise<Blob | undefined> {
  if (!compressed.includes(sniff(await readRange(source, 0, HEAD), source.size).kind)) return undefined;
  const { stream } = await openContainer(source, name);
  const pieces: Blob[] = [];
  // The browser may put Blobs to disk: a guest's memory does not have to fit into this worker's.
  for (;;) {
    const piece = new Uint8Array(1 << 22);
    let length = 0;
    for (let n; length < piece.length && (n = await stream.read(piece.subarray(length))) > 0;) length += n;
    if (length === 0) return new Blob(pieces);
    pieces.push(new Blob([piece.subarray(0, length)]));
  }
}

const named = (file: File): NamedSource => ({ name: file.name, source: blobSource(file) });

/** A file, or what it holds where it is compressed. */
export async function unpacked(file: File): Promise<File> {
  const contents = await contentsOf(named(file));
  return contents ? new File([contents], file.name) : file;
}

async function unpackedSource({ name, source }: NamedSource): Promise<NamedSource> {
  const contents = await contentsOf({ name, source });
  return { name, source: contents ? blobSource(contents) : source };
}

async function sorted<T>(
  files: readonly T[],
  sourceOf: (file: T) => NamedSource,
  unpack: (file: T) => Promise<T>
): Promise<Sorted<T>> {
  if (files.length === 0) throw new Error('no file was given');
  const found = await Promise.all(files.map((file) => roleOf(sourceOf(file))));
  const role = preference.find((r) => found.some((f) => f.role === r))!;
  const index = found.findIndex((f) => f.role === role);
  const of = (wanted: Role): Promise<T[]> =>
    Promise.all(files.filter((_, i) => i !== index && found[i]!.role === wanted).map(unpack));
  const [preempt] = await of('preempt-channel');
  return { state: files[index]!, channels: await of('multifd-channel'), preempt, ram: await of('ram'), files: found };
}

/** Sorts what was dropped together. Throws when nothing was. */
export const sortFiles = (files: readonly File[]): Promise<SortedFiles> => sorted(files, named, unpacked);

/** The same of what was named on a command line. */
export const sortSources = (files: readonly NamedSource[]): Promise<Sorted<NamedSource>> =>
  sorted(files, (file) => file, unpackedSource);
