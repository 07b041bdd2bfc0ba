import { expect, test } from 'vitest';
import {
  levelNames,
  mappings,
  pageTableUse,
  pagingOf,
  PhysicalPages,
  vcpus,
  walk,
  withCr3,
  type Mapping,
  type MappingLimits
} from '../../../src/lib/vmstate/page-walk.ts';
import type { Snapshot } from '../../../src/lib/vmstate/snapshot.ts';
import { snapshot, table, type SectionSpec } from '../../support/snapshots.ts';

const MiB = 2 ** 20;
const NX = 1n << 63n;
const cpu = (cr0: bigint, cr3: bigint, cr4: bigint, efer: bigint, instance = 0): SectionSpec => ({
  name: 'cpu',
  instance,
  fields: { 'env.cr[0]': cr0, 'env.cr[3]': cr3, 'env.cr[4]': cr4, 'env.a20_mask': -1, 'env.efer': efer }
});
const PG = 0x80000011n;
const PAE = 0x20n;
const LA57 = 0x1000n;
const LONG = 0xd01n;

/** A guest of 4 MiB with the given tables at their physical addresses. */
function guest(section: SectionSpec | SectionSpec[], tables: Record<number, Uint8Array>): Snapshot {
  return snapshot({
    machine: 'microvm',
    blocks: { 'microvm.ram': 64 * MiB },
    pages: Object.fromEntries(Object.entries(tables).map(([gpa, bytes]) => [`microvm.ram:${gpa}`, bytes])),
    sections: Array.isArray(section) ? section : [section]
  });
}
const go = async (s: Snapshot, gva: bigint) => walk(new PhysicalPages(s), pagingOf(s)!, gva);
async function all(s: Snapshot, limits?: MappingLimits): Promise<Mapping[]> {
  const out: Mapping[] = [];
  for await (const m of mappings(new PhysicalPages(s), pagingOf(s)!, limits)) out.push(m);
  return out;
}
function table32(entries: Record<number, number>): Uint8Array {
  const bytes = new Uint8Array(4096);
  for (const [i, e] of Object.entries(entries)) new DataView(bytes.buffer).setUint32(Number(i) * 4, e, true);
  return bytes;
}

const fourLevel = guest(cpu(PG, 0x1000n | 0x18n, PAE, LONG), {
  0x1000: table({ 0: 0x2007n, 511: 0x6003n, 1: 0x2087n }),
  0x2000: table({ 0: 0x3007n, 1: 0x4000_0000n | 0x83n, 2: 0x4000_2000n | 0x83n }),
  0x3000: table({ 0: 0x4007n, 1: 0x0120_0000n | NX | 0x1e7n, 2: 0x0n, 3: 0x5006n }),
  0x4000: table({ 0: 0x10_0007n, 1: 0x10_1007n, 2: 0x20_0005n | NX, 5: 0x10_5003n }),
  0x6000: table({ 511: 0x3007n })
});

test('with paging off an address is its own translation', async () => {
  const s = guest(cpu(0x10n, 0n, 0n, 0n), {});
  expect(await go(s, 0x7c00n)).toMatchObject({ mode: 'none', gpa: 0x7c00, steps: [] });
  expect(await go(s, 0x1_0000_0000n)).toMatchObject({ gpa: undefined, fault: 'outside the 32-bit address space' });
  expect(await all(s)).toEqual([]);
});

test('a 4-level walk names every entry on the way', async () => {
  const w = await go(fourLevel, 0x1234n);
  expect(w).toMatchObject({ mode: '4-level', gpa: 0x10_1234, pageSize: 4096 });
  expect(w.steps).toEqual([
    { level: 'PML4', entryGpa: 0x1000, index: 0, entry: 0x2007n, flags: ['P', 'R/W', 'U/S'] },
    { level: 'PDPT', entryGpa: 0x2000, index: 0, entry: 0x3007n, flags: ['P', 'R/W', 'U/S'] },
    { level: 'PD', entryGpa: 0x3000, index: 0, entry: 0x4007n, flags: ['P', 'R/W', 'U/S'] },
    { level: 'PT', entryGpa: 0x4008, index: 1, entry: 0x10_1007n, flags: ['P', 'R/W', 'U/S'] }
  ]);
});

test('large pages end a walk early, with their own flags', async () => {
  const two = await go(fourLevel, 0x20_1234n);
  expect(two).toMatchObject({ gpa: 0x0120_1234, pageSize: 2 * MiB });
  expect(two.steps.at(-1)?.flags).toEqual(['P', 'R/W', 'U/S', 'A', 'D', 'PS', 'G', 'XD']);
  expect(await go(fourLevel, 0x4000_5678n)).toMatchObject({ gpa: 0x4000_5678, pageSize: 1024 * MiB });
});

test('a fault says which entry stopped the walk', async () => {
  expect((await go(fourLevel, 0x40_0000n)).fault).toBe('the PD entry is not present');
  expect((await go(fourLevel, 0x8000_0000n)).fault).toBe('reserved bit 13 set in the PDPT entry');
  expect((await go(fourLevel, 0x80_0000_0000n)).fault).toBe('reserved bit 7 set in the PML4 entry');
  expect((await go(fourLevel, 0x8000_0000_0000n)).fault).toBe('not a canonical address');
  expect(await go(fourLevel, 0xffff_ffff_c000_0000n)).toMatchObject({ gpa: 0x10_0000 });
});

test('bit 63 is reserved until EFER.NXE is set', async () => {
  const s = guest(cpu(PG, 0x1000n, PAE, 0x501n), {
    0x1000: table({ 0: 0x2007n }),
    0x2000: table({ 0: 0x83n | NX })
  });
  expect((await go(s, 0n)).fault).toBe('reserved bit 63 set in the PDPT entry');
});

test('5-level paging adds a table and nine address bits', async () => {
  const s = guest(cpu(PG, 0x1000n, PAE | LA57, LONG), {
    0x1000: table({ 1: 0x2007n }),
    0x2000: table({ 0: 0x3007n }),
    0x3000: table({ 0: 0x4000_0083n })
  });
  const w = await go(s, 0x1_0000_0000_1234n);
  expect(w).toMatchObject({ mode: '5-level', gpa: 0x4000_1234 });
  expect(w.steps.map((x) => x.level)).toEqual(['PML5', 'PML4', 'PDPT']);
  expect((await go(s, 0x0100_0000_0000_0000n)).fault).toBe('not a canonical address');
});

test('PAE has four directory pointers at a 32-byte boundary', async () => {
  const pdpt = new Uint8Array(4096);
  new DataView(pdpt.buffer).setBigUint64(0x40 + 3 * 8, 0x2001n, true);
  new DataView(pdpt.buffer).setBigUint64(0x40 + 1 * 8, 0x2003n, true);
  const s = guest(cpu(PG, 0x1040n, PAE, 0x800n), {
    0x1000: pdpt,
    0x2000: table({ 0: 0x3007n, 1: (1n << 35n) | 0x80_0083n }),
    0x3000: table({ 4: 0x7007n | NX })
  });
  expect(await go(s, 0xc000_4567n)).toMatchObject({ mode: 'PAE', gpa: 0x7567, pageSize: 4096 });
  expect(await go(s, 0xc020_0001n)).toMatchObject({ gpa: 2 ** 35 + 0x80_0001, pageSize: 2 * MiB });
  expect((await go(s, 0x4000_0000n)).fault).toBe('reserved bit 1 set in the PDPT entry');
  expect(await all(s)).toEqual([
    { gva: 0xc000_4000n, gpa: 0x7000, bytes: 4096, pageSize: 4096, flags: ['R/W', 'U/S', 'XD'] },
    { gva: 0xc020_0000n, gpa: 2 ** 35 + 0x80_0000, bytes: 2 * MiB, pageSize: 2 * MiB, flags: ['R/W'] }
  ]);
});

test('32-bit paging: 4 MiB pages need CR4.PSE, and PSE-36 reaches above 4 GiB', async () => {
  const tables = {
    0x1000: table32({ 0: 0x2007, 1: 0x0040_0083, 2: (0x03 << 13) | 0x00c0_0083, 3: 0x20_0083 }),
    0x2000: table32({ 3: 0x9007 })
  };
  const pse = guest(cpu(PG, 0x1000n, 0x10n, 0n), tables);
  expect(await go(pse, 0x3abcn)).toMatchObject({ mode: '32-bit', gpa: 0x9abc, pageSize: 4096 });
  expect(await go(pse, 0x40_1000n)).toMatchObject({ gpa: 0x40_1000, pageSize: 4 * MiB });
  expect(await go(pse, 0x80_0004n)).toMatchObject({ gpa: 3 * 2 ** 32 + 0xc0_0004 });
  expect((await go(pse, 0xc0_0000n)).fault).toBe('reserved bit 21 set in the PD entry');
  const plain = guest(cpu(PG, 0x1000n, 0n, 0n), tables);
  expect((await go(plain, 0x40_1000n)).steps).toHaveLength(2);
});

test('address line 20 held low folds odd megabytes down', async () => {
  const s = guest(
    { ...cpu(0x10n, 0n, 0n, 0n), fields: { ...cpu(0x10n, 0n, 0n, 0n).fields, 'env.a20_mask': ~0x100000 } },
    {}
  );
  expect(await go(s, 0x10_0010n)).toMatchObject({ gpa: 0x10 });
});

test('mappings join pages that follow each other with equal rights', async () => {
  expect((await all(fourLevel)).slice(0, 5)).toEqual([
    { gva: 0n, gpa: 0x10_0000, bytes: 0x2000, pageSize: 4096, flags: ['R/W', 'U/S'] },
    { gva: 0x2000n, gpa: 0x20_0000, bytes: 0x1000, pageSize: 4096, flags: ['U/S', 'XD'] },
    { gva: 0x5000n, gpa: 0x10_5000, bytes: 0x1000, pageSize: 4096, flags: ['R/W'] },
    { gva: 0x20_0000n, gpa: 0x120_0000, bytes: 2 * MiB, pageSize: 2 * MiB, flags: ['R/W', 'U/S', 'XD'] },
    { gva: 0x4000_0000n, gpa: 0x4000_0000, bytes: 2 ** 30, pageSize: 2 ** 30, flags: ['R/W'] }
  ]);
  expect((await all(fourLevel)).at(-1)).toMatchObject({ gva: 0xffff_ffff_c020_0000n, flags: ['R/W', 'XD'] });
});

test('a table that maps itself is cut off, and the reason is told', async () => {
  const entries = Object.fromEntries(Array.from({ length: 512 }, (_, i) => [i, 0x1007n]));
  const s = guest(cpu(PG, 0x1000n, PAE, LONG), { 0x1000: table(entries) });
  const why: string[] = [];
  const some = await all(s, { maxTables: 20, maxRuns: 100, onCut: (w) => why.push(w) });
  expect(some.length).toBeLessThanOrEqual(100);
  expect(why).toHaveLength(1);
  const use = await pageTableUse(s);
  expect([...use.levels].map(([page, bits]) => [page, levelNames(bits)])).toEqual([[1, ['PML4', 'PDPT', 'PD', 'PT']]]);
});

test('page tables are found from the CR3 of every vCPU', async () => {
  const s = guest([cpu(PG, 0x1000n, PAE, LONG), cpu(PG, 0x9000n, PAE, LONG, 1)], {
    0x1000: table({ 0: 0x2007n }),
    0x2000: table({ 0: 0x3007n }),
    0x3000: table({ 0: 0x4007n, 1: 0x20_0083n }),
    0x9000: table({ 7: 0x2007n, 8: 0xffff_ffff_f007n })
  });
  expect(vcpus(s)).toEqual([0, 1]);
  const use = await pageTableUse(s);
  expect(Object.fromEntries(use.levels)).toEqual({ 1: 8, 2: 4, 3: 2, 4: 1, 9: 8 });
  expect(use.cut).toBe(false);
});

test('another CR3 gives another address space', async () => {
  const s = guest(cpu(PG, 0x1000n, PAE, LONG), { 0x5000: table({ 0: 0x6007n }), 0x6000: table({ 0: 0x83n }) });
  const w = await walk(new PhysicalPages(s), withCr3(pagingOf(s)!, 0x5000n), 0x1234n);
  expect(w.gpa).toBe(0x1234);
});

test('without a decoded cpu section there is no paging to ask', () => {
  expect(pagingOf(snapshot({ machine: 'microvm' }))).toBeUndefined();
});
