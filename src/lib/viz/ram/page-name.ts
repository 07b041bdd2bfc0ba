/** What a page is called: its block and the offset there. */
import type { RamBlock } from '../../vmstate/ram-index.ts';
import { plainHex } from '../format.ts';

export function pageName(page: number, blocks: readonly RamBlock[]): string {
  const block = blocks.findLast((b) => b.firstPage <= page);
  return block ? `${block.idstr} + ${plainHex((page - block.firstPage) * 4096)}` : `page ${page}`;
}
