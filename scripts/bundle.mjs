#!/usr/bin/env node
// Bundles the command line: src/bridge/cli.ts -> bin/dist/migrascope.mjs, for Node alone (no package is needed to run it).
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build } from 'vite';

const root = fileURLToPath(new URL('..', import.meta.url));

/**
 * @param {string} [entry] a module of ours
 * @param {string} [outDir]
 * @param {string} [name] file name of the bundle
 * @returns {Promise<void>}
 */
export async function bundle(entry = 'src/bridge/cli.ts', outDir = 'bin/dist', name = 'migrascope.mjs') {
  const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
  await build({
    root,
    configFile: false,
    publicDir: false,
    logLevel: 'warn',
    define: { __VERSION__: JSON.stringify(version) },
    ssr: { noExternal: true },
    build: {
      ssr: entry,
      outDir,
      emptyOutDir: outDir === 'bin/dist',
      target: 'node20',
      minify: false,
      rollupOptions: { output: { entryFileNames: name, codeSplitting: false } }
    }
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await bundle();
