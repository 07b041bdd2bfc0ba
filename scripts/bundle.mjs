#!/usr/bin/env node
// Bundles the command line: src/bridge/cli.ts -> bin/dist/migrascope.mjs, for Node alone (no package is needed to run it).
import { copyFileSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'vite';

const root = fileURLToPath(new URL('..', import.meta.url));

const cli = 'src/bridge/cli.ts';
const icedId = 'virtual:iced-x86';
const iced = createRequire(import.meta.url).resolve('iced-x86');
/** The package's files beside the bundle, by their names there. */
const icedFiles = { 'iced_x86.cjs': iced, 'iced_x86_bg.wasm': join(dirname(iced), 'iced_x86_bg.wasm') };

/**
 * `virtual:iced-x86` for Node: the package as it is, loaded when first wanted.
 * @type {import('vite').Plugin}
 */
const icedX86 = {
  name: 'iced-x86-node',
  enforce: 'pre',
  resolveId: (source) => (source === icedId ? '\0' + icedId : undefined),
  load: (source) =>
    source === '\0' + icedId
      ? `import { createRequire } from 'node:module';
export default () => Promise.resolve().then(() => createRequire(import.meta.url)('./iced_x86.cjs'));`
      : undefined
};

/**
 * @param {string} [entry] a module of ours
 * @param {string} [outDir]
 * @param {string} [name] file name of the bundle
 * @returns {Promise<void>}
 */
export async function bundle(entry = cli, outDir = 'bin/dist', name = 'migrascope.mjs') {
  const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
  await build({
    root,
    configFile: false,
    publicDir: false,
    logLevel: 'warn',
    define: { __VERSION__: JSON.stringify(version) },
    plugins: [icedX86],
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
  if (entry !== cli) return;
  for (const [name, file] of Object.entries(icedFiles)) copyFileSync(file, join(resolve(root, outDir), name));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await bundle();
