/** The streams that scripts/golden.mjs makes with native QEMU; git-ignored, so there may be none. */
import { closeSync, existsSync, openSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { fileSource } from '../../src/bridge/file-source.ts';
import type { ReadOptions } from '../../src/lib/vmstate/savevm.ts';
import type { ByteSource } from '../../src/lib/vmstate/source.ts';

const root = fileURLToPath(new URL('../golden', import.meta.url));

export interface Golden {
  /** `7.2.22/pc-seed` */
  readonly name: string;
  readonly folder: string;
  /** Path of the stream. */
  readonly state: string;
}

/**
 * Every stream with what was recorded beside it, sorted by name; those alone that the pattern MIGRASCOPE_GOLDEN picks,
 * where it is set (npm run verify, which has two minutes).
 */
export function goldens(): Golden[] {
  const wanted = new RegExp(process.env.MIGRASCOPE_GOLDEN ?? '');
  const folders = (at: string): string[] =>
    existsSync(at)
      ? readdirSync(at, { withFileTypes: true })
          .filter((e) => e.isDirectory())
          .map((e) => e.name)
      : [];
  const found = folders(root)
    .flatMap((version) => folders(join(root, version)).map((scenario) => `${version}/${scenario}`))
    .filter((name) => wanted.test(name))
    .map((name) => ({ name, folder: join(root, name), state: join(root, name, 'state') }))
    .filter(({ state, folder }) => existsSync(state) && existsSync(join(folder, 'meta.json')));
  return found.sort((a, b) => a.name.localeCompare(b.name, 'en', { numeric: true }));
}

/** A file recorded beside a stream as text, undefined where there is none. */
export function recorded(golden: Golden, file: string): string | undefined {
  const path = join(golden.folder, file);
  return existsSync(path) ? readFileSync(path, 'utf8') : undefined;
}

/** Lends a stream as a source. */
export async function withState<T>(golden: Golden, use: (source: ByteSource) => Promise<T>): Promise<T> {
  const fd = openSync(golden.state, 'r');
  try {
    return await use(fileSource(fd));
  } finally {
    closeSync(fd);
  }
}

/** Lends a stream with the files that lie beside it, as the reader takes them. */
export async function withFiles<T>(
  golden: Golden,
  use: (source: ByteSource, files: Pick<ReadOptions, 'channels' | 'sharedRam' | 'preempt'>) => Promise<T>
): Promise<T> {
  const opened: number[] = [];
  const open = (name: string): ByteSource => {
    opened.push(openSync(join(golden.folder, name), 'r'));
    return fileSource(opened.at(-1)!);
  };
  const named = (pattern: RegExp) =>
    readdirSync(golden.folder)
      .filter((f) => pattern.test(f))
      .map((name) => ({ name, source: open(name) }));
  try {
    const [preempt] = named(/^preempt$/);
    return await use(open('state'), {
      channels: named(/^channel-\d+$/),
      sharedRam: named(/^ram$/),
      ...(preempt ? { preempt: preempt.source } : {})
    });
  } finally {
    opened.forEach(closeSync);
  }
}
