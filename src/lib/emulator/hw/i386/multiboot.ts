/**
 * Multiboot kernels: the image with its modules and the information that it gets. Source: QEMU hw/i386/multiboot.c
 * load_multiboot; Multiboot Specification 0.6.96.
 */
import { elfImage, ElfError, loadElf } from '../core/loader.ts';
import { E820, type E820Entry } from './e820_memory_layout.ts';

/** A file loaded beside the kernel. */
export interface MultibootModule {
  /** Its name, and what follows it. */
  readonly commandLine: string;
  readonly bytes: Uint8Array;
}
export interface MultibootKernel {
  readonly kernel: Uint8Array;
  /** As it was named: the first word of its command line. */
  readonly name: string;
  readonly append: string;
  readonly modules: readonly MultibootModule[];
}
export interface MultibootImage {
  readonly entry: number;
  /** Where the image goes: kernel, zeros, strings, modules. */
  readonly address: number;
  readonly image: Uint8Array;
  /** Of the multiboot information what is known now: memory's size and map come from who starts it. */
  readonly info: Uint8Array;
}
export class MultibootError extends Error {}

const MAGIC = 0x1bad_b002;
/** The header lies in so many bytes, less its own 48. */
const SEARCHED = 8192 - 48;
const HAS_ADDRESSES = 0x1_0000;
const EM_X86_64 = 62;
const PAGE = 4096;
const LOADER = 'qemu';

/** Offsets in the multiboot information. Source: chapter 3.3. */
export const MBI = {
  flags: 0,
  memLower: 4,
  memUpper: 8,
  bootDevice: 12,
  cmdline: 16,
  modsCount: 20,
  modsAddr: 24,
  mmapLength: 44,
  mmapAddr: 48,
  bootloader: 64,
  size: 88
} as const;
/** Memory, boot device, command line, modules, memory map, name of the loader. */
const FLAGS = 0x24f;
/** Of the first hard disk as a whole. */
const BOOT_DEVICE = 0x8000_ffff;
/** Where the memory map is; QEMU's option ROM puts it there. */
export const MULTIBOOT_MMAP = 0x9000;
export const MULTIBOOT_INFO = 0x9500;
const MODULE_BYTES = 16;
const MMAP_ENTRY = 24;

const pageAlign = (n: number): number => Math.ceil(n / PAGE) * PAGE;
const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** Offset of the multiboot header, undefined where there is none. */
export function multibootHeader(kernel: Uint8Array): number | undefined {
  const view = viewOf(kernel);
  for (let at = 0; at < SEARCHED && at + 12 <= kernel.length; at += 4) {
    if (view.getUint32(at, true) !== MAGIC) continue;
    const sum = MAGIC + view.getUint32(at + 4, true) + view.getUint32(at + 8, true);
    if (sum % 2 ** 32 === 0) return at;
  }
  return undefined;
}

interface Loaded {
  readonly entry: number;
  readonly address: number;
  readonly image: Uint8Array;
}

function elfKernel(kernel: Uint8Array, limit: number): Loaded {
  if (viewOf(kernel).getUint16(18, true) === EM_X86_64)
    throw new MultibootError('Cannot load x86-64 image, give a 32bit one.');
  try {
    const elf = loadElf(kernel, limit);
    return { entry: Number(elf.entry), address: elf.low, image: elfImage(elf) };
  } catch (error) {
    if (error instanceof ElfError) throw new MultibootError(`Error while loading elf kernel: ${error.message}`);
    throw error;
  }
}

/** A kernel whose header says where it goes. */
function flatKernel(kernel: Uint8Array, at: number, limit: number): Loaded {
  const view = viewOf(kernel);
  if (at + 32 > kernel.length) throw new MultibootError('the multiboot header is cut off');
  const field = (n: number): number => view.getUint32(at + n, true);
  const [header, address, loadEnd, bssEnd, entry] = [12, 16, 20, 24, 28].map(field) as [
    ...[number, number, number, number, number]
  ];
  if (header < address) throw new MultibootError('invalid load_addr address');
  if (header - address > at) throw new MultibootError('invalid header_addr address');
  if (loadEnd !== 0 && loadEnd < address) throw new MultibootError('invalid load_end_addr address');
  const from = at - (header - address);
  const length = loadEnd === 0 ? kernel.length - from : loadEnd - address;
  if (from + length > kernel.length) throw new MultibootError('the kernel ends before load_end_addr');
  if (bssEnd !== 0 && bssEnd < address + length) throw new MultibootError('invalid bss_end_addr address');
  const size = bssEnd === 0 ? length : bssEnd - address;
  if (address + size > limit) throw new MultibootError('kernel does not fit in address space');
  const image = new Uint8Array(size);
  image.set(kernel.subarray(from, from + length));
  return { entry, address, image };
}

/**
 * Lays kernel, strings and modules out as QEMU does.
 * @param limit bytes of memory below 4 GiB
 * @returns undefined when the kernel is no multiboot kernel
 * @throws MultibootError
 */
export function multibootImage(
  { kernel, name, append, modules }: MultibootKernel,
  limit: number
): MultibootImage | undefined {
  const header = multibootHeader(kernel);
  if (header === undefined) return undefined;
  const flags = viewOf(kernel).getUint32(header + 4, true);
  const {
    entry,
    address,
    image: loaded
  } = flags & HAS_ADDRESSES ? flatKernel(kernel, header, limit) : elfKernel(kernel, limit);

  const encode = (text: string): Uint8Array => new TextEncoder().encode(`${text}\0`);
  const lines = [...modules.map(({ commandLine }) => commandLine), `${name} ${append}`].map(encode);
  const loader = encode(LOADER);
  const table = pageAlign(loaded.length);
  const strings = table + MODULE_BYTES * modules.length;
  const offsets: number[] = [];
  let end = strings;
  for (const { length } of [...lines, loader]) {
    offsets.push(end);
    end += length;
  }
  end = pageAlign(end);
  const places = modules.map(({ bytes }) => {
    const from = end;
    end = pageAlign(end + bytes.length);
    return from;
  });
  if (address + end > limit) throw new MultibootError('kernel and modules do not fit into memory');

  const image = new Uint8Array(end);
  const view = viewOf(image);
  image.set(loaded);
  [...lines, loader].forEach((line, i) => image.set(line, offsets[i]));
  modules.forEach(({ bytes }, i) => {
    image.set(bytes, places[i]);
    const from = address + places[i]!;
    [from, from + bytes.length, address + offsets[i]!].forEach((value, n) =>
      view.setUint32(table + MODULE_BYTES * i + 4 * n, value, true)
    );
  });

  const info = new Uint8Array(MBI.size);
  const fields: readonly (readonly [number, number])[] = [
    [MBI.flags, FLAGS],
    [MBI.bootDevice, BOOT_DEVICE],
    [MBI.cmdline, address + offsets[modules.length]!],
    [MBI.modsCount, modules.length],
    [MBI.modsAddr, address + table],
    [MBI.mmapAddr, MULTIBOOT_MMAP],
    [MBI.bootloader, address + offsets[modules.length + 1]!]
  ];
  for (const [at, value] of fields) viewOf(info).setUint32(at, value, true);
  return { entry, address, image, info };
}

/** What QEMU's option ROM adds to the information from the firmware's memory map: sizes, and the map itself. */
export function multibootMemory(
  info: Uint8Array,
  e820: readonly E820Entry[]
): { readonly info: Uint8Array; readonly mmap: Uint8Array } {
  const whole = info.slice();
  const kib = (at: number): number => {
    const entry = e820.find(({ address, type }) => address === at && type === E820.ram);
    return entry ? Math.floor(entry.length / 1024) : 0;
  };
  const mmap = new Uint8Array(MMAP_ENTRY * e820.length);
  e820.forEach(({ address, length, type }, i) => {
    const view = new DataView(mmap.buffer, MMAP_ENTRY * i);
    // Its own size is not counted.
    view.setUint32(0, MMAP_ENTRY - 4, true);
    view.setBigUint64(4, BigInt(address), true);
    view.setBigUint64(12, BigInt(length), true);
    view.setUint32(20, type, true);
  });
  for (const [at, value] of [
    [MBI.memLower, kib(0)],
    [MBI.memUpper, kib(0x10_0000)],
    [MBI.mmapLength, mmap.length]
  ] as const)
    viewOf(whole).setUint32(at, value, true);
  return { info: whole, mmap };
}
