/**
 * The CPU as boot protocols hand it over: flat segments, interrupts off, in 32-bit protected mode or in 64-bit mode with
 * the first 4 GiB mapped to themselves. To be called after a reset.
 * Source: Linux Documentation/arch/x86/boot.rst "32-bit Boot Protocol", "64-bit Boot Protocol"; SDM 3A 4.5, 10.8.5.
 */
import { CR0, CR4, EFER } from './control-registers.ts';
import { DESC, FLAT } from './descriptors.ts';
import { R_CS, type Env } from './env.ts';
import {
  cpu_load_efer,
  cpu_x86_load_seg_cache,
  cpu_x86_update_cr0,
  cpu_x86_update_cr3,
  cpu_x86_update_cr4
} from './hflags.ts';
import type { X86Cpu } from './x86-cpu.ts';

/** Where it begins, and general registers by number. */
export interface Entry {
  readonly eip: number;
  readonly esp: number;
  readonly regs: Readonly<Record<number, number>>;
}
export interface Places {
  /** Room for four descriptors. */
  readonly gdt: number;
  /** PAGE_TABLES_BYTES, at a multiple of 4096. */
  readonly pageTables: number;
  /** Writes guest-physical memory. */
  readonly write: (address: number, bytes: Uint8Array) => void;
}

/** Linux's __BOOT_CS and __BOOT_DS. */
const CODE = 0x10;
const DATA = 0x18;
const LIMIT = 0xffff_ffff;
const CODE32 = FLAT | DESC.CS | DESC.R | DESC.B;
const CODE64 = FLAT | DESC.CS | DESC.R | DESC.L;
const DATA32 = FLAT | DESC.W | DESC.B;
const SEGMENTS = 6;
const R_ESP = 4;

/** A top table, its four directories' table, and a directory of 2 MiB pages for each GiB. */
export const PAGE_TABLES_BYTES = 6 * 4096;
const TABLE = 0x03; // present, writable
const LARGE = 0x83; // a 2 MiB page
const LARGE_PAGE = 2 ** 21;

function identityMap(at: number): Uint8Array {
  const bytes = new Uint8Array(PAGE_TABLES_BYTES);
  const view = new DataView(bytes.buffer);
  const put = (table: number, n: number, value: number): void =>
    view.setBigUint64(4096 * table + 8 * n, BigInt(value), true);
  put(0, 0, at + 4096 + TABLE);
  for (let gib = 0; gib < 4; gib++) {
    put(1, gib, at + 4096 * (2 + gib) + TABLE);
    for (let n = 0; n < 512; n++) put(2 + gib, n, (512 * gib + n) * LARGE_PAGE + LARGE);
  }
  return bytes;
}

/** A descriptor of a flat segment. */
function descriptor(flags: number): readonly [number, number] {
  return [0xffff, (flags | 0xf_0000) >>> 0];
}

function load({ env }: X86Cpu, { eip, esp, regs }: Entry, { gdt, write }: Places, code: number): void {
  write(gdt, new Uint8Array(Uint32Array.from([0, 0, 0, 0, ...descriptor(code), ...descriptor(DATA32)]).buffer));
  env.set64('gdt_base', BigInt(gdt));
  env.set('gdt_limit', 31);
  for (let seg = 0; seg < SEGMENTS; seg++) {
    if (seg === R_CS) cpu_x86_load_seg_cache(env, seg, CODE, 0, LIMIT, code);
    else cpu_x86_load_seg_cache(env, seg, DATA, 0, LIMIT, DATA32);
  }
  env.set64('eip', BigInt(eip));
  for (const [n, value] of Object.entries(regs)) env.set64('regs', BigInt(value), Number(n));
  env.set64('regs', BigInt(esp), R_ESP);
}

/** 32-bit protected mode without paging. */
export function enterProtectedMode(cpu: X86Cpu, entry: Entry, places: Places): void {
  cpu_x86_update_cr0(cpu, CR0.PE | CR0.ET);
  load(cpu, entry, places, CODE32);
}

/** 64-bit mode. */
export function enterLongMode(cpu: X86Cpu, entry: Entry, places: Places): void {
  const { pageTables } = places;
  places.write(pageTables, identityMap(pageTables));
  cpu_x86_update_cr4(cpu, CR4.PAE);
  cpu_x86_update_cr3(cpu, BigInt(pageTables));
  cpu_load_efer(cpu, EFER.LME);
  cpu_x86_update_cr0(cpu, CR0.PE | CR0.ET | CR0.PG);
  load(cpu, entry, places, CODE64);
}

const MTRR_ENABLED = 0xc06n; // fixed and variable ones; write-back otherwise
const WRITE_BACK = 0x0606_0606_0606_0606n;
const WRITE_PROTECTED = 0x0505_0505_0505_0505n;
const MASK_VALID = 0x800n;
const PHYSICAL = (1n << 40n) - 1n;

/** Kinds of memory as firmware sets them: all is write-back but video memory, ROMs and what PCI has below 4 GiB. */
export function setMtrrs(env: Env, below4g: number): void {
  // 64 KiB and 16 KiB pieces up to 9ffff, two of video memory, eight of ROMs.
  [WRITE_BACK, WRITE_BACK, 0n, ...new Array<bigint>(8).fill(WRITE_PROTECTED)].forEach((value, n) =>
    env.set64('mtrr_fixed', value, n)
  );
  const size = below4g > 0xc000_0000 ? 0x2000_0000n : 0x4000_0000n;
  env.set64('mtrr_var', 0x1_0000_0000n - size, 0);
  env.set64('mtrr_var', (PHYSICAL & ~(size - 1n)) | MASK_VALID, 1);
  env.set64('mtrr_deftype', MTRR_ENABLED);
}
