/** Several files dropped together: which is which, by content and not by name. */
import { openContainer } from '../../vmstate/container.ts';
import { sniff, type FileKind } from '../../vmstate/sniff.ts';
import type { OpenedFile } from '../api.ts';
import { blobSource } from './blob-source.ts';
import { PAGE } from '../../vmstate/page.ts';

export interface SortedFiles {
  /** The one that is read as the stream. */
  readonly state: File;
  readonly channels: readonly File[];
  /** The second channel of a postcopy-preempt migration. */
  readonly preempt: File | undefined;
  /** May be the memory that an x-ignore-shared stream left out. */
  readonly ram: readonly File[];
  readonly files: readonly OpenedFile[];
}

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
async function headOf(file: File): Promise<{ readonly head: Uint8Array; readonly within: string }> {
  const outer = new Uint8Array(await file.slice(0, HEAD).arrayBuffer());
  const { kind } = sniff(outer, file.size);
  if (!compressed.includes(kind)) return { head: outer, within: '' };
  const { stream } = await openContainer(blobSource(file), file.name);
  const inner = new Uint8Array(HEAD);
  let length = 0;
  for (let n; length < HEAD && (n = await stream.read(inner.subarray(length))) > 0;) length += n;
  return { head: inner.subarray(0, length), within: ` in ${kind}` };
}

async function roleOf(file: File): Promise<OpenedFile> {
  const { name, size: bytes } = file;
  try {
    const { head, within } = await headOf(file);
    const size = within === '' ? bytes : undefined;
    const { kind, what } = sniff(head, size);
    const pages = size !== undefined && size > 0 && size % PAGE === 0;
    const role = roles[kind] ?? (pages ? 'ram' : 'unknown');
    return { name, bytes, role, note: what + within + (role === 'ram' ? ': memory of a guest, or a raw disk' : '') };
  } catch {
    return { name, bytes, role: 'unknown', note: 'cannot be read: a folder, or a file that is gone' };
  }
}

/** What a compressed file holds, as a file: memory and channels are read at random. */
export async function unpacked(file: File): Promise<File> {
  const head = new Uint8Array(await file.slice(0, HEAD).arrayBuffer());
  if (!compressed.includes(sniff(head, file.size).kind)) return file;
  const { stream } = await openContainer(blobSource(file), file.name);
  const pieces: Blob[] = [];
  // The browser may put Blobs to disk: a guest's memory does not have to fit into this worker's.
  for (;;) {
    const piece = new Uint8Array(1 << 22);
    let length = 0;
    for (let n; length < piece.length && (n = await stream.read(piece.subarray(length))) > 0;) length += n;
    if (length === 0) return new File(pieces, file.name);
    pieces.push(new Blob([piece.subarray(0, length)]));
  }
}

/** Sorts what was dropped together. Throws when nothing was. */
export async function sortFiles(files: readonly File[]): Promise<SortedFiles> {
  if (files.length === 0) throw new Error('no file was dropped');
  const found = await Promise.all(files.map(roleOf));
  const role = preference.find((r) => found.some((f) => f.role === r))!;
  const index = found.findIndex((f) => f.role === role);
  const of = (wanted: Role): Promise<File[]> =>
    Promise.all(files.filter((_, i) => i !== index && found[i]!.role === wanted).map(unpacked));
  const [preempt] = await of('preempt-channel');
  return { state: files[index]!, channels: await of('multifd-channel'), preempt, ram: await of('ram'), files: found };
}
