/**
 * Serves `virtual:licences`: name, version and licence text of every package that ends up in the site, read from
 * node_modules when the site is built.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Plugin } from 'vite';

const id = 'virtual:licences';

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly license?: string;
  readonly dependencies?: Readonly<Record<string, string>>;
}
interface Licence {
  readonly name: string;
  readonly version: string;
  readonly licence: string;
  readonly text: string;
}

/** Bundled although they are only needed to build: their run-time parts. */
const RUNTIMES = ['svelte', '@sveltejs/kit'];
/** Types and tools that packages name as dependencies and no bundle contains. */
const NEVER_BUNDLED = /^@types\//;

/** Where a package is that another one, or the project, depends on: as Node looks for it. */
function find(name: string, from: string): string | undefined {
  for (let folder = from; ; folder = dirname(folder)) {
    const at = join(folder, 'node_modules', name);
    if (existsSync(join(at, 'package.json'))) return at;
    if (folder === dirname(folder)) return undefined;
  }
}

const readManifest = (folder: string): Manifest => JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));

function licenceText(folder: string): string {
  const names = readdirSync(folder).filter((name) => /^(licen[cs]e|copying|notice|thirdpartynotices)/i.test(name));
  return names.map((name) => readFileSync(join(folder, name), 'utf8').trim()).join('\n\n');
}

function licences(root: string): Licence[] {
  const found = new Map<string, Licence>();
  const add = (name: string, from: string, deep: boolean) => {
    const folder = find(name, from);
    if (!folder || found.has(folder) || NEVER_BUNDLED.test(name)) return;
    const manifest = readManifest(folder);
    const licence = manifest.license ?? 'see text';
    found.set(folder, { name, version: manifest.version, licence, text: licenceText(folder) });
    if (deep) for (const inner of Object.keys(manifest.dependencies ?? {})) add(inner, folder, true);
  };
  for (const name of Object.keys(readManifest(root).dependencies ?? {})) add(name, root, true);
  for (const name of RUNTIMES) add(name, root, false);
  return [...found.values()].sort((a, b) => a.name.localeCompare(b.name));
}

export function listLicences(): Plugin {
  let root = process.cwd();
  return {
    name: 'licences',
    configResolved: (config) => void (root = config.root),
    resolveId: (source) => (source === id ? '\0' + id : undefined),
    load: (source) => (source === '\0' + id ? `export default ${JSON.stringify(licences(root))}` : undefined)
  };
}
