/** Memory that is not in the stream itself, against what QEMU had: multifd channels, mapped-ram, shared RAM files. */
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { blockSource } from '../../../src/lib/vmstate/ram-contents.ts';
import { readSnapshot, type ReadOptions } from '../../../src/lib/vmstate/savevm.ts';
import type { Snapshot } from '../../../src/lib/vmstate/snapshot.ts';
import { bytesSource, readRange } from '../../../src/lib/vmstate/source.ts';
import { goldens, recorded, type Golden } from '../../support/golden.ts';

interface BlockHash {
  readonly name: string;
  readonly sha256: string;
}
interface Meta {
  readonly ram: readonly BlockHash[];
  readonly loaded?: readonly BlockHash[];
}

const file = (golden: Golden, name: string): { name: string; source: ReturnType<typeof bytesSource> } => ({
  name,
  source: bytesSource(readFileSync(join(golden.folder, name)))
});

/** What a person would drop together. */
async function open(golden: Golden): Promise<Snapshot> {
  const names = readdirSync(golden.folder);
  const options: ReadOptions = {
    channels: names.filter((n) => /^channel-\d+$/.test(n)).map((n) => file(golden, n)),
    sharedRam: names.filter((n) => n === 'ram').map((n) => file(golden, n))
  };
  return readSnapshot(file(golden, 'state').source, options);
}

async function sha256(snapshot: Snapshot, name: string): Promise<string> {
  const block = snapshot.ram.block(name)!;
  const memory = blockSource(snapshot, block);
  const hash = createHash('sha256');
  for (let at = 0; at < block.usedLength; at += 1 << 22) hash.update(await readRange(memory, at, at + (1 << 22)));
  return hash.digest('hex');
}

const streams = goldens().filter(
  ({ folder, name }) =>
    existsSync(join(folder, 'channel-0')) ||
    (existsSync(join(folder, 'ram')) && !name.includes('cpr')) ||
    name.includes('mapped-ram')
);
test.skipIf(streams.length > 0)(
  'SKIPPED: no streams with sidecars (npm run golden makes them with native QEMU)',
  () => undefined
);

for (const golden of streams) {
  test(`${golden.name} holds the memory that QEMU had`, async () => {
    // What a destination loaded is exact; QEMU 7.2 under TCG loses writes of a guest that runs while it migrates.
    const { ram, loaded } = JSON.parse(recorded(golden, 'meta.json')!) as Meta;
    const snapshot = await open(golden);
    expect(snapshot.problems.filter((p) => p.severity !== 'note')).toEqual([]);
    for (const { name, sha256: expected } of loaded ?? ram) expect(await sha256(snapshot, name), name).toBe(expected);
  });
}
