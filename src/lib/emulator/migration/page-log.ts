/** Keeps for observers which pages a round sent, and who made them dirty. */
import type { DirtyBlock, PageWriters, SendKind, SentBlock } from '../migration-api.ts';
import type { PhysMem, RAMBlock } from '../system/physmem.ts';
import { PAGE } from './savevm.ts';

/** Order of `SentBlock.how`. */
const KINDS: readonly SendKind[] = ['normal', 'zero', 'xbzrle', 'skipped'];
/** Of one round; a guest of 16 GiB. What is beyond is counted only. */
const MOST = 1 << 22;
const FIRST = 1 << 10;

interface Sent {
  page: Uint32Array;
  how: Uint8Array;
  bytes: Uint16Array;
  length: number;
}

export class PageLog {
  #blocks = new Map<RAMBlock, Sent>();
  #all = 0;

  /** As `RamOptions.onPage`. */
  add(block: RAMBlock, page: number, how: SendKind, bytes: number): void {
    if (++this.#all > MOST) return;
    let sent = this.#blocks.get(block);
    if (!sent) this.#blocks.set(block, (sent = room(FIRST)));
    if (sent.length === sent.page.length) grow(sent);
    sent.page[sent.length] = page;
    sent.how[sent.length] = KINDS.indexOf(how);
    sent.bytes[sent.length++] = bytes;
  }

  /** What came since it was asked before. */
  take(): { readonly sent: readonly SentBlock[]; readonly more: number } {
    const sent = [...this.#blocks].map(([{ idstr }, s]) => ({
      ...{ block: idstr, page: s.page.slice(0, s.length) },
      ...{ how: s.how.slice(0, s.length), bytes: s.bytes.slice(0, s.length) }
    }));
    const more = Math.max(0, this.#all - MOST);
    this.#blocks = new Map();
    this.#all = 0;
    return { sent, more };
  }
}

const room = (pages: number): Sent => ({
  ...{ page: new Uint32Array(pages), how: new Uint8Array(pages), bytes: new Uint16Array(pages), length: 0 }
});
function grow(sent: Sent): void {
  const larger = room(2 * sent.page.length);
  larger.page.set(sent.page);
  larger.how.set(sent.how);
  larger.bytes.set(sent.bytes);
  Object.assign(sent, { ...larger, length: sent.length });
}

/** Adds who was seen last to write to each of the dirty pages. */
export function withWriters(dirty: readonly DirtyBlock[], physmem: PhysMem): DirtyBlock[] {
  return dirty.map((d) => {
    const block = physmem.block(d.block);
    return block ? { ...d, writers: writersOf(d, block.offset, physmem) } : d;
  });
}

function writersOf({ bitmap, pages }: DirtyBlock, offset: number, physmem: PhysMem): PageWriters {
  const names = [''];
  const numbers = new Map<bigint | 'device' | undefined, number>([[undefined, 0]]);
  const of: number[] = [];
  for (let page = 0; page < pages; page++) {
    // Eight clean ones at a time.
    if ((page & 7) === 0 && bitmap[page >> 3] === 0) page += 7;
    else if (bitmap[page >> 3]! & (1 << (page & 7))) {
      const writer = physmem.writerOf(offset + page * PAGE);
      let number = numbers.get(writer);
      if (number === undefined) {
        // More instructions than an index can name are nobody.
        number = names.length > 0xffff ? 0 : names.push(nameOf(writer)) - 1;
        numbers.set(writer, number);
      }
      of.push(number);
    }
  }
  return { names, of: Uint16Array.from(of) };
}
const nameOf = (writer: bigint | 'device' | undefined): string =>
  typeof writer === 'bigint' ? `0x${writer.toString(16)}` : (writer ?? '');

/** Adds names of symbols to instructions: `0x102030` becomes `0x102030 memset`. */
export function withSymbols(
  dirty: readonly DirtyBlock[],
  nameOf: (address: bigint) => string | undefined
): readonly DirtyBlock[] {
  const named = (name: string): string => {
    const symbol = name.startsWith('0x') ? nameOf(BigInt(name)) : undefined;
    return symbol === undefined ? name : `${name} ${symbol}`;
  };
  return dirty.map((d) => (d.writers ? { ...d, writers: { ...d.writers, names: d.writers.names.map(named) } } : d));
}
