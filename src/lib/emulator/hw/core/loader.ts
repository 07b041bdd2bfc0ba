/** Files that lie in guest memory from a reset on, and ELF files among them. Source: QEMU hw/core/loader.c; System V ABI. */
import type { AddressSpace } from '../../system/memory.ts';
import type { Device } from './qdev.ts';

/** Zeros are written in pieces of so many bytes. */
const PIECE = 1 << 16;

/** Bytes at a guest-physical address. */
export interface Rom {
  readonly address: number;
  readonly bytes: Uint8Array;
  /** Bytes in all: zeros fill what `bytes` does not. */
  readonly size: number;
}

/** Writes ROMs at each reset, since the guest may have changed them. Has no section: RAM is sent as RAM. */
export class Roms implements Device {
  readonly idstr = 'roms';
  readonly #memory: AddressSpace;
  readonly #roms: readonly Rom[];

  constructor(memory: AddressSpace, roms: readonly Rom[]) {
    this.#memory = memory;
    this.#roms = roms;
  }

  /** Source: rom_reset. */
  reset(): void {
    const zeros = new Uint8Array(PIECE);
    for (const { address, bytes, size } of this.#roms) {
      this.#memory.writeBytes(address, bytes);
      for (let at = bytes.length; at < size; at += PIECE)
        this.#memory.writeBytes(address + at, zeros.subarray(0, Math.min(PIECE, size - at)));
    }
  }
}

/** An ELF file that cannot be loaded. */
export class ElfError extends Error {}

export interface ElfFile {
  readonly machine: number;
  readonly is64: boolean;
  /** Where it starts, as a physical address where a segment tells. */
  readonly entry: bigint;
  readonly segments: readonly Rom[];
  /** First physical address, and the one behind the last. */
  readonly low: number;
  readonly high: number;
  /** Contents of the first note of a type in any PT_NOTE segment. */
  note(type: number): Uint8Array | undefined;
}

const ELF_MAGIC = 0x464c_457f;
const ELFCLASS64 = 2;
const PT_LOAD = 1;
const PT_NOTE = 4;
const PF_X = 1;
const MAX_SEGMENTS = 256;

interface ProgramHeader {
  readonly type: number;
  readonly flags: number;
  readonly offset: number;
  readonly vaddr: bigint;
  readonly paddr: number;
  readonly filesz: number;
  readonly memsz: number;
  readonly align: number;
}

export const isElf = (file: Uint8Array): boolean =>
  file.length >= 64 && new DataView(file.buffer, file.byteOffset).getUint32(0, true) === ELF_MAGIC;

function headersOf(view: DataView, is64: boolean): ProgramHeader[] {
  const word = (at: number): bigint => (is64 ? view.getBigUint64(at, true) : BigInt(view.getUint32(at, true)));
  const size = is64 ? 56 : 32;
  const first = Number(word(is64 ? 32 : 28));
  const count = view.getUint16(is64 ? 56 : 44, true);
  if (count > MAX_SEGMENTS || first + count * size > view.byteLength)
    throw new ElfError('its program headers lie outside of the file');
  return Array.from({ length: count }, (_, i) => {
    const at = first + i * size;
    const [offset, vaddr, paddr, filesz, memsz] = (is64 ? [8, 16, 24, 32, 40] : [4, 8, 12, 16, 20]).map((n) =>
      word(at + n)
    );
    return {
      ...{ type: view.getUint32(at, true), flags: view.getUint32(at + (is64 ? 4 : 24), true) },
      ...{ offset: Number(offset), vaddr: vaddr!, paddr: Number(paddr), filesz: Number(filesz), memsz: Number(memsz) },
      align: Number(word(at + (is64 ? 48 : 28)))
    };
  });
}

/** Zeros behind a segment's bytes count for nothing where another segment lies there. */
function sizeInMemory(segment: ProgramHeader, all: readonly ProgramHeader[]): number {
  const { paddr, filesz, memsz } = segment;
  if (memsz <= filesz) return memsz;
  const overlaps = all.some(
    (other) =>
      other !== segment &&
      other.type === PT_LOAD &&
      other.paddr < paddr + memsz &&
      paddr + filesz < other.paddr + other.memsz
  );
  return overlaps ? filesz : memsz;
}

/** Source: get_elf_note_type. */
function noteOf(bytes: Uint8Array, align: number, wanted: number): Uint8Array | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const unit = align > 1 ? align : 1;
  const up = (length: number): number => Math.ceil(length / unit) * unit;
  for (let at = 0; at + 12 <= bytes.length;) {
    const [name, length, type] = [0, 4, 8].map((n) => view.getUint32(at + n, true)) as [number, number, number];
    const from = at + 12 + up(name);
    if (type === wanted) return from + length <= bytes.length ? bytes.subarray(from, from + length) : undefined;
    at = from + up(length);
  }
  return undefined;
}

/**
 * Little-endian ELF, by its physical addresses.
 * @param limit bytes of memory from 0 on that it has to fit into
 * @throws ElfError
 */
export function loadElf(file: Uint8Array, limit: number): ElfFile {
  if (!isElf(file)) throw new ElfError('it is no ELF file');
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const is64 = file[4] === ELFCLASS64;
  const headers = headersOf(view, is64);
  const part = ({ offset, filesz }: ProgramHeader): Uint8Array => {
    if (offset + filesz > file.length) throw new ElfError('a segment lies outside of the file');
    return file.subarray(offset, offset + filesz);
  };
  let entry = is64 ? view.getBigUint64(24, true) : BigInt(view.getUint32(24, true));
  const given = entry;
  const segments: Rom[] = [];
  for (const header of headers.filter(({ type }) => type === PT_LOAD)) {
    const { vaddr, paddr, filesz, flags } = header;
    const bytes = part(header);
    const size = sizeInMemory(header, headers);
    if (paddr + Math.max(size, filesz) > limit) throw new ElfError('it does not fit into memory');
    if (given >= vaddr && given < vaddr + BigInt(filesz) && flags & PF_X) entry = given - vaddr + BigInt(paddr);
    if (size > 0) segments.push({ address: paddr, bytes: bytes.subarray(0, size), size });
  }
  if (segments.length === 0) throw new ElfError('it has nothing to load');
  return {
    ...{ machine: view.getUint16(18, true), is64, entry, segments },
    low: Math.min(...segments.map(({ address }) => address)),
    high: Math.max(...segments.map(({ address, size }) => address + size)),
    note(wanted) {
      for (const header of headers.filter(({ type }) => type === PT_NOTE)) {
        const note = noteOf(part(header), header.align, wanted);
        if (note) return note;
      }
      return undefined;
    }
  };
}

/** The segments as they lie in memory, from `low` to `high`. Source: rom_copy. */
export function elfImage({ segments, low, high }: ElfFile): Uint8Array {
  const image = new Uint8Array(high - low);
  for (const { address, bytes } of segments) image.set(bytes, address - low);
  return image;
}
