/**
 * Small streams to mutate: the committed sample and, where scripts/golden.mjs made them, native QEMU's, each cut down to
 * its framing, its devices and some pages, so that thousands are read a second.
 */
import { closeSync, openSync, readFileSync } from 'node:fs';
import { fileSource } from '../../src/bridge/file-source.ts';
import { RamFlag } from '../../src/lib/vmstate/ram.ts';
import { readSnapshot } from '../../src/lib/vmstate/savevm.ts';
import { bytesSource, readRange, type ByteSource } from '../../src/lib/vmstate/source.ts';
import { goldens } from '../support/golden.ts';

const PAGES_KEPT = 24;
const PARTS_KEPT = 6;
const LARGEST = 1 << 20;

export interface Seed {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** The stream without most of its pages and PARTs. */
async function shrink(source: ByteSource): Promise<Uint8Array> {
  const snapshot = await readSnapshot(source);
  const eos = new Uint8Array(8);
  eos[7] = RamFlag.EOS;
  const pieces: Uint8Array[] = [];
  let parts = 0;
  for (const s of snapshot.sections) {
    if (s.kind === 'part' && ++parts > PARTS_KEPT) continue;
    const [first, last] = s.records ?? [0, 0];
    if (last - first <= PAGES_KEPT) {
      pieces.push(await readRange(snapshot.bytes, s.start, s.end));
      continue;
    }
    // Up to where the contents of the last kept record end: the next record's word is 8 bytes before its contents.
    const kept = snapshot.ram.at(first + PAGES_KEPT);
    const next = snapshot.ram.kindOf(kept.record) === 1 ? kept.offset : kept.offset - 8;
    pieces.push(await readRange(snapshot.bytes, s.start, Math.min(next, s.bodyEnd)), eos);
    pieces.push(await readRange(snapshot.bytes, s.bodyEnd, s.end));
  }
  return Buffer.concat(pieces);
}

/** Streams of at most a megabyte. */
export async function seeds(most = 60): Promise<Seed[]> {
  const out: Seed[] = [];
  const sample = new URL('../../static/samples/workload/idle.vmstate.gz', import.meta.url);
  const packed = new Uint8Array(readFileSync(sample));
  out.push({ name: 'idle.vmstate.gz', bytes: packed });
  out.push({ name: 'idle.vmstate', bytes: await shrink(bytesSource(packed)) });
  for (const golden of goldens()) {
    const fd = openSync(golden.state, 'r');
    try {
      const bytes = await shrink(fileSource(fd));
      if (bytes.length > 0 && bytes.length <= LARGEST) out.push({ name: golden.name, bytes });
    } finally {
      closeSync(fd);
    }
  }
  // Every nth, so that all versions and machines stay represented.
  const step = Math.max(1, out.length / most);
  return Array.from({ length: Math.min(most, out.length) }, (_, i) => out[Math.floor(i * step)]!);
}
