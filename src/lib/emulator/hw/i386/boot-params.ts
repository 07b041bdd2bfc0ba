/**
 * What a kernel that is started directly finds in memory: Linux's boot_params, PVH's start information.
 * Source: Linux Documentation/arch/x86/boot.rst, zero-page.rst; Xen public/arch-x86/hvm/start_info.h.
 */

import { e820Bytes, type E820Entry } from './e820_memory_layout.ts';

const put64 = (view: DataView, at: number, value: number): void => view.setBigUint64(at, BigInt(value), true);

/** Source: zero-page.rst. */
const ZERO_PAGE = {
  extMemK: 0x002,
  acpiRsdp: 0x070,
  altMemK: 0x1e0,
  e820Entries: 0x1e8,
  setupHeader: 0x1f1,
  e820Table: 0x2d0,
  size: 0x1000
} as const;
const MAX_E820 = 128;
const HEADER_END = 0x290;
/** The header ends so many bytes behind its jump instruction's target field. */
const JUMP = 0x201;
const MIB = 2 ** 20;

export interface BootParams {
  /** The kernel's image, whose setup header is copied. */
  readonly kernel: Uint8Array;
  readonly e820: readonly E820Entry[];
  /** 0: none. */
  readonly rsdp: number;
  /** Bytes of RAM below 4 GiB. */
  readonly below4g: number;
  /** Fields of the setup header: offset, bytes, value. */
  readonly fields: readonly (readonly [at: number, size: 1 | 2 | 4, value: number])[];
}

/** The zero page, 4096 bytes. */
export function bootParams({ kernel, e820, rsdp, below4g, fields }: BootParams): Uint8Array {
  const page = new Uint8Array(ZERO_PAGE.size);
  const view = new DataView(page.buffer);
  const end = Math.min(JUMP + 1 + kernel[JUMP]!, HEADER_END);
  page.set(kernel.subarray(ZERO_PAGE.setupHeader, end), ZERO_PAGE.setupHeader);
  for (const [at, size, value] of fields) {
    if (size === 1) view.setUint8(at, value);
    else if (size === 2) view.setUint16(at, value, true);
    else view.setUint32(at, value, true);
  }
  const kib = Math.floor((below4g - MIB) / 1024);
  view.setUint16(ZERO_PAGE.extMemK, Math.min(kib, 0xffff), true);
  view.setUint32(ZERO_PAGE.altMemK, kib, true);
  put64(view, ZERO_PAGE.acpiRsdp, rsdp);
  const entries = e820.slice(0, MAX_E820);
  view.setUint8(ZERO_PAGE.e820Entries, entries.length);
  page.set(e820Bytes(entries), ZERO_PAGE.e820Table);
  return page;
}

const START_MAGIC = 0x336e_c578;
const START_BYTES = 56;
const MODULE_BYTES = 32;
const MEMMAP_ENTRY = 24;

export interface StartInfo {
  /** Where it will lie. */
  readonly address: number;
  readonly commandLine: number;
  readonly rsdp: number;
  readonly e820: readonly E820Entry[];
  readonly initrd?: { readonly address: number; readonly length: number } | undefined;
}

/** hvm_start_info of version 1 with its module and its memory map behind it. */
export function startInfo({ address, commandLine, rsdp, e820, initrd }: StartInfo): Uint8Array {
  const memmap = START_BYTES + MODULE_BYTES;
  const bytes = new Uint8Array(memmap + MEMMAP_ENTRY * e820.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, START_MAGIC, true);
  view.setUint32(4, 1, true);
  if (initrd) {
    view.setUint32(12, 1, true);
    put64(view, 16, address + START_BYTES);
    put64(view, START_BYTES, initrd.address);
    put64(view, START_BYTES + 8, initrd.length);
  }
  put64(view, 24, commandLine);
  put64(view, 32, rsdp);
  put64(view, 40, address + memmap);
  view.setUint32(48, e820.length, true);
  e820.forEach((entry, i) => {
    const at = memmap + MEMMAP_ENTRY * i;
    put64(view, at, entry.address);
    put64(view, at + 8, entry.length);
    view.setUint32(at + 16, entry.type, true);
  });
  return bytes;
}
