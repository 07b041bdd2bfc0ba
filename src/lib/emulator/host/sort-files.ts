/** Several files dropped together: which is which, by content and not by name. */
import { sniff } from '../../vmstate/container.ts';
import type { OpenedFile } from '../api.ts';

export interface SortedFiles {
  /** The one that is read as the stream. */
  readonly state: File;
  readonly channels: readonly File[];
  /** May be the memory that an x-ignore-shared stream left out. */
  readonly ram: readonly File[];
  readonly files: readonly OpenedFile[];
}

type Role = OpenedFile['role'];

/** What `sniff` finds, as a role in the drop. */
const roles: Readonly<Record<string, readonly [Role, string]>> = {
  'qemu-stream': ['state', 'a QEMU migration stream'],
  gzip: ['state', 'gzip: read as a compressed stream'],
  zstd: ['state', 'zstd: read as a compressed stream'],
  xz: ['state', 'xz: read as a compressed stream'],
  libvirt: ['state', 'a libvirt save image'],
  qcow2: ['disk', 'a qcow2 image'],
  cpr: ['cpr-state', 'the state that CPR hands to the new QEMU'],
  multifd: ['multifd-channel', 'a capture of a multifd channel'],
  elf: ['vmlinux', 'an ELF file: its symbols name addresses']
};

/** The first of these that is there is the stream. */
const preference: readonly Role[] = [
  'state',
  'disk',
  'cpr-state',
  'unknown',
  'ram',
  'multifd-channel',
  'vmlinux',
  'system-map'
];

const HEAD = 4096;

async function roleOf(file: File): Promise<OpenedFile> {
  const { name, size: bytes } = file;
  let head: Uint8Array;
  try {
    head = new Uint8Array(await file.slice(0, HEAD).arrayBuffer());
  } catch {
    return { name, bytes, role: 'unknown', note: 'cannot be read: a folder, or a file that is gone' };
  }
  const kind = sniff(head).kind;
  const known = roles[kind];
  if (known) return { name, bytes, role: known[0], note: known[1] };
  if (/^[0-9a-f]{8,16} [a-zA-Z] \S+$/m.test(new TextDecoder('latin1').decode(head.subarray(0, 200)))) {
    return { name, bytes, role: 'system-map', note: 'symbols of a kernel' };
  }
  if (bytes > 0 && bytes % 4096 === 0)
    return { name, bytes, role: 'ram', note: 'whole pages: memory of a guest, or a raw disk' };
  return { name, bytes, role: 'unknown', note: `not recognised (${kind})` };
}

export async function sortFiles(files: readonly File[]): Promise<SortedFiles> {
  if (files.length === 0) throw new Error('no file was dropped');
  const found = await Promise.all(files.map(roleOf));
  const role = preference.find((r) => found.some((f) => f.role === r))!;
  const index = found.findIndex((f) => f.role === role);
  const of = (wanted: Role): File[] => files.filter((_, i) => i !== index && found[i]!.role === wanted);
  return { state: files[index]!, channels: of('multifd-channel'), ram: of('ram'), files: found };
}
