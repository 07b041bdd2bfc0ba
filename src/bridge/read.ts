/** A named input as a snapshot, for the subcommands. */
import { createHash } from 'node:crypto';
import { basename } from 'node:path';
import { descriptions } from '../lib/emulator/descriptions.ts';
import { sortSources } from '../lib/emulator/host/sort-files.ts';
import { blockSource } from '../lib/vmstate/ram-contents.ts';
import type { RamBlock } from '../lib/vmstate/ram-index.ts';
import { readSnapshot, type ReadOptions } from '../lib/vmstate/savevm.ts';
import type { Snapshot } from '../lib/vmstate/snapshot.ts';
import type { ByteSource, ByteStream } from '../lib/vmstate/source.ts';
import { UsageError } from './command.ts';
import { openInput } from './file-source.ts';
import type { Io } from './io.ts';

const mebibytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(0)} MiB`;

interface ReadInput {
  /** Of a qcow2 image: the name or id of the snapshot. */
  readonly snapshot?: string | undefined;
}

/** What belongs to a stream and lies in other files, told apart by content as the page does. */
type Beside = Pick<ReadOptions, 'channels' | 'preempt' | 'sharedRam'>;

/**
 * Reads a file or `-`; or several files that belong together, in any order. Problems are the caller's to report.
 * @throws UsageError where files do not go together
 */
export async function readInput(paths: readonly string[], io: Io, { snapshot }: ReadInput = {}): Promise<Snapshot> {
  const { input, path, beside } = await openTogether(paths, io);
  const size = 'size' in input ? input.size : undefined;
  const name = path === '-' ? 'standard input' : basename(path);
  const progress = (snapshot: Snapshot, read: number): void => {
    const part = size ? `${Math.floor((100 * read) / size)}% of ${mebibytes(size)}` : mebibytes(read);
    io.progress(`reading ${name}: ${part}, ${snapshot.sections.length} sections, ${snapshot.ram.count} pages`);
  };
  const read = await readSnapshot(input, { descriptions, name, progress, snapshot, ...beside });
  io.progress(undefined);
  if (snapshot !== undefined && !read.file.containers.includes('qcow2'))
    io.err(`${name} is no qcow2 image: snapshot '${snapshot}' cannot be chosen from it`);
  return read;
}

interface Together {
  readonly path: string;
  readonly input: ByteSource | ByteStream;
  readonly beside: Beside;
}

async function openTogether(paths: readonly string[], io: Io): Promise<Together> {
  const inputs = paths.map((path) => ({ path, input: openInput(path) }));
  if (inputs.length === 1) return { ...inputs[0]!, beside: {} };
  const files = inputs.map(({ path, input }) => {
    if (!('size' in input)) throw new UsageError(`${path} is a pipe: files that belong together are read at random`);
    return { name: path, source: input };
  });
  const { state, channels, preempt, ram, files: found } = await sortSources(files);
  const used = new Set([state, ...channels, ...ram].map((f) => f.name)).add(preempt?.name ?? state.name);
  for (const [i, { name, role, note }] of found.entries()) {
    const chosen = files[i] === state;
    if (role === 'state' && !chosen)
      throw new UsageError(`${state.name} and ${name} are a stream each: diff compares two`);
    io.err(`${name}: ${note}${used.has(name) ? '' : ', not used'}`);
  }
  const beside = { channels, sharedRam: ram, ...(preempt ? { preempt: preempt.source } : {}) };
  return { path: state.name, input: state.source, beside };
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
