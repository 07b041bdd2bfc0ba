/** Serves `virtual:samples`: the manifests that lie in static/samples when the site is built, by folder. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Plugin } from 'vite';

const id = 'virtual:samples';

function manifests(samples: string): Readonly<Record<string, unknown>> {
  const folders = existsSync(samples) ? readdirSync(samples).sort() : [];
  const found = folders.flatMap((folder) => {
    const path = join(samples, folder, 'manifest.json');
    return existsSync(path) ? [[folder, JSON.parse(readFileSync(path, 'utf8'))] as const] : [];
  });
  return Object.fromEntries(found);
}

export function listSamples(): Plugin {
  let root = process.cwd();
  return {
    name: 'samples',
    configResolved: (config) => void (root = config.root),
    resolveId: (source) => (source === id ? '\0' + id : undefined),
    load: (source) =>
      source === '\0' + id ? `export default ${JSON.stringify(manifests(join(root, 'static', 'samples')))}` : undefined
  };
}
