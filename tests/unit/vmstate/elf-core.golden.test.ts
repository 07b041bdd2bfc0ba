/** The ELF core against QEMU's own dump-guest-memory and pmemsave of the same stop, and as gdb reads it. */
import { spawnSync } from 'node:child_process';
import { closeSync, createReadStream, existsSync, mkdtempSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { descriptions } from '../../../src/lib/emulator/descriptions.ts';
import { elfCore } from '../../../src/lib/vmstate/elf-core.ts';
import { readSnapshot } from '../../../src/lib/vmstate/savevm.ts';
import { goldens, withState, type Golden } from '../../support/golden.ts';

const file = (golden: Golden, name: string): string => join(golden.folder, name);
const all = goldens()
  .filter((g) => existsSync(file(g, 'dump.elf')) && existsSync(file(g, 'pmemsave')))
  .map((golden) => ({ golden, name: golden.name }));
const gdb = spawnSync('gdb', ['--version']).status === 0;

/** Writes the core file into a temporary folder and lends it. */
async function withCore(golden: Golden, use: (path: string) => Promise<void> | void): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'migrascope-core-'));
  try {
    const path = join(folder, 'core');
    const fd = openSync(path, 'w');
    await withState(golden, async (source) => {
      for await (const part of elfCore(await readSnapshot(source, { descriptions }))) writeSync(fd, part);
    });
    closeSync(fd);
    await use(path);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

interface Segment {
  readonly type: number;
  readonly offset: number;
  readonly paddr: number;
  readonly bytes: number;
}
const segmentLine = ({ type, paddr, bytes }: Segment): string => `${type} ${paddr.toString(16)} +${bytes.toString(16)}`;

function segments(path: string): Segment[] {
  const fd = openSync(path, 'r');
  const head = Buffer.alloc(65536);
  readSync(fd, head, 0, head.length, 0);
  closeSync(fd);
  const table = Number(head.readBigUInt64LE(32));
  return Array.from({ length: head.readUInt16LE(56) }, (_, i) => {
    const at = table + 56 * i;
    const u64 = (o: number): number => Number(head.readBigUInt64LE(at + o));
    return { type: head.readUInt32LE(at), offset: u64(8), paddr: u64(24), bytes: u64(32) };
  });
}

/** First place where two stretches of files differ, or undefined. */
async function difference(
  a: string,
  aStart: number,
  b: string,
  bStart: number,
  bytes: number
): Promise<number | undefined> {
  const options = (start: number) => ({ start, end: start + bytes - 1, highWaterMark: 1 << 20 });
  const left = createReadStream(a, options(aStart))[Symbol.asyncIterator]();
  const right = createReadStream(b, options(bStart))[Symbol.asyncIterator]();
  for (let at = 0; at < bytes;) {
    const [l, r] = await Promise.all([left.next(), right.next()]);
    if (l.done || r.done) return at;
    if (!(l.value as Buffer).equals(r.value as Buffer)) return at;
    at += (l.value as Buffer).length;
  }
  return undefined;
}

describe.skipIf(all.length === 0)('streams of native QEMU with dumps (npm run golden)', () => {
  test.each(all)('$name: same segments, notes and memory as dump-guest-memory', async ({ golden }) => {
    await withCore(golden, async (core) => {
      const dump = file(golden, 'dump.elf');
      const [ours, theirs] = [segments(core), segments(dump)];
      expect(ours.map(segmentLine)).toEqual(theirs.map(segmentLine));
      for (const [i, segment] of ours.entries()) {
        const at = await difference(core, segment.offset, dump, theirs[i]!.offset, segment.bytes);
        expect(at, `segment ${segmentLine(segment)}`).toBeUndefined();
      }
    });
  });

  test.skipIf(!gdb).each(all)('$name: gdb reads what pmemsave saved (skipped without gdb)', async ({ golden }) => {
    await withCore(golden, (core) => {
      const memory = openSync(file(golden, 'pmemsave'), 'r');
      const addresses = Array.from({ length: 64 }, (_, i) => 0x100000 + i * 0x3f7f40);
      const commands = addresses.flatMap((a) => ['-ex', `x/4xg 0x${a.toString(16)}`]);
      const { stdout } = spawnSync('gdb', ['-batch', '-nx', '-ex', `core-file ${core}`, ...commands], {
        encoding: 'utf8',
        env: { ...process.env, DEBUGINFOD_URLS: '' }
      });
      const words = [...stdout.matchAll(/^0x([0-9a-f]+):\s+(0x\w+)\s+(0x\w+)\n^0x[0-9a-f]+:\s+(0x\w+)\s+(0x\w+)/gm)];
      const expected = addresses.map((a) => {
        const bytes = Buffer.alloc(32);
        readSync(memory, bytes, 0, 32, a);
        return [a, ...[0, 8, 16, 24].map((o) => bytes.readBigUInt64LE(o))];
      });
      closeSync(memory);
      expect(words.map((w) => [Number.parseInt(w[1]!, 16), ...w.slice(2).map((x) => BigInt(x))])).toEqual(expected);
    });
  });
});
