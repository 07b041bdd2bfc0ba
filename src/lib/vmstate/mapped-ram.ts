/**
 * Pages that lie in a file at fixed places: mapped-ram (since 9.0) and the RAM file of an x-ignore-shared state. Such
 * files have no history: a page that was sent again was written over.
 * Source: QEMU migration/ram.c (mapped_ram_setup_ramblock, read_ramblock_mapped_ram), docs/devel/migration/mapped-ram.rst.
 */
import { hashPage } from './page-hash.ts';
import type { Problems } from './problem.ts';
import { MAX_SOURCES, PageKind, type RamBlock, type RamIndex } from './ram-index.ts';
import { sequential, type ByteSource } from './source.ts';
import type { Yield } from './stream-window.ts';
import { PAGE } from './page.ts';

/** Bytes of bitmap and of pages that are read at a time. */
const PIECE = 2 ** 20;

interface Target {
  readonly block: RamBlock;
  readonly source: number;
  readonly file: ByteSource;
  /** Of page 0 in the file. */
  readonly pagesOffset: number;
}

/** Hashes and adds pages [first, last) of a block; the number that the file holds. */
async function addPages(
  { block, source, file, pagesOffset }: Target,
  first: number,
  last: number,
  ram: RamIndex,
  buffer: Uint8Array,
  zerosAreZero: boolean,
  yieldTo: Yield
): Promise<number> {
  const input = sequential(file, pagesOffset + first * PAGE, pagesOffset + last * PAGE);
  for (let page = first; page < last;) {
    const pause = yieldTo();
    if (pause) await pause;
    const at = pagesOffset + page * PAGE;
    const want = Math.min(PIECE, Math.min(last - page, ram.room) * PAGE);
    if (want === 0) return page - first;
    let have = 0;
    while (have < want) {
      const got = await input.read(buffer.subarray(have, want));
      if (got === 0) break;
      have += got;
    }
    // A sparse file may end inside its last page.
    if (have % PAGE !== 0) buffer.fill(0, have, Math.ceil(have / PAGE) * PAGE);
    const pages = Math.ceil(have / PAGE);
    for (let i = 0; i < pages; i++) {
      const { low, high, zero } = hashPage(buffer.subarray(i * PAGE, (i + 1) * PAGE));
      const kind = zero && zerosAreZero ? PageKind.zero : PageKind.mapped;
      ram.add(kind, block.firstPage + page + i, at + i * PAGE, source, low, high, 0);
    }
    page += pages;
    if (have < want) return page - first;
  }
  return last - first;
}

/**
 * Adds a `mapped` record for every page whose bit is set. A page without a record was never sent: it reads as zeros,
 * which is what a new QEMU has there.
 * @param file the file, or the part of it that the stream is in
 * @param streamOffset where that part starts in the file: offsets of mapped-ram count from the file's start
 */
export async function addMappedRam(
  file: ByteSource,
  ram: RamIndex,
  problems: Problems,
  streamOffset = 0,
  yieldTo: Yield = () => undefined
): Promise<void> {
  const buffer = new Uint8Array(PIECE);
  const bitmap = new Uint8Array(PIECE);
  for (const block of ram.blocks) {
    if (!block.mapped) continue;
    const complain = (code: string, at: number, message: string): void =>
      problems.add({ code, severity: 'warning', section: 'ram/0', path: block.idstr, at, message });
    const { pageSize } = block.mapped;
    const bitmapOffset = block.mapped.bitmapOffset - streamOffset;
    const pagesOffset = block.mapped.pagesOffset - streamOffset;
    if (pageSize !== PAGE || pagesOffset < 0 || bitmapOffset < 0) {
      complain(
        'mapped-ram-header',
        block.start,
        `mapped-ram header with page size ${pageSize}, offsets ${bitmapOffset}, ${pagesOffset}`
      );
      continue;
    }
    if (block.mapped.pagesOffset % PAGE !== 0) {
      complain('mapped-ram-alignment', block.start, 'the region of pages has bad alignment');
      continue;
    }
    const target: Target = { block, source: 0, file, pagesOffset };
    const bytes = Math.ceil(block.pages / 8);
    let cut = 0;
    for (let done = 0; done < bytes && ram.room > 0;) {
      const got = await file.read(bitmapOffset + done, bitmap.subarray(0, Math.min(PIECE, bytes - done)));
      if (got === 0) {
        complain('mapped-ram-bitmap', bitmapOffset + done, 'Error reading dirty bitmap: the file ends');
        break;
      }
      for (const [first, last] of runs(bitmap.subarray(0, got), done * 8, block.pages)) {
        cut += last - first - (await addPages(target, first, last, ram, buffer, false, yieldTo));
      }
      done += got;
    }
    if (ram.room === 0) return complain('too-many-pages', block.start, `more than ${ram.count} pages`);
    if (cut > 0) complain('mapped-ram-pages', file.size, `the file ends before ${cut} pages of the block`);
  }
}

export function tooManyFiles(name: string, problems: Problems): void {
  const message = `${name} is not read: at most ${MAX_SOURCES} files beside the stream`;
  problems.add({ code: 'too-many-files', severity: 'warning', at: 0, message });
}

/** Runs [first, last) of set bits below `end`; bit 0 of byte 0 stands for page `base` (little-endian longs). */
export function* runs(bitmap: Uint8Array, base: number, end: number): Generator<readonly [number, number]> {
  let first = -1;
  const stop = Math.min(base + bitmap.length * 8, end);
  for (let page = base; page < stop;) {
    const bit = page - base;
    const byte = bitmap[bit >> 3]!;
    // Whole bytes that change nothing.
    if ((bit & 7) === 0 && (first < 0 ? byte === 0 : byte === 0xff) && page + 8 <= stop) {
      page += 8;
      continue;
    }
    const set = (byte >> (bit & 7)) & 1;
    if (set && first < 0) first = page;
    else if (!set && first >= 0) {
      yield [first, page];
      first = -1;
    }
    page++;
  }
  if (first >= 0) yield [first, stop];
}

/** Adds the pages of a block that was left out of the stream (x-ignore-shared), from the file that backs it. */
export async function addSharedRam(
  file: ByteSource,
  block: RamBlock,
  ram: RamIndex,
  problems: Problems,
  yieldTo: Yield = () => undefined
): Promise<void> {
  if (ram.sources.length > MAX_SOURCES) return tooManyFiles(`the memory of ${block.idstr}`, problems);
  const source = ram.sources.push(file) - 1;
  const pages = Math.min(block.pages, Math.ceil(file.size / PAGE));
  const buffer = new Uint8Array(PIECE);
  const added = await addPages({ block, source, file, pagesOffset: 0 }, 0, pages, ram, buffer, true, yieldTo);
  if (added === pages) return;
  const message = `${added} of ${pages} pages of ${block.idstr} could be read`;
  problems.add({ code: 'ram-file-pages', severity: 'warning', at: block.start, message });
}
