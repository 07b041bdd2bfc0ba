/**
 * Where the engines keep what they need of one CPU, and the format of a decoded instruction. All addresses are bytes in
 * WebAssembly's memory and are baked into the generated code.
 */
import { ENV, ENV_SIZE } from '../env.ts';

/** Linear addresses are split at 4 KiB whatever the guest's page size. */
export const PAGE_BITS = 12;
export const PAGE_SIZE = 1 << PAGE_BITS;

/**
 * Data TLBs: for each mode one table of entries for reading and one for writing, indexed by bits 12 to 31 of the linear
 * address, 8 bytes each: linear page XOR host page. `entry XOR address` is then the host address, and its upper half is
 * zero if and only if the entry is that page's: one test, in which the low bits test alignment as well.
 * An empty entry is one of a page that is not canonical, in `EMPTY_PREFIX`, mapped to the guard page.
 */
export const TLB_INDEX_BITS = 20;
export const TLB_TABLE_BYTES = 8 << TLB_INDEX_BITS;
export const TLB_WRITE = TLB_TABLE_BYTES;
export const TLB_MODE_BITS = 24;
/** QEMU's MMU indices: what the access is allowed to. `kernel` has no SMAP. */
export const MMU_MODES = { kernel: 0, user: 1, ksmap: 2 } as const;
/** Upper half of the addresses that empty entries belong to: these 4 GiB of the non-canonical hole read as the guard page. */
export const EMPTY_PREFIX = 0x8bad_f00dn;

/** Bits of `code_key`, and of the key of a decoded page, which lacks USER. */
export const CODE_KEY = { CS32: 1, CS64: 2, SS32: 4, USER: 8 } as const;
/** Entries of the code TLB, 16 bytes each: linear page + code_key (i64), decoded page (u32). */
export const CODE_TLB_ENTRIES = 2048;

/** A decoded page: what was decoded of one host page under one key. Its records are found by their offset in the page. */
export const DECODED = {
  /** The next decoded page of the same host page. */
  next: 0,
  key: 4,
  host: 8,
  /** Changed whenever something of it was invalidated. */
  generation: 12,
  /** Stores into the page that hit no instruction, since it was decoded. */
  misses: 16,
  /** u32 for each byte: the record of the instruction that starts there, or 0. */
  records: 64,
  size: 64 + 4 * PAGE_SIZE
} as const;

/** A decoded instruction. Register operands are offsets into the CPU's state, so that AH is RAX + 1. */
export const RECORD = {
  /** u16: case of the interpreter's loop. */
  handler: 0,
  /** u16 each: operands 0 to 3 that are registers, or small constants. */
  operands: [2, 4, 6, 20],
  /** u16: offsets of base and index. */
  base: 8,
  index: 10,
  /** u8: KIND_*. */
  kind: 12,
  /** u8: bytes of the instruction. */
  length: 13,
  /** u16: offset of the instruction in its page. */
  offset: 14,
  /** i32 */
  disp: 16,
  /** u16: condition, in the place of operand 3. */
  condition: 20,
  /** u16: slot in the table of functions. */
  fn: 22,
  /** i64: constant; of branches i32 displacement, and at `link` the target's record once known. */
  imm: 24,
  link: 28,
  size: 32
} as const;

/** Of a record's `kind`: scale in bits 0 and 1. Anything above means that the address is not just base + index + disp. */
export const KIND = {
  SCALE: 3,
  SIMPLE: 4,
  ADDRESS32: 1 << 2,
  ADDRESS16: 2 << 2,
  ADDRESS: 3 << 2,
  /** Segment + 1; 0: no base is added. */
  SEGMENT_SHIFT: 4,
  SEGMENT: 7 << 4,
  /** The displacement is 64 bits, at `imm`; with base `eip_page` it is relative to the next instruction. */
  WIDE: 1 << 7
} as const;

/** Handlers of the loop that are no instructions. */
export const HANDLER = {
  /** Calls function `fn`. */
  CALL: 0,
  /** On at eip_page + offset, whatever is there now. */
  LOOKUP: 1,
  /** On at the record `link`. */
  GOTO: 2,
  /** An instruction, in the next record, that ends in the next page: `imm` is that decoded page, `link` its generation. */
  CROSS: 3,
  /** A debugger's breakpoint: asks whether to stop, before the instruction in the next record. */
  STOP: 4,
  FIRST: 5
} as const;

/** What a function of the table, and the loop, return. */
export const STATUS = {
  NEXT: 0,
  /** An exception is in the state. */
  EXCEPTION: 1,
  /** On at `eip`, in a mode to be found out. */
  RESUME: 2,
  /** The same instruction again. */
  AGAIN: 3,
  /** On at `eip`, in the same mode. */
  JUMP: 4
} as const;

/** Why `run` came back. */
export const EXIT = { BUDGET: 0, EXCEPTION: 1, REQUEST: 2, STOP: 3 } as const;

/** Bits of `watching`. */
export const WATCHING = {
  /** Debug registers: every access to data is told, so the data TLB is kept empty. */
  DR: 1,
  /** A debugger: pages that it watches have no entries. */
  PAGES: 2
} as const;

/** Entries that were filled since the last flush, so that flushing costs what was filled: u32 address each. */
export const FILLED_ENTRIES = 1 << 16;
/** Bytes, one for each of this many classes of 2 MiB or 1 GiB regions in which entries came from large pages. */
export const LARGE_CLASSES = 4096;

export interface Layout {
  readonly env: number;
  /** Three modes of 16 MiB, at a multiple of 4 KiB. */
  readonly tlb: number;
  readonly guardPage: number;
  readonly codeTlb: number;
  /** Count (u32), then addresses, of entries that are not global; then the same of global ones. */
  readonly filled: number;
  readonly filledGlobal: number;
  readonly large: number;
  /** u32 for each host page: its first decoded page. */
  readonly decodedPages: number;
  /** u64 for each host page: eip of the instruction that was seen last to write to it. */
  readonly pageWriters: number;
  /** Decoded pages and records, handed out from the start. */
  readonly arena: number;
  readonly arenaEnd: number;
  /** Of `PhysMem` and `PhysPageMap`. */
  readonly pageFlags: number;
  readonly pageMap: number;
  /** Physical address bits of the CPU model. */
  readonly physBits: number;
}

const HOST_PAGES = 1 << 20;
const pages = (bytes: number): number => Math.ceil(bytes / PAGE_SIZE) * PAGE_SIZE;

/** Bytes that `layOut` needs. */
export function layoutBytes(arenaBytes: number): number {
  return layOut(0, arenaBytes, { pageFlags: 0, pageMap: 0, physBits: 40 }).arenaEnd;
}

/** Splits a range of memory that starts at `base`, a multiple of 4 KiB. */
export function layOut(
  base: number,
  arenaBytes: number,
  given: Pick<Layout, 'pageFlags' | 'pageMap' | 'physBits'>
): Layout {
  let at = base;
  const take = (bytes: number): number => {
    const start = at;
    at += pages(bytes);
    return start;
  };
  const env = take(ENV_SIZE);
  const guardPage = take(PAGE_SIZE);
  const codeTlb = take(16 * CODE_TLB_ENTRIES);
  const filled = take(4 + 4 * FILLED_ENTRIES);
  const filledGlobal = take(4 + 4 * FILLED_ENTRIES);
  const large = take(2 * LARGE_CLASSES);
  const tlb = take(3 << TLB_MODE_BITS);
  const decodedPages = take(4 * HOST_PAGES);
  const pageWriters = take(8 * HOST_PAGES);
  const arena = take(arenaBytes);
  return {
    ...{ env, tlb, guardPage, codeTlb, filled, filledGlobal, large, decodedPages, pageWriters, arena, arenaEnd: at },
    ...given
  };
}

/** Address of a field of the state. */
export const envAt = (layout: Layout, field: keyof typeof ENV): number => layout.env + ENV[field];
