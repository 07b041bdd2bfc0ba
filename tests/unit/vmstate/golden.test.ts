import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { descriptions } from '../../../src/lib/emulator/descriptions.ts';
import type { PageRace } from '../../../src/lib/vmstate/multifd.ts';
import { blockSource, latestTable, type PageTable } from '../../../src/lib/vmstate/ram-contents.ts';
import type { RamBlock } from '../../../src/lib/vmstate/ram-index.ts';
import { readSnapshot } from '../../../src/lib/vmstate/savevm.ts';
import type { Snapshot } from '../../../src/lib/vmstate/snapshot.ts';
import { readRange } from '../../../src/lib/vmstate/source.ts';
import { goldens, recorded, withFiles } from '../../support/golden.ts';

interface Block {
  readonly name: string;
  readonly size: number;
  readonly sha256: string;
}
interface Meta {
  /** Memory of the stopped source. */
  readonly ram?: readonly Block[];
  /** Memory of a native QEMU that loaded the stream: 7.2 loses writes of a guest that runs on (migration.md 10). */
  readonly loaded?: readonly Block[];
  readonly queryMigrate?: readonly { readonly ram?: { readonly 'dirty-sync-count': number } }[];
}

/** Races that are tried both ways: twice as many hashes for each. */
const MAX_RACES = 4;

async function hashBlock(snapshot: Snapshot, block: RamBlock, table?: PageTable): Promise<string> {
  const memory = blockSource(snapshot, block, table);
  const hash = createHash('sha256');
  for (let at = 0; at < block.usedLength; at += 1 << 22) hash.update(await readRange(memory, at, at + (1 << 22)));
  return hash.digest('hex');
}

/** What a destination may hold whose threads ran otherwise: for each race either of its two pages. */
async function possible(snapshot: Snapshot, block: RamBlock, races: readonly PageRace[]): Promise<string[]> {
  const hashes = [];
  const latest = latestTable(snapshot.ram);
  for (let choice = 1; choice < 1 << races.length; choice++) {
    const chosen = new Map(races.filter((_, i) => choice & (1 << i)).map(({ page, earlier }) => [page, earlier + 1]));
    hashes.push(await hashBlock(snapshot, block, { get: (page) => chosen.get(page) ?? latest.get(page) }));
  }
  return hashes;
}

const streams = goldens();
test.skipIf(streams.length > 0)(
  'SKIPPED: no streams under tests/golden (npm run golden makes them with native QEMU)',
  () => undefined
);

for (const golden of streams) {
  const meta = JSON.parse(recorded(golden, 'meta.json') ?? '{}') as Meta;

  test(`${golden.name} is read to its end without a problem`, async () => {
    await withFiles(golden, async (source, files) => {
      const snapshot = await readSnapshot(source, { descriptions, ...files });
      expect(snapshot.problems.filter((p) => p.severity !== 'note')).toEqual([]);
      expect(snapshot.sections.filter((s) => s.opaque).map((s) => s.name)).toEqual([]);
    });
  });

  const blocks = meta.loaded ?? meta.ram;
  test.runIf(blocks?.length)(
    `${golden.name} holds the memory that QEMU ${meta.loaded ? 'loads from it' : 'had when it stopped'}`,
    async () => {
      await withFiles(golden, async (source, files) => {
        const snapshot = await readSnapshot(source, { descriptions, ...files });
        // cpr-transfer hands memory over as descriptors: the stream names the blocks and nothing else.
        if (golden.name.endsWith('/cpr-transfer')) return expect(snapshot.ram.count).toBe(0);
        for (const { name, size, sha256 } of blocks!) {
          const block = snapshot.ram.block(name)!;
          expect(block.usedLength, name).toBe(size);
          const ours = await hashBlock(snapshot, block);
          const races = snapshot.races.filter(({ page }) => snapshot.ram.blockOf(page) === block).slice(0, MAX_RACES);
          if (ours === sha256 || races.length === 0) expect(ours, name).toBe(sha256);
          else expect(await possible(snapshot, block, races), name).toContain(sha256);
        }
      });
    }
  );

  const syncs = Math.max(0, ...(meta.queryMigrate ?? []).map((q) => q.ram?.['dirty-sync-count'] ?? 0));
  test.runIf(syncs > 0)(`${golden.name} has no more inferred rounds than QEMU counted syncs`, async () => {
    await withFiles(golden, async (source, files) => {
      const { rounds, ram, features } = await readSnapshot(source, { descriptions, ...files });
      if (ram.count > 0 && !features.mappedRam) expect(rounds.length).toBeGreaterThan(0);
      expect(rounds.length).toBeLessThanOrEqual(syncs);
    });
  });
}
