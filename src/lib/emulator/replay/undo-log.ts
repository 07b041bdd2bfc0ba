/**
 * Pages of RAM as they were before they were written to, in shared memory: whoever holds it can put RAM back when the
 * worker that wrote has died. It lies outside of the host's memory, so that guests keep all of that.
 *
 * Words (u32): generation, entries (LOST where something could not be kept); from TABLE on two for each entry, the
 * number of the host page and that of its contents here, 0 for zeros; the contents follow on page boundaries.
 */
import { PAGE } from '../../vmstate/page.ts';

const WASM_PAGE = 0x10000;
/** Pages that it grows by: a MiB. */
const GROWTH = 16;
const WORD = 4;
const TABLE = PAGE / WORD;
const LOST = 0xffff_ffff;
const GENERATION = 0;
const ENTRIES = 1;

/** A log as it is given to another worker. */
export interface UndoMemory {
  readonly memory: WebAssembly.Memory;
  /** Entries that its table has room for. */
  readonly most: number;
}

const contentsAt = (most: number): number => Math.ceil((TABLE * WORD + 2 * WORD * most) / PAGE) * PAGE;

export class UndoLog {
  readonly shared: UndoMemory;
  readonly #limit: number;
  #words: Uint32Array;
  #contents = 0;
  readonly #seen = new Set<number>();

  /**
   * @param most different pages that may be written to
   * @param limit bytes of contents that it may take
   */
  constructor(most: number, limit: number) {
    const initial = Math.ceil(contentsAt(most) / WASM_PAGE);
    this.#limit = limit;
    const maximum = initial + Math.ceil(limit / (GROWTH * WASM_PAGE)) * GROWTH;
    this.shared = { memory: new WebAssembly.Memory({ initial, maximum, shared: true }), most };
    this.#words = new Uint32Array(this.shared.memory.buffer);
  }

  /** What was kept is given up: RAM as it is now is what is come back to. @param generation counts such moments */
  begin(generation: number): void {
    this.#seen.clear();
    this.#contents = 0;
    Atomics.store(this.#words, ENTRIES, 0);
    Atomics.store(this.#words, GENERATION, generation);
  }

  /** Keeps a page that is about to be written to. @param bytes undefined for zeros */
  add(page: number, bytes: Uint8Array | undefined): void {
    const entries = Atomics.load(this.#words, ENTRIES);
    if (entries === LOST || this.#seen.has(page)) return;
    const slot = bytes ? this.#put(bytes) : 0;
    if (slot === undefined || entries >= this.shared.most) {
      Atomics.store(this.#words, ENTRIES, LOST);
      return;
    }
    this.#seen.add(page);
    this.#words[TABLE + 2 * entries] = page;
    this.#words[TABLE + 2 * entries + 1] = slot;
    // Last: an entry counts when it is whole.
    Atomics.store(this.#words, ENTRIES, entries + 1);
  }

  /** Its number, from 1 on; undefined where there is no room. */
  #put(bytes: Uint8Array): number | undefined {
    const { memory, most } = this.shared;
    if ((this.#contents + 1) * PAGE > this.#limit) return undefined;
    const at = contentsAt(most) + this.#contents * PAGE;
    if (at + PAGE > this.#words.byteLength && !this.#grow()) return undefined;
    new Uint8Array(memory.buffer).set(bytes, at);
    return ++this.#contents;
  }

  #grow(): boolean {
    try {
      this.shared.memory.grow(GROWTH);
    } catch {
      return false;
    }
    this.#words = new Uint32Array(this.shared.memory.buffer);
    return true;
  }
}

/** What a log has: pages by the number of their host page, `undefined` for zeros. Undefined: it could not keep all. */
export function readUndoLog({
  memory,
  most
}: UndoMemory): { generation: number; pages: [number, Uint8Array | undefined][] } | undefined {
  const words = new Uint32Array(memory.buffer);
  const [generation, entries] = [Atomics.load(words, GENERATION), Atomics.load(words, ENTRIES)];
  if (entries === LOST || entries > most) return undefined;
  const base = contentsAt(most);
  return {
    generation,
    pages: Array.from({ length: entries }, (_, i) => {
      const slot = words[TABLE + 2 * i + 1]!;
      const at = base + (slot - 1) * PAGE;
      return [words[TABLE + 2 * i]!, slot === 0 ? undefined : new Uint8Array(memory.buffer, at, PAGE)];
    })
  };
}
