/** Where in guest memory the selection is. */
import type { RamBlock } from '../../vmstate/ram-index.ts';
import type { PhysicalRange } from '../../vmstate/memory-map.ts';
import type { Selection } from '../selection.svelte.ts';
import { PAGE } from '../../vmstate/page.ts';

export interface GuestAddress {
  readonly space: 'virtual' | 'physical';
  readonly address: bigint;
}

/** Undefined where what is selected is not in guest memory, or the guest sees it nowhere. */
export function selectedAddress(
  selection: Selection,
  map: readonly PhysicalRange[],
  blocks: readonly Pick<RamBlock, 'idstr' | 'firstPage' | 'usedLength'>[]
): GuestAddress | undefined {
  if (selection.kind === 'gva') return { space: 'virtual', address: selection.gva };
  if (selection.kind !== 'page') return undefined;
  const { page, offset = 0 } = selection;
  const block = blocks.find((b) => page >= b.firstPage && page < b.firstPage + Math.ceil(b.usedLength / PAGE));
  if (!block) return undefined;
  const inside = (page - block.firstPage) * PAGE + offset;
  const range = map.find((r) => r.block === block.idstr && r.offset <= inside && inside < r.offset + r.bytes);
  return range && { space: 'physical', address: BigInt(range.gpa + inside - range.offset) };
}
