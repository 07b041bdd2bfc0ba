/**
 * `info mtree`: the address spaces that CPUs and devices see, as trees, or with -f as what they come to.
 * Source: QEMU system/memory.c (mtree_print_mr, mtree_print_flatview); containers have their own kind from QEMU 11 on.
 */
import type { Machine } from '../machine.ts';
import type { AddressSpace, FlatRange, MemoryRegion } from '../system/memory.ts';
import { hexDigits } from '../../vmstate/hex.ts';

/** A guest that maps a device over and over in itself fills no more. */
const MAX_LINES = 10_000;
const TOP = 0xffff_ffff_ffff_ffffn;

/** The last address of a region: the largest are as large as the whole space. */
const last = (start: number, size: number): bigint => {
  const end = BigInt(start) + BigInt(size) - 1n;
  return end > TOP ? TOP : end;
};

const kindOf = (region: MemoryRegion): string => {
  if (region.alias) return kindOf(region.alias);
  if (region.ram) return region.readonly ? 'rom' : 'ram';
  return region.container ? 'i/o' : 'container';
};

/** By address; of those at one address the one that hides the others first. */
const inOrder = (regions: readonly MemoryRegion[]): readonly MemoryRegion[] =>
  regions.toSorted((a, b) => a.addr - b.addr || b.priority - a.priority);

/** @param aliased gets what aliases lead to, in the order of their finding */
function tree(root: MemoryRegion, aliased: Set<MemoryRegion>): string[] {
  const lines: string[] = [];
  const walk = (region: MemoryRegion, base: number, depth: number): void => {
    if (region.alias) aliased.add(region.alias);
    if (lines.length >= MAX_LINES) return;
    const start = base + region.addr;
    const { aliasOffset } = region;
    const to = region.alias
      ? `alias ${region.name} @${region.alias.name} ${hexDigits(aliasOffset, 16)}-${hexDigits(last(aliasOffset, region.size), 16)}`
      : region.name;
    if (region.enabled)
      lines.push(
        `${'  '.repeat(depth)}${hexDigits(start, 16)}-${hexDigits(last(start, region.size), 16)} ` +
          `(prio ${region.priority}, ${kindOf(region)}): ${to}`
      );
    for (const child of inOrder(region.subregions)) walk(child, start, depth + 1);
  };
  walk(root, 0, 1);
  return lines;
}

const rangeLine = (start: number, end: number, what: string, kind: string, offset: number): string =>
  `  ${hexDigits(start, 16)}-${hexDigits(BigInt(end) - 1n, 16)} (${kind}): ${what}${offset ? ` @${hexDigits(offset, 16)}` : ''}`;

const flatLine = ({ start, end, region, readonly, offset }: FlatRange): string =>
  rangeLine(start, end, region.name, `prio ${region.priority}, ${readonly ? 'rom' : kindOf(region)}`, offset);

const flatView = ({ name, root, ranges }: AddressSpace, n: number): string[] => [
  `FlatView #${n}`,
  ` AS "${name}", root: ${root.name}`,
  ` Root memory region: ${root.name}`,
  ...ranges.map(flatLine),
  ''
];

export function infoMtree({ board, memory }: Machine, args: string): string {
  const spaces = [board.pc.ports.space, memory];
  if (/(^|\s)-\w*f/.test(args)) return spaces.flatMap(flatView).join('\n');
  const aliased = new Set<MemoryRegion>();
  const lines = spaces.flatMap(({ name, root }) => [`address-space: ${name}`, ...tree(root, aliased), '']);
  // What is found on the way is shown, too.
  for (const region of aliased) lines.push(`memory-region: ${region.name}`, ...tree(region, aliased), '');
  return lines.join('\n');
}
