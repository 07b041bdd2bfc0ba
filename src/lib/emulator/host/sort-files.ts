/** Several files dropped together: which is which, by content and not by name. */
import { sniff, type FileKind } from '../../vmstate/sniff.ts';
import type { OpenedFile } from '../api.ts';

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
  gzip: 'state',
  zstd: 'state',
  xz: 'state',
  libvirt: 'state',
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

/** The first of these that is there is the stream. */
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

const HEAD = 4096;
const PAGE = 4096;

async function roleOf(file: File): Promise<OpenedFile> {
  const { name, size: bytes } = file;
  let head: Uint8Array;
  try {
    head = new Uint8Array(await file.slice(0, HEAD).arrayBuffer());
  } catch {
    return { name, bytes, role: 'unknown', note: 'cannot be read: a folder, or a file that is gone' };
  }
  const { kind, what } = sniff(head, bytes);
  const role = roles[kind] ?? (bytes > 0 && bytes % PAGE === 0 ? 'ram' : 'unknown');
  return { name, bytes, role, note: role === 'ram' ? `${what}: whole pages, memory of a guest or a raw disk` : what };
}

export async function sortFiles(files: readonly File[]): Promise<SortedFiles> {
  if (files.length === 0) throw new Error('no file was dropped');
  const found = await Promise.all(files.map(roleOf));
  const role = preference.find((r) => found.some((f) => f.role === r))!;
  const index = found.findIndex((f) => f.role === role);
  const of = (wanted: Role): File[] => files.filter((_, i) => i !== index && found[i]!.role === wanted);
  return {
    state: files[index]!,
    channels: of('multifd-channel'),
    preempt: of('preempt-channel')[0],
    ram: of('ram'),
    files: found
  };
}
