/** What a file is, by how it begins. Names only what a person may drop by mistake or together with a stream. */
import { RECORDING_START } from './recording.ts';

export type FileKind =
  | 'qemu-stream'
  | 'gzip'
  | 'zstd'
  | 'xz'
  | 'libvirt'
  | 'qcow2'
  | 'recording'
  | 'cpr'
  | 'multifd'
  | 'return-path'
  | 'preempt'
  | 'compressed'
  | 'archive'
  | 'elf'
  | 'kernel'
  | 'symbols'
  | 'disk'
  | 'image'
  | 'document'
  | 'json'
  | 'text'
  | 'ram'
  | 'zeros'
  | 'empty'
  | 'unknown';

export interface Sniffed {
  readonly kind: FileKind;
  /** In words, to follow "this is". */
  readonly what: string;
  readonly hint?: string;
}

interface Signature {
  readonly at?: number;
  /** Latin-1 text that stands there. */
  readonly bytes: string;
  readonly kind: FileKind;
  readonly what: string;
  readonly hint?: string;
}

const DECOMPRESS = 'Decompress it first; gzip, zstd and xz are opened as they are.';
const DISK = 'Disks are never inside a migration stream. Drop the state file; this one may come along as its disk.';

/** First match wins. */
const SIGNATURES: readonly Signature[] = [
  { bytes: 'QEVM', kind: 'qemu-stream', what: 'a QEMU migration stream' },
  { bytes: '\x1f\x8b', kind: 'gzip', what: 'a gzip file' },
  { bytes: '\x28\xb5\x2f\xfd', kind: 'zstd', what: 'a Zstandard file' },
  { at: 1, bytes: '\x2a\x4d\x18', kind: 'zstd', what: 'a Zstandard file' },
  { bytes: '\xfd7zXZ\0', kind: 'xz', what: 'an xz file' },
  { bytes: 'LibvirtQemudSave', kind: 'libvirt', what: 'a libvirt save image' },
  { bytes: 'LibvirtQemudPart', kind: 'libvirt', what: 'a libvirt save image that was not finished' },
  { bytes: 'QFI\xfb', kind: 'qcow2', what: 'a qcow2 disk image' },
  { bytes: RECORDING_START, kind: 'recording', what: 'a recording of a migration' },
  {
    bytes: 'QCPR',
    kind: 'cpr',
    what: "QEMU's CPR state",
    hint: 'It lists the descriptors that a new QEMU takes over. Drop the main stream together with it.'
  },
  {
    bytes: '\x11\x22\x33\x44\0\0\0\x01',
    kind: 'multifd',
    what: 'a capture of a multifd channel',
    hint: 'It holds pages only. Drop the main stream together with all of its channels.'
  },
  { bytes: 'BZh', kind: 'compressed', what: 'a bzip2 file', hint: DECOMPRESS },
  { bytes: '\x89LZO\0\r\n\x1a\n', kind: 'compressed', what: 'an lzop file', hint: DECOMPRESS },
  { bytes: '\x04\x22\x4d\x18', kind: 'compressed', what: 'an LZ4 file', hint: DECOMPRESS },
  { bytes: '\x5d\0\0', kind: 'compressed', what: 'an LZMA file', hint: DECOMPRESS },
  { bytes: '\x1f\x9d', kind: 'compressed', what: 'a file of compress', hint: DECOMPRESS },
  { bytes: 'PK\x03\x04', kind: 'archive', what: 'a zip archive', hint: 'Unpack it first.' },
  { bytes: '7z\xbc\xaf\x27\x1c', kind: 'archive', what: 'a 7z archive', hint: 'Unpack it first.' },
  { at: 257, bytes: 'ustar', kind: 'archive', what: 'a tar archive', hint: 'Unpack it first.' },
  { bytes: '!<arch>\n', kind: 'archive', what: 'an ar archive or Debian package', hint: 'Unpack it first.' },
  { bytes: '070701', kind: 'archive', what: 'a cpio archive (an initramfs)' },
  { at: 0x202, bytes: 'HdrS', kind: 'kernel', what: 'a Linux kernel (bzImage)' },
  { bytes: 'KDMV', kind: 'disk', what: 'a VMDK disk image', hint: DISK },
  { bytes: '# Disk DescriptorFile', kind: 'disk', what: 'a VMDK description', hint: DISK },
  { bytes: 'vhdxfile', kind: 'disk', what: 'a VHDX disk image', hint: DISK },
  { bytes: 'conectix', kind: 'disk', what: 'a VHD disk image', hint: DISK },
  { at: 64, bytes: '\x7f\x10\xda\xbe', kind: 'disk', what: 'a VDI disk image', hint: DISK },
  { bytes: 'QED\0', kind: 'disk', what: 'a QED disk image', hint: DISK },
  { bytes: 'LUKS\xba\xbe', kind: 'disk', what: 'a LUKS volume', hint: DISK },
  { bytes: 'hsqs', kind: 'disk', what: 'a squashfs file system', hint: DISK },
  { at: 0x438, bytes: '\x53\xef', kind: 'disk', what: 'an ext2, ext3 or ext4 file system', hint: DISK },
  { at: 512, bytes: 'EFI PART', kind: 'disk', what: 'a disk image with a GUID partition table', hint: DISK },
  { at: 510, bytes: '\x55\xaa', kind: 'disk', what: 'a disk image with a boot sector', hint: DISK },
  { bytes: '\x89PNG', kind: 'image', what: 'a PNG picture' },
  { bytes: '\xff\xd8\xff', kind: 'image', what: 'a JPEG picture' },
  { bytes: 'GIF8', kind: 'image', what: 'a GIF picture' },
  { bytes: 'RIFF', kind: 'image', what: 'a RIFF file (WebP, WAV or AVI)' },
  { bytes: '%PDF', kind: 'document', what: 'a PDF document' },
  { bytes: '\0asm', kind: 'document', what: 'a WebAssembly module' },
  { bytes: 'MZ', kind: 'document', what: 'a program for Windows or EFI' },
  { bytes: 'KDUMP   ', kind: 'document', what: 'a kdump file', hint: 'It is a memory dump, without device state.' }
];

const ELF_TYPES = ['no', 'an object file', 'a program', 'a program or library', 'a core dump'];

function elf(head: Uint8Array): Sniffed {
  const type = head[5] === 2 ? head[17] : head[16];
  const hint =
    type === 4
      ? 'A core dump (dump-guest-memory) holds memory without device state. Migrate to a file instead.'
      : 'A kernel with symbols (vmlinux) may come along with a migration stream; by itself it is none.';
  return { kind: 'elf', what: `an ELF file, ${ELF_TYPES[type ?? 0] ?? 'of an unknown type'}`, hint };
}

const isText = (head: Uint8Array): boolean =>
  head.length > 0 && head.every((b) => (b >= 0x20 && b !== 0x7f) || b === 9 || b === 10 || b === 13 || b === 12);

function text(head: Uint8Array): Sniffed {
  const start = new TextDecoder('latin1').decode(head);
  if (/^[0-9a-f]{8,16} [A-Za-z?] \S/.test(start)) {
    return { kind: 'symbols', what: 'a symbol table (System.map)', hint: 'It may come along with a migration stream.' };
  }
  if (/^\s*[[{]/.test(start)) {
    return { kind: 'json', what: 'a JSON text', hint: 'Drop the state file that it describes.' };
  }
  if (/^\s*<(!doctype|html)/i.test(start)) {
    return { kind: 'document', what: 'an HTML page', hint: 'A download that failed often leaves one.' };
  }
  return { kind: 'text', what: 'a text' };
}

/** SeaBIOS fills the interrupt vector table with pointers into f000. */
function hasInterruptVectors(head: Uint8Array): boolean {
  let n = 0;
  for (let i = 3; i < 1024 && i < head.length; i += 4) if (head[i] === 0xf0 && head[i - 1] === 0) n++;
  return n >= 64;
}

/** Message type and length of a return path that begins with PONG, SHUT or a page request (migration.c: rp_cmd_args). */
function isReturnPath(head: Uint8Array): boolean {
  if (head.length < 4 || head[0] !== 0 || head[2] !== 0) return false;
  const [type, length] = [head[1]!, head[3]!];
  if (type === 1 || type === 2 || type === 6) return length === 4 && head.length >= 8 && head[4] === 0;
  return (type === 7 && length === 0) || (type === 3 && length >= 14 && head[16] === length - 13);
}

/** A page record of the main stream's kind, naming its block: what a postcopy-preempt channel begins with. */
function isPreempt(head: Uint8Array): boolean {
  const length = head[8] ?? 0;
  const flags = head[7]! & 0x0f;
  const name = head.subarray(9, 9 + length);
  return (flags === 2 || flags === 8) && head[0] === 0 && length > 1 && name.length === length && isText(name);
}

/**
 * @param head how the file begins; 4096 bytes tell all kinds apart
 * @param size of the whole file, where it is known
 */
export function sniff(head: Uint8Array, size?: number): Sniffed {
  if (head.length === 0) {
    return { kind: 'empty', what: 'an empty file', hint: 'The migration may have failed: see `info migrate`.' };
  }
  if (head[0] === 0x7f && head[1] === 0x45 && head[2] === 0x4c && head[3] === 0x46) return elf(head);
  for (const { at = 0, bytes, kind, what, hint } of SIGNATURES) {
    if (latin1Equals(head, at, bytes)) return { kind, what, ...(hint === undefined ? {} : { hint }) };
  }
  if (isText(head)) return text(head);
  if (isReturnPath(head)) {
    return {
      kind: 'return-path',
      what: "a capture of a migration's return path",
      hint: 'Drop the stream that went the other way together with it.'
    };
  }
  if (isPreempt(head)) {
    return {
      kind: 'preempt',
      what: 'a capture of a postcopy-preempt channel',
      hint: 'It holds the pages that the guest waited for. Drop the main stream together with it.'
    };
  }
  const ram = 'It may be the RAM file of an x-ignore-shared state; drop it together with that.';
  if (hasInterruptVectors(head)) return { kind: 'ram', what: "memory of a PC, without a stream's framing", hint: ram };
  if (head.every((b) => b === 0)) return { kind: 'zeros', what: 'a file that begins with zeros', hint: ram };
  if (size !== undefined && size >= 65536 && size % 65536 === 0) {
    return { kind: 'ram', what: 'perhaps a RAM file: it has no magic and an even size', hint: ram };
  }
  return { kind: 'unknown', what: 'nothing that is known here' };
}

function latin1Equals(head: Uint8Array, at: number, bytes: string): boolean {
  if (head.length < at + bytes.length) return false;
  for (let i = 0; i < bytes.length; i++) if (head[at + i] !== bytes.charCodeAt(i)) return false;
  return true;
}
