import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { ZERO_PAGE_HASH } from '../../../src/lib/vmstate/page-hash.ts';
import { readSnapshot } from '../../../src/lib/vmstate/savevm.ts';
import type { Snapshot } from '../../../src/lib/vmstate/snapshot.ts';
import { bytesSource, readRange } from '../../../src/lib/vmstate/source.ts';
import { writeStream, type WriteMode } from '../../../src/lib/vmstate/write-stream.ts';
import { descriptions } from '../../../src/lib/emulator/descriptions.ts';
import { goldens, withFiles, withState } from '../../support/golden.ts';

async function written(snapshot: Snapshot, mode: WriteMode): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  for await (const piece of writeStream(snapshot, mode)) pieces.push(piece);
  return Buffer.concat(pieces);
}
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** One hash over the content hashes of all pages of each block; a page that never came counts as zeros. */
function ramHashes({ ram }: Snapshot): Record<string, string> {
  const out: Record<string, string> = {};
  for (const block of ram.blocks) {
    const hashes = new Uint32Array(block.pages * 2);
    for (let i = 0; i < block.pages; i++) {
      const record = ram.latest(block.firstPage + i);
      hashes[2 * i] = record < 0 ? ZERO_PAGE_HASH.low : ram.hashLowOf(record);
      hashes[2 * i + 1] = record < 0 ? ZERO_PAGE_HASH.high : ram.hashHighOf(record);
    }
    out[block.idstr] = sha256(new Uint8Array(hashes.buffer));
  }
  return out;
}

/** Without the configuration of a mapped-ram file, whose capability a plain stream must not claim. */
const devices = (s: Snapshot, mappedRam: boolean): unknown =>
  s.sections
    .filter((x) => x.kind === 'full' || (x.kind === 'configuration' && !mappedRam))
    .map((x) => ({
      name: x.name,
      version: x.version,
      bytes: x.bodyEnd - x.bodyStart,
      by: x.decodedBy,
      values: values(x.fields)
    }));
const values = (rows: Snapshot['sections'][number]['fields']): unknown =>
  rows.map((r) => [r.name, r.type, r.value, r.children && values(r.children)]);

const streams = goldens();
test.skipIf(streams.length > 0)(
  'SKIPPED: no streams under tests/golden (npm run golden makes them with native QEMU)',
  () => undefined
);

for (const golden of streams) {
  test(`${golden.name} comes out of the writer byte for byte`, async () => {
    await withState(golden, async (source) => {
      const snapshot = await readSnapshot(source, { descriptions });
      const original = await readRange(snapshot.bytes, 0, snapshot.end);
      expect(sha256(await written(snapshot, 'copy'))).toBe(sha256(original));
    });
  });

  test(`${golden.name} encoded anew has the same memory and the same fields`, async () => {
    await withFiles(golden, async (source, files) => {
      const snapshot = await readSnapshot(source, { descriptions, ...files });
      const again = await readSnapshot(bytesSource(await written(snapshot, 'reencode')), { descriptions });
      expect(ramHashes(again)).toEqual(ramHashes(snapshot));
      const { mappedRam } = snapshot.features;
      expect(devices(again, mappedRam)).toEqual(devices(snapshot, mappedRam));
    });
  });
}
