import type { RamBlock } from '../../src/lib/vmstate/ram-index.ts';

/** A RAM block of so many pages. */
export const block = (index: number, idstr: string, firstPage: number, pages: number): RamBlock => ({
  ...{ index, idstr, firstPage, pages, usedLength: pages * 4096, pageSize: 4096, start: 0, end: 0 }
});
