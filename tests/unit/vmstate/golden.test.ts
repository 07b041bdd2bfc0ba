import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { descriptions } from '../../../src/lib/emulator/descriptions.ts';
import { blockSource } from '../../../src/lib/vmstate/ram-contents.ts';
import { readSnapshot } from '../../../src/lib/vmstate/savevm.ts';
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
          const block = snapshot.ram.block(name);
          expect(block?.usedLength, name).toBe(size);
          const memory = blockSource(snapshot, block!);
          const hash = createHash('sha256');
          for (let at = 0; at < size; at += 1 << 22) hash.update(await readRange(memory, at, at + (1 << 22)));
          expect(hash.digest('hex'), name).toBe(sha256);
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
