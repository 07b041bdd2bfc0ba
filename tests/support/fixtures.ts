/** What scripts/fixtures.mjs recorded: a stream, a destination, and what native QEMU said; git-ignored, may be absent. */
import { closeSync, existsSync, openSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { fileSource } from '../../src/bridge/file-source.ts';
import type { ByteSource } from '../../src/lib/vmstate/source.ts';

const root = fileURLToPath(new URL('../golden', import.meta.url));

export interface Fixture {
  /** `7.2.22/memory-256m` */
  readonly name: string;
  readonly change: string;
  /** Path of the stream. */
  readonly state: string;
  /** The destination's QEMU, its command line, and what became of it. */
  readonly qemu: string;
  readonly commandLine: readonly string[];
  readonly capabilities: readonly string[];
  readonly loaded: boolean;
  readonly stderr: string;
}

interface Recorded {
  readonly change: string;
  readonly stream: { readonly file: string; readonly qemu: string };
  readonly destination: Pick<Fixture, 'qemu' | 'commandLine' | 'loaded' | 'stderr'> & {
    readonly capabilities?: readonly string[];
  };
}

/** Every fixture whose stream is there, by name. */
export function fixtures(): Fixture[] {
  const versions = existsSync(root) ? readdirSync(root) : [];
  return versions
    .flatMap((version) => {
      const folder = join(root, version, 'explain');
      const files = existsSync(folder) ? readdirSync(folder).filter((f) => f.endsWith('.json')) : [];
      return files.map((file) => {
        const { change, stream, destination } = JSON.parse(readFileSync(join(folder, file), 'utf8')) as Recorded;
        const { qemu, commandLine, loaded, stderr, capabilities = [] } = destination;
        const state = join(root, stream.qemu, stream.file);
        const name = `${version}/${file.replace('.json', '')}`;
        return { name, change, state, qemu, commandLine, capabilities, loaded, stderr };
      });
    })
    .filter(({ state }) => existsSync(state))
    .sort((a, b) => a.name.localeCompare(b.name, 'en', { numeric: true }));
}

/** Lends a file as a source. */
export async function withFile<T>(path: string, use: (source: ByteSource) => Promise<T>): Promise<T> {
  const fd = openSync(path, 'r');
  try {
    return await use(fileSource(fd));
  } finally {
    closeSync(fd);
  }
}
