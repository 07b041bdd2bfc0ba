/**
 * The host's physical RAM: ONE shared WebAssembly memory for all machines of a tab or a Node process. Ranges of it hold
 * guest RAM, CPU state, TLBs and tables; a range with a name and a reference count is what a memfd is to QEMU.
 * Addresses are byte offsets into it; the first 64 KiB belong to nobody, so that 0 is no address.
 */

/** Of a WebAssembly memory, by its specification. */
const WASM_PAGE = 0x10000;
/** 4 GiB: the most that a WebAssembly memory has. */
export const MAX_WASM_PAGES = 65536;
export const HOST_PAGE_SIZE = 4096;

/** Typed arrays over the whole memory, little-endian on every machine there is. */
export interface MemoryViews {
  readonly u8: Uint8Array<SharedArrayBuffer>;
  readonly u16: Uint16Array<SharedArrayBuffer>;
  readonly u32: Uint32Array<SharedArrayBuffer>;
  readonly i32: Int32Array<SharedArrayBuffer>;
  readonly u64: BigUint64Array<SharedArrayBuffer>;
  readonly dv: DataView<SharedArrayBuffer>;
}

/** A range in use. */
export interface HostRange {
  readonly name: string;
  /** First byte; a multiple of `HOST_PAGE_SIZE`. */
  readonly offset: number;
  /** Bytes; a multiple of `HOST_PAGE_SIZE`. */
  readonly length: number;
}

interface Taken extends HostRange {
  references: number;
}
interface Gap {
  offset: number;
  length: number;
  /** All zeros: WebAssembly gives zeroed memory, and some leave it so. */
  clean: boolean;
}

/** What does not fit, with the sum. */
export class HostMemoryFull extends Error {
  readonly wanted: number;
  readonly available: number;
  constructor(name: string, wanted: number, available: number, taken: readonly HostRange[], why = '') {
    const list = taken.filter((t) => t.length >= 1 << 20).map((t) => `${t.name} ${mib(t.length)}`);
    super(
      `${name} needs ${mib(wanted)}, ${mib(available)} are left in one piece` +
        (list.length > 0 ? `; taken: ${list.join(', ')}` : '') +
        why
    );
    this.wanted = wanted;
    this.available = available;
  }
}

const mib = (bytes: number): string => `${Math.ceil(bytes / 2 ** 20)} MiB`;

export class HostMemory {
  readonly memory: WebAssembly.Memory;
  readonly #maximum: number;
  readonly #taken = new Map<number, Taken>();
  /** By offset; adjacent ones differ in `clean`. */
  #gaps: Gap[] = [];
  #views: MemoryViews;

  /** @param maximum in pages of 64 KiB; less where the browser refuses to reserve so much */
  constructor(maximum = MAX_WASM_PAGES) {
    const [memory, got] = reserve(maximum);
    this.memory = memory;
    this.#maximum = got * WASM_PAGE;
    this.#views = viewsOf(memory);
  }

  /** Views of the memory as large as it is now: take them anew after whatever may have allocated. */
  get views(): MemoryViews {
    return this.#views;
  }

  /** Bytes in use. */
  get used(): number {
    return this.ranges().reduce((sum, range) => sum + range.length, 0);
  }

  /** What is in use, by offset. */
  ranges(): HostRange[] {
    return [...this.#taken.values()].toSorted((a, b) => a.offset - b.offset);
  }

  /**
   * A zeroed range with one reference.
   * @param bytes rounded up to pages
   * @throws HostMemoryFull
   */
  allocate(name: string, bytes: number): HostRange {
    const length = Math.ceil(bytes / HOST_PAGE_SIZE) * HOST_PAGE_SIZE;
    const fitting = (): Gap | undefined => this.#gaps.find((g) => g.length >= length);
    let gap = fitting();
    if (!gap) {
      this.#clearGaps();
      gap = fitting() ?? this.#grow(name, length);
    }
    const range: Taken = { name, offset: gap.offset, length, references: 1 };
    if (!gap.clean) this.#clear(gap.offset, length);
    gap.offset += length;
    gap.length -= length;
    if (gap.length === 0) this.#gaps = this.#gaps.filter((g) => g !== gap);
    this.#taken.set(range.offset, range);
    return range;
  }

  /** Makes something of several ranges. Where that throws, they are free again. */
  transaction<T>(make: () => T): T {
    const before = new Set(this.#taken.keys());
    try {
      return make();
    } catch (error) {
      for (const range of this.ranges()) if (!before.has(range.offset)) this.release(range);
      throw error;
    }
  }

  /** One more user, as passing a memfd on makes. */
  retain(range: HostRange): void {
    this.#find(range).references++;
  }

  /**
   * One user less; without any the range is free.
   * @param clear makes it all zeros then: of a user who knows which few pages are not
   */
  release(range: HostRange, clear?: () => void): void {
    const taken = this.#find(range);
    if (--taken.references > 0) return;
    clear?.();
    this.#taken.delete(taken.offset);
    this.#free({ offset: taken.offset, length: taken.length, clean: clear !== undefined });
  }

  /** Zeros. By words: JavaScript writes to shared memory element by element. */
  #clear(offset: number, length: number): void {
    this.#views.u64.fill(0n, offset / 8, (offset + length) / 8);
  }

  /** Makes one of gaps that meet. */
  #clearGaps(): void {
    for (const gap of this.#gaps) if (!gap.clean) this.#clear(gap.offset, gap.length);
    const gaps = this.#gaps.splice(0);
    for (const { offset, length } of gaps) this.#free({ offset, length, clean: true });
  }

  #find(range: HostRange): Taken {
    const taken = this.#taken.get(range.offset);
    if (!taken) throw new Error(`${range.name} at ${range.offset} is not in use`);
    return taken;
  }

  /** Puts a gap between the others and joins those that meet and are alike. */
  #free(gap: Gap): void {
    const gaps = [...this.#gaps, gap].toSorted((a, b) => a.offset - b.offset);
    this.#gaps = [];
    for (const next of gaps) {
      const last = this.#gaps.at(-1);
      if (last && last.offset + last.length === next.offset && last.clean === next.clean) last.length += next.length;
      else this.#gaps.push(next);
    }
  }

  /** Grows until the gap at the end has at least `length` bytes. */
  #grow(name: string, length: number): Gap {
    const end = this.#views.u8.length;
    const last = this.#gaps.at(-1);
    const tail = last && last.offset + last.length === end ? last.length : 0;
    const more = Math.ceil((length - tail) / WASM_PAGE);
    const left = this.#maximum - end;
    if (more * WASM_PAGE > left) throw new HostMemoryFull(name, length, left + tail, this.ranges());
    try {
      this.memory.grow(more);
    } catch (error) {
      throw new HostMemoryFull(name, length, tail, this.ranges(), ` (${String(error)})`);
    }
    this.#views = viewsOf(this.memory);
    this.#free({ offset: end, length: more * WASM_PAGE, clean: true });
    return this.#gaps.at(-1)!;
  }
}

/** Some systems cannot reserve 4 GiB of addresses. */
function reserve(maximum: number): [WebAssembly.Memory, number] {
  for (let pages = maximum; ; pages >>= 1) {
    try {
      return [new WebAssembly.Memory({ initial: 1, maximum: pages, shared: true }), pages];
    } catch (error) {
      if (pages <= 256) throw error;
    }
  }
}

function viewsOf(memory: WebAssembly.Memory): MemoryViews {
  const buffer = memory.buffer as unknown as SharedArrayBuffer;
  return {
    u8: new Uint8Array(buffer),
    u16: new Uint16Array(buffer),
    u32: new Uint32Array(buffer),
    i32: new Int32Array(buffer),
    u64: new BigUint64Array(buffer),
    dv: new DataView(buffer)
  };
}
