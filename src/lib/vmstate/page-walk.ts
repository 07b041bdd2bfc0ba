/**
 * x86 paging as the MMU does it, out of a snapshot's memory and control registers: one walk, all mappings, and which
 * pages are page tables. Source: SDM volume 3A, 4.3 (32-bit), 4.4 (PAE), 4.5 (4-level and 5-level); QEMU
 * target/i386/helper.c x86_cpu_get_phys_page_attrs_debug (`gva2gpa`), arch_memory_mapping.c.
 *
 * MAXPHYADDR is not in a stream: 52 is taken, so only bits that are reserved on every processor count as reserved.
 * In PAE mode the four PDPT entries are read from memory, not from the processor's hidden registers.
 */
import { memoryMap, pageAt, type MemoryMap } from './memory-map.ts';
import { readPage } from './ram-contents.ts';
import { PageKind } from './ram-index.ts';
import type { Section, Snapshot } from './snapshot.ts';
import { placedAt } from './vmstate.ts';
import { PAGE } from './page.ts';

type PagingMode = 'none' | '32-bit' | 'PAE' | '4-level' | '5-level';

/** One step of a page walk (SDM 3A 4.3 to 4.5). */
export interface WalkStep {
  /** `PML5`, `PML4`, `PDPT`, `PD`, `PT`. */
  readonly level: string;
  readonly entryGpa: number;
  readonly index: number;
  /** Raw entry. */
  readonly entry: bigint;
  /** Flag names that are set, as the manual's: P, R/W, U/S, PWT, PCD, A, D, PS, G, PAT, XD. */
  readonly flags: readonly string[];
}

export interface Walk {
  readonly gva: bigint;
  readonly mode: PagingMode;
  readonly steps: readonly WalkStep[];
  readonly gpa: number | undefined;
  readonly pageSize: number | undefined;
  /** Why there is no gpa. */
  readonly fault?: string;
}

/** A run of virtual addresses that map to consecutive physical ones with equal rights. */
export interface Mapping {
  readonly gva: bigint;
  readonly gpa: number;
  readonly bytes: number;
  readonly pageSize: number;
  /** Rights of the whole path: `R/W` and `U/S` when every level grants them, `XD` when any level takes execution. */
  readonly flags: readonly string[];
}

/** The registers that decide how a virtual address is translated. */
export interface Paging {
  readonly mode: PagingMode;
  /** Physical address of the top table. */
  readonly root: number;
  /** CR4.PSE: 4 MiB pages in 32-bit mode. */
  readonly pse: boolean;
  /** EFER.NXE: bit 63 of an entry is XD, otherwise reserved. */
  readonly nxe: boolean;
  /** Address line 20 is held low (QEMU: a20_mask). */
  readonly a20Low: boolean;
}

const CR0_PG = 1n << 31n;
const CR4_PSE = 1n << 4n;
const CR4_PAE = 1n << 5n;
const CR4_LA57 = 1n << 12n;
const EFER_LMA = 1n << 10n;
const EFER_NXE = 1n << 11n;

interface Level {
  readonly name: string;
  /** Bit of `PageTableUse` levels. */
  readonly bit: number;
  /** Lowest address bit of the index, and how many bits index the table. */
  readonly shift: number;
  readonly bits: number;
  /** May an entry be a large page. */
  readonly large: boolean;
}
const level = (name: string, bit: number, shift: number, bits = 9, large = false): Level => ({
  name,
  bit,
  shift,
  bits,
  large
});
const PT = level('PT', 1, 12);
const PD = level('PD', 2, 21, 9, true);
const PDPT = level('PDPT', 4, 30, 9, true);
const PML4 = level('PML4', 8, 39);
const PML5 = level('PML5', 16, 48);
const levelsOf: Readonly<Record<PagingMode, readonly Level[]>> = {
  none: [],
  '32-bit': [level('PD', 2, 22, 10, true), level('PT', 1, 12, 10)],
  PAE: [level('PDPT', 4, 30, 2), PD, PT],
  '4-level': [PML4, PDPT, PD, PT],
  '5-level': [PML5, PML4, PDPT, PD, PT]
};

/** Names of the levels in a `PageTableUse` value. */
export const levelNames = (bits: number): string[] =>
  [PML5, PML4, PDPT, PD, PT].filter((l) => bits & l.bit).map((l) => l.name);

/** A PC of QEMU has at most this many; more in a stream are hostile. */
const MAX_VCPUS = 4096;

/** The sections with vCPU registers, by instance id. */
export function vcpuSections(snapshot: Snapshot): ReadonlyMap<number, Section> {
  const found = new Map<number, Section>();
  for (const s of snapshot.sections) {
    if (s.kind === 'full' && s.name === 'cpu' && (found.size < MAX_VCPUS || found.has(s.instance))) {
      found.set(s.instance, s);
    }
  }
  return found;
}

/** Instance ids of the vCPUs whose registers are in the snapshot. */
export const vcpus = (snapshot: Snapshot): number[] => [...vcpuSections(snapshot).keys()];

/** How a vCPU translates addresses, or undefined when its registers were not decoded. */
export const pagingOf = (snapshot: Snapshot, cpu = 0): Paging | undefined =>
  pagingFrom(vcpuSections(snapshot).get(cpu));

function pagingFrom(section: Section | undefined): Paging | undefined {
  if (!section) return undefined;
  const register = (path: string): bigint | undefined => {
    const value = placedAt(section.fields, path)?.value;
    return typeof value === 'bigint' || typeof value === 'number' ? BigInt.asUintN(64, BigInt(value)) : undefined;
  };
  const [cr0, cr3, cr4] = [register('env.cr[0]'), register('env.cr[3]'), register('env.cr[4]')];
  if (cr0 === undefined || cr3 === undefined || cr4 === undefined) return undefined;
  const a20 = register('env.a20_mask');
  const a20Low = a20 !== undefined && (a20 & 0x100000n) === 0n;
  return pagingBy({ cr0, cr3, cr4, efer: register('env.efer') ?? 0n, a20Low });
}

/** How addresses are translated with these values of the registers. */
export function pagingBy({
  cr0,
  cr3,
  cr4,
  efer,
  a20Low
}: Record<'cr0' | 'cr3' | 'cr4' | 'efer', bigint> & Pick<Paging, 'a20Low'>): Paging {
  const mode = modeOf(cr0, cr4, efer);
  return { mode, root: rootOf(mode, cr3), pse: (cr4 & CR4_PSE) !== 0n, nxe: (efer & EFER_NXE) !== 0n, a20Low };
}

function modeOf(cr0: bigint, cr4: bigint, efer: bigint): PagingMode {
  if ((cr0 & CR0_PG) === 0n) return 'none';
  if ((cr4 & CR4_PAE) === 0n) return '32-bit';
  if ((efer & EFER_LMA) === 0n) return 'PAE';
  return cr4 & CR4_LA57 ? '5-level' : '4-level';
}

function rootOf(mode: PagingMode, cr3: bigint): number {
  if (mode === 'none') return 0;
  if (mode === '32-bit') return Number(cr3 & 0xfffff000n);
  return Number(cr3 & (mode === 'PAE' ? 0xffffffe0n : 0xffffffffff000n));
}

/** The same translation from other tables: what another process of the guest sees. */
export const withCr3 = (paging: Paging, cr3: bigint): Paging => ({ ...paging, root: rootOf(paging.mode, cr3) });

/** Guest-physical pages with a cache: walks read the same few tables again and again. */
export class PhysicalPages {
  readonly map: MemoryMap;
  readonly #snapshot: Snapshot;
  readonly #cache = new Map<number, DataView>();
  static readonly #zeros = new DataView(new ArrayBuffer(PAGE));

  constructor(snapshot: Snapshot, map = memoryMap(snapshot)) {
    this.#snapshot = snapshot;
    this.map = map;
  }

  /** Page in the numbering over all blocks; undefined for holes and devices. */
  numberOf(gpa: number): number | undefined {
    return pageAt(this.#snapshot, this.map, gpa);
  }

  /** The page that holds a guest-physical address; all zeros where there is no memory. Not to be written. */
  async page(gpa: number): Promise<DataView> {
    const number = this.numberOf(gpa);
    const record = number === undefined ? -1 : this.#snapshot.ram.latest(number);
    if (record < 0 || this.#snapshot.ram.kindOf(record) === PageKind.zero) return PhysicalPages.#zeros;
    const cached = this.#cache.get(record);
    if (cached) return cached;
    const bytes = await readPage(this.#snapshot, record);
    if (this.#cache.size >= 4096) this.#cache.delete(this.#cache.keys().next().value!);
    const view = new DataView(bytes.buffer);
    this.#cache.set(record, view);
    return view;
  }
}

/** An entry taken apart. Addresses are doubles: 52 bits fit. */
interface Entry {
  readonly low: number;
  readonly high: number;
  readonly present: boolean;
  readonly large: boolean;
  /** Of the next table or of the page. */
  readonly address: number;
}

const entryBytes = (paging: Paging): 4 | 8 => (paging.mode === '32-bit' ? 4 : 8);

function entryAt(table: DataView, at: number, lv: Level, paging: Paging): Entry {
  const low = table.getUint32(at, true);
  const high = paging.mode === '32-bit' ? 0 : table.getUint32(at + 4, true);
  const large = lv.large && (low & 0x80) !== 0 && (paging.mode !== '32-bit' || paging.pse);
  let address = (high & 0xfffff) * 2 ** 32 + ((low & 0xfffff000) >>> 0);
  if (large) {
    const size = 2 ** lv.shift;
    // PSE-36: bits 13 to 20 are address bits 32 to 39.
    if (paging.mode === '32-bit') address = ((low >>> 13) & 0xff) * 2 ** 32 + ((low & 0xffc00000) >>> 0);
    else address -= address % size;
  }
  if (paging.a20Low && Math.floor(address / 0x100000) % 2 === 1) address -= 0x100000;
  return { low, high, present: (low & 1) !== 0, large, address };
}

/** Names the reserved bits that are set: the MMU raises a page fault with RSVD for them. */
function reserved(entry: Entry, lv: Level, paging: Paging): string | undefined {
  const { low, high, large } = entry;
  const bits: number[] = [];
  const check = (first: number, last: number): void => {
    for (let b = first; b <= last; b++) if (((b < 32 ? low : high) >>> (b & 31)) & 1) bits.push(b);
  };
  if (paging.mode === '32-bit') {
    if (large) check(21, 21);
  } else if (paging.mode === 'PAE' && lv.name === 'PDPT') {
    // Not bit 5: TCG marks these entries accessed, as no processor does.
    check(1, 2);
    check(6, 8);
    check(52, 63);
  } else {
    if (lv === PML4 || lv === PML5) check(7, 7);
    if (large) check(13, lv.shift - 1);
    if (paging.mode === 'PAE') check(52, 62);
    if (!paging.nxe) check(63, 63);
  }
  return bits.length === 0 ? undefined : `reserved bit ${bits.join(', ')} set in the ${lv.name} entry`;
}

const lowFlags = ['P', 'R/W', 'U/S', 'PWT', 'PCD', 'A'];

function flagsOf(entry: Entry, lv: Level, paging: Paging): string[] {
  const { low } = entry;
  const leaf = entry.large || lv.name === 'PT';
  const flags = lowFlags.filter((_, bit) => (low >>> bit) & 1);
  if (leaf && low & 0x40) flags.push('D');
  if (lv.name === 'PT' ? low & 0x80 : entry.large && low & 0x1000) flags.push('PAT');
  if (lv.name !== 'PT' && low & 0x80) flags.push('PS');
  if (leaf && low & 0x100) flags.push('G');
  if (paging.mode !== '32-bit' && entry.high & 0x80000000) flags.push('XD');
  return flags;
}

/** Translates one virtual address. Never throws for what the guest's tables hold. */
export async function walk(pages: PhysicalPages, paging: Paging, gva: bigint): Promise<Walk> {
  const way = walking(paging, gva);
  let step = way.next();
  while (!step.done) step = way.next(await pages.page(step.value));
  return step.value;
}

/** The same in memory that is at hand. @param page the page that holds a guest-physical address */
export function walkNow(page: (gpa: number) => DataView, paging: Paging, gva: bigint): Walk {
  const way = walking(paging, gva);
  let step = way.next();
  while (!step.done) step = way.next(page(step.value));
  return step.value;
}

/** Asks for the page of each entry. */
function* walking(paging: Paging, gva: bigint): Generator<number, Walk, DataView> {
  const { mode } = paging;
  const long = mode === '4-level' || mode === '5-level';
  gva = BigInt.asUintN(64, gva);
  const steps: WalkStep[] = [];
  const fail = (fault: string): Walk => ({ gva, mode, steps, gpa: undefined, pageSize: undefined, fault });
  if (!long && gva >> 32n) return fail('outside the 32-bit address space');
  if (long && BigInt.asUintN(64, BigInt.asIntN(mode === '5-level' ? 57 : 48, gva)) !== gva) {
    return fail('not a canonical address');
  }
  if (mode === 'none') {
    const gpa = Number(gva);
    return { gva, mode, steps, gpa: paging.a20Low && gpa & 0x100000 ? gpa - 0x100000 : gpa, pageSize: PAGE };
  }
  let table = paging.root;
  for (const lv of levelsOf[mode]) {
    const index = Number((gva >> BigInt(lv.shift)) & BigInt(2 ** lv.bits - 1));
    const entryGpa = table + index * entryBytes(paging);
    const entry = entryAt(yield entryGpa, entryGpa % PAGE, lv, paging);
    const raw = (BigInt(entry.high) << 32n) | BigInt(entry.low);
    steps.push({ level: lv.name, entryGpa, index, entry: raw, flags: flagsOf(entry, lv, paging) });
    if (!entry.present) return fail(`the ${lv.name} entry is not present`);
    const wrong = reserved(entry, lv, paging);
    if (wrong) return fail(wrong);
    if (entry.large || lv.name === 'PT') {
      const pageSize = 2 ** lv.shift;
      const gpa = entry.address + Number(gva & BigInt(pageSize - 1));
      return { gva, mode, steps, gpa, pageSize };
    }
    table = entry.address;
  }
  return fail('no level ends the walk');
}

export interface MappingLimits {
  /** Tables looked at; a table that maps itself would otherwise never end. */
  readonly maxTables?: number;
  readonly maxRuns?: number;
  readonly signal?: AbortSignal;
  /** Called when a limit cut the list, with the reason. */
  readonly onCut?: (why: string) => void;
}

interface Frame {
  readonly lv: number;
  readonly view: DataView;
  /** Byte of the first entry in `view`: not 0 for a PAE PDPT. */
  readonly from: number;
  /** Virtual address / 4096 of entry 0, before sign extension: 45 bits fit a double. */
  readonly base: number;
  /** R/W 1, U/S 2, XD 4. */
  readonly rights: number;
  index: number;
}

const rightsNames = (rights: number): string[] => [
  ...(rights & 1 ? ['R/W'] : []),
  ...(rights & 2 ? ['U/S'] : []),
  ...(rights & 4 ? ['XD'] : [])
];

/** Every mapping by rising virtual address (canonical order: low half first), neighbours joined. */
export async function* mappings(
  pages: PhysicalPages,
  paging: Paging,
  limits: MappingLimits = {}
): AsyncGenerator<Mapping, void, void> {
  const { maxTables = 1 << 17, maxRuns = 1 << 18, signal, onCut } = limits;
  const levels = levelsOf[paging.mode];
  if (levels.length === 0) return;
  const sign = paging.mode === '5-level' ? 57 : 48;
  /** First page of the upper half of canonical addresses: no run goes across. */
  const half = 2 ** (sign - 13);
  const address = (vpn: number): bigint => {
    const gva = BigInt(vpn) << 12n;
    return levels.length >= 4 ? BigInt.asUintN(64, BigInt.asIntN(sign, gva)) : gva;
  };
  let tables = 0;
  let runs = 0;
  let run: { vpn: number; gpa: number; bytes: number; pageSize: number; rights: number } | undefined;
  const finish = (r: NonNullable<typeof run>): Mapping => ({
    gva: address(r.vpn),
    gpa: r.gpa,
    bytes: r.bytes,
    pageSize: r.pageSize,
    flags: rightsNames(r.rights)
  });
  const open = async (lv: number, table: number, base: number, rights: number): Promise<Frame> => {
    if ((++tables & 0xff) === 0) signal?.throwIfAborted();
    return { lv, view: await pages.page(table), from: table % PAGE, base, rights, index: 0 };
  };
  const stack = [await open(0, paging.root, 0, 3)];
  const size = entryBytes(paging);
  for (let frame; (frame = stack.at(-1));) {
    const lv = levels[frame.lv]!;
    if (frame.index >= 2 ** lv.bits) {
      stack.pop();
      continue;
    }
    const index = frame.index++;
    const entry = entryAt(frame.view, frame.from + index * size, lv, paging);
    if (!entry.present || reserved(entry, lv, paging)) continue;
    const vpn = frame.base + index * 2 ** (lv.shift - 12);
    const own = paging.mode === 'PAE' && lv.name === 'PDPT' ? 3 : (entry.low >>> 1) & 3;
    const noExecute = paging.mode !== '32-bit' && entry.high & 0x80000000 ? 4 : 0;
    const rights = (frame.rights & 3 & own) | (frame.rights & 4) | noExecute;
    if (!entry.large && lv.name !== 'PT') {
      if (tables >= maxTables) {
        onCut?.(`more than ${maxTables} page tables`);
        break;
      }
      stack.push(await open(frame.lv + 1, entry.address, vpn, rights));
      continue;
    }
    const bytes = 2 ** lv.shift;
    const follows =
      run && run.gpa + run.bytes === entry.address && run.vpn + run.bytes / PAGE === vpn && run.rights === rights;
    if (run && follows && run.pageSize === bytes && vpn !== half) run.bytes += bytes;
    else {
      if (run) {
        yield finish(run);
        if (++runs >= maxRuns) {
          onCut?.(`more than ${maxRuns} runs`);
          return;
        }
      }
      run = { vpn, gpa: entry.address, bytes, pageSize: bytes, rights };
    }
  }
  if (run) yield finish(run);
}

export interface PageTableUse {
  /** Page in the numbering over all blocks → levels it serves as (`levelNames`). */
  readonly levels: ReadonlyMap<number, number>;
  /** Not all tables were looked at: a limit was reached. */
  readonly cut: boolean;
}

/** Which pages are page tables, found from every vCPU's CR3. Tables of processes that no vCPU runs are not found. */
export async function pageTableUse(
  snapshot: Snapshot,
  pages = new PhysicalPages(snapshot),
  { maxTables = 1 << 18, signal }: Pick<MappingLimits, 'maxTables' | 'signal'> = {}
): Promise<PageTableUse> {
  const found = new Map<number, number>();
  const seen = new Set<number>();
  for (const section of vcpuSections(snapshot).values()) {
    const paging = pagingFrom(section);
    if (!paging) continue;
    const levels = levelsOf[paging.mode];
    const size = entryBytes(paging);
    const todo = levels.length > 0 ? [{ lv: 0, table: paging.root }] : [];
    for (let next; (next = todo.pop());) {
      const lv = levels[next.lv]!;
      const number = pages.numberOf(next.table);
      // Tables are aligned to at least 32 bytes, which leaves room for the level.
      const key = next.table + next.lv;
      if (number === undefined || seen.has(key)) continue;
      if (seen.size >= maxTables) return { levels: found, cut: true };
      if ((seen.add(key).size & 0xff) === 0) signal?.throwIfAborted();
      found.set(number, (found.get(number) ?? 0) | lv.bit);
      if (lv.name === 'PT') continue;
      const view = await pages.page(next.table);
      for (let i = 0; i < 2 ** lv.bits; i++) {
        const entry = entryAt(view, (next.table % PAGE) + i * size, lv, paging);
        if (entry.present && !entry.large && !reserved(entry, lv, paging)) {
          todo.push({ lv: next.lv + 1, table: entry.address });
        }
      }
    }
  }
  return { levels: found, cut: false };
}
