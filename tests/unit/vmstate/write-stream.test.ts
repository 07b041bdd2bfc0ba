import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { blockSource } from '../../../src/lib/vmstate/ram-contents.ts';
import { readSnapshot } from '../../../src/lib/vmstate/savevm.ts';
import type { Snapshot } from '../../../src/lib/vmstate/snapshot.ts';
import { bytesSource, readRange } from '../../../src/lib/vmstate/source.ts';
import { writeStream, type WriteMode } from '../../../src/lib/vmstate/write-stream.ts';
import { descriptions } from '../../../src/lib/emulator/descriptions.ts';
import { goldens, withState } from '../../support/golden.ts';

async function written(snapshot: Snapshot, mode: WriteMode): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  for await (const piece of writeStream(snapshot, mode)) pieces.push(piece);
  return Buffer.concat(pieces);
}
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

async function ramHashes(snapshot: Snapshot): Promise<Record<string, string>> {
  const out: Record<string, string> = {};
  for (const block of snapshot.ram.blocks) {
    const source = blockSource(snapshot, block);
    const hash = createHash('sha256');
    for (let at = 0; at < source.size; at += 1 << 22) hash.update(await readRange(source, at, at + (1 << 22)));
    out[block.idstr] = hash.digest('hex');
  }
  return out;
}

const devices = (s: Snapshot): unknown =>
  s.sections
    .filter((x) => x.kind === 'full' || x.kind === 'configuration')
    .map((x) => ({ name: x.name, version: x.version, bytes: x.bodyEnd - x.bodyStart, by: x.decodedBy, values: values(x.fields) }));
const values = (rows: Snapshot['sections'][number]['fields']): unknown =>
  rows.map((r) => [r.name, r.type, r.value, r.children && values(r.children)]);

const streams = goldens();
test.skipIf(streams.length > 0)('SKIPPED: no streams under tests/golden (npm run golden makes them with native QEMU)', () => undefined);

for (const golden of streams) {
  test(`${golden.name} comes out of the writer byte for byte`, async () => {
    await withState(golden, async (source) => {
      const snapshot = await readSnapshot(source, { descriptions });
      const original = await readRange(snapshot.bytes, 0, snapshot.end);
      expect(sha256(await written(snapshot, 'copy'))).toBe(sha256(original));
    });
  });

  test(`${golden.name} encoded anew has the same memory and the same fields`, async () => {
    await withState(golden, async (source) => {
      const snapshot = await readSnapshot(source, { descriptions });
      const again = await readSnapshot(bytesSource(await written(snapshot, 'reencode')), { descriptions });
      expect(await ramHashes(again)).toEqual(await ramHashes(snapshot));
      expect(devices(again)).toEqual(devices(snapshot));
    });
  });
}
