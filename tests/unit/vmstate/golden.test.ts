import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { descriptions } from '../../../src/lib/emulator/descriptions.ts';
import { blockSource } from '../../../src/lib/vmstate/ram-contents.ts';
import { readSnapshot } from '../../../src/lib/vmstate/savevm.ts';
import { readRange } from '../../../src/lib/vmstate/source.ts';
import { goldens, recorded, withState } from '../../support/golden.ts';

interface Meta {
  readonly ram?: readonly { readonly name: string; readonly size: number; readonly sha256: string }[];
  readonly queryMigrate?: readonly { readonly ram?: { readonly 'dirty-sync-count': number } }[];
}

const streams = goldens();
test.skipIf(streams.length > 0)('SKIPPED: no streams under tests/golden (npm run golden makes them with native QEMU)', () => undefined);

for (const golden of streams) {
  const meta = JSON.parse(recorded(golden, 'meta.json') ?? '{}') as Meta;

  test(`${golden.name} is read to its end without a problem`, async () => {
    await withState(golden, async (source) => {
      const snapshot = await readSnapshot(source, { descriptions });
      expect(snapshot.problems.filter((p) => p.severity !== 'note')).toEqual([]);
      expect(snapshot.sections.filter((s) => s.opaque).map((s) => s.name)).toEqual([]);
    });
  });

  test.runIf(meta.ram?.length)(`${golden.name} holds the memory that QEMU had when it stopped`, async () => {
    await withState(golden, async (source) => {
      const snapshot = await readSnapshot(source, { descriptions });
      for (const { name, size, sha256 } of meta.ram!) {
        const block = snapshot.ram.block(name);
        expect(block?.usedLength, name).toBe(size);
        const memory = blockSource(snapshot, block!);
        const hash = createHash('sha256');
        for (let at = 0; at < size; at += 1 << 22) hash.update(await readRange(memory, at, at + (1 << 22)));
        expect(hash.digest('hex'), name).toBe(sha256);
      }
    });
  });

  const syncs = Math.max(0, ...(meta.queryMigrate ?? []).map((q) => q.ram?.['dirty-sync-count'] ?? 0));
  test.runIf(syncs > 0)(`${golden.name} has no more inferred rounds than QEMU counted syncs`, async () => {
    await withState(golden, async (source) => {
      const { rounds } = await readSnapshot(source, { descriptions });
      expect(rounds.length).toBeGreaterThan(0);
      expect(rounds.length).toBeLessThanOrEqual(syncs);
    });
  });
}
