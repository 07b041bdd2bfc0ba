/** A named input as a snapshot, for the subcommands. */
import { createHash } from 'node:crypto';
import { basename } from 'node:path';
import { descriptions } from '../lib/emulator/descriptions.ts';
import { blockSource } from '../lib/vmstate/ram-contents.ts';
import type { RamBlock } from '../lib/vmstate/ram-index.ts';
import { readSnapshot } from '../lib/vmstate/savevm.ts';
import type { Snapshot } from '../lib/vmstate/snapshot.ts';
import { openInput } from './file-source.ts';
import type { Io } from './io.ts';

const mebibytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(0)} MiB`;

/** Reads a file or `-`. Problems are the caller's to report. */
export async function readInput(path: string, io: Io): Promise<Snapshot> {
  const input = openInput(path);
  const size = 'size' in input ? input.size : undefined;
  const name = path === '-' ? 'standard input' : basename(path);
  const progress = (snapshot: Snapshot, read: number): void => {
    const part = size ? `${Math.floor((100 * read) / size)}% of ${mebibytes(size)}` : mebibytes(read);
    io.progress(`reading ${name}: ${part}, ${snapshot.sections.length} sections, ${snapshot.ram.count} pages`);
  };
  const snapshot = await readSnapshot(input, { descriptions, name, progress });
  io.progress(undefined);
  return snapshot;
}

/** SHA-256 of a block's final contents: all rounds applied, zeros where nothing came. */
export async function hashBlock(snapshot: Snapshot, block: RamBlock, io: Io): Promise<string> {
  const source = blockSource(snapshot, block);
  const hash = createHash('sha256');
  const piece = new Uint8Array(1 << 22);
  for (let at = 0; at < source.size; at += piece.length) {
    io.progress(`hashing ${block.idstr}: ${Math.floor((100 * at) / source.size)}% of ${mebibytes(source.size)}`);
    const n = await source.read(at, piece);
    hash.update(piece.subarray(0, n));
  }
  io.progress(undefined);
  return hash.digest('hex');
}
